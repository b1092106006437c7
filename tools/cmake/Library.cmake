# lib/libendo.a, the public library: for the programs of any C library.
file(GLOB library_sources CONFIGURE_DEPENDS sandbox-api/*.c sandbox-api/*.S)
if(library_sources)
  add_library(endo STATIC ${library_sources})
  set_target_properties(endo PROPERTIES C_STANDARD 11 POSITION_INDEPENDENT_CODE ON)
  target_include_directories(endo PRIVATE ${PROJECT_SOURCE_DIR}
    PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/sandbox-api/include>)
  target_compile_options(endo PRIVATE $<$<COMPILE_LANGUAGE:C>:${STRICT_WARNINGS}>)
  install(TARGETS endo)
  file(GLOB public_headers CONFIGURE_DEPENDS sandbox-api/include/*.h)
  install(FILES ${public_headers} TYPE INCLUDE)
endif()

# bin/endorun and the tools that share its code: musl, static, at a fixed address.

# musl's headers and nothing else of the system: what musl-gcc's specs do, in a
# form that clang understands as well.
add_library(musl INTERFACE)
target_include_directories(musl INTERFACE ${PROJECT_SOURCE_DIR})
target_include_directories(musl SYSTEM INTERFACE ${MUSL_INCLUDE}
  ${ENDORUN_DEPS}/uapi ${ENDORUN_DEPS}/libelf-include ${ENDORUN_DEPS}/include)
target_compile_definitions(musl INTERFACE _GNU_SOURCE ENDORUN_VERSION="${PROJECT_VERSION}")
target_compile_options(musl INTERFACE
  -nostdinc "SHELL:-isystem ${COMPILER_INCLUDE}"
  -fno-pie -fno-stack-protector -fcf-protection=none -ffunction-sections -fdata-sections)
target_link_options(musl INTERFACE
  -nostdlib -static $<$<C_COMPILER_ID:GNU>:-no-pie> -Wl,--gc-sections -Wl,-z,noexecstack
  ${MUSL_LIB}/crt1.o ${MUSL_LIB}/crti.o)
target_link_libraries(musl INTERFACE
  ${ENDORUN_DEPS}/lib/libZydis-loader.a ${LIBELF_STATIC} ${LIBZ_STATIC}
  ${MUSL_LIB}/libc.a ${LIBGCC} ${MUSL_LIB}/libc.a ${MUSL_LIB}/crtn.o)

function(add_musl_program name)
  add_executable(${name} ${ARGN})
  set_target_properties(${name} PROPERTIES C_STANDARD 11)
  target_link_libraries(${name} PRIVATE musl)
  target_compile_definitions(${name} PRIVATE ${ZYDIS_DEFINITIONS})
  target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:C>:${STRICT_WARNINGS}>)
endfunction()

file(GLOB loader_sources CONFIGURE_DEPENDS
  loader/*.c loader/*.S rtld/*.c policy/*.c monitor/scan.c)
add_musl_program(endorun ${loader_sources})
target_link_options(endorun PRIVATE -Wl,-Ttext-segment=0x60000000)
install(TARGETS endorun)

# It carries two other programs: the monitor image, and what --self-test runs.
set(probe_folder ${PROJECT_BINARY_DIR}/selftest)
add_musl_program(selftest_probe loader/selftest/probe.c)
set_target_properties(selftest_probe PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${probe_folder})
set_source_files_properties(${PROJECT_SOURCE_DIR}/loader/embed_x86_64.S PROPERTIES
  COMPILE_DEFINITIONS
    "MONITOR_IMAGE=\"${MONITOR_IMAGE}\";SELFTEST_IMAGE=\"${probe_folder}/selftest_probe\""
  OBJECT_DEPENDS "${MONITOR_IMAGE};${probe_folder}/selftest_probe")
add_dependencies(endorun monitor_image selftest_probe)

# The tools use the parts of the monitor that are pure.
file(GLOB rewrite_sources CONFIGURE_DEPENDS monitor/scan.c monitor/rewrite*.c)
add_musl_program(endoscan tools/endoscan.c ${rewrite_sources})
install(TARGETS endoscan)
add_musl_program(syscall-table tools/syscall-table.c)

foreach(section 1 3 5 7)
  file(GLOB pages CONFIGURE_DEPENDS docs/endo*.${section})
  install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()

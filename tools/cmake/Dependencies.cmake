# What tools/setup has built or installed.
#   ENDORUN_DEPS       its folder
#   COMPILER_INCLUDE   the compiler's own headers
#   MUSL_INCLUDE, MUSL_LIB, LIBGCC
if(DEFINED ENV{ENDORUN_CACHE})
  set(cache $ENV{ENDORUN_CACHE})
elseif(DEFINED ENV{XDG_CACHE_HOME})
  set(cache $ENV{XDG_CACHE_HOME}/endorun)
else()
  set(cache $ENV{HOME}/.cache/endorun)
endif()
set(ENDORUN_DEPS ${cache}/deps CACHE PATH "What tools/setup built")

if(NOT EXISTS ${ENDORUN_DEPS}/key)
  message(FATAL_ERROR "${ENDORUN_DEPS} is not there; run tools/setup first")
endif()

function(ask_compiler variable)
  execute_process(COMMAND ${CMAKE_C_COMPILER} ${ARGN}
    OUTPUT_VARIABLE answer OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  set(${variable} ${answer} PARENT_SCOPE)
endfunction()

ask_compiler(COMPILER_INCLUDE -print-file-name=include)
ask_compiler(LIBGCC -print-libgcc-file-name)
find_path(MUSL_INCLUDE features.h REQUIRED NO_DEFAULT_PATH
  PATHS /usr/include/x86_64-linux-musl /usr/lib/musl/include)
find_path(MUSL_LIB crt1.o REQUIRED NO_DEFAULT_PATH
  PATHS /usr/lib/x86_64-linux-musl /usr/lib/musl/lib)
find_library(LIBELF_STATIC libelf.a REQUIRED)
find_library(LIBZ_STATIC libz.a REQUIRED)

set(ZYDIS_DEFINITIONS ZYDIS_STATIC_BUILD ZYCORE_STATIC_BUILD)

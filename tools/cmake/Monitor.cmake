# The monitor image: freestanding, position independent, linked on its own.
#   MONITOR_IMAGE   the linked file; the target is monitor_image
set(MONITOR_IMAGE ${PROJECT_BINARY_DIR}/monitor/monitor.elf)
set(monitor_script ${PROJECT_SOURCE_DIR}/monitor/monitor.lds)
set(monitor_zydis ${ENDORUN_DEPS}/lib/libZydis-monitor.a)

file(GLOB monitor_sources CONFIGURE_DEPENDS monitor/*.c monitor/*_x86_64.S)
add_library(monitor OBJECT ${monitor_sources})
set_target_properties(monitor PROPERTIES C_STANDARD 11)
target_include_directories(monitor PRIVATE ${PROJECT_SOURCE_DIR})
target_include_directories(monitor SYSTEM PRIVATE ${ENDORUN_DEPS}/uapi ${ENDORUN_DEPS}/include)
target_compile_definitions(monitor PRIVATE _GNU_SOURCE ZYAN_NO_LIBC ${ZYDIS_DEFINITIONS})
target_compile_options(monitor PRIVATE
  -ffreestanding -nostdinc "SHELL:-isystem ${COMPILER_INCLUDE}"
  -fPIE -fno-plt -fvisibility=hidden -fno-stack-protector -mgeneral-regs-only -mno-red-zone
  -fno-builtin -fcf-protection=none -fno-asynchronous-unwind-tables
  $<$<COMPILE_LANGUAGE:C>:${STRICT_WARNINGS}>)

file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/monitor)
add_custom_command(OUTPUT ${MONITOR_IMAGE}
  COMMAND ${CMAKE_LINKER} -pie --no-dynamic-linker -z text -z noexecstack
    -z separate-code --no-undefined -T ${monitor_script} -o ${MONITOR_IMAGE}
    $<TARGET_OBJECTS:monitor> ${monitor_zydis}
  DEPENDS $<TARGET_OBJECTS:monitor> ${monitor_script} ${monitor_zydis}
  COMMENT "Linking the monitor image"
  COMMAND_EXPAND_LISTS VERBATIM)
add_custom_target(monitor_image ALL DEPENDS ${MONITOR_IMAGE})

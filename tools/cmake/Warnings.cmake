# One list for all code, one more for the code that runs in the trusted parts.
set(WARNINGS -Wall -Wextra -Werror -Wshadow -Wundef -Wformat=2 -Wimplicit-fallthrough)
set(STRICT_WARNINGS ${WARNINGS} -Wstrict-prototypes -Wmissing-prototypes -Wconversion
  -Wvla -Wcast-align)
if(ENDORUN_ANALYZE)
  # The loader never frees: it is unmapped as a whole before the program starts.
  list(APPEND STRICT_WARNINGS -fanalyzer -Wno-analyzer-malloc-leak -Wno-analyzer-file-leak)
endif()

#!/usr/bin/env bash
# check_symbols MONITOR_ELF - the monitor image needs nothing from outside
set -euo pipefail

undefined=$(nm -u "$1")
if [ -n "$undefined" ]; then
	echo "check_symbols: $1 has undefined symbols:" >&2
	echo "$undefined" >&2
	exit 1
fi
others=$(readelf -rW "$1" | awk '/R_X86_64/ && $3 != "R_X86_64_RELATIVE"')
if [ -n "$others" ]; then
	echo "check_symbols: $1 has relocations that the loader does not apply:" >&2
	echo "$others" >&2
	exit 1
fi
if readelf -lW "$1" | grep -E '^ *(INTERP|TLS) '; then
	echo "check_symbols: $1 asks for an interpreter or for TLS" >&2
	exit 1
fi
if readelf -lW "$1" | grep -E '^ *(LOAD|GNU_STACK) .* RWE '; then
	echo "check_symbols: $1 has memory that is writable and executable" >&2
	exit 1
fi
echo "$(nm "$1" | wc -l) symbols, none undefined"

#!/usr/bin/env bash
# check_gate MONITOR_ELF [LOADER_ELF] - every dangerous instruction has a name
#
# Searches the bytes of all executable sections at every offset. In the monitor
# image WRPKRU, XRSTOR and syscall may stand in .gate only, one for each label
# pk_*, xr_* and sc_* there (labels *_ret name what is behind one); WRGSBASE may
# stand nowhere. The loader may hold none but syscall.
set -euo pipefail
export LC_ALL=C

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

declare -A pattern=(
	[WRPKRU]='\x0f\x01\xef'
	[XRSTOR]='\x0f\xae[\x28-\x2f\x68-\x6f\xa8-\xaf]'
	[syscall]='\x0f\x05'
	[WRGSBASE]='\x0f\xae[\xd8-\xdf]'
)
declare -A label=([WRPKRU]=pk [XRSTOR]=xr [syscall]=sc)

fail() {
	echo "check_gate: $*" >&2
	failed=1
}

# The executable sections of a file: name, address.
executable_sections() { # ELF
	readelf -SW "$1" | sed 's/^ *\[ *[0-9]*\] *//' |
		awk '$2 == "PROGBITS" && $7 ~ /X/ { print $1, $3 }'
}

# Where a pattern stands in a section, as decimal addresses.
find_hits() { # ELF SECTION ADDRESS PATTERN
	local offset
	objcopy -O binary -j "$2" "$1" "$work/bytes"
	while IFS=: read -r offset _; do
		echo $((offset + 16#$3))
	done < <(grep -obUaP "$4" "$work/bytes" | tr -d '\0' || true)
}

# Labels of a kind, as decimal addresses.
find_labels() { # ELF PREFIX
	local address
	while read -r address; do
		echo $((16#$address))
	done < <(nm "$1" | awk -v p="^$2_" '$3 ~ p && $3 !~ /_ret$/ { print $1 }')
}

# Each hit of the gate carries a label on its first byte, prefixes included.
check_labels() { # ELF KIND HIT...
	local elf=$1 kind=$2 hit at labels
	shift 2
	labels=" $(find_labels "$elf" "${label[$kind]}" | tr '\n' ' ')"
	for hit; do
		for at in "$hit" $((hit - 1)) $((hit - 2)) none; do
			[[ $labels != *" $at "* ]] || break
		done
		[ "$at" != none ] ||
			fail "$kind at $(printf '0x%x' "$hit") has no label ${label[$kind]}_*"
	done
	[ "$(wc -w <<<"$labels")" = $# ] ||
		fail "$(wc -w <<<"$labels") labels ${label[$kind]}_* for $# $kind"
}

check_file() { # ELF: prints one line a kind
	local kind section address gate_only=no
	local -a hits gate
	for kind in WRPKRU XRSTOR syscall WRGSBASE; do
		gate=()
		while read -r section address; do
			mapfile -t hits < <(find_hits "$1" "$section" "$address" "${pattern[$kind]}")
			if [ "$section" = .gate ] && [ "$kind" != WRGSBASE ]; then
				gate=("${hits[@]}")
				gate_only=yes
			elif [ "${#hits[@]}" -gt 0 ] && [ "$kind/$2" != syscall/loader ]; then
				fail "$kind in $section of $1:$(printf ' 0x%x' "${hits[@]}")"
			fi
		done < <(executable_sections "$1")
		if [ "$2" = monitor ]; then
			[ "$gate_only" = yes ] || fail "$1 has no section .gate"
			[ "$kind" = WRGSBASE ] || check_labels "$1" "$kind" "${gate[@]}"
			echo "$kind: ${#gate[@]}"
		fi
	done
}

check_file "$1" monitor
[ $# -lt 2 ] || check_file "$2" loader
exit "$failed"

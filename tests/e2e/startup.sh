#!/usr/bin/env bash
# What a start costs over a native one: milliseconds and resident memory. Native runs only.
. "$E2E_DIR/common.bash"

MAX_MS=6
TARGET_MS=3
MAX_KIB=3072
if [ "$ISOLATION" = keys ]; then
	holds "in the VM only that it runs" "${ER[@]}" /bin/true
	exit 0
fi
need gcc gcc
compile gcc measure.c measure -static
mapfile -t lines < <(./measure 30 /bin/true -- "${ER[@]}" /bin/true)
is "two results" "${#lines[@]}" 2
read -r native_ms native_kib <<<"${lines[0]}"
read -r endorun_ms endorun_kib <<<"${lines[1]}"
ms=$(awk "BEGIN { printf \"%.2f\", $endorun_ms - $native_ms }")
kib=$((endorun_kib - native_kib))
echo "note start-up: $ms ms over native ($native_ms ms; target $TARGET_MS, at most $MAX_MS)," \
	"$kib KiB over native ($native_kib KiB; at most $MAX_KIB)"
# On a loaded machine a native start takes longer, too.
holds "at most $MAX_MS ms, or 8 native starts, over native: $ms" \
	awk "BEGIN { exit !($ms <= $MAX_MS || $ms <= 8 * $native_ms) }"
holds "at most $MAX_KIB KiB over native: $kib" test "$kib" -le "$MAX_KIB"

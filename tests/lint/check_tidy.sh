#!/usr/bin/env bash
# check_tidy SOURCE_DIR BUILD_DIR - clang-tidy finds nothing in what is shipped
#
# Takes the compiler's flags from BUILD_DIR, but those that only gcc knows, and
# clang's own headers in place of gcc's.
set -euo pipefail
cd "$1"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
gcc_include=$(gcc -print-file-name=include)
clang_include=$(clang -print-file-name=include)
sed -e 's/ -fanalyzer\b//g; s/ -Wno-analyzer-[a-z-]*//g' -e "s#$gcc_include#$clang_include#g" \
	"$2/compile_commands.json" >"$work/compile_commands.json"

mapfile -t files < <(sed -n 's/^ *"file": "\(.*\.c\)".*/\1/p' "$work/compile_commands.json" |
	sort -u | grep -E '/(monitor|loader|rtld|policy|sandbox-api|tools)/')
printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p "$work" \
	2>"$work/errors" || { grep -v 'warnings\? generated' "$work/errors" >&2; exit 1; }
echo "${#files[@]} files checked"

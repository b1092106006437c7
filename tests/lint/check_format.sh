#!/usr/bin/env bash
# check_format SOURCE_DIR - all C is as .clang-format would write it
# "cmake --build --preset release --target format" makes it so.
set -euo pipefail
cd "$1"
. tests/lint/files.sh

failed=0
mapfile -t files < <(own_files -name '*.[ch]')
for file in "${files[@]}"; do
	wrong=$(clang-format "$file" | diff "$file" - | grep -c '^<' || true)
	if [ "$wrong" != 0 ]; then
		echo "$file: $wrong lines are not as .clang-format writes them" >&2
		failed=1
	fi
done
echo "${#files[@]} files checked"
exit "$failed"

#!/usr/bin/env bash
# check_manuals SOURCE_DIR - mandoc has no warning about any manual page
set -euo pipefail
cd "$1"
. tests/lint/files.sh

mapfile -t files < <(own_files -name '*.[1357]' -path './docs/*' -o -name '*.[1357]' -path '*/man/*')
if [ ${#files[@]} -gt 0 ]; then
	mandoc -T lint -W warning "${files[@]}"
fi
echo "${#files[@]} pages checked"

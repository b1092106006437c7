#!/usr/bin/env bash
# check_spelling SOURCE_DIR - codespell finds nothing
set -euo pipefail
cd "$1"
. tests/lint/files.sh

mapfile -t files < <(own_files ! -name '*.svg' ! -path './tests/fuzz/seeds/*')
codespell --ignore-words tests/lint/spelling.txt "${files[@]}"
echo "${#files[@]} files checked"

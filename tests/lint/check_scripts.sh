#!/usr/bin/env bash
# check_scripts SOURCE_DIR - shellcheck finds nothing in any shell script
set -euo pipefail
cd "$1"
. tests/lint/files.sh

mapfile -t files < <(own_scripts)
shellcheck -x -P SCRIPTDIR "${files[@]}"
echo "${#files[@]} scripts checked"

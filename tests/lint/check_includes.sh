#!/usr/bin/env bash
# check_includes SOURCE_DIR - who may include what
#
# The trusted folders see little, and nothing of those that trust them: an
# include that this table does not allow is a hole in the trust boundary.
set -euo pipefail
cd "$1"
failed=0

bare='<(stdint|stddef|stdbool|stdatomic|stdarg)\.h>'
libc='<[a-z0-9_]+\.h>|<(sys|net|netinet|arpa)/[a-z0-9_]+\.h>'
kernel='<(linux|asm)/[a-z0-9_/]+\.h>'
zydis='<Zydis/[A-Za-z]+\.h>'
tables='"monitor/(syscall_table\.h|syscalls\.def|layout\.h)"'

declare -A allowed=(
	[monitor]="\"monitor/.*\"|\"policy/policy_abi\.h\"|\"sandbox-api/include/endo_abi\.h\"|\
$bare|$kernel|$zydis"
	[rtld]="\"rtld/.*\"|\"loader/report\.h\"|\"monitor/(scan|rewrite|layout)\.h\"|\
$libc|$kernel|$zydis"
	[policy]="\"policy/.*\"|\"loader/report\.h\"|$tables|$libc|$kernel"
	[loader]="\"loader/.*\"|\"rtld/.*\.h\"|\"policy/.*\.h\"|\
\"monitor/(boot|handover|layout|scan|slot|syscall_table)\.h\"|$tables|$libc|$kernel"
	[sandbox-api]="\"sandbox-api/.*\"|$bare|<(errno|endo|endo_abi)\.h>|$kernel"
)

# An include as seen from the repository's root; sets include.
resolve() { # FILE LINE-OF-TEXT
	local folder=${1%/*}
	[[ $2 =~ [\"\<][^\"\>]+[\"\>] ]]
	include=${BASH_REMATCH[0]}
	if [[ $include = '"'* && -e $folder/${include//\"/} ]]; then
		include="\"$folder/${include//\"/}\""
		if [[ $include = *./* ]]; then
			include="\"$(realpath -ms --relative-to=. "${include//\"/}")\""
		fi
	fi
}

count=0
for folder in "${!allowed[@]}"; do
	[ -d "$folder" ] || continue
	while IFS=: read -r file line text; do
		resolve "$file" "$text"
		count=$((count + 1))
		if ! [[ $include =~ ^(${allowed[$folder]})$ ]]; then
			echo "$file:$line: $folder/ may not include $include" >&2
			failed=1
		fi
	done < <(grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]+["<]' \
		--include='*.[chS]' --exclude-dir=examples "$folder" || true)
done
echo "$count includes checked"
exit "$failed"

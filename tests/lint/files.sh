# shellcheck shell=bash
# Sourced by the lints: the project's own files.

# Files below the current folder by find's tests, without build trees and git.
own_files() { # FIND-TEST...
	find . \( -path ./build -o -path ./.git -o -path ./.cache -o -path './.*/*/cache' \) -prune \
		-o -type f \( "$@" \) -printf '%P\n' | sort
}

own_scripts() { # shell scripts, also those without a suffix
	local file
	own_files -name '*.sh'
	while read -r file; do
		head -n 1 "$file" | grep -aqE '^#!.*\b(ba|da)?sh\b' && echo "$file"
	done < <(own_files ! -name '*.*') || true
}

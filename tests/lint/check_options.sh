#!/usr/bin/env bash
# check_options SOURCE_DIR [ENDORUN] - options.def, endorun(1) and --help name the same options
#
# In the manual page each option is an .It of its own; --help is only looked at
# if the program is given.
set -euo pipefail
cd "$1"
endorun=${2-}
failed=0

# Each of these prints LETTER LONG-NAME ARGUMENT, "-" for none.

# From: OPTION(QUIET, "quiet", 'q', "", "...")
defined() {
	sed -nE "s/^OPTION\([A-Z_]+, *\"([a-z-]+)\", *('(.)'|0), *\"([^\"]*)\",.*/\3 \1 \4/p" \
		loader/options.def | fill
}

# From: .It Fl q , Fl -quiet     .It Fl -threads Ns = Ns Ar n
in_manual() {
	sed -nE 's/^\.It Fl ([a-zA-Z]) , Fl -/\1 /p; s/^\.It Fl -/ /p' docs/endorun.1 |
		sed -E 's/ Ns = Ns Ar (.*)/ \U\1/' | fill
}

# From:   -q, --quiet   text     --threads=N   text
in_help() {
	"$endorun" --help | sed -nE 's/^ +(-(.), )?--([a-z-]+)(=([A-Z]+))? .*/\2 \3 \5/p' | fill
}

fill() {
	sed -E 's/^ /- /; s/ $//; s/^[^ ]+ [^ ]+$/& -/'
}

compare() { # WHERE WHAT-IT-SAYS
	if [ "$(defined)" != "$2" ]; then
		echo "loader/options.def (<) and $1 (>) differ:" >&2
		diff <(defined) <(echo "$2") >&2 || true
		failed=1
	fi
}

# A row that the pattern above does not read must not go unseen.
rows=$(grep -c '^OPTION(' loader/options.def)
if [ "$rows" != "$(defined | wc -l)" ]; then
	echo "loader/options.def: a row is not on one line as the others are" >&2
	failed=1
fi
if [ "$(defined | cut -d ' ' -f 2)" != "$(defined | cut -d ' ' -f 2 | LC_ALL=C sort)" ]; then
	echo "loader/options.def: rows are not sorted by name" >&2
	failed=1
fi
compare docs/endorun.1 "$(in_manual)"
# The synopsis has them all, too.
while read -r _ name _; do
	if ! sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESCRIPTION/p' docs/endorun.1 |
		grep -qE "(Fl|\|) -$name\b|Fl ${name:0:1}$"; then
		echo "docs/endorun.1: --$name is not in the synopsis" >&2
		failed=1
	fi
done < <(defined)
[ -z "$endorun" ] || compare 'endorun --help' "$(in_help)"
echo "$rows options checked"
exit "$failed"

# shellcheck shell=bash
# What every end-to-end test sources. tests/e2e/run sets ENDORUN, ISOLATION, FULL,
# E2E_DIR (this folder) and E2E_TMP, the test's own folder, which is also where it runs.
#
# A check that fails prints a line "FAIL ..." and the test goes on; it exits with
# status 1 in the end. Background processes started by `spawn` are ended then.
set -u
export LC_ALL=C TZ=UTC
ulimit -c 0
ER=("$ENDORUN" -q "--isolation=$ISOLATION")
IS_SLOW=0
[ "$ISOLATION" = keys ] && [ "$FULL" = 0 ] && IS_SLOW=1
LIMIT=(timeout --foreground -k 1 30)
[ "$ISOLATION" = keys ] && LIMIT[4]=300
CHECKS=0
FAILS=0
SPAWNED=()
cd "$E2E_TMP" || exit 1

at_exit() {
	local pid status=$?

	trap - EXIT
	for pid in ${SPAWNED[@]+"${SPAWNED[@]}"}; do
		kill -KILL "$pid" 2>/dev/null
	done
	[ "$status" != 0 ] && FAILS=$((FAILS + 1)) && echo "FAIL the test ended with status $status"
	echo "$CHECKS checks, $FAILS failed"
	if [ "$FAILS" = 0 ] && [ "$CHECKS" != 0 ]; then exit 0; else exit 1; fi
}
trap at_exit EXIT

say() {
	printf '[%s] %s\n' "$(date +%T)" "$*"
}

pass() {
	CHECKS=$((CHECKS + 1))
	say "pass $*"
}

fail() {
	CHECKS=$((CHECKS + 1))
	FAILS=$((FAILS + 1))
	echo "FAIL $*"
}

die() {
	fail "$@"
	exit 0
}

need() { # PROGRAM PACKAGE: there is no test without it
	command -v "$1" >/dev/null || die "$1 is missing: apt-get install $2"
}

size() { # FULL SLOW: a count for this machine
	if [ "$IS_SLOW" = 1 ]; then echo "$2"; else echo "$1"; fi
}

full() { # CHECK...: only where there is time for it
	[ "$IS_SLOW" = 1 ] || "$@"
}

is() { # WHAT GOT WANTED
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		fail "$1"
		printf '  got:    %q\n  wanted: %q\n' "${2:0:2000}" "${3:0:2000}"
	fi
}

holds() { # WHAT COMMAND...
	local what=$1

	shift
	if "$@"; then pass "$what"; else fail "$what: $*"; fi
}

same_file() { # WHAT GOT WANTED
	if cmp "$2" "$3"; then
		pass "$1"
	else
		fail "$1"
		diff -a "$3" "$2" | head -20 | cut -c 1-300
	fi
}

wait_for() { # SECONDS COMMAND...: until it succeeds; ten times as long in the VM
	local tries=$(($1 * 10))

	[ "$ISOLATION" = keys ] && tries=$((tries * 10))
	shift
	while ! "$@" 2>/dev/null; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.1
	done
}

is_gone() { # PID: it has ended; its parent need not know yet
	local state

	! state=$(ps -o stat= -p "$1") || [[ $state == Z* ]]
}

port_answers() { # PORT
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

free_port() { # below the range that outgoing connections take theirs from
	local port

	while :; do
		port=$((20000 + RANDOM % 12000))
		port_answers "$port" || break
	done
	echo "$port"
}

spawn() { # COMMAND...: in the background; its pid is in PID
	"$@" &
	PID=$!
	SPAWNED+=("$PID")
}

# Runs COMMAND natively, then under endorun: status, output and errors must be equal,
# and are kept in native/ and endorun/. $IN is its standard input. Process numbers in a
# shell's messages may differ. A hang ends with status 124.
both() { # WHAT COMMAND...
	local what=$1 native endorun

	shift
	mkdir -p native endorun
	rm -f native/out native/err endorun/out endorun/err # a hung test may still write there
	{
		("${LIMIT[@]}" "$@") <"${IN:-/dev/null}" >native/out 2>native/err
		native=$?
		("${LIMIT[@]}" "${ER[@]}" "$@") <"${IN:-/dev/null}" >endorun/out 2>endorun/err
		endorun=$?
	} 2>/dev/null # what this shell says of a death
	sed -i -E 's/(line [0-9]+:) +[0-9]+ /\1 PID /; s/ process [0-9]+/ process PID/' native/err endorun/err
	if [ "$endorun" = "$native" ] && cmp -s native/out endorun/out &&
		cmp -s native/err endorun/err; then
		pass "$what (status $native)"
		return
	fi
	fail "$what: status $endorun, natively $native"
	diff -a native/out endorun/out | head -20 | cut -c 1-300
	diff -a native/err endorun/err | head -20 | cut -c 1-300
}

compile() { # COMPILER SOURCE OUTPUT FLAG...
	local compiler=$1 source=$2 output=$3

	shift 3
	"$compiler" -D_GNU_SOURCE -O1 -o "$output" "$E2E_DIR/../programs/$source" "$@" ||
		die "$source does not compile"
}

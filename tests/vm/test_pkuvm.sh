#!/usr/bin/env bash
# Checks tools/pkuvm itself: statuses, streams, files, the processor, clean-up.
# Prints one TAP line a check and a count; fails if any check does.
set -u

here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
pkuvm=$here/../../tools/pkuvm
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
count=0 failed=0

ok() { # NAME STATUS: 0 is a success
	count=$((count + 1))
	if [ "$2" = 0 ]; then
		echo "ok $count - $1"
	else
		echo "not ok $count - $1"
		failed=$((failed + 1))
	fi
}

is() { # NAME GOT WANTED
	[ "$2" = "$3" ]
	ok "$1" $?
	[ "$2" = "$3" ] || printf '# got:    %q\n# wanted: %q\n' "$2" "$3"
}

status_is() { # WANTED ARG...: pkuvm's status
	local wanted=$1 got
	shift
	"$pkuvm" "$@" >"$tmp/out" 2>"$tmp/err"
	got=$?
	is "status $wanted: $*" "$got" "$wanted"
}

sum() {
	sha256sum | cut -d ' ' -f 1
}

build() { # NAME
	gcc -O2 -Wall -Wextra -Werror -o "$tmp/$1" "$here/$1.c"
}

check_statuses() {
	status_is 0 true
	status_is 1 false
	status_is 42 sh -c 'exit 42'
	# shellcheck disable=SC2016
	status_is 139 sh -c 'kill -SEGV $$'
	status_is 127 /nonexistent
	status_is 126 /etc/passwd
	status_is 125 --kernel /nonexistent/vmlinux true
	is "one line says why" "$(wc -l <"$tmp/err")" 1
	status_is 125 --memory lots true
	status_is 124 --timeout 2 sleep 60
	status_is 125 --append-nothing true
	status_is 0 --no-snapshot true
}

check_streams() {
	"$pkuvm" sh -c 'echo out; echo err >&2' >"$tmp/out" 2>"$tmp/err"
	is "stdout apart" "$(cat "$tmp/out")" out
	is "stderr apart" "$(cat "$tmp/err")" err
	is "stdin passed" "$(echo hello | "$pkuvm" --stdin cat)" hello
	is "stdin is empty without -i" "$(echo hello | "$pkuvm" cat)" ""
	head -c 20000000 /dev/urandom >"$tmp/random"
	is "20 MB of binary through stdin and stdout" \
		"$("$pkuvm" -i cat <"$tmp/random" | sum)" "$(sum <"$tmp/random")"
	is "100 MB of stdout" "$("$pkuvm" head -c 100000000 /dev/zero | sum)" \
		"$(head -c 100000000 /dev/zero | sum)"
	timeout 60 "$pkuvm" sh -c 'yes; echo "$?" >&2' 2>"$tmp/err" | head -n 1 >"$tmp/out"
	is "a reader that leaves" "$(cat "$tmp/out" "$tmp/err" | xargs)" "y 141"
	is "a background process does not keep it" \
		"$(timeout 30 "$pkuvm" sh -c 'sleep 1000 & echo started')" started
}

check_environment() {
	is "the working directory" "$(cd "$tmp" && "$pkuvm" pwd)" "$tmp"
	is "a variable with lines" "$(V=$'a\nb c' "$pkuvm" printenv V)" $'a\nb c'
	# shellcheck disable=SC2016
	is "odd arguments" "$("$pkuvm" sh -c 'printf "<%s>" "$@"' sh '' 'a b' $'c\nx' '*')" \
		$'<><a b><c\nx><*>'
	is "root" "$("$pkuvm" id -u)" 0
	is "descriptor limits" "$("$pkuvm" sh -c 'ulimit -Sn; ulimit -Hn' | xargs)" "1024 524288"
	is "the host's name" "$("$pkuvm" hostname)" "$(hostname)"
	is "the time of day" $((($("$pkuvm" date +%s) - $(date +%s)) / 10)) 0
	# shellcheck disable=SC2016
	status_is 0 sh -ec 'for f in /proc/self /sys/kernel /dev/shm /dev/pts/ptmx /dev/fd/0 \
		/dev/urandom /run /sys/fs/cgroup/cgroup.procs; do test -e $f; done'
	status_is 0 sh -c 'touch /dev/shm/x /run/x /tmp/x /usr/x && mkfifo /tmp/fifo'
	# shellcheck disable=SC2016
	status_is 0 bash -c 'set -m; sleep 100 & kill %1; wait; setsid -w sh -c "exit 7"; test $? = 7'
	status_is 0 bash -c 'ls /dev/tcp 2>/dev/null; (exec 3<>/dev/tcp/127.0.0.1/9) 2>&1 |
		grep -q refused'
	[ "$("$pkuvm" cat /proc/sys/kernel/random/uuid)" != \
		"$("$pkuvm" cat /proc/sys/kernel/random/uuid)" ]
	ok "two runs differ in their random state" $?
}

check_files() {
	mkdir -p "$tmp/rw" "$tmp/ro"
	"$pkuvm" --rw "$tmp/rw" sh -c "echo kept >$tmp/rw/f; echo lost >$tmp/ro/f"
	is "--rw keeps" "$(cat "$tmp/rw/f")" kept
	[ ! -e "$tmp/ro/f" ]
	ok "other writes are lost" $?
	"$pkuvm" -w "$tmp/rw" cp "$tmp/random" "$tmp/rw/random"
	cmp -s "$tmp/random" "$tmp/rw/random"
	ok "20 MB written through" $?
}

check_keys() {
	status_is 0 grep -qw pku /proc/cpuinfo
	build pkey_fault && status_is 0 "$tmp/pkey_fault"
}

# Without QEMU and without root there is one line to read, and nothing is run.
check_missing() {
	local tool
	mkdir -p "$tmp/bin"
	for tool in bash getopt dirname realpath env cat apt-get; do
		ln -sf "$(command -v "$tool")" "$tmp/bin/$tool"
	done
	chmod 755 "$tmp"
	setpriv --reuid=65534 --clear-groups env PATH="$tmp/bin" HOME="$tmp" \
		"$pkuvm" true 2>"$tmp/err"
	is "status 125 without QEMU" $? 125
	grep -q '^pkuvm: .*qemu-system-x86.*: not installed; ' "$tmp/err"
	ok "the line says so" $?
}

check_concurrency() {
	"$pkuvm" sh -c 'sleep 1; echo one' >"$tmp/one" &
	"$pkuvm" sh -c 'sleep 1; echo two' >"$tmp/two"
	wait $!
	is "two at once" "$(cat "$tmp/one" "$tmp/two" | xargs)" "one two"
}

check_icount() {
	local first second
	build count_loop || return
	first=$("$pkuvm" --icount "$tmp/count_loop")
	second=$("$pkuvm" --icount "$tmp/count_loop")
	[ "${first:-0}" -gt 0 ] && [ $(((first - second) * 1000 / first)) = 0 ]
	ok "--icount repeats: $first, $second" $?
}

# QEMU and the relay carry this run's command on their command lines.
running() { # MARK
	grep -alF "$1" /proc/[0-9]*/cmdline 2>/dev/null | grep -vF "/$BASHPID/" |
		xargs -r dirname | xargs -rI{} readlink {}/exe | grep -cE 'qemu|relay'
}

check_leftovers() {
	local signal pid mark cache
	for signal in INT TERM KILL; do
		mark=mark-$signal-$$
		env --default-signal=INT "$pkuvm" sh -c "sleep 60; : $mark" 2>/dev/null &
		sleep 2
		[ "$(running "$mark")" -gt 0 ]
		ok "it runs before SIG$signal" $?
		pid=$(pgrep -f "relay.*$mark" | head -n 1)
		kill -"$signal" "$pid"
		wait 2>/dev/null
		sleep 0.3
		is "nothing runs after SIG$signal" "$(running "$mark")" 0
		[ ! -e "/proc/$pid" ] && ! pgrep -P "$pid" >/dev/null
		ok "no child after SIG$signal" $?
	done
	cache=${ENDORUN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/endorun}/pkuvm
	is "no temporary folder" "$(find "$cache" -name 'work.*' | wc -l)" 0
}

"$pkuvm" --setup || exit 1
check_statuses
check_streams
check_environment
check_files
check_keys
check_missing
check_concurrency
check_icount
check_leftovers
echo "1..$count"
echo "# $((count - failed)) of $count passed"
[ "$failed" = 0 ]

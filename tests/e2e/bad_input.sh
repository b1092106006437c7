#!/usr/bin/env bash
# What cannot work ends at once with one line that begins with "endorun: " and the
# documented status; what can, works.
. "$E2E_DIR/common.bash"

need gcc gcc
need setpriv util-linux
need unshare util-linux
compile gcc restricted.c restricted -static
chmod 755 "$E2E_TMP"
SECS=$(size 10 60)

run() { # COMMAND...: status, out, err
	{ timeout -k 1 "$SECS" "$@" >out 2>err </dev/null; } 2>/dev/null
	status=$?
	case $status in
	124 | 137) fail "hangs: $*" ;;
	esac
}

one_line() {
	[ "$(wc -l <err)" = 1 ] && grep -aq '^endorun: ' err && [ "$(wc -c <err)" -le 12300 ]
}

refused() { # WHAT STATUS COMMAND...
	local what=$1 wanted=$2

	shift 2
	run "$@"
	if [ "$status" = "$wanted" ] && one_line && [ ! -s out ]; then
		pass "$what: $(cut -c 1-150 err)"
	else
		fail "$what: status $status, not $wanted with one line"
		head -c 600 out err
	fi
}

refused_or_works() { # WHAT STATUSES COMMAND...: the command prints "works" if it does
	local what=$1 wanted=$2

	shift 2
	run "$@"
	if [ "$status" = 0 ] && [ "$(cat out)" = works ] && [ ! -s err ]; then
		pass "$what: works"
	elif [[ " $wanted " == *" $status "* ]] && one_line && [ ! -s out ]; then
		pass "$what: $(cut -c 1-150 err)"
	else
		fail "$what: status $status, neither $wanted with one line nor a success"
		head -c 600 out err
	fi
}

word() { # VALUE BYTES: little endian
	local i

	for ((i = 0; i < $2; i++)); do
		# shellcheck disable=SC2059 # an escape
		printf "\\x$(printf %02x $((($1 >> (8 * i)) & 255)))"
	done
}

elf() { # CLASS DATA TYPE MACHINE PHENTSIZE PHNUM PHOFF: an ELF header of 64 bytes
	printf '\177ELF'
	word "$1" 1 && word "$2" 1 && word 1 1 && word 0 9
	word "$3" 2 && word "$4" 2 && word 1 4 && word 4096 8 && word "$7" 8 && word 0 8
	word 0 4 && word 64 2 && word "$5" 2 && word "$6" 2 && word 64 2 && word 0 4
}

make_files() {
	mkdir folder
	echo "just a text" >text
	: >empty
	cp /bin/true unreadable
	cp /bin/true not_executable
	chmod 644 not_executable
	chmod 000 unreadable
	for bytes in $(size '1 4 16 63 64 100 1000 20000' '16 64 1000'); do
		head -c "$bytes" /bin/true >"cut$bytes"
	done
	elf 2 1 3 183 56 1 64 >aarch64
	elf 1 1 2 3 32 1 52 >i386
	elf 2 2 2 62 56 1 64 >bigendian
	elf 2 1 1 62 56 1 64 >object
	elf 2 1 2 62 56 0 64 >nophdr
	elf 2 1 2 62 56 65535 64 >manyphdr
	elf 2 1 2 62 32 1 64 >phentsize
	elf 2 1 2 62 56 1 0x7ffffffffffffff0 >phoff
	printf '#!\n' >shebang_empty
	printf '#!/nonexistent/interpreter\n' >shebang_missing
	printf '#!%s/shebang_loop\n' "$E2E_TMP" >shebang_loop
	mkfifo fifo
	ln -s symlink_loop symlink_loop
	chmod 755 text empty cut* aarch64 i386 bigendian object nophdr manyphdr phentsize phoff \
		shebang_* fifo
}

programs() {
	local file

	refused "a missing program" 127 "${ER[@]}" ./missing
	refused "a missing program in PATH" 127 "${ER[@]}" no-such-program-anywhere
	full refused "an empty name" 127 "${ER[@]}" ''
	full refused "a missing folder" 127 "${ER[@]}" /nonexistent/folder/program
	refused "a name that is too long" 126 "${ER[@]}" "./$(head -c 5000 /dev/zero | tr '\0' x)"
	refused "control characters in a name" 127 "${ER[@]}" $'./a\nb\033[1m'
	refused "a file as a folder" 127 "${ER[@]}" ./text/program
	for file in ./folder / /dev/null ./not_executable ./text ./empty ./aarch64 ./i386 ./bigendian \
		./object ./nophdr ./manyphdr ./phentsize ./phoff ./cut* ./shebang_empty ./shebang_loop \
		./fifo ./symlink_loop /proc/self/mem; do
		refused "$file" 126 "${ER[@]}" "$file"
	done
	refused "./shebang_missing" 127 "${ER[@]}" ./shebang_missing
	refused "an unreadable file, as another user" 126 setpriv --reuid 65534 --regid 65534 \
		--clear-groups "${ER[@]}" ./unreadable
}

options() {
	refused "no arguments" 125 "$ENDORUN"
	full refused "no program" 125 "$ENDORUN" -q
	refused "an unknown option" 125 "$ENDORUN" --no-such-option /bin/true
	full refused "an unknown letter" 125 "$ENDORUN" -Z /bin/true
	refused "a bad isolation" 125 "$ENDORUN" --isolation=some /bin/true
	full refused "an empty isolation" 125 "$ENDORUN" --isolation= /bin/true
	full refused "no isolation" 125 "$ENDORUN" --isolation
	refused "a bad number of threads" 125 "$ENDORUN" --threads=many /bin/true
	full refused "no threads" 125 "$ENDORUN" --threads=0 /bin/true
	full refused "an argument too many" 125 "$ENDORUN" --quiet=yes /bin/true
	refused "options after --" 127 "${ER[@]}" -- --help
	run "$ENDORUN" --help
	is "--help" "$status,$(head -c 6 out),$(wc -c <err)" "0,Usage:,0"
	run "$ENDORUN" --version
	is "--version" "$status,$(wc -l <out),$(wc -c <err)" "0,1,0"
	refused "--help to a full device" 125 sh -c "\"$ENDORUN\" --help >/dev/full"
}

limits() {
	local n

	for n in 20000 100000 1000000 4000000; do
		refused_or_works "RLIMIT_AS of $n KiB" "125 126" \
			bash -c "ulimit -v $n; exec ${ER[*]} /bin/echo works"
	done
	for n in $(size '0 1 3 4 10 100 300' '3 100 300'); do
		refused_or_works "RLIMIT_NOFILE of $n" 125 \
			bash -c "exec 2>&2 && ulimit -Sn $n && ulimit -Hn $n && exec ${ER[*]} /bin/echo works"
	done
	refused_or_works "a soft RLIMIT_NOFILE of 3" "125 126" \
		bash -c "ulimit -Sn 3; exec ${ER[*]} /bin/echo works"
	refused_or_works "RLIMIT_FSIZE of 0" 125 \
		bash -c "(ulimit -f 0; exec ${ER[*]} /bin/echo works) | cat"
	refused_or_works "RLIMIT_STACK of 64 KiB" 125 \
		bash -c "ulimit -s 64; exec ${ER[*]} /bin/echo works"
	refused_or_works "RLIMIT_DATA of 1 MiB" 125 \
		bash -c "ulimit -d 1024; exec ${ER[*]} /bin/echo works"
	full refused_or_works "RLIMIT_MEMLOCK of 0" 125 bash -c "ulimit -l 0; exec ${ER[*]} /bin/echo works"
	refused_or_works "RLIMIT_NPROC of 1, as another user" 125 bash -c "ulimit -u 1;
		exec setpriv --reuid 65534 --regid 65534 --clear-groups ${ER[*]} /bin/echo works"
	refused_or_works "another user" 125 setpriv --reuid 65534 --regid 65534 --clear-groups \
		"${ER[@]}" /bin/echo works
	refused_or_works "no capabilities" 125 setpriv --bounding-set -all --inh-caps -all \
		"${ER[@]}" /bin/echo works
}

surroundings() {
	refused_or_works "no /proc" 125 unshare -m sh -c \
		"umount -l /proc && exec ${ER[*]} /bin/echo works"
	refused_or_works "no /proc and no /dev" 125 unshare -m sh -c \
		"umount -l /dev; umount -l /proc; exec ${ER[*]} /bin/echo works"
	full refused_or_works "something else at /proc" 125 unshare -m sh -c \
		"mount -t tmpfs none /proc && exec ${ER[*]} /bin/echo works"
	refused_or_works "a read-only root" 125 unshare -m sh -c \
		"mount --bind / / && mount -o remount,ro,bind / && exec ${ER[*]} /bin/echo works"
	refused_or_works "a bad TMPDIR" 125 env TMPDIR=/nonexistent "${ER[@]}" /bin/echo works
	full refused_or_works "an unwritable TMPDIR" 125 env TMPDIR=/proc "${ER[@]}" /bin/echo works
	refused_or_works "no environment" 125 env -i "${ER[@]}" /bin/echo works
	mkdir gone
	refused_or_works "a current folder that is gone" 125 bash -c \
		"cd gone && rmdir ../gone && exec ${ER[*]} /bin/echo works"
	full refused_or_works "a new network and user" 125 unshare -nU "${ER[@]}" /bin/echo works
}

in_force() {
	local nr how

	refused_or_works "Syscall User Dispatch before" 125 ./restricted sud "${ER[@]}" /bin/echo works
	full refused_or_works "a filter that allows all" 125 ./restricted allow "${ER[@]}" /bin/echo works
	refused_or_works "no_new_privs" 125 ./restricted newprivs "${ER[@]}" /bin/echo works
	# mseal, prctl, mprotect, memfd_create, seccomp, fcntl, sigaltstack, userfaultfd
	for nr in $(size '462 157 10 319 317 72 131 323' '462 157 10 317'); do
		for how in lie deny; do
			refused_or_works "$how:$nr" "125 126" ./restricted "$how:$nr" "${ER[@]}" /bin/echo works
		done
	done
	run ./restricted kill:157 "${ER[@]}" /bin/echo works
	is "a filter that kills at prctl" "$status" 159
	refused "a filter that lies about mseal" 125 ./restricted lie:462 "${ER[@]}" /bin/true
	refused_or_works "descriptors 0, 1, 2 closed" 125 sh -c \
		"./restricted closed ${ER[*]} /bin/sh -c 'echo works >out2'; cat out2"
	refused "an empty argument vector" 125 ./restricted noargs "$ENDORUN"
}

make_files
programs
options
limits
surroundings
in_force
if [ "$ISOLATION" = none ]; then
	run "$ENDORUN" --isolation=none /bin/echo works
	is "a note without -q" "$status,$(cat out),$(grep -c '^endorun: ' err)" "0,works,1"
fi

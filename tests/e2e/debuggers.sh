#!/usr/bin/env bash
# strace and gdb see endorun and its program and do not break them; they also run under it.
. "$E2E_DIR/common.bash"

need strace strace
need gdb gdb
need gcc gcc
compile gcc some_of_all.c some -lm -lpthread
./some >native.txt
strace -f -o trace "${ER[@]}" ./some >traced.txt
is "status under strace -f" $? 0
same_file "output under strace -f" traced.txt native.txt
holds "there is a trace" grep -q 'exit_group(0)' trace
strace -f -c -o counts "${ER[@]}" bash -c 'echo a | cat; exit 3' >traced.txt
is "status under strace -c" $? 3
gdb -q -nx -batch -ex 'set debuginfod enabled off' -ex 'handle SIGSYS SIGSEGV SIGUSR1 nostop noprint pass' \
	-ex run --args "${ER[@]}" ./some >gdb.txt 2>gdb.err
is "gdb's status" $? 0
holds "the program ended well in gdb" grep -q 'exited normally' gdb.txt
sed '/^Breakpoint\|^\[\|^process\|^Using host\|^warning\|^$/d' gdb.txt >gdb.out
while read -r line; do
	grep -qF -- "$line" gdb.out || fail "gdb: no line $line"
done <native.txt
both "strace under endorun, without a program" strace -V
both "gdb under endorun, without a program" gdb -q -nx -batch -ex 'print 6 * 7'

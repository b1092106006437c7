#!/usr/bin/env bash
# bash, dash and busybox: pipes, here-documents, statuses, traps, job control.
# shellcheck disable=SC2016 # much is for an inner shell
. "$E2E_DIR/common.bash"

need bash bash
need dash dash
need busybox busybox-static
need script bsdutils

cat >posix.sh <<'END'
# Runs in every shell.
echo one two three | tr ' ' '\n' | sort -r | while read -r word; do echo "<$word>"; done
cat <<END_OF_TEXT
here $((6 * 7)) $(echo nested $(echo more)) `echo old`
END_OF_TEXT
cat <<'END_OF_TEXT'
not $expanded
END_OF_TEXT
(exit 7); echo "subshell $?"
(kill -TERM $(sh -c 'echo $PPID')); echo "killed subshell $?"
sh -c 'kill -SEGV $$'; echo "segv $?"
sh -c 'kill -ABRT $$'; echo "abrt $?"
false | true; echo "pipe $?"
true | false; echo "pipe $?"
nonexistent-program 2>/dev/null; echo "missing $?"
/etc/passwd 2>/dev/null; echo "not executable $?"
! true; echo "not $?"
trap 'echo trapped USR1' USR1
kill -USR1 $$
trap 'echo trapped EXIT' EXIT
sleep 5 & pid=$!
kill -TERM $pid
wait $pid; echo "wait $?"
(exit 3) & wait $!; echo "wait $?"
sleep 0.2 & wait; echo "wait for all $?"
x=$(for i in 1 2 3; do (echo $i; exit $i); done; exit 9); echo "$x" $?
exec 5>file5; echo to five >&5; exec 5>&-; cat file5
exec 6<file5; read -r line <&6; echo "$line"
set -- a 'b c' ''; echo $# "$@"
umask 027; : >masked; ls -l masked | cut -c 1-10; rm masked
cd /; pwd; cd - >/dev/null
trap '' INT; sh -c 'kill -INT $$; echo ignored'
printf '%s\n' "$0" | sed 's/.*/name ok/'
exit 41
END

cat >jobs.sh <<'END'
# Job control. A shell that has noticed a death may have forgotten the job when it is
# waited for, and says so on standard error.
exec 2>/dev/null
ended() { case $1 in 127 | "$2") echo "$3 ended" ;; *) echo "$3: status $1" ;; esac; }
set -m
sleep 30 & first=$!
sleep 31 &
kill %1
wait $first; ended $? 143 "killed job"
kill -STOP %2
until grep -q '^State:.T' /proc/$!/status; do sleep 0.05; done
bg %2 >/dev/null; echo "bg $?"
kill -INT %2
wait $!; ended $? 130 "interrupted job"
sh -c 'exit 17' &
fg %% >/dev/null; echo "fg $?"
sh -c 'kill -STOP $$; exit 18' &
until grep -q '^State:.T' /proc/$!/status; do sleep 0.05; done
jobs %% | sed 's/.*\(Stopped\).*/\1/'
fg %% >/dev/null; echo "fg of a stopped job $?"
[ "$(ps -o pgid= -p $$ | tr -d ' ')" = "$(sh -c 'ps -o pgid= -p $$' | tr -d ' ')" ]
echo "own group $?"
trap 'echo CHLD' CHLD
/bin/true
trap - CHLD
echo end
END

cat >bashisms.bash <<'END'
shopt -s lastpipe
set -o pipefail
false | true; echo "pipefail $?"
echo a b c | read -r x y; echo "$x-$y"
diff <(seq 1 5) <(seq 1 2 9); echo "substitution $?"
coproc C { while read -r l; do echo "co $l"; done; }
echo hello >&"${C[1]}"; read -r answer <&"${C[0]}"; echo "$answer"
eval "exec ${C[1]}>&-"; wait "$C_PID"; echo "coproc $?"
declare -A map=([one]=1 [two]=2); echo "${map[two]}" "${#map[@]}"
mapfile -t lines < <(printf '%s\n' x y z); echo "${lines[2]}"
true | false | (exit 4) | true; echo "${PIPESTATUS[@]}"
f() { local -i n=$1; ((n > 0)) && f $((n - 1)); return "$n"; }; f 200; echo "recursion $?"
[[ abc =~ ^a(.)c$ ]] && echo "${BASH_REMATCH[1]}"
cat <<<"here string"
trap 'echo "line ERR"' ERR; (exit 2); trap - ERR
time_out() { sleep 10 & local p=$!; (sleep 0.1; kill -ALRM $p) & wait $p; echo "alarm $?"; }
time_out
for i in {1..40}; do /bin/true & done; wait; echo "forty children $?"
mkfifo fifo; read -r -t 0.1 line <>fifo; [ $? -gt 128 ] && echo "read timed out"
rm fifo; exec -a other sh -c 'echo $0'
END

for shell in "bash" "dash" "busybox sh"; do
	# shellcheck disable=SC2086 # words
	both "$shell: a script" $shell posix.sh
	# shellcheck disable=SC2086 # words
	[ "$IS_SLOW" = 1 ] || IN=posix.sh both "$shell: a script from standard input" $shell
done
both "bash: job control" bash jobs.sh
# dash wants a terminal for it.
both "dash: job control" script -qec "dash jobs.sh" /dev/null
both "bash: what only bash has" bash bashisms.bash

for limit in "-Sn 100" "-Sn 20" "-Ss 1024" "-Sv 4000000"; do
	both "ulimit $limit" bash -c "ulimit $limit; ulimit ${limit:0:3}; /bin/echo \$(/bin/echo run)"
done

# The messages of a shell whose command died, and its own death.
for signal in $(size 'ABRT SEGV KILL PIPE' SEGV); do
	both "bash dies of $signal" bash -c "kill -$signal \$\$"
	both "dash dies of $signal" dash -c "kill -$signal \$\$"
done

count=$(size 300 20)
both "$count commands one after the other" bash -c "
	for ((i = 0; i < $count; i++)); do /bin/echo \$i | cat; done | md5sum"

seq 1 "$(size 200000 20000)" >numbers
both "busybox sort and md5sum" busybox sh -c \
	'busybox sort -rn numbers | busybox md5sum; busybox wc numbers'
both "busybox awk" busybox awk '{ s += $1 } END { print s }' numbers
both "busybox sed, grep, cut" busybox sh -c \
	'busybox sed -n "s/99/x/p" numbers | busybox grep x5 | busybox cut -c 1-3 | busybox uniq -c'
both "busybox find and xargs" busybox sh -c \
	'busybox find /etc/init.d -type f | busybox xargs busybox cksum'
both "busybox gzip and tar" busybox sh -c \
	'busybox tar cf - numbers | busybox gzip | busybox zcat | busybox tar tvf -'
both "busybox false" busybox sh -c 'busybox false; echo $?'
both "busybox dd" busybox dd if=numbers of=/dev/null bs=4k count=3 status=noxfer

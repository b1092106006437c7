#!/usr/bin/env bash
# What a program sees of its start: arguments, environment, descriptors, limits, names;
# programs that start programs; scripts whose interpreter is endorun.
# shellcheck disable=SC2016 # much is for an inner shell
. "$E2E_DIR/common.bash"

need gcc gcc
need setarch util-linux
need python3 python3
compile gcc facts.c facts
compile gcc facts.c facts.static -static
compile gcc restricted.c restricted -static
unset OLDPWD
FACTS=(env -u _ ./facts)

# Natively and under endorun from the same shell line: $R is the prefix.
same() { # WHAT SCRIPT
	local what=$1 status

	mkdir -p native endorun
	R='' bash -c "$2" >native/out 2>native/err </dev/null
	status=$?
	R="${ER[*]}" bash -c "export R; $2" >endorun/out 2>endorun/err </dev/null
	is "$what: status" $? "$status"
	same_file "$what" endorun/out native/out
	same_file "$what: errors" endorun/err native/err
}

both "facts" "${FACTS[@]}" a 'b c' ''
both "facts, static" env -u _ ./facts.static a
both "no environment" env -i ./facts env
both "an odd environment" env -i A=1 '=x' B= 'C=a=b' "D=$(seq -s, 2000)" LANG=C ./facts env
full both "ENDORUN variables are the program's" env -i ENDORUN=1 ENDORUN_X=2 LD_BIND_NOW=1 ./facts env
cp facts "with space"
full both "a name with a space" env -u _ "./with space"
ln -s facts link
both "a symbolic link" env -u _ ./link
PATH=$E2E_TMP:$PATH both "found in PATH" env -u _ facts p
full both "from another folder" bash -c "cd / && exec env -u _ ${E2E_TMP#/}/facts rel"

# A shell cannot pass 1 MiB in one argument, the kernel allows 128 KiB each.
cat >huge.py <<'END'
import os, sys
size = 1 << 20
arguments = ["./facts"] + ["x" * 131000] * (size // 131072) + [str(n) for n in range(20000)]
os.execve(sys.argv[1], sys.argv[1:] + arguments[0:] if len(sys.argv) > 2 else arguments,
          {"A": "b" * 100000})
END
/usr/bin/python3 huge.py ./facts | grep -v execfn >native.txt
/usr/bin/python3 huge.py "${ER[@]}" | grep -v execfn >endorun.txt
same_file "1 MiB of arguments" endorun.txt native.txt
full both "1 MiB of arguments, all under endorun" /usr/bin/python3 huge.py ./facts
both "too many arguments" bash -c 'x=$(head -c 200000 /dev/zero | tr "\0" x); /bin/echo "$x"'

for limit in $(size '256 8192 65536 unlimited' '256 unlimited'); do
	same "ulimit -s $limit" "ulimit -Ss $limit; env -u R -u _ -u SHLVL \$R ./facts"
done
same "RLIMIT_NOFILE" 'ulimit -n 300; env -u _ -u R $R ./facts'
full same "closed 0" 'env -u _ -u R $R ./facts <&-'
full same "closed 1" 'env -u _ -u R $R ./facts >&- | cat'
same "closed 2" 'env -u _ -u R $R ./facts 2>&-'
same "closed 0, 1, 2" './restricted closed /bin/sh -c "env -u _ -u R $R ./facts 7>out; cat out"'
full same "more descriptors" 'env -u _ -u R $R ./facts 5</etc/passwd 9>>out 60<.'
same "signals ignored" "trap '' HUP INT USR1; env -u _ -u R \$R ./facts"
same "SIGCHLD ignored" "trap '' CHLD; env -u _ -u R \$R ./facts"
same "signals blocked" 'env -u _ -u R $(realpath restricted) blocked /usr/bin/env $R ./facts'
full same "umask" 'umask 077; env -u _ -u R $R ./facts'
same "ASLR off" 'setarch -R env -u _ -u R $R ./facts'
full same "ASLR off, static" 'setarch -R env -u _ -u R $R ./facts.static'
same "no_new_privs" './restricted newprivs /usr/bin/env -u _ -u R $R ./facts'
full same "nice" 'nice -n 5 $R nice'
same "an empty argument vector" './restricted noargs $(realpath facts) | wc -l'
same "a pipe that closes" 'env -u R $R seq 1 1000000 | head -n 2'
full same "a full device" 'env -u R $R echo x >/dev/full'
same "standard input" 'seq 1 100000 | $R md5sum'
full both "env" env -i X=1 PATH="$PATH" env
both "nohup" nohup sh -c 'trap; kill -HUP $$; echo lives'
both "timeout" timeout 0.3 sleep 30
full both "timeout -s KILL" timeout -s KILL 0.3 sleep 30
full both "timeout, in time" timeout 60 sh -c 'exit 5'
both "xargs -P4" bash -c "seq 1 $(size 40 12) | xargs -P4 -n 3 echo | tr ' ' '\n' | sort -n"
full both "xargs, a failure" bash -c 'seq 3 | xargs -n 1 sh -c "exit 255"'
both "find -exec" find /etc/init.d -name 's*' -exec wc -c {} +
full both "find -exec, one by one" bash -c 'find /etc/init.d -type f -exec sh -c "echo \$0" {} \; | sort'
both "setsid" setsid -w sh -c 'exit 8'
both "flock" flock lockfile sh -c 'exit 9'
both "sort in parallel" bash -c "seq 1 $(size 300000 20000) | sort -R --random-source=/etc/passwd \
	| sort --parallel=4 -S 1M -n | md5sum"
full both "ls, stat, df of /proc/self" bash -c 'ls /proc/self/ns; stat -c %F /proc/self/exe'
both "/proc/self/exe runs again" bash -c '(exec -a again /proc/self/exe -c "echo \$0")'
both "/proc/self/comm and cmdline" bash -c 'cat /proc/self/comm; tr "\0" " " </proc/self/cmdline'
full both "ldd" bash -c "ldd ./facts | sed 's/ (.*//'"

for head in "$ENDORUN -q --isolation=$ISOLATION /usr/bin/python3" \
	"$ENDORUN -q --isolation=$ISOLATION /usr/bin/env python3" \
	"$ENDORUN -q --isolation=$ISOLATION /bin/sh"; do
	printf '#!%s\n' "$head" >script
	case $head in
	*python3) echo 'import sys; print(sys.argv, sys.path[0]); sys.exit(6)' >>script ;;
	*) printf "echo \"['\$0', '\$1', '\$2']\" %s\nexit 6\n" "$E2E_TMP" >>script ;;
	esac
	chmod +x script
	is "#!$head" "$(env PATH=/usr/bin:/bin ./script a 'b c'; echo $?)" \
		"['./script', 'a', 'b c'] $E2E_TMP
6"
done
printf '#!/usr/bin/env bash\necho "$0:$1"\n' >script
both "a script" ./script x
printf '#!%s/script y\n' "$E2E_TMP" >nested
chmod +x nested
both "an interpreter that is a script" ./nested x
printf 'echo no first line, $1\n' >script
both "a script without a first line, run by a shell" sh -c './script x'

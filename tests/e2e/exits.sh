#!/usr/bin/env bash
# Exit statuses and deaths: a waiting parent sees what it sees natively.
. "$E2E_DIR/common.bash"

need gcc gcc
need python3 python3
compile gcc dies.c dies
compile gcc dies.c dies.static -static

for status in $(size '0 1 2 125 126 127 128 255 256' '0 125 255'); do
	both "exit $status" ./dies exit "$status"
done
for fault in read write jump const noncanonical kernel divide illegal int3 hlt abort overflow bus \
	handled handled-overflow; do
	both "$fault" ./dies "$fault"
done
both "a fault in a static program" ./dies.static write
for signal in $(size '1 2 3 4 6 7 8 9 10 11 13 14 15 17 18 24 28 31 34 64' '1 4 9 17 31 64'); do
	both "signal $signal raised" ./dies signal "$signal"
done

# The wait status itself, not a shell's view of it; a group's and a parent's signals.
cat >wait.py <<'END'
import os, resource, signal, subprocess, sys
prefix = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
def status(*command, **options):
    p = subprocess.Popen(prefix + list(command), **options)
    print(command, hex(os.waitpid(p.pid, 0)[1]))
status("./dies", "exit", "3")
for how in "read", "abort", "illegal", "divide", "bus":
    status("./dies", how)
for number in signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV, signal.SIGSYS, signal.SIGTRAP, 40:
    status("./dies", "signal", str(int(number)))
    p = subprocess.Popen(prefix + ["/bin/sleep", "30"])
    os.kill(p.pid, number)
    print("sent", int(number), hex(os.waitpid(p.pid, 0)[1]))
p = subprocess.Popen(prefix + ["/bin/sleep", "0.5"])
os.kill(p.pid, signal.SIGSTOP)
print("stopped", hex(os.waitpid(p.pid, os.WUNTRACED)[1]))
os.kill(p.pid, signal.SIGCONT)
print("continued", hex(os.waitpid(p.pid, os.WCONTINUED)[1]))
print("ended", hex(os.waitpid(p.pid, 0)[1]))
p = subprocess.Popen(prefix + ["/bin/sh", "-c", "sleep 30; sleep 30"], start_new_session=True)
os.killpg(p.pid, signal.SIGINT)
print("group", hex(os.waitpid(p.pid, 0)[1]))
status("/bin/sh", "-c", "trap 'exit 7' TERM; kill -TERM $$; sleep 5")
status("/bin/sh", "-c", "exec /nonexistent", stderr=subprocess.DEVNULL)
END
/usr/bin/python3 wait.py >native.txt
/usr/bin/python3 wait.py "${ER[@]}" >endorun.txt
same_file "wait statuses" endorun.txt native.txt
full both "wait statuses, all of it under endorun" /usr/bin/python3 wait.py

#!/usr/bin/env bash
# python3: threads, subprocesses, multiprocessing, signals, ctypes, ssl.
. "$E2E_DIR/common.bash"

PYTHON=/usr/bin/python3
need "$PYTHON" python3
export ROUNDS
ROUNDS=$(size 50 4)

cat >threads.py <<'END'
import os, queue, threading
rounds = int(os.environ["ROUNDS"])
total, lock, work = 0, threading.Lock(), queue.Queue()
def worker():
    global total
    while (n := work.get()) is not None:
        with lock:
            total += n
threads = [threading.Thread(target=worker) for _ in range(8)]
for t in threads: t.start()
for n in range(rounds * 100): work.put(n)
for t in threads: work.put(None)
for t in threads: t.join()
print("total", total)
for _ in range(rounds):
    short = [threading.Thread(target=lambda: None) for _ in range(10)]
    for t in short: t.start()
    for t in short: t.join()
local = threading.local(); local.x = 5
print(threading.active_count(), local.x)
event = threading.Event()
timer = threading.Timer(0.1, event.set); timer.start()
print("event", event.wait(60)); timer.join()
threading.Thread(target=os._exit, args=(43,)).start()
threading.Event().wait()
END
cat >subprocesses.py <<'END'
import os, signal, subprocess, sys
def status(*a, **k): return subprocess.run(*a, **k).returncode
print(subprocess.check_output(["/bin/echo", "hello"]))
print(status("exit 3", shell=True), status(["sh", "-c", "kill -9 $$"]))
print(subprocess.run("cat; echo err >&2", shell=True, input=b"x" * 100000,
                     capture_output=True).stdout.count(b"x"))
for arguments in ({}, {"preexec_fn": lambda: None}, {"cwd": "/nonexistent"},
                  {"start_new_session": True}, {"env": {}}):
    try:
        subprocess.run(["/nonexistent/program"], **arguments)
    except OSError as e:
        print(type(e).__name__, e)
try:
    subprocess.run(["/etc/passwd"])
except OSError as e:
    print(type(e).__name__, e)
try:
    subprocess.run(["/bin/true"], preexec_fn=lambda: 1 / 0)
except subprocess.SubprocessError as e:
    print(e)
print(status(["/bin/true"], preexec_fn=os.setsid), status(["/bin/true"], restore_signals=False))
try:
    subprocess.run(["sleep", "30"], timeout=0.2)
except subprocess.TimeoutExpired as e:
    print("timeout")
p = subprocess.Popen(["sleep", "30"]); p.send_signal(signal.SIGINT); print(p.wait())
a = subprocess.Popen(["seq", "1", "20000"], stdout=subprocess.PIPE)
b = subprocess.Popen(["wc", "-l"], stdin=a.stdout, stdout=subprocess.PIPE); a.stdout.close()
print(b.communicate()[0], a.wait())
print(os.system("exit 5") >> 8, os.popen("echo popen").read())
pid = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 6"], {}); print(os.waitpid(pid, 0)[1] >> 8)
pid = os.fork()
if pid == 0:
    os.execvp("no-such-program-1", ["x"]) if len(sys.argv) > 5 else os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
cat >processes.py <<'END'
import multiprocessing as mp, os
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
def square(n): return n * n
def child(q, lock, value):
    with lock: value.value += 1
    q.put(os.getpid() != os.getppid())
if __name__ == "__main__":
    rounds = int(os.environ["ROUNDS"])
    with mp.Pool(3) as pool: print(sum(pool.map(square, range(rounds * 10))))
    context = mp.get_context("spawn")
    q, lock, value = context.Queue(), context.Lock(), context.Value("i", 0)
    ps = [context.Process(target=child, args=(q, lock, value)) for _ in range(2)]
    for p in ps: p.start()
    print([q.get() for _ in ps])
    for p in ps: p.join()
    print(value.value, [p.exitcode for p in ps])
    with ProcessPoolExecutor(2) as e: print(list(e.map(square, range(5))))
    with ThreadPoolExecutor(4) as e: print(sum(e.map(square, range(rounds))))
    a, b = mp.Pipe(); p = mp.Process(target=lambda: b.send(["piped", {1: 2}])); p.start()
    print(a.recv()); p.join()
    from multiprocessing import shared_memory
    s = shared_memory.SharedMemory(create=True, size=4096); s.buf[0] = 9
    p = mp.Process(target=lambda: s.buf.__setitem__(0, 10)); p.start(); p.join()
    print(s.buf[0]); s.close(); s.unlink()
    p = mp.Process(target=os.abort); p.start(); p.join(); print(p.exitcode)
END
cat >signals.py <<'END'
import os, select, signal, threading, time
ticks = 0
def tick(number, frame):
    global ticks
    ticks += 1
signal.signal(signal.SIGALRM, tick)
signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
n = 0
while ticks < 20: n += 1
signal.setitimer(signal.ITIMER_REAL, 0)
print("ticks in a loop")
class Out(Exception): pass
def out(number, frame): raise Out(number)
signal.signal(signal.SIGUSR1, out)
try:
    os.kill(os.getpid(), signal.SIGUSR1); time.sleep(5)
except Out as e: print("raised", e)
# A joined thread may go on for a while, so it must not be able to take SIGTERM either.
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
r, w = os.pipe(); os.set_blocking(w, False); signal.set_wakeup_fd(w)
signal.signal(signal.SIGUSR2, lambda *a: None)
timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR2)); timer.start()
print(select.select([r], [], [], 60)[0] == [r], os.read(r, 1)); signal.set_wakeup_fd(-1)
timer.join()
os.kill(os.getpid(), signal.SIGTERM)
print(signal.SIGTERM in signal.sigpending(), signal.sigwait([signal.SIGTERM]))
signal.signal(signal.SIGALRM, out); signal.alarm(1)
try: time.sleep(30)
except Out as e: print("sleep ended by", e)
print(signal.sigtimedwait([signal.SIGTERM], 0.05))
import faulthandler; faulthandler.enable(file=open(os.devnull, "w"))
if os.fork() == 0: signal.raise_signal(signal.SIGSEGV)
print(os.waitstatus_to_exitcode(os.wait()[1]))
import resource; used = int(time.process_time())
signal.signal(signal.SIGXCPU, lambda *a: os._exit(44))
resource.setrlimit(resource.RLIMIT_CPU, (used + 1, used + 60))
while True: n += 1
END
cat >libraries.py <<'END'
import asyncio, ctypes, decimal, hashlib, json, mmap, os, socket, sqlite3, ssl, struct, tempfile, zlib
libc = ctypes.CDLL(None, use_errno=True)
libc.strlen.argtypes = [ctypes.c_char_p]
print(libc.strlen(b"twelve bytes"), libc.close(999), ctypes.get_errno())
print(ctypes.CDLL("libm.so.6").abs(-3), libc.syscall(39) == os.getpid())
print(ssl.OPENSSL_VERSION, len(ssl.create_default_context().get_ciphers()))
print(hashlib.sha256(b"x" * 100000).hexdigest(), hashlib.sha3_256(b"y").hexdigest())
print(hashlib.pbkdf2_hmac("sha512", b"p", b"s", 100).hex())
print(zlib.crc32(b"z" * 1000), decimal.Decimal(2).sqrt(), json.loads('{"a": [1]}'))
m = mmap.mmap(-1, 8192); m[0:3] = b"abc"; print(m[0:4]); m.close()
with tempfile.TemporaryFile() as f:
    f.write(b"q" * 4096); f.flush(); m = mmap.mmap(f.fileno(), 0); print(m.find(b"qq")); m.close()
db = sqlite3.connect(":memory:"); print(db.execute("select 6 * 7, sqlite_version()").fetchall())
a, b = socket.socketpair(); a.send(b"pair"); print(b.recv(9))
r, w = os.pipe(); socket.send_fds(a, [b"fd"], [w]); data, fds, *_ = socket.recv_fds(b, 9, 1)
os.write(fds[0], b"passed"); print(data, os.read(r, 9))
async def echo(reader, writer): writer.write(await reader.read(100)); writer.close()
async def main():
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"over tcp"); print(await reader.read(100)); server.close()
    p = await asyncio.create_subprocess_exec("sh", "-c", "echo async; exit 2", stdout=-1)
    print(await p.communicate(), p.returncode)
asyncio.run(main())
print(len(os.urandom(16)), os.sysconf("SC_PAGE_SIZE"), os.sched_getaffinity(0) != set())
END

both "a line" $PYTHON -c 'print(sum(range(1000)))'
both "an exception" $PYTHON -c '1 / 0'
both "exit status" $PYTHON -c 'import sys; sys.exit(77)'
for name in threads subprocesses processes signals libraries; do
	both "$name" $PYTHON $name.py
done
cat >callback.py <<'END'
import ctypes
INT = ctypes.POINTER(ctypes.c_int)
compare = ctypes.CFUNCTYPE(ctypes.c_int, INT, INT)(lambda a, b: a[0] - b[0])
numbers = (ctypes.c_int * 6)(5, 3, 9, 1, 4, 8)
ctypes.CDLL(None).qsort(numbers, 6, 4, compare)
print(list(numbers))
END
both "a callback made by ctypes" $PYTHON callback.py
both "posix_spawn of a missing program" $PYTHON -c '
import os; os.posix_spawn("/nonexistent/program", ["x"], {})'
both "deep recursion in C" $PYTHON -c '
import sys; sys.setrecursionlimit(10**6)
def f(n): return 0 if n == 0 else 1 + max([f(n - 1)], key=lambda x: x)
print(f(2000))'
printf 'import sys\nprint(sys.argv)\n' >"a script.py"
both "a module and a script with arguments" $PYTHON "a script.py" --option '' 'b c'
both "regular expressions and sorting" $PYTHON -c "
import re, random
random.seed(1)
words = [str(random.random()) for _ in range($(size 100000 2000))]
print(len(re.findall(r'(\d)\1', ' '.join(sorted(words)))))"

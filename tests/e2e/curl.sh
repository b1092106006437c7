#!/usr/bin/env bash
# curl: files from a local server, names looked up in a thread, errors.
. "$E2E_DIR/common.bash"

need curl curl
need busybox busybox-static

mkdir www
head -c 300000 /dev/urandom >www/file
echo small >www/small
port=$(free_port)
spawn busybox httpd -f -p "127.0.0.1:$port" -h www
wait_for 5 port_answers "$port" || die "busybox httpd does not start"

both "a file" curl -sS "http://127.0.0.1:$port/file"
same_file "the file is right" endorun/out www/file
both "a name" curl -sS "http://localhost:$port/small"
full both "a name, IPv4 only" curl -4 -sS "http://localhost:$port/small"
both "many files at the same time" curl -sS --no-progress-meter \
	--parallel --parallel-max 8 \
	"http://localhost:$port/small?[1-$(size 30 6)]"
both "a missing file" curl -sS -f "http://127.0.0.1:$port/missing"
both "no server" curl -s -w '%{exitcode} %{http_code}' "http://127.0.0.1:1/"
both "no such name" curl -sS "http://no-such-name.invalid/"
full both "a file URL" curl -sS "file://$E2E_TMP/www/small"
full both "an unknown protocol" curl -sS "nothing://x"
full both "a time limit" curl -sS -o /dev/null -w '%{exitcode}\n' --max-time 20 "http://localhost:$port/"
full both "its version" curl --version
both "TLS to a server that has none" curl -s "https://127.0.0.1:$port/"

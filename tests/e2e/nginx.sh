#!/usr/bin/env bash
# nginx: master and two workers serve files; load with a reload in the middle; workers
# that die are replaced; a graceful stop.
. "$E2E_DIR/common.bash"

need nginx nginx-light
need ab apache2-utils
need curl curl

SIZES=(0 1024 65536 1048576)
REQUESTS=10000

make_config() { # FOLDER PORT
	mkdir -p "$1/tmp"
	cat >"$1/nginx.conf" <<-END
	user root;
	daemon off;
	worker_processes 2;
	pid $E2E_TMP/$1/pid;
	error_log $E2E_TMP/$1/error.log notice;
	events { worker_connections 128; }
	http {
		access_log $E2E_TMP/$1/access.log;
		client_body_temp_path $E2E_TMP/$1/tmp/body;
		proxy_temp_path $E2E_TMP/$1/tmp/proxy;
		fastcgi_temp_path $E2E_TMP/$1/tmp/fastcgi;
		uwsgi_temp_path $E2E_TMP/$1/tmp/uwsgi;
		scgi_temp_path $E2E_TMP/$1/tmp/scgi;
		sendfile on;
		server {
			listen 127.0.0.1:$2;
			root $E2E_TMP/www;
		}
	}
	END
}

nginx_args() { # FOLDER
	echo "$(command -v nginx) -p $E2E_TMP/$1 -e $E2E_TMP/$1/error.log -c $E2E_TMP/$1/nginx.conf"
}

workers() { # MASTER
	pgrep -P "$1" | sort -n | tr '\n' ' '
}

has_workers() { # MASTER COUNT NOT: and none of the pids in NOT
	local -a pids
	local pid

	read -ra pids <<<"$(workers "$1")"
	[ "${#pids[@]}" = "$2" ] || return 1
	for pid in $3; do
		[[ " ${pids[*]} " != *" $pid "* ]] || return 1
	done
}

fetch_all() { # PORT FOLDER
	local size

	for size in "${SIZES[@]}"; do
		curl -s -D "$2/$size.head" -o "$2/$size" "http://127.0.0.1:$1/$size"
		sed -i -e '/^Date:/d' "$2/$size.head"
	done
}

lines_reach() { # FILE COUNT
	[ "$(wc -l <"$1")" -ge "$2" ]
}

mkdir www native endorun
for size in "${SIZES[@]}"; do
	head -c "$size" /dev/urandom >"www/$size"
done

native_port=$(free_port)
make_config native "$native_port"
# shellcheck disable=SC2046 # words
spawn $(nginx_args native)
native_master=$PID
wait_for 10 port_answers "$native_port" || die "native nginx does not start"
fetch_all "$native_port" native
kill -QUIT "$native_master"
wait "$native_master"
native_status=$?

port=$(free_port)
make_config endorun "$port"
# shellcheck disable=SC2046 # words
both "nginx -T prints its configuration" $(nginx_args endorun) -T
# shellcheck disable=SC2046 # words
spawn "${ER[@]}" $(nginx_args endorun)
master=$PID
wait_for 20 port_answers "$port" || {
	cat endorun/error.log
	die "nginx does not start"
}
holds "two workers" wait_for 5 has_workers "$master" 2 ""
fetch_all "$port" endorun
for size in "${SIZES[@]}"; do
	same_file "$size bytes" "endorun/$size" "www/$size"
	same_file "the header of $size bytes" "endorun/$size.head" "native/$size.head"
done

say "load: $REQUESTS requests"
old=$(workers "$master")
: >endorun/access.log
ab -q -n "$REQUESTS" -c 8 "http://127.0.0.1:$port/1024" >ab.log 2>&1 &
ab_pid=$!
SPAWNED+=("$ab_pid")
wait_for 20 lines_reach endorun/access.log $((REQUESTS / 4)) || fail "the load does not start"
kill -HUP "$master"
wait "$ab_pid"
is "ab's status" $? 0
is "failed requests" "$(grep -c 'Failed requests: *0$' ab.log)" 1
is "complete requests" "$(sed -n 's/^Complete requests: *//p' ab.log)" "$REQUESTS"
is "answers other than 200" "$(grep -c 'Non-2xx' ab.log)" 0
grep 'Requests per second' ab.log
holds "new workers after the reload" wait_for 10 has_workers "$master" 2 "$old"

for signal in SEGV KILL; do
	victim=$(workers "$master" | cut -d ' ' -f 1)
	kill -"$signal" "$victim"
	holds "a worker after SIG$signal" wait_for 10 has_workers "$master" 2 "$victim"
	fetch_all "$port" endorun
	same_file "served after SIG$signal" endorun/65536 www/65536
done
is "the master saw both" "$(grep -c 'exited on signal \(11\|9\)$' endorun/error.log)" 2

old=$(workers "$master")
kill -QUIT "$master"
wait "$master"
is "status after a graceful stop" $? "$native_status"
is "natively it is 0" "$native_status" 0
for pid in $old; do
	holds "worker $pid ended" wait_for 5 is_gone "$pid"
done
holds "the pid file is gone" test ! -e endorun/pid
grep -aE '\[(alert|emerg|crit)\]' endorun/error.log | grep -v 'exited on signal' >alerts
same_file "nothing alarming in the log" alerts /dev/null

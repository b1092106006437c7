#!/usr/bin/env bash
# redis-server and redis-benchmark under endorun; BGSAVE forks, a native server loads its dump.
. "$E2E_DIR/common.bash"

need redis-server redis-server
need redis-benchmark redis-tools
REQUESTS=$(size 20000 500)

cli() { # PORT ARG...
	local port=$1

	shift
	redis-cli -p "$port" "$@"
}

start() { # FOLDER PORT COMMAND...: a server
	local folder=$1 port=$2

	shift 2
	mkdir -p "$folder"
	"$@" redis-server --port "$port" --bind 127.0.0.1 --dir "$E2E_TMP/$folder" --save '' \
		--daemonize no --appendonly "${APPEND:-no}" >"$folder/log" 2>&1 &
	PID=$!
	SPAWNED+=("$PID")
	wait_for 20 answers "$port" || {
		tail "$folder/log"
		die "no server in $folder"
	}
}

answers() { # PORT
	[ "$(cli "$1" ping)" = PONG ]
}

saved() { # PORT
	cli "$1" info persistence | grep -q 'rdb_bgsave_in_progress:0' &&
		cli "$1" info persistence | grep -q 'rdb_saves:[1-9]'
}

stop() { # PORT PID WHAT
	cli "$1" shutdown nosave
	wait "$2"
	is "status of $3" $? 0
}

port=$(free_port)
APPEND=yes start endorun "$port" "${ER[@]}"
server=$PID
both "redis-benchmark --version" redis-benchmark --version
"${ER[@]}" redis-benchmark -p "$port" -q -n "$REQUESTS" -c 20 -r 1000 -d 100 --csv \
	-t ping,set,get,incr,lpush,hset,spop,mset >bench.csv 2>bench.err
is "redis-benchmark's status" $? 0
is "its tests" "$(wc -l <bench.csv)" 10
cut -d , -f 1,2 bench.csv
"${ER[@]}" redis-benchmark -p "$port" -q -n "$REQUESTS" -c 10 -P 16 --threads 3 -t set,get >/dev/null
is "with threads and pipelines" $? 0
"${ER[@]}" redis-cli -p "$port" set answer '42 und üöä' >cli.out
is "redis-cli set" "$(cat cli.out)" OK
is "a script in Lua" "$(cli "$port" eval 'local s = 0 for i = 1, 1000 do s = s + i end
	return s' 0)" 500500
cli "$port" debug jmap >/dev/null 2>&1

is "BGSAVE" "$(cli "$port" bgsave)" "Background saving started"
holds "the dump is saved" wait_for 20 saved "$port"
is "its status" "$(cli "$port" info persistence | tr -d '\r' | sed -n 's/rdb_last_bgsave_status://p')" ok
cli "$port" bgrewriteaof >/dev/null
rewritten() {
	cli "$port" info persistence | tr -d '\r' | grep -q 'aof_rewrite_in_progress:0' &&
		cli "$port" info persistence | grep -q 'aof_rewrites:[1-9]'
}
holds "the log is rewritten" wait_for 20 rewritten
size=$(cli "$port" dbsize)
value=$(cli "$port" get answer)
digest=$(cli "$port" debug digest)
stop "$port" "$server" "redis-server"

mkdir -p native
cp endorun/dump.rdb native/ || fail "there is no dump"
native_port=$(free_port)
start native "$native_port"
is "DBSIZE in a native server" "$(cli "$native_port" dbsize)" "$size"
is "a value there" "$(cli "$native_port" get answer)" "$value"
is "it is the value that was set" "$value" "42 und üöä"
[[ $digest == ERR* ]] || is "digest" "$(cli "$native_port" debug digest)" "$digest"
stop "$native_port" "$PID" "native redis-server"

# SIGTERM saves nothing and ends it; a crash report comes from a signal handler.
port=$(free_port)
start again "$port" "${ER[@]}"
kill -TERM "$PID"
wait "$PID"
is "status after SIGTERM" $? 0
port=$(free_port)
start crash "$port" "${ER[@]}"
kill -SEGV "$PID"
wait "$PID"
is "status after SIGSEGV" $? 139
holds "a crash report" grep -q 'REDIS BUG REPORT START' crash/log

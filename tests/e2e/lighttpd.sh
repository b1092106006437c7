#!/usr/bin/env bash
# lighttpd serves files, runs a CGI program and stops gracefully.
. "$E2E_DIR/common.bash"

need lighttpd lighttpd
need curl curl

mkdir -p www/cgi
for size in 0 1024 1048576; do
	head -c "$size" /dev/urandom >"www/$size"
done
cat >www/cgi/hello.sh <<'END'
#!/bin/sh
printf 'Content-Type: text/plain\r\n\r\n'
echo "$REQUEST_METHOD $QUERY_STRING"
wc -c
END
chmod +x www/cgi/hello.sh

serve() { # FOLDER COMMAND...
	local folder=$1 port pid size

	shift
	mkdir -p "$folder"
	port=$(free_port)
	cat >"$folder/conf" <<-END
	server.modules = ( "mod_cgi", "mod_accesslog" )
	server.document-root = "$E2E_TMP/www"
	server.bind = "127.0.0.1"
	server.port = $port
	server.errorlog = "$E2E_TMP/$folder/error.log"
	accesslog.filename = "$E2E_TMP/$folder/access.log"
	cgi.assign = ( ".sh" => "/bin/sh" )
	END
	spawn "$@" lighttpd -D -f "$folder/conf"
	pid=$PID
	wait_for 10 port_answers "$port" || die "lighttpd does not start in $folder"
	for size in 0 1024 1048576 none cgi/hello.sh?a=b; do
		curl -s -D "$folder/head" -o "$folder/body" "http://127.0.0.1:$port/$size"
		sed '/^\(Date\|Last-Modified\|ETag\):/d' "$folder/head"
		md5sum <"$folder/body"
	done >"$folder/answers"
	head -c 300000 /dev/zero | curl -s --data-binary @- "http://127.0.0.1:$port/cgi/hello.sh" \
		>>"$folder/answers"
	curl -s -r 100-199 "http://127.0.0.1:$port/1048576" | md5sum >>"$folder/answers"
	kill -INT "$pid"
	wait "$pid"
	echo "status $?" >>"$folder/answers"
	grep -c . "$folder/access.log" >>"$folder/answers"
}

serve native
serve endorun "${ER[@]}"
holds "the native one answers" grep -q '^status 0' native/answers
same_file "all answers and the status" endorun/answers native/answers
both "lighttpd -tt" lighttpd -tt -f native/conf

#!/usr/bin/env bash
# All kinds of programs: musl and glibc, dynamic, static, static-pie; C++ and Go.
. "$E2E_DIR/common.bash"

need gcc gcc
need g++ g++
need musl-gcc musl-tools
need age-keygen age
need busybox busybox-static

kinds=(
	"dynamic gcc"
	"no-pie gcc -no-pie -fno-pie"
	"static gcc -static -no-pie"
	"static-pie gcc -static-pie"
	"bind-now gcc -Wl,-z,now,-z,relro"
	"lazy gcc -Wl,-z,lazy -Wl,-z,norelro"
	"no-separate-code gcc -Wl,-z,noseparate-code"
	"large-pages gcc -Wl,-z,max-page-size=2097152"
	"musl musl-gcc"
	"musl-static musl-gcc -static"
	"musl-static-pie musl-gcc -static-pie"
)
if [ "$IS_SLOW" = 1 ]; then # one of each loader
	kinds=("${kinds[0]}" "${kinds[2]}" "${kinds[3]}" "${kinds[5]}" "${kinds[8]}" "${kinds[9]}")
fi
for kind in "${kinds[@]}"; do
	read -ra words <<<"$kind"
	name=${words[0]}
	compile "${words[1]}" some_of_all.c "$name" "${words[@]:2}" -lm -lpthread
	both "$name" "./$name"
done

compile gcc dies.c dies -static
both "a static program that dies" ./dies read

g++ -O1 -o exceptions "$E2E_DIR/../programs/exceptions.cc" || die "exceptions.cc does not compile"
both "C++ exceptions" ./exceptions
both "C++ terminates" ./exceptions terminate
if [ "$IS_SLOW" = 0 ]; then
	g++ -O1 -static -o exceptions.static "$E2E_DIR/../programs/exceptions.cc"
	both "C++ exceptions, static" ./exceptions.static
fi

# A program with a library of its own, and one opened later.
echo 'int twice(int n) { return 2 * n; }' >twice.c
cat >uses.c <<'END'
#include <dlfcn.h>
#include <stdio.h>
int twice(int);
int main(int argc, char **argv)
{
	void *h = dlopen(argc > 1 ? argv[1] : "./libm.missing", RTLD_NOW);
	double (*f)(double) = h ? (double (*)(double))dlsym(h, "cbrt") : 0;

	printf("%d %g %s\n", twice(4), f ? f(27) : 0, h ? "" : dlerror());
	return 0;
}
END
mkdir lib
gcc -shared -fPIC -o lib/libtwice.so twice.c
# shellcheck disable=SC2016 # for the dynamic linker
gcc -o uses uses.c -Llib -ltwice -Wl,-rpath,'$ORIGIN/lib'
both "a library in \$ORIGIN, dlopen" ./uses libm.so.6
both "dlopen of what is missing" ./uses
LD_PRELOAD=$E2E_TMP/lib/libtwice.so both "LD_PRELOAD" ./uses
mv lib other
both "a library that is missing" ./uses
LD_LIBRARY_PATH=$E2E_TMP/other both "LD_LIBRARY_PATH" ./uses libm.so.6

"${ER[@]}" age-keygen -o key.txt 2>public.txt
is "Go: age-keygen" $? 0
is "Go: its key" "$(age-keygen -y key.txt)" "$(sed 's/^Public key: //' public.txt)"
both "Go: age-keygen -y" age-keygen -y key.txt
head -c 200000 /dev/urandom >plain
"${ER[@]}" age -r "$(age-keygen -y key.txt)" -o secret plain
is "Go: age encrypts" $? 0
both "Go: age decrypts" age -d -i key.txt secret
same_file "Go: what it decrypts" endorun/out plain
both "Go: an error" age -d -i plain secret
both "busybox, static" busybox uname -s

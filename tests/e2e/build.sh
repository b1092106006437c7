#!/usr/bin/env bash
# gcc, g++, ld and make under endorun build what they build natively.
. "$E2E_DIR/common.bash"

need gcc gcc
need g++ g++
need make make
PROGRAMS=$E2E_DIR/../programs

"${ER[@]}" gcc -D_GNU_SOURCE -O2 -o facts "$PROGRAMS/facts.c"
is "gcc's status" $? 0
gcc -D_GNU_SOURCE -O2 -o facts.native "$PROGRAMS/facts.c"
same_file "the program is natively the same" facts facts.native
both "what gcc built, under endorun" env -u _ ./facts x
both "an error in the source" gcc -fsyntax-only -x c - <<<'int main(void) { return missing; }'
echo 'int main(void) { return missing; }' >wrong.c
both "an error in a source file" gcc -c wrong.c
both "gcc -E" gcc -D_GNU_SOURCE -E "$PROGRAMS/dies.c"

mkdir sources
files=$(size 6 2)
for ((i = 1; i <= files; i++)); do
	echo "int f$i(int n) { return n * $i; }" >"sources/f$i.c"
done
cat >sources/main.c <<'END'
#include <stdio.h>
int f1(int), f2(int);
int main(void) { printf("%d\n", f1(1) + f2(10)); return 0; }
END
cat >sources/Makefile <<'END'
objects := $(patsubst %.c,%.o,$(sort $(wildcard *.c)))
program: $(objects)
	gcc -o $@ $^
libfs.a: $(objects)
	ar rcs $@ $^
fails:
	@echo about to fail; exit 3
clean:
	@rm -f program libfs.a *.o
END
"${ER[@]}" make -s -j 2 -C sources
is "make -j 2" $? 0
both "what make built, under endorun" sources/program
is "what make built" "$(sources/program)" 21
both "nothing left to do" make -C sources
both "a rule that fails" make -C sources fails
both "make -n" make -n -B -C sources
"${ER[@]}" make -s -C sources clean
is "make clean" "$(find sources -name '*.o')" ""

if [ "$IS_SLOW" = 0 ]; then
	"${ER[@]}" g++ -O1 -o exceptions "$PROGRAMS/exceptions.cc"
	is "g++'s status" $? 0
	g++ -O1 -o exceptions.native "$PROGRAMS/exceptions.cc"
	same_file "the program is natively the same" exceptions exceptions.native
fi

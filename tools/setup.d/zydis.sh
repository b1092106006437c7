# shellcheck shell=bash disable=SC2154 # here and cache are set by setup
# Sourced by setup: everything below $cache/deps.
#
#   lib/libZydis-loader.a    for the loader: musl
#   lib/libZydis-monitor.a   for the monitor: freestanding, the decoder alone
#   lib/libZydis-host.a      for the unit tests: glibc
#   include/                 private copies of the Zydis and Zycore headers
#   libelf-include/          libelf.h and gelf.h, without the rest of /usr/include
#   uapi/                    links to the kernel's headers, which musl does not have
#
# Debian has no static Zydis, so its source package is compiled here. apt-get
# checks the signatures and checksums. The folder is put in place by a rename.

zydis_flags=(
	-std=c11 -O2 -g -DNDEBUG -DZYDIS_STATIC_BUILD -DZYCORE_STATIC_BUILD
	-fvisibility=hidden -fno-asynchronous-unwind-tables
)
zydis_monitor_flags=(
	-DZYAN_NO_LIBC -DZYDIS_DISABLE_FORMATTER -DZYDIS_DISABLE_ENCODER -DZYDIS_DISABLE_SEGMENT
	-ffreestanding -nostdinc -fPIE -fno-plt -mgeneral-regs-only -mno-red-zone
	-fno-stack-protector -fno-builtin -fcf-protection=none
)
zydis_decoder=(Decoder DecoderData SharedData Register MetaInfo Mnemonic Utils Zydis)

# What the result depends on: this recipe, and what it is built from and with.
dependencies_key() {
	{
		cat "$here/setup.d/zydis.sh"
		gcc --version
		dpkg-query -W -f '${Package} ${Version}\n' \
			libzycore-dev libzydis-dev libelf-dev musl-dev linux-libc-dev
	} | sha256sum | cut -d ' ' -f 1
}

# Source lists for the archive that has libzydis-dev, made from the machine's own.
write_source_lists() { # FOLDER
	local uri file
	uri=$(apt-cache policy libzydis-dev | sed -n 's/^ *[0-9]* \([a-z+]*:[^ ]*\) .*/\1/p' | head -n 1)
	[ -n "$uri" ] || die "the package lists do not know libzydis-dev; run 'apt-get update'"
	for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
		grep -qsF "${uri%/}" "$file" || continue
		case $file in
		*.sources) sed 's/^Types:.*/Types: deb-src/' "$file" >"$1/$(basename "$file")" ;;
		*.list) sed -n 's/^deb\( .*\)/deb-src\1/p' "$file" >"$1/$(basename "$file")" ;;
		esac
	done
	[ -n "$(ls -A "$1")" ] || die "no file below /etc/apt names $uri, where libzydis-dev is from"
}

fetch_zydis() { # FOLDER: leaves the sources in FOLDER/zydis
	local log=$1/apt.log
	local -a options=(
		-q -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$1/parts"
		-o "Dir::State::lists=$1/lists" -o "Dir::Cache=$1/cache" -o APT::Sandbox::User=
	)
	mkdir -p "$1/parts" "$1/lists/partial" "$1/cache/archives/partial"
	write_source_lists "$1/parts"
	if ! (cd "$1" && apt-get "${options[@]}" update &&
		apt-get "${options[@]}" source zydis) >"$log" 2>&1; then
		tail -n 5 "$log" >&2
		die "apt-get could not fetch the source package zydis"
	fi
	mv "$1"/zydis-*/ "$1/zydis"
}

# COMPILER SOURCE-FOLDER LIBRARY FILE... -- FLAG...
build_zydis() {
	local compiler=$1 from=$2 library=$3 objects
	local -a files=()
	shift 3
	while [ "$1" != -- ]; do
		files+=("$1")
		shift
	done
	shift
	objects=$(mktemp -d "$work/objects.XXXXXX")
	printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -I{} \
		"$compiler" "${zydis_flags[@]}" "$@" -I"$from/include" -I"$from/src" \
		-I"$work/new/include" -c "$from/src/{}.c" -o "$objects/{}.o" ||
		die "$(basename "$library") does not compile"
	ar rcs "$library" "$objects"/*.o
}

copy_headers() { # FROM TO: of Zydis, Zycore and libelf, and links to the kernel's
	local arch
	mkdir -p "$2/include" "$2/libelf-include" "$2/uapi" "$2/lib"
	cp -r "$1/include/Zydis" /usr/include/Zycore "$2/include/"
	cp /usr/include/libelf.h /usr/include/gelf.h "$2/libelf-include/"
	arch=$(gcc -print-multiarch)
	ln -s /usr/include/linux /usr/include/asm-generic "$2/uapi/"
	ln -s "/usr/include/$arch/asm" "$2/uapi/asm"
}

build_all_zydis() {
	local from=$work/zydis lib=$work/new/lib
	local -a all=()
	mapfile -t all < <(cd "$from/src" && find . -name '*.c' -printf '%P\n' | sed 's/\.c$//')
	build_zydis musl-gcc "$from" "$lib/libZydis-loader.a" "${all[@]}" -- -fno-pie
	build_zydis gcc "$from" "$lib/libZydis-monitor.a" "${zydis_decoder[@]}" -- \
		"${zydis_monitor_flags[@]}" -isystem "$(gcc -print-file-name=include)"
	build_zydis gcc "$from" "$lib/libZydis-host.a" "${all[@]}" -- -fPIE
	check_self_contained "$lib/libZydis-monitor.a"
}

check_self_contained() { # LIBRARY
	local missing
	ld -r -o "$work/all.o" --whole-archive "$1"
	missing=$(nm -u "$work/all.o" | sed -n 's/^ *U //p' | grep -vx _GLOBAL_OFFSET_TABLE_ || true)
	[ -z "$missing" ] || die "$(basename "$1") needs a C library: ${missing//$'\n'/ }"
}

build_dependencies() {
	local key lock
	mkdir -p "$cache"
	exec {lock}>"$cache/deps.lock"
	flock "$lock"
	key=$(dependencies_key)
	if [ "$key" != "$(cat "$cache/deps/key" 2>/dev/null || true)" ]; then
		note "building Zydis from Debian's source package"
		work=$(mktemp -d "$cache/work.XXXXXX")
		fetch_zydis "$work"
		copy_headers "$work/zydis" "$work/new"
		build_all_zydis
		echo "$key" >"$work/new/key"
		rm -rf "$cache/deps"
		mv -T "$work/new" "$cache/deps"
		rm -rf "$work"
	fi
	exec {lock}>&-
}

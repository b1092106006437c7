# shellcheck shell=bash disable=SC2154  # cache, parts and refresh are pkuvm's
# Sourced by pkuvm: packages, the guest's kernel, the two programs and the
# initramfs.  Everything is kept in $cache, made under $cache/lock and put in
# place by a rename, so that callers at the same time do not meet half of it.

# The metapackages to take the kernel from, best first.
default_kernels=(linux-image-6.12-amd64 linux-image-amd64)

# The modules between the port and the root file system, in load order.  A
# kernel may have any of them built in.
modules=(virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci
	virtio_console netfs fscache 9pnet 9pnet_virtio 9p overlay fuse)

# PROGRAM-OR-FILE PACKAGE: what is run or read, and where it comes from.
needs=(
	qemu-system-x86_64 qemu-system-x86
	/usr/share/seabios/bios-256k.bin seabios
	flock util-linux
)
build_needs=(
	gcc gcc
	strip binutils
	/usr/lib/x86_64-linux-gnu/libc.a libc6-dev
	/usr/include/linux/random.h linux-libc-dev
	cpio cpio
	xz xz-utils
	zstd zstd
	tar tar
)

apt() { # ARG...: apt-get, quiet but for its last words when it fails
	local log status=0
	log=$(DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 \
		-o APT::Sandbox::User=root "$@" 2>&1) || status=$?
	[ "$status" = 0 ] || printf '%s\n' "$log" | tail -n 3 >&2
	return "$status"
}

apt_updated=
apt_update() { # once
	[ -z "$apt_updated" ] || return 1
	apt_updated=1
	[ "$EUID" = 0 ] || return 1
	note "updating the package lists"
	apt update
}

apt_show() { # PACKAGE: its record; apt-cache itself would take the name for a pattern too
	apt-cache show --no-all-versions "$1" 2>/dev/null |
		sed -n "/^Package: $1\$/,/^\$/p"
}

apt_knows() { # PACKAGE
	[ -n "$(apt_show "$1")" ]
}

missing_packages() { # PROGRAM-OR-FILE PACKAGE...
	while [ $# -gt 0 ]; do
		case $1 in
		/*) [ -e "$1" ] || echo "$2" ;;
		*) command -v "$1" >/dev/null || echo "$2" ;;
		esac
		shift 2
	done
}

need() { # PROGRAM-OR-FILE PACKAGE...
	local missing
	mapfile -t missing < <(missing_packages "$@")
	[ ${#missing[@]} -gt 0 ] || return 0
	command -v apt-get >/dev/null ||
		die "${missing[*]}" "not installed" "install them with your package manager"
	[ "$EUID" = 0 ] ||
		die "${missing[*]}" "not installed" "run 'pkuvm --setup' as root once"
	apt_knows "${missing[0]}" || apt_update ||
		die "packages" "the package lists are empty" "run 'apt-get update'"
	note "installing ${missing[*]}"
	apt install -y --no-install-recommends "${missing[@]}" ||
		{ apt_update && apt install -y --no-install-recommends "${missing[@]}"; } ||
		die "${missing[*]}" "apt-get could not install them" "see its message above"
}

concrete_kernel() { # PACKAGE: the version that it is, or that it depends on
	case $1 in
	linux-image-[0-9]*.*.*-*) apt_knows "$1" && echo "${1#linux-image-}" ;;
	*) apt_show "$1" | sed -n 's/^Depends: .*\<linux-image-\([0-9][^ ,]*\).*/\1/p' ;;
	esac
}

# Sets kernel_version from the package lists.
resolve_kernel() { # VERSION or nothing
	local package
	local -a packages=("${default_kernels[@]}")
	[ -z "$1" ] || packages=("linux-image-$1" "linux-image-$1-amd64" linux-image-amd64)
	for package in "${packages[@]}"; do
		kernel_version=$(concrete_kernel "$package")
		[ -n "$kernel_version" ] || continue
		[[ -z $1 || $kernel_version == "$1" || $kernel_version == "$1"[.-]* ]] || continue
		[ -n "$1" ] || [ "$package" = "${default_kernels[0]}" ] ||
			note "${default_kernels[0]} is not available;" \
				"using $kernel_version, which is tested less"
		return 0
	done
	kernel_version=
	return 1
}

unpack_vmlinux() { # BZIMAGE VMLINUX: saves the guest a second of decompression
	local sectors offset length start tool tail=4
	[ "$(od -An -c -j 514 -N 4 "$1" | tr -d ' ')" = HdrS ] || return 1
	sectors=$(od -An -tu1 -j $((0x1f1)) -N 1 "$1")
	offset=$(od -An -tu4 -j $((0x248)) -N 4 "$1")
	length=$(od -An -tu4 -j $((0x24c)) -N 4 "$1")
	start=$(((sectors + 1) * 512 + offset))
	case $(od -An -tx1 -j "$start" -N 4 "$1" | tr -d ' ') in
	28b52ffd) tool=zstd ;;
	fd377a58) tool=xz ;;
	1f8b*) tool=gzip tail=0 ;;
	*) return 1 ;;
	esac
	# the last four bytes are the unpacked size, which is gzip's own habit
	tail -c +$((start + 1)) "$1" | head -c $((length - tail)) | "$tool" -dcq >"$2"
	[ "$(stat -c %s "$2")" = \
		"$(od -An -tu4 -j $((start + length - 4)) -N 4 "$1" | tr -d ' ')" ]
}

unpack_modules() { # FROM TO: those of the list that are modules, ready to load
	local name file
	mkdir -p "$2"
	[ -d "$1" ] || return 0
	for name in "${modules[@]}"; do
		file=$(find "$1" -name "$name.ko*" -print -quit)
		case $file in
		'') continue ;;
		*.xz) xz -dc "$file" >"$2/$name.ko" ;;
		*.zst) zstd -dcq "$file" >"$2/$name.ko" ;;
		*) cp "$file" "$2/$name.ko" ;;
		esac
		strip --strip-debug "$2/$name.ko"
	done
}

install_kernel() { # VMLINUZ MODULES NAME: puts $cache/kernels/NAME in place
	local new=$work/new-kernel
	mkdir "$new"
	unpack_vmlinux "$1" "$new/vmlinux" || cp "$1" "$new/vmlinux"
	unpack_modules "$2" "$new/modules"
	rm -rf "$cache/kernels/$3"
	mv -T "$new" "$cache/kernels/$3"
	prune "$cache/kernels" 4
}

fetch_kernel() { # VERSION
	local tree=$work/tree
	[ ! -d "$cache/kernels/$1" ] || return 0
	need "${build_needs[@]}"
	note "fetching kernel $1 (about 100 MB, once)"
	mkdir -p "$tree"
	(cd "$tree" && apt download "linux-image-$1") || return
	dpkg-deb --fsys-tarfile "$tree"/*.deb |
		tar -x -C "$tree" --wildcards './boot/vmlinuz-*' '*.ko*' ||
		die "kernel $1" "the package cannot be unpacked" "is the disk full?"
	install_kernel "$tree/boot/vmlinuz-$1" "$tree" "$1"
	rm -rf "$tree"
}

own_kernel() { # FILE: a vmlinux or bzImage; sets kernel_version to its name in the cache
	local release
	kernel_version=file-$(stat -L -c '%n %s %Y' "$1" | sha256sum | cut -c 1-16)
	[ ! -d "$cache/kernels/$kernel_version" ] || return 0
	need "${build_needs[@]}"
	release=$(file_release "$1")
	install_kernel "$1" "${release:+/lib/modules/$release}" "$kernel_version"
}

file_release() { # FILE: the kernel release that is written in it
	local unpacked=$work/release
	unpack_vmlinux "$1" "$unpacked" || unpacked=$1
	grep -aom 1 'Linux version [0-9][^ ]*' "$unpacked" | head -n 1 | cut -d ' ' -f 3
	rm -f "$work/release"
}

# Sets kernel_version, the kernel's name below $cache/kernels.  A version that
# was found once stays until --setup, so that a run never asks the lists.
choose_kernel() { # VERSION, FILE or nothing
	local known=$cache/known/${1:-default}
	case $1 in
	*/*)
		[ -r "$1" ] || die "--kernel $1" "cannot be read" "name a vmlinux or bzImage"
		locked own_kernel "$(realpath "$1")"
		return
		;;
	esac
	if [ -z "$refresh" ] && [ -r "$known" ]; then
		read -r kernel_version <"$known"
		[ ! -d "$cache/kernels/$kernel_version" ] || return 0
	fi
	locked find_kernel "$1" "$known"
}

get_kernel() { # VERSION or nothing
	resolve_kernel "$1" && fetch_kernel "$kernel_version" && return
	# the lists are missing, or name what has been superseded
	apt_update && resolve_kernel "$1" && fetch_kernel "$kernel_version"
}

find_kernel() { # VERSION-OR-NOTHING KNOWN
	if ! get_kernel "$1"; then
		kernel_version=none
		[ ! -r "$2" ] || read -r kernel_version <"$2"
		[ -d "$cache/kernels/$kernel_version" ] ||
			die "kernel ${1:-${default_kernels[0]#linux-image-}}" \
				"no such package can be had" \
				"run 'apt-get update', or name another with --kernel"
		note "no package can be had; keeping kernel $kernel_version"
	fi
	echo "$kernel_version" >"$work/known"
	mv "$work/known" "$2"
}

# Sets programs, the folder with the relay and the initramfs for this kernel.
choose_programs() {
	local sources
	mapfile -t sources < <(printf '%s\n' "$parts"/*.{c,h,sh})
	programs=$cache/programs/$(cat "${sources[@]}" | sha256sum | cut -c 1-16)
	[ -x "$programs/relay" ] || locked build_programs
	initrd=$programs/$kernel_version.cpio
	[ -s "$initrd" ] || locked build_initrd
}

build_programs() {
	local new=$work/programs
	local -a flags=(-std=gnu11 -O2 -Wall -Wextra)
	[ ! -x "$programs/relay" ] || return 0
	need "${build_needs[@]}"
	mkdir "$new"
	gcc "${flags[@]}" -static -o "$new/init" "$parts/init.c" "$parts/session.c" ||
		die "the guest's init" "gcc failed" "see its message above"
	gcc "${flags[@]}" -o "$new/relay" "$parts/relay.c" ||
		die "the relay" "gcc failed" "see its message above"
	rm -rf "$programs"
	mv -T "$new" "$programs"
	prune "$cache/programs" 4
}

build_initrd() {
	local tree=$work/initrd name
	[ ! -s "$initrd" ] || return 0
	need "${build_needs[@]}"
	mkdir "$tree"
	cp "$programs/init" "$tree/init"
	cp -r "$cache/kernels/$kernel_version/modules" "$tree/modules"
	for name in "${modules[@]}"; do
		[ ! -e "$tree/modules/$name.ko" ] || echo "$name.ko"
	done >"$tree/modules/list"
	(cd "$tree" && find . -mindepth 1 | cpio -o -H newc --quiet --reproducible) \
		>"$work/initrd.cpio" || die "the initramfs" "cpio failed" "see its message above"
	mv "$work/initrd.cpio" "$initrd"
	rm -rf "$tree"
}

prune() { # FOLDER COUNT: keeps what was used last
	local name
	local -a old
	mapfile -t old < <(cd "$1" && find . -mindepth 1 -maxdepth 1 -printf '%T@ %f\n' |
		sort -rn | tail -n +$(($2 + 1)) | cut -d ' ' -f 2-)
	for name in "${old[@]}"; do
		rm -rf "${1:?}/$name"
	done
}

# Runs a function alone among all callers, with an empty folder $work.
locked() { # FUNCTION ARG...
	local lock
	mkdir -p "$cache"/{kernels,known,programs,snapshots}
	need "${needs[@]}"
	exec {lock}>"$cache/lock"
	flock "$lock"
	rm -rf "$cache"/work.* # left by one that was killed
	work=$(mktemp -d "$cache/work.XXXXXX")
	"$@"
	rm -rf "$work"
	work=
	exec {lock}>&-
}

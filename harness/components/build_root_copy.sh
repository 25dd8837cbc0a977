#!/bin/sh
# Runs a command inside a copy of a toolchain root, for root where mount namespaces are forbidden.
#
#   build_root_copy.sh ROOT HEADERS WORK COMMAND [ARGUMENT...]
#
# The arguments are those of build_root.sh. The copy is made of hard links, beside WORK, and removed at the end.
set -eu
root=$1 headers=$2 work=$3
shift 3
copy=$work.root

finish() {
	if [ -d "$copy/work" ] && [ ! -d "$work" ]; then mv "$copy/work" "$work"; fi
	rm -rf "$copy"
}
trap finish EXIT

cp --archive --link "$root" "$copy"
if [ "$headers" != - ]; then
	cp --archive --link "$headers/." "$copy/headers"
fi
# A container may forbid device nodes; a file serves as well for what compilers throw away.
mknod -m 666 "$copy/dev/null" c 1 3 2>&- || : > "$copy/dev/null"
# objtool wants to know where a stack lies, to word its message should it overflow: any process's map will do.
mkdir "$copy/proc/self"
cat /proc/self/maps > "$copy/proc/self/maps"
rmdir "$copy/work"
mv "$work" "$copy/work"
chroot "$copy" /usr/bin/env --ignore-environment --chdir=/work \
	PATH=/usr/bin:/usr/sbin HOME=/work TMPDIR=/work LC_ALL=C "$@"

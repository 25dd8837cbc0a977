#!/bin/sh
# Runs a command inside a toolchain root, in a mount namespace that the caller has made.
#
#   build_root.sh ROOT HEADERS WORK COMMAND [ARGUMENT...]
#
# ROOT     unpacked toolchain; has the empty folders dev, proc, headers and work
# HEADERS  unpacked kernel headers, seen as /headers; "-" for none
# WORK     folder of the build, seen as /work; the command runs in it
set -eu
root=$1 headers=$2 work=$3
shift 3

# Recursive, because a user namespace may not look behind what is mounted below.
mount --rbind /dev "$root/dev"
mount --rbind /proc "$root/proc"
mount --bind "$work" "$root/work"
if [ "$headers" != - ]; then
	mount --bind "$headers" "$root/headers"
fi
exec chroot "$root" /usr/bin/env --ignore-environment --chdir=/work \
	PATH=/usr/bin:/usr/sbin HOME=/work TMPDIR=/work LC_ALL=C "$@"

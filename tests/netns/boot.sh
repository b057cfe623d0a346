#!/bin/sh
# SPDX-License-Identifier: MIT
# boot.sh BUILD WORK: become systemd, on a root of its own, in the namespaces that machine.py made. Nothing outside WORK changes.
#
# The root is an overlay over the machine's, with what `meson install` installs and without the machine's own units, account and
# decisions.
set -eu
build=$1
work=$2
mount --make-rprivate /
mount -t tmpfs -o mode=0755 ng-boot "$work"
mkdir "$work/upper" "$work/overlay" "$work/root"
root=$work/root
mount -t overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/overlay" overlay "$root"
meson install -C "$build" --no-rebuild --quiet --destdir "$root" >/dev/null
rm -rf "$root"/etc/systemd/system/*.wants "$root/etc/netguard" "$root/var/lib/netguard"
for file in passwd shadow group gshadow; do
	sed -i /^netguard:/d "$root/etc/$file"
done
# D-Bus and polkit read below /usr alone, whatever prefix was built for.
find "$root/usr/local/share/dbus-1/system.d" -name '*.conf' -exec cp '{}' "$root/etc/dbus-1/system.d/" \; 2>/dev/null || :
systemctl --quiet --root="$root" enable netguardd.service
exec "$(dirname "$0")/machine.sh" "$root"

#!/bin/sh
# SPDX-License-Identifier: MIT
# boot.sh BUILD WORK: become systemd, on a root of its own, in the namespaces that boot.py made. Nothing outside WORK changes.
#
# The root is an overlay over the machine's, with what `meson install` installs and without the machine's own units, account and
# decisions; its bpffs and its devices are its own, its cgroup2 tree begins at the test's cgroup.
set -eu
build=$1
work=$2
mount --make-rprivate /
mount -t tmpfs -o mode=0755 ng-boot "$work"
mkdir "$work/upper" "$work/overlay" "$work/root"
mount -t overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/overlay" overlay "$work/root"
meson install -C "$build" --no-rebuild --quiet --destdir "$work/root" >/dev/null
cd "$work/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t bpf -o mode=0700 bpf sys/fs/bpf
mount -t tmpfs -o mode=0755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=0755 tmpfs dev
mkdir dev/pts dev/shm old run/machine-proc
mount --bind /proc run/machine-proc
ln -s pts/ptmx dev/ptmx
for node in null zero full random urandom tty; do
	touch "dev/$node"
	mount --bind "/dev/$node" "dev/$node"
done
ip link set lo up
rm -rf etc/systemd/system/*.wants etc/netguard var/lib/netguard
for file in passwd shadow group gshadow; do
	sed -i /^netguard:/d "etc/$file"
done
# D-Bus and polkit read below /usr alone, whatever prefix was built for.
find usr/local/share/dbus-1/system.d -name '*.conf' -exec cp '{}' etc/dbus-1/system.d/ \; 2>/dev/null || :
pivot_root . old
umount -l old
rmdir old
systemctl --quiet enable netguardd.service
exec env -i container=netguard-test PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
	/lib/systemd/systemd --system --unit=basic.target --log-target=null --show-status=no

#!/bin/sh
# SPDX-License-Identifier: MIT
# machine.sh ROOT: become systemd on ROOT, in the namespaces that machine.py made. Nothing outside ROOT changes.
#
# Its bpffs and its devices are its own, its cgroup2 tree begins at the test's cgroup; what programs leave in ROOT stays there.
set -eu
root=$1
mount --make-rprivate /
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t bpf -o mode=0700 bpf sys/fs/bpf
mount -t tmpfs -o mode=0755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=0755 tmpfs dev
mkdir dev/pts dev/shm run/old run/machine-proc
mount --bind /proc run/machine-proc
ln -s pts/ptmx dev/ptmx
for node in null zero full random urandom tty; do
	touch "dev/$node"
	mount --bind "/dev/$node" "dev/$node"
done
ip link set lo up
pivot_root . run/old
umount -l run/old
rmdir run/old
exec env -i container=netguard-test PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
	/lib/systemd/systemd --system --unit=basic.target --log-target=null --show-status=no

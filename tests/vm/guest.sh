#!/bin/sh
# SPDX-License-Identifier: MIT
# The first and only process of the virtual machine: start the guard, have the programs in /app reach the server on loopback, say TAP, switch off.
export PATH=/ng:/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
mount -t tmpfs run /run
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
ip link set lo up
for module in inet_diag tcp_diag udp_diag; do insmod /modules/$module.ko; done
echo "# $(uname -r)"
mkdir -p /run/s /run/r
httpd -p 127.0.0.1:8000 -h /www

number=0
# point WORDS: the status of the command before it is the result.
point() {
	if [ $? = 0 ]; then state=ok; else state="not ok"; fi
	number=$((number + 1))
	echo "$state $number - $*"
}
not() { ! "$@"; }
options="--config /c --state /run/s --runtime /run/r --vendor /v"
ng() { netguard --runtime /run/r "$@"; }
start() {
	: >/tmp/log
	# shellcheck disable=SC2086
	netguardd $options >/tmp/log 2>&1 &
	guard=$!
	for _ in $(seq 600); do
		grep -q ready /tmp/log && return 0
		[ -d /proc/$guard ] || break
		sleep 0.1
	done
	head -5 /tmp/log | while read -r line; do echo "# $line"; done
	return 1
}
fetch() { /app/curl -sS -m 3 http://127.0.0.1:8000/hello 2>/tmp/said | grep -q hello; }
refused_at_once() { /app/curl -v -m 3 http://127.0.0.1:8000/ 2>&1 | grep -q "Operation not permitted\|Couldn't connect"; }
far() { /app/curl -v -m 3 http://203.0.113.9:8000/ 2>&1 | grep -q "$1"; }

fetch; point "control: without a guard the server is reached"
start; point "the guard is in force on the stock kernel"
ng check --strict >/tmp/check 2>&1; point "netguard check --strict finds everything in force"
grep -v "in force " /tmp/check | head -5 | while read -r line; do echo "# $line"; done
fetch; point "a program nobody decided on reaches the server"
ng set /app/curl offline >/dev/null; point "set offline"
not fetch; point "Offline: loopback is refused"
refused_at_once; point "and the program is told at once"
ng set /app/curl local >/dev/null; fetch; point "Local: loopback is reached"
not far "unreachable"; point "Local: the Internet is refused before it is looked for"
ng set /app/curl online >/dev/null; far "unreachable"; point "Online: the Internet is tried"
ng set /app/sh offline >/dev/null
not /app/sh -c "/app/fresh -sS -m 3 http://127.0.0.1:8000/hello; exit \$?" 2>/tmp/said >/dev/null
point "a child of an Offline program is offline"
sleep 100 | /app/nc 127.0.0.1 8000 &
for _ in $(seq 50); do ng log 2>/dev/null | grep -q "^[^ ]* [^ ]* *[0-9]* *nc " && break; sleep 0.2; done
ng set /app/nc offline --json >/tmp/said 2>&1
grep -q "\"closed\" : 1" /tmp/said; point "an open connection is closed, and set says so"
ng set /app/curl offline >/dev/null
kill -9 "$guard" "$(pidof netguard-enforcer)"
not fetch; point "with engine and enforcer killed Offline holds"
start; ng status --json | grep -q '"adopted" : true'; point "a new start adopts what is in force"
not fetch; point "and Offline still holds"
ng forget /app/curl >/dev/null; fetch; point "forgotten, the server is reached"
ng audit --verify >/dev/null; point "the audit chain is whole"
echo "1..$number"
poweroff -f

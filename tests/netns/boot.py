#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The installed unit under a real systemd: what it hardens leaves the guard whole.

systemd is process 1 of namespaces of its own (machine.py), on an overlay of this machine's root with `meson install` in it
(boot.sh)."""

import os
import signal
import sys
import tempfile
import time

from guard import children_of
from lab import build_file, require, wait_for
from machine import SYSTEMD, Machine, line_of
from tap import Skip, Tap, expect, expect_equal, skip_all

PORT = 8000
# CAP_DAC_READ_SEARCH, NET_ADMIN, SYS_PTRACE, SYS_ADMIN, PERFMON, BPF: see src/guardd/enforcer.c.
ENFORCER_POWER = sum(1 << number for number in (2, 12, 19, 21, 38, 39))

# A connection to oneself, open until the end: says what ended it.
HOLDER = """
import socket
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
peer, _ = server.accept()
print("connected", flush=True)
try:
    print("ended", client.recv(1), flush=True)
except OSError as error:
    print("ended", error.errno, flush=True)
"""


def fetch(machine, program):
    return machine.service(program, "-sS", "--max-time", "5", "-o", "/dev/null", f"http://127.0.0.1:{PORT}").returncode


def power_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        lines = dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)
    return lines


def check_power(machine):
    engine = machine.main_pid()
    enforcer = children_of(engine)[0]
    expect_equal(machine.must("stat", "-c", "%U %G %a", "/var/lib/netguard").strip(), "netguard netguard 700", "the state folder")
    expect_equal(machine.must("stat", "-c", "%U %G %a", "/run/netguard").strip(), "root root 755", "the runtime folder")
    for pid, power, name in ((engine, 0, "the engine"), (enforcer, ENFORCER_POWER, "the enforcer")):
        now = power_of(pid)
        for words in ("CapEff", "CapPrm"):
            expect_equal(int(now[words], 16), power, f"{words} of {name}")
        expect_equal(int(now["CapBnd"], 16), 0, f"CapBnd of {name}")
        expect_equal((now["NoNewPrivs"], now["Seccomp"]), ("1", "2"), f"confinement of {name}")
    expect(power_of(engine)["Uid"].split()[0] != "0", "the engine is not root")


def check_in_force(machine):
    text = machine.must("netguard", "check")
    faults = [line for line in text.splitlines() if line.startswith(("not in force", "not supported"))
              and "whole machine" not in line and "BPF LSM" not in line]
    expect(not faults, "\n".join(faults))
    expect("Protecting" in machine.must("netguard", "status"), "netguard status says that it protects")


def check_programs(machine):
    """Found where they are, held to their profile; the unit's own view of files hides none of them."""
    machine.must("cp", "/usr/bin/curl", "/home/ng-curl")
    machine.must("cp", "/usr/bin/curl", "/tmp/ng-curl")
    server = machine.spawn("python3", "-u", "-m", "http.server", "--bind", "127.0.0.1", str(PORT))
    expect("Serving" in line_of(server), "a server answers")
    for path in ("/usr/bin/curl", "/home/ng-curl", "/tmp/ng-curl"):
        expect_equal(fetch(machine, path), 0, f"{path} fetches")
        machine.must("netguard", "set", path, "offline", "--name", path.replace("/", "-").strip("-"))
        expect_equal(fetch(machine, path), 7, f"{path}, Offline, fails to connect")


def check_socket_elsewhere(machine):
    """The enforcer enters the network namespace of a socket to destroy it: RestrictNamespaces= lets it.

    It does so by way of /proc/PID, and the kernel programs know processes by the machine's numbers, not by those in here. So
    for this point the unit's /proc is the machine's."""
    machine.must("mkdir", "-p", "/run/systemd/system/netguardd.service.d")
    machine.must("sh", "-c", "printf '[Service]\\nBindReadOnlyPaths=/run/machine-proc:/proc\\n' >/run/systemd/system/netguardd.service.d/proc.conf")
    machine.must("systemctl", "daemon-reload")
    machine.must("systemctl", "restart", "netguardd")
    try:
        close_elsewhere(machine)
    finally:
        machine.must("rm", "/run/systemd/system/netguardd.service.d/proc.conf")
        machine.must("systemctl", "daemon-reload")
        machine.must("systemctl", "restart", "netguardd")


def close_elsewhere(machine):
    machine.must("cp", "-L", "/usr/bin/python3", "/tmp/ng-holder")
    holder = machine.spawn("--property=PrivateNetwork=yes", "/tmp/ng-holder", "-c", HOLDER)
    expect_equal(line_of(holder), "connected", "the program connects to itself")
    said = machine.must("netguard", "set", "/tmp/ng-holder", "offline")
    expect_equal(line_of(holder), "ended 103", f"what the program sees (ECONNABORTED); netguard said: {said}")


def check_stop_and_start(machine):
    machine.must("systemctl", "stop", "netguardd")
    expect_equal(fetch(machine, "/home/ng-curl"), 7, "Offline while the unit is stopped")
    machine.must("systemctl", "start", "netguardd")
    expect_equal(fetch(machine, "/home/ng-curl"), 7, "Offline after the next start")
    check_in_force(machine)


def check_killed(machine):
    before = int(machine.show("NRestarts"))
    os.kill(machine.main_pid(), signal.SIGKILL)
    expect_equal(fetch(machine, "/home/ng-curl"), 7, "Offline after the engine was killed")
    wait_for(lambda: int(machine.show("NRestarts")) > before and machine.show("ActiveState") == "active", 20, "it runs again")
    check_in_force(machine)


def check_bus(machine):
    """Started long before the bus, it is on it now; stopped, the first caller starts it."""
    ask = ["busctl", "call", "--timeout=20", "org.networkguard.Guard1", "/org/networkguard/Guard1", "org.networkguard.Guard1", "GetStatus"]
    wait_for(lambda: "org.networkguard.Guard1" in machine.must("busctl", "list", "--no-pager", "--acquired"), 30, "it is on the bus")
    machine.must("systemctl", "stop", "netguardd")
    machine.must(*ask)
    expect_equal(machine.show("ActiveState"), "active", "the unit after a call")


def check_removed(machine):
    machine.must("systemctl", "disable", "--now", "netguardd")
    enforcer = machine.must("sh", "-c", "ls /usr/lib/netguard/netguard-enforcer /usr/local/lib/netguard/netguard-enforcer 2>/dev/null || :")
    machine.must(enforcer.split()[0], "--remove")
    expect_equal(machine.must("find", "/sys/fs/bpf/netguard", "-type", "f").strip(), "", "what is left pinned")
    expect_equal(fetch(machine, "/home/ng-curl"), 0, "the program fetches again")


def main():
    require(["unshare", "meson", "curl", "dbus-daemon"])
    if not os.path.exists(SYSTEMD):
        skip_all("systemd is not installed")
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))
    tap, work = Tap(), tempfile.TemporaryDirectory(prefix="ng-boot-")
    machine = Machine(work.name, "boot.sh", build_file(), work.name)
    try:
        try:
            machine.start()
        except Skip as reason:
            skip_all(str(reason))
        with tap.point("the unit starts at boot, before the network, and everything is in force"):
            expect_equal(machine.show("ActiveState"), "active", "the unit")
            guard = int(machine.show("ActiveEnterTimestampMonotonic"))
            expect(0 < guard <= int(machine.show("ActiveEnterTimestampMonotonic", "network-pre.target")), "the guard came first")
            check_in_force(machine)
        with tap.point("folders, accounts and capabilities are what the program expects, and no more"):
            check_power(machine)
        with tap.point("a program is found and held to its profile in /usr, /home and /tmp"):
            check_programs(machine)
        with tap.point("a connection in another network namespace is closed"):
            check_socket_elsewhere(machine)
        with tap.point("systemctl reload makes it read its files again"):
            machine.must("systemctl", "reload", "netguardd")
            expect_equal(machine.show("ActiveState"), "active", "the unit after a reload")
        with tap.point("stopping the unit leaves in force what was, and the next start takes it over"):
            check_stop_and_start(machine)
        with tap.point("killed, it is started again"):
            check_killed(machine)
        with tap.point("it joins the system bus that comes after it, and a call on the bus starts it"):
            check_bus(machine)
        with tap.point("taken off the machine as the manual says, nothing is left in force"):
            check_removed(machine)
        if tap.failed:
            print("# " + machine.call("sh", "-c", "systemctl status --no-pager netguardd; journalctl --no-pager -n 30").stdout.replace("\n", "\n# "))
    finally:
        machine.close()
        work.cleanup()
    return tap.finish()


if __name__ == "__main__":
    started = time.monotonic()
    code = main()
    print(f"# {time.monotonic() - started:.1f} s")
    sys.exit(code)

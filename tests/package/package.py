#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The Debian packages from dpkg-buildpackage to purge, on a Debian and under a systemd of their own.

debian.py makes the packages and the root, tests/netns/machine.py starts systemd on it. Its cgroup tree begins at a cgroup of the
test's: the guard that the package starts guards that, and never this machine. It has no network but its loopback, so that apt, in
there, can take nothing from elsewhere: what the packages depend on is there before, as apt chose it. All of it is removed at the end.
"""

import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time

import debian
import leftovers
from lab import cgroup2_mount, wait_for
from machine import Machine, line_of
from tap import Skip, Tap, expect, expect_equal, skip_all

NEXT = "0.1.1"
PACKAGES = ("netguard", "netguard-window", "python3-netguard")
PORT = 8000
PROGRAMS = {"fetch": "/usr/local/bin/fetch", "held": "/usr/local/bin/held", "free": "/usr/local/bin/free"}  # each a copy of perl
PINS = "/sys/fs/bpf/netguard"
FETCH = f'exit(IO::Socket::INET->new(PeerAddr => "127.0.0.1:{PORT}", Timeout => 5) ? 0 : 7)'
SERVE = f"""
my $server = IO::Socket::INET->new(LocalAddr => "127.0.0.1:{PORT}", Listen => 128, ReuseAddr => 1) or die;
$| = 1; print "serving\\n";
while (my $client = $server->accept) {{ close $client }}
"""
# python_blackbox, where the guard knows nothing of the program: it and its child before, blocked, and with the server permitted.
IMPORT = f"""
import socket, subprocess
def reach():
	try:
		socket.create_connection(("127.0.0.1", {PORT}), timeout=5).close()
	except OSError as error:
		return type(error).__name__
	return "reached"
def look():
	print(reach(), subprocess.run(["perl", "-MIO::Socket::INET", "-e", {FETCH!r}]).returncode, flush=True)
look()
import python_blackbox
look()
python_blackbox.add_whitelist("127.0.0.1:{PORT}")
look()
print(python_blackbox.protection()["launcher"])
"""
# Connects again and again until it is told to end, on a busy machine until it has tried often enough to say something; then
# says how often it tried and got through.
ENOUGH = 20
TRY = f"""
my ($tried, $through, $stop) = (0, 0, 0);
$SIG{{TERM}} = sub {{ $stop = 1 }};
$| = 1; print "trying\\n";
until ($stop and $tried >= {ENOUGH}) {{
	my $before = $stop;
	my $got = IO::Socket::INET->new(PeerAddr => "127.0.0.1:{PORT}", Timeout => 5);
	next if !$got and $stop != $before; # the signal cut it short: it says nothing
	$tried++;
	$through++ if $got;
	select(undef, undef, undef, 0.002);
}}
print "$tried $through\\n";
"""


class Debian(Machine):
    def __init__(self, work, root):
        super().__init__(work, "machine.sh", root)
        self.root = root

    def perl(self, program, text, unit=None):
        return [*(["--unit", unit] if unit else []), program, "-MIO::Socket::INET", "-e", text]

    def fetch(self):
        """0: it reached the server; 7: it did not."""
        return self.service(*self.perl(PROGRAMS["fetch"], FETCH)).returncode

    def serve(self):
        server = self.spawn(*self.perl("/usr/bin/perl", SERVE))
        expect_equal(line_of(server), "serving", "the server")

    def apt(self, *argv):
        self.must("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y", "--no-install-recommends", *argv, seconds=180)

    def status(self):
        """GetStatus on the system bus."""
        said = self.must("busctl", "--json=short", "--timeout=20", "call", "org.networkguard.Guard1", "/org/networkguard/Guard1",
                         "org.networkguard.Guard1", "GetStatus")
        return {name: value["data"] for name, value in json.loads(said)["data"][0].items()}

    def records(self):
        return [json.loads(self.must("netguard", "--json", *verb)) for verb in (["export"], ["audit", "--limit", "10000"])]

    def explain(self):
        return self.call("sh", "-c", "systemctl status --no-pager netguardd; journalctl --no-pager -n 40; netguard status").stdout


class Trying:
    """Two programs that connect again and again, one Offline, and one that may: it shows that there was something to reach."""

    def __init__(self, machine):
        self.machine = machine
        self.children = {}

    def __enter__(self):
        for name in ("held", "free"):
            self.children[name] = self.machine.spawn(*self.machine.perl(PROGRAMS[name], TRY, unit=f"try-{name}"))
            expect_equal(line_of(self.children[name]), "trying", name)
        return self

    def __exit__(self, *_):
        for name in self.children:
            self.machine.call("systemctl", "kill", "--signal=TERM", "--kill-whom=main", f"try-{name}")

    def counts(self, name):
        """(tried, got through), once the block has ended."""
        return tuple(int(word) for word in line_of(self.children[name]).split())


def check_in_force(machine):
    expect_equal(machine.show("ActiveState"), "active", "the unit")
    expect("Protecting" in machine.must("netguard", "status"), "netguard status says that it protects")


def check_no_hole(tap, machine, what, act):
    with Trying(machine) as trying:
        act()
    tried, through = trying.counts("held")
    free_tried, free_through = trying.counts("free")
    tap.note(f"{what}: {tried} attempts Offline, {through} through; {free_tried} Online, {free_through} through")
    expect_equal(through, 0, "attempts of the Offline program that got through")
    expect(tried >= ENOUGH, "the Offline program tried all the time")
    expect(free_tried >= ENOUGH and free_tried == free_through, "the other program was let through all the time")


# --- the points, in their order ---

def check_installed(machine, debs):
    machine.apt("install", *debs)
    expect_equal(machine.show("UnitFileState"), "enabled", "the unit at the next boot")
    check_in_force(machine)
    wait_for(lambda: "org.networkguard.Guard1" in machine.must("busctl", "list", "--no-pager", "--acquired"), 20, "it is on the bus")
    owner = machine.must("stat", "-c", "%U %G %a", "/var/lib/netguard").strip()
    expect_equal(owner, "netguard netguard 700", "the state folder")


def check_window(machine, version):
    for path in ("applications/org.networkguard.Window.desktop", "metainfo/org.networkguard.Window.metainfo.xml",
                 "icons/hicolor/scalable/apps/org.networkguard.Window.svg", "locale/de/LC_MESSAGES/netguard.mo",
                 "dbus-1/services/org.networkguard.Window.service"):
        expect(os.path.exists(os.path.join(machine.root, "usr/share", path)), f"/usr/share/{path} is there")
    for program in ("netguard", "netguard-window", "netguardd"):
        said = machine.must(program, "--version")
        expect(version in said, f"{program} --version says {said!r}")


def check_blocks(tap, machine):
    machine.serve()
    expect_equal(machine.fetch(), 0, "nobody decided, it reaches the server")
    with Trying(machine):
        pass
    for name in ("fetch", "held"):
        machine.must("netguard", "set", PROGRAMS[name], "offline", "--name", name, "--reason", "a test")
    expect_equal(machine.fetch(), 7, "Offline, it does not")
    check_no_hole(tap, machine, "nothing happens", lambda: expect_equal(machine.fetch(), 7, "still Offline"))


def check_python(machine):
    said = machine.must("env", "PYTHONDONTWRITEBYTECODE=1", "/usr/bin/python3", "-c", IMPORT).splitlines()
    expect_equal(said, ["reached 0", "NetworkBlockedError 7", "reached 0", "/usr/lib/netguard/netguard-run"], "before, blocked, permitted; its launcher")
    said = machine.must("/usr/bin/python3", "-m", "python_blackbox", "-c", "import python_blackbox; print(python_blackbox.profile())").split()
    expect_equal(said, ["offline"], "the wrapper")


def check_hole_is_seen(tap, machine):
    def open_and_close():
        machine.must("netguard", "set", PROGRAMS["held"], "online")
        machine.fetch()
        machine.must("netguard", "set", PROGRAMS["held"], "offline")
    try:
        check_no_hole(tap, machine, "a moment Online", open_and_close)
    except AssertionError as error:
        expect("got through" in str(error), f"it failed for another reason: {error}")
    else:
        raise AssertionError("a hole of a moment is not seen")


def check_upgraded(tap, machine, debs):
    decided, audit = machine.records()
    before = machine.show("MainPID")
    check_no_hole(tap, machine, "upgrade", lambda: machine.apt("install", *debs))
    expect_equal(machine.must("dpkg-query", "-W", "-f", "${Version} ", *PACKAGES).split(), [NEXT] * len(PACKAGES), "versions")
    expect(machine.show("MainPID") != before, "the service was restarted")
    program = machine.must("readlink", f"/proc/{machine.show('MainPID')}/exe").strip()
    expect_equal(program, "/usr/sbin/netguardd", "what runs is the new file")
    expect_equal(machine.status()["adopted"], True, "the new service adopted what was pinned")
    expect_equal(machine.fetch(), 7, "Offline after the upgrade")
    check_in_force(machine)
    check_records(machine, decided, audit)


def check_records(machine, decided, audit):
    now, chain = machine.records()
    expect_equal(now["applications"], decided["applications"], "the decisions")
    expect_equal(len(now["applications"]), 2, "the number of decisions")
    lost = [record for record in audit if record not in chain]
    expect(len(audit) >= 2 and not lost, f"records of the audit chain that are gone: {lost}")
    machine.must("netguard", "audit", "--verify")


def check_restarted(machine):
    check_in_force(machine)
    machine.serve()
    expect_equal(machine.fetch(), 7, "Offline after a restart of the machine")
    machine.must("netguard", "audit", "--verify")


def check_control(machine, before, known):
    """Asked before anything is removed, the same questions find plenty."""
    found = "\n".join(leftovers.of_kernel(machine, known))
    for words in ("is pinned", "is attached to", "link", "map", "prog"):
        expect(words in found, f"nothing is said to be left in the kernel ({words}): {found}")
    expect("runs" in "\n".join(leftovers.of_processes(machine)), "no process is said to be left")
    found = "\n".join(leftovers.of_files(machine.root, before))
    for words in ("/usr/sbin/netguardd is new", "/var/lib/netguard is new", "/etc/passwd was changed", "/etc/passwd speaks of us",
                  "/usr/lib/python3/dist-packages/python_blackbox is new"):
        expect(words in found, f"not said to be left: {words}")
    stray = os.path.join(machine.root, "usr/share/stray")
    with open(stray, "w", encoding="ascii"):
        found = leftovers.of_files(machine.root, before)
    os.unlink(stray)
    expect("/usr/share/stray is new" in found, "a stray file without our name is not seen")


def check_removed(machine, known):
    machine.apt("remove", *PACKAGES)
    expect_nothing_runs(machine, known)
    expect_equal(machine.fetch(), 0, "what was Offline reaches the server")
    kept = machine.must("find", "/var/lib/netguard", "-type", "f")
    expect("apps.d" in kept and ".db" in kept, f"decisions and records are kept: {kept.split()}")


def expect_nothing_runs(machine, known):
    expect(machine.show("LoadState") in ("not-found", "masked"), "there is no unit that could be started")
    expect_equal(machine.show("ActiveState"), "inactive", "the unit")
    expect_equal(leftovers.of_processes(machine), [], "what runs, or lies in /run")
    # The kernel frees programs after their last user, not at once.
    with contextlib.suppress(AssertionError):
        wait_for(lambda: not leftovers.of_kernel(machine, known), 15, "nothing is left")
    expect_equal(leftovers.of_kernel(machine, known), [], "what is left in the kernel")


def check_purged(machine, before, known):
    # One without files to keep is gone when it is removed.
    machine.apt("purge", *(name for name in PACKAGES if machine.call("dpkg-query", "-W", name).returncode == 0))
    expect_nothing_runs(machine, known)
    expect_equal(leftovers.of_files(machine.root, before), [], "what is left in the root")
    expect(machine.call("getent", "passwd", "netguard").returncode == 2, "the account is gone")


def check_reinstalled(tap, machine, debs, before):
    machine.apt("install", *debs)
    check_in_force(machine)
    expect_equal(machine.fetch(), 0, "nothing is decided any more")
    machine.must("netguard", "set", PROGRAMS["fetch"], "offline")
    expect_equal(machine.fetch(), 7, "a new decision is in force")
    known = leftovers.objects(machine)
    tap.note(f"{len(known)} objects in the kernel before, none after")
    check_purged(machine, before, known)


# --- all of it ---

def prepare_root(root, debs):
    """What the test itself needs in there, before the files are listed. The packages as apt names them in there."""
    for path in PROGRAMS.values():
        shutil.copy2(os.path.join(root, "usr/bin/perl"), root + path)
    return [shutil.copy(deb, os.path.join(root, "srv"))[len(root):] for deb in debs]


def run_life(tap, work, packages):
    """Installed, used, upgraded, removed, purged, installed again."""
    old = [packages[name] for name in PACKAGES]
    new = [debian.as_version(deb, NEXT) for deb in old]
    started = time.monotonic()
    root, is_new = debian.make_root(work, old)
    tap.note(f"the root was {'made and kept' if is_new else 'unpacked'} in {time.monotonic() - started:.0f} s")
    old, new = prepare_root(root, old), prepare_root(root, new)
    machine = Debian(work, root)
    try:
        with tap.point("systemd starts on a Debian that has not seen the packages"):
            machine.start()
        if not machine.pid:
            return
        # systemd makes files of its own the first time.
        before = leftovers.files(root)
        with tap.point("apt installs the packages; the service is enabled, runs, protects, and is on the bus"):
            check_installed(machine, old)
        with tap.point("the window's files are there, and each program runs"):
            check_window(machine, debian.field(packages["netguard"], "Version"))
        with tap.point("what is set to Offline reaches nothing, what nobody decided on reaches all"):
            check_blocks(tap, machine)
        with tap.point("python3 imports python_blackbox, which blocks it and its child, but for what is permitted"):
            check_python(machine)
        with tap.point("control: the check for a hole during the upgrade sees one of a moment"):
            check_hole_is_seen(tap, machine)
        with tap.point("during an upgrade nothing Offline gets through; decisions and records are kept, what is pinned is taken over"):
            check_upgraded(tap, machine, new)
        with tap.point("after a restart of the machine what was decided is in force"):
            machine.close()
            machine = Debian(work, root)
            machine.start()
            check_restarted(machine)
        known = leftovers.objects(machine)
        with tap.point("control: before the removal, the checks for what is left find plenty"):
            check_control(machine, before, known)
        with tap.point("removed, nothing of it runs and nothing is left in the kernel; decisions and records are kept"):
            check_removed(machine, known)
        with tap.point("purged, no file, account or entry is left"):
            check_purged(machine, before, known)
        with tap.point("installed again it starts with nothing decided; purged at once, nothing is left"):
            check_reinstalled(tap, machine, new, before)
        if tap.failed:
            print("# " + machine.explain().replace("\n", "\n# "))
    finally:
        machine.close()


def require():
    if os.geteuid() != 0:
        skip_all("needs root: a systemd of its own on a root of its own")
    if not cgroup2_mount():
        skip_all("no cgroup2 mount in /proc/self/mountinfo")
    missing = [name for name in ("dpkg-buildpackage", "dh", "lintian", "debootstrap", "apt-get", "unshare", "nsenter", "ip", "bpftool")
               if not shutil.which(name)]
    if missing:
        skip_all("not installed: " + ", ".join(missing))


def main():
    require()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="ng-package-") as work:
        os.chmod(work, 0o755)  # apt and dpkg look at it as other users
        packages = {}
        with tap.point("dpkg-buildpackage makes the packages out of a copy of the tree"):
            started = time.monotonic()
            packages = debian.build(work)
            tap.note(f"in {time.monotonic() - started:.0f} s: {', '.join(sorted(packages))}")
            expect(set(PACKAGES) <= packages.keys(), "all packages are made")
        with tap.point("lintian finds neither error nor warning"):
            if not packages:
                raise Skip("there are no packages")
            debian.run("lintian", "--fail-on", "error,warning", "--allow-root", packages["changes"])
        if packages:
            reason = debian.why_no_root(work, [packages[name] for name in PACKAGES])
            if reason:
                with tap.point("installed, run, upgraded, removed and purged on a Debian of its own"):
                    raise Skip(reason)
            else:
                run_life(tap, work, packages)
    return tap.finish()


if __name__ == "__main__":
    begun = time.monotonic()
    code = main()
    print(f"# {time.monotonic() - begun:.0f} s")
    sys.exit(code)

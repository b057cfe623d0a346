#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Children, copies and other names: whatever an Offline program starts is offline, and a listed file is recognised under
every name it has. What an unlisted program gains by copying a listed one is asserted as a limit (bypasses, rows 8 to 10)."""

import os
import sys

from agent import Agent
from guard import is_bare, make_guard
from lab import INET4, INET6, LAN4, LAN6, Lab, mount, require, run_quiet, wait_for
from peers import ECHO, HTTP, Peer
from programs import PYTHON, bracket
from tap import Tap, expect, expect_equal

MS_BIND = 0x1000
TARGETS = (LAN4, LAN6, INET4, INET6)

DAEMON = """
import os, socket, sys
def attempt(host):
    s = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET, socket.SOCK_STREAM)
    s.settimeout(3)
    try:
        s.connect((host, 7001)); return 'reached'
    except OSError as e: return os.strerror(e.errno or 0)
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
os.chdir('/')
with open(sys.argv[1] + '.new', 'w') as out:
    out.write('\\n'.join(attempt(h) for h in sys.argv[2:]))
os.rename(sys.argv[1] + '.new', sys.argv[1])
"""

MEMFD = """
import os, sys
fd = os.memfd_create('nothing')
with open(sys.argv[1], 'rb') as source: os.write(fd, source.read())
os.execve(fd if sys.argv[2] == 'fexecve' else f'/proc/self/fd/{fd}', sys.argv[3:], dict(os.environ))
"""


class Launching:
    """An application `launcher` (a copy of dash) and what it can be made to start."""

    def __init__(self, lab):
        self.lab = lab
        self.launcher = lab.app("launcher", "dash")
        self.curl = lab.app("plain-curl", "curl")  # never listed
        self.python = lab.app("plain-python", PYTHON)
        self.loader = _loader(self.curl)

    def through(self, script, *arguments):
        """Run a shell script text with the launcher."""
        return self.lab.run([self.launcher, "-c", script, "launcher", *arguments], seconds=30)

    def fetches(self, command):
        """Shell text that fetches every target with `command`, printing hello for each that answered."""
        return "; ".join(f"{command} -sS --noproxy '*' --max-time 4 'http://{bracket(host)}:{HTTP}/hello' 2>&1"
                         for host in TARGETS)


def _loader(path):
    """The dynamic loader that a binary names."""
    output = run_quiet(["ldd", path])
    return next(line.split()[0] for line in output.splitlines() if "ld-linux" in line or "/ld" in line.split()[0])


def check_silent(lab, action):
    """Nothing that `action` starts reaches anybody. It returns the output of the programs."""
    with lab.counting() as packets:
        output = action()
    for peer in ("lan", "inet"):
        expect_equal(packets.everything(peer), 0, f"packets at {peer} ({packets}; {output})")
    expect("hello" not in output and "reached" not in output, f"nobody answered: {output}")
    return output


def offline_ways(start, lab):
    """(name, action): each a way to be another program, taken by an Offline one."""
    curl, folder = start.curl, lab.dir
    script = os.path.join(folder, "script.sh")
    with open(script, "w", encoding="ascii") as file:
        file.write(f"#!/bin/sh\n{start.fetches(curl)}\n")
    os.chmod(script, 0o755)
    run = lambda text: lambda: start.through(text).output  # noqa: E731
    memfd = f"'{start.python}' -I -c \"$1\" '{curl}' %s curl -sS --noproxy '*' --max-time 4 'http://{LAN4}:{HTTP}/hello' 2>&1"
    return (
        ("a program it starts directly", run(start.fetches(curl))),
        ("sh -c", run(f'sh -c "$(cat <<"E"\n{start.fetches(curl)}\nE\n)"')),
        ("a shell script", run(script)),
        ("a shell in a shell in a shell", run(f"sh -c \"sh -c 'sh {script}; true'; true\"")),
        ("a double-forked daemon in a session of its own", lambda: daemon_output(start, lab)),
        ("a copy of a program", run(f"cp {curl} {folder}/copied; {start.fetches(folder + '/copied')}")),
        ("a renamed copy", run(f"cp {curl} {folder}/c1; mv {folder}/c1 {folder}/renamed; {start.fetches(folder + '/renamed')}")),
        ("a hard link", run(f"ln -f {curl} {folder}/linked; {start.fetches(folder + '/linked')}")),
        ("a symbolic link", run(f"ln -sf {curl} {folder}/symlinked; {start.fetches(folder + '/symlinked')}")),
        ("the dynamic loader", run(start.fetches(f"{start.loader} {curl}"))),
        ("/proc/self/fd", run(f"exec 9<{curl}; {start.fetches('/proc/self/fd/9')}")),
        ("a memory file by descriptor", lambda: start.through(memfd % "fexecve", MEMFD).output),
        ("a memory file by /proc/self/fd", lambda: start.through(memfd % "proc", MEMFD).output),
        ("a new user, group and session", run(f"setpriv --reuid=65534 --regid=65534 --clear-groups setsid -w sh {script}")),
        ("nsenter into another mount namespace", run(f"unshare --mount sh {script}")),
    )


def daemon_output(start, lab):
    """What a daemon reports after its parents are gone."""
    report = os.path.join(lab.dir, "daemon-report")
    if os.path.exists(report):
        os.unlink(report)
    start.through(f"'{start.python}' -I -c \"$1\" {report} {' '.join(TARGETS)}", DAEMON)

    def read():
        if os.path.exists(report):
            with open(report, encoding="utf-8") as file:
                return file.read() or "nothing"
        return None
    return wait_for(read, 20, "the daemon reports")


def check_launched(tap, lab, guard):
    start = Launching(lab)
    ways = offline_ways(start, lab)
    with tap.point("control: while the launcher has no profile all that it starts reaches the peers"):
        for name, action in ways:
            output = action()
            expect("hello" in output or "reached" in output, f"{name}: {output}")
    guard.set(start.launcher, "offline")
    for name, action in ways:
        with tap.point(f"started by an Offline program, {name} is offline", blocks=True):
            check_silent(lab, action)
    with tap.point("under a Local launcher a child reaches the LAN and sends the Internet nothing", blocks=True):
        guard.set(start.launcher, "local")
        with lab.counting() as packets:
            output = start.through(start.fetches(start.curl)).output
        expect_equal(output.count("hello"), 2, f"both LAN addresses answered: {output}")
        expect_equal(packets.everything("inet"), 0, f"packets at inet ({packets})")
    with tap.point("an Online child of an Offline program is offline all the same", blocks=True):
        guard.set(start.launcher, "offline")
        listed = lab.app("listed-online", "curl")
        guard.set(listed, "online")
        check_silent(lab, lambda: start.through(start.fetches(listed)).output)


def check_changes(tap, lab, guard):
    launcher = lab.app("launcher", "dash")
    guard.set(launcher, "offline")
    child = Agent(lab, "plain-python", argv=[launcher, "-c", '"$@"; true', "launcher"])
    with tap.point("a running child of an Offline program is offline", blocks=True):
        for host in TARGETS:
            expect_equal(child.errno(f"tcp({host!r}, {ECHO})"), "EPERM", host)
    with tap.point("loosening the ancestor loosens its running children: Local, then Online"):
        guard.set(launcher, "local")
        expect_equal(child.call(f"talk(tcp({LAN4!r}, {ECHO}))"), "hello", "the LAN")
        if not is_bare():
            expect_equal(child.errno(f"tcp({INET4!r}, {ECHO})"), "EPERM", "the Internet")
        guard.set(launcher, "online")
        expect_equal(child.call(f"talk(tcp({INET6!r}, {ECHO}))"), "hello", "the Internet")
    with tap.point("tightening the ancestor tightens its running children again", blocks=True):
        guard.set(launcher, "offline")
        expect_equal(child.errno(f"tcp({LAN6!r}, {ECHO})"), "EPERM", "the LAN")
    with tap.point("a child whose Offline parent ended stays offline", blocks=True):
        child.end()
        orphan = Agent(lab, "plain-python", argv=[launcher, "-c", 'exec 3<&0; "$@" <&3 & wait', "launcher"])
        orphan_pid = orphan.call("os.getpid()")
        os.kill(orphan.pid, 9)
        orphan.child.wait()
        expect(os.path.exists(f"/proc/{orphan_pid}"), "the child lives")
        expect_equal(orphan.errno(f"tcp({LAN4!r}, {ECHO})"), "EPERM", "the LAN")
    with tap.point("Children=own: what an Offline program starts answers for itself, the program stays offline", blocks=True):
        owner = lab.app("owner", "dash")
        guard.set(owner, "offline", "--children", "own")
        free = Agent(lab, "plain-python", argv=[owner, "-c", '"$@"; true', "owner"])
        expect_equal(free.call(f"talk(tcp({INET4!r}, {ECHO}))"), "hello", "the child reaches the Internet")
        guard.set(lab.app("owner-python", PYTHON), "offline", "--children", "own")
        agent = Agent(lab, "owner-python")
        expect_equal(agent.errno(f"tcp({INET4!r}, {ECHO})"), "EPERM", "the program itself")


def check_names(tap, lab, guard):
    """A listed file, started by a shell that nobody listed."""
    listed = lab.app("listed", "curl")
    guard.set(listed, "offline")
    other = os.path.join(lab.dir, "other")
    os.mkdir(other)

    def fetch(*command):
        return "".join(lab.run([*command, "-sS", "--noproxy", "*", "--max-time", "4", f"http://{bracket(host)}:{HTTP}/hello"]).output
                       for host in TARGETS)
    os.link(listed, f"{other}/hard")
    os.symlink(listed, f"{other}/soft")
    with open(f"{other}/bound", "wb"):
        pass
    mount(listed, f"{other}/bound", None, flags=MS_BIND)
    os.mkdir(f"{other}/bin")
    mount(os.path.dirname(listed), f"{other}/bin", None, flags=MS_BIND)
    for name, command in (("its own path", [listed]), ("a hard link", [f"{other}/hard"]), ("a symbolic link", [f"{other}/soft"]),
                          ("a bind mount of the file", [f"{other}/bound"]),
                          ("a bind mount of its folder", [f"{other}/bin/listed"]),
                          ("env and exec", ["env", "-i", "sh", "-c", f'exec {listed} "$@"', "sh"])):
        with tap.point(f"an Offline program is recognised when an unlisted shell starts it by {name}", blocks=True):
            check_silent(lab, lambda command=command: fetch(*command))
    with tap.point("an Offline program that was renamed while listed is still offline", blocks=True):
        os.rename(f"{other}/hard", f"{other}/harder")
        check_silent(lab, lambda: fetch(f"{other}/harder"))
    run_quiet(["cp", listed, f"{other}/copy"])
    for name, command in (("a copy made by an unlisted program", [f"{other}/copy"]),
                          ("the dynamic loader run by an unlisted program", [_loader(listed), listed])):
        with tap.point(f"limit: {name} is another program, the default holds for it"):
            expect_equal(fetch(*command).count("hello"), len(TARGETS), "targets that answered")


def main():
    require(["curl", "setpriv", "unshare", "ldd"], product=not is_bare())
    tap = Tap()
    lab = Lab()
    for name in ("lan", "inet"):
        Peer(lab, name)
    guard = make_guard(lab)
    guard.start()
    check_launched(tap, lab, guard)
    check_changes(tap, lab, guard)
    check_names(tap, lab, guard)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())

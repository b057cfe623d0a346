#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a program may do *after* it was recognised or a verdict was given: ways around that a review found and that are closed."""

import os
import subprocess
import sys

from agent import Agent
from guard import app_text, make_guard
from lab import INET4, LAN4, Lab, require, wait_for
from peers import ECHO, Peer
from programs import PYTHON
from tap import Tap, expect, expect_equal

# Loose source route by way of the peer: type 131, length 7, pointer 4, one address; and an end of options.
LSRR = f"bytes([131, 7, 4]) + socket.inet_aton({INET4!r}) + bytes([0])"
CLIENT4 = "192.168.77.2"


def nudge(lab, guard, number):
    """A decision about another program: the guard walks all processes and sockets."""
    other = lab.app(f"other-{number}", "sleep")
    guard.set(other, "offline")


def refused(agent, what):
    expect_equal(agent.errno(f"tcp({INET4!r}, {ECHO})"), "EPERM", what)


def check_identity(tap, lab, guard):
    with tap.point("an Offline program that removes its own file stays offline, also when others are decided on and at a restart"):
        agent = Agent(lab, "unlinker")
        guard.set(agent.path, "offline")
        agent.call("os.unlink(sys.executable)")
        nudge(lab, guard, 1)
        refused(agent, "after a walk")
        wait_for(lambda: agent.path not in str(guard.json("get", "unlinker").get("found")), 10, "the service has seen it")
        nudge(lab, guard, 2)
        refused(agent, "after the service has seen it")
        guard.stop()
        guard.start()
        refused(agent, "after a restart")
        agent.end()
    with tap.point("an Offline program whose first thread has ended stays offline"):
        path = lab.app("headless", PYTHON)
        guard.set(path, "offline")
        code = ("import ctypes, socket, sys, threading\n"
                "def rest():\n"
                "    sys.stdin.readline()\n"
                "    try: socket.create_connection((%r, %d), 3); print('through', flush=True)\n"
                "    except OSError as error: print(error.errno, flush=True)\n"
                "threading.Thread(target=rest).start()\n"
                "print('ready', flush=True)\n"
                "ctypes.CDLL(None).syscall(60, 0)\n") % (INET4, ECHO)
        agent = Agent.__new__(Agent)
        agent.lab, agent.path = lab, path

        agent.child = lab.spawn([path, "-I", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        agent.child.stdout.readline()
        wait_for(lambda: open(f"/proc/{agent.child.pid}/stat", encoding="utf-8").read().split(") ")[1][0] == "Z", 5, "the first thread ends")
        nudge(lab, guard, 3)
        agent.child.stdin.write(b"\n")
        agent.child.stdin.flush()
        expect_equal(agent.child.stdout.readline().strip(), b"1", "errno of connect()")
        agent.child.kill()


def check_remembered(tap, lab, guard):
    agent = Agent(lab, "local-later")
    guard.set(agent.path, "local")
    with tap.point("a source route set on an open LAN connection of a Local program leads nowhere"):
        expect_equal(agent.call(f"s = tcp({LAN4!r}, {ECHO})\nresult = talk(s)"), "hello", "the LAN")
        with lab.counting("inet") as packets:
            agent.errno(f"s.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, {LSRR})\n"
                        "s.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 4)\ns.settimeout(1)\ns.send(b'x')\ns.recv(10)")
        expect_equal(packets.programs("inet"), 0, f"packets at the Internet ({packets})")
    with tap.point("a LAN connection of a Local program that is turned into a listener is not reached from the Internet"):
        port = agent.call(f"s = tcp({LAN4!r}, {ECHO}); talk(s)\n"
                          "libc.connect(s.fileno(), struct.pack('HxxQQ', 0, 0, 0), 16)\ns.listen(5)\nresult = s.getsockname()[1]")
        outside = Agent(lab, "outside", namespace="inet", cgroup=None)
        expect_equal(outside.errno(f"tcp({CLIENT4!r}, {port}, timeout=1.5)"), "ETIMEDOUT", "from the Internet")
        outside.end()
    agent.end()


def check_inherited(tap, lab, guard):
    give = ("import os, socket, sys\n"
            f"s = socket.create_connection(({INET4!r}, {ECHO}))\n"
            "os.dup2(s.fileno(), int(sys.argv[1])); os.execv(sys.argv[2], sys.argv[2:])\n")
    talk = "i = socket.socket(fileno={0}); i.settimeout(1.5)\nresult = talk(i)"
    giver, heir = lab.app("late-giver", PYTHON), lab.app("late-heir", PYTHON)
    guard.set(heir, "online")

    def start(fd):
        return Agent(lab, "late-heir", path=heir, argv=[giver, "-I", "-c", give, str(fd)])
    with tap.point("a connection inherited while both were Online ends when the heir becomes Offline"):
        agent = start(20)
        expect_equal(agent.call(talk.format(20)), "hello", "before")
        guard.set(heir, "offline")
        with lab.counting("inet") as packets:
            agent.errno("i.send(b'hello')")
        expect_equal(packets.programs("inet"), 0, f"packets ({packets})")
        agent.end()
    with tap.point("a connection inherited as descriptor 900 by an Offline program says nothing"):
        agent = start(900)
        with lab.counting("inet") as packets:
            agent.errno(talk.format(900))
        expect_equal(packets.programs("inet"), 0, f"packets ({packets})")
        agent.end()


def check_scope(tap, lab, guard):
    with tap.point("panic closes nothing outside the guarded cgroup"):
        outside = Agent(lab, "bystander", cgroup=None)
        outside.call(f"s = tcp({LAN4!r}, {ECHO})")
        inside = Agent(lab, "insider")
        inside.call(f"s = tcp({LAN4!r}, {ECHO})")
        guard.json("panic")
        expect_equal(inside.errno("talk(s)"), "ECONNABORTED", "inside")
        expect_equal(outside.call("talk(s)"), "hello", "outside")
        guard.json("resume")
        inside.end()
        outside.end()


def check_claims(tap, lab, guard):
    """Two applications come to mean one file: a package's, and a user's by a link that is exchanged after it was set."""
    agent, own = Agent(lab, "packaged"), lab.app("own-tool", "sleep")
    link = os.path.join(os.path.dirname(own), "exchanged")

    def point_at(target):
        os.symlink(target, link + ".new")
        os.rename(link + ".new", link)

    def answers_to(app):
        wait_for(lambda: guard.json("explain", agent.path)["app"] == app, 10, f"the program answers to {app}")

    def started_by_the_link(errno):
        started = Agent(lab, "exchanged", path=link)
        expect_equal(started.errno(f"tcp({INET4!r}, {ECHO})"), errno, "started by the link")
        started.end()
    guard.write_app("packaged", app_text(agent.path, "offline"), layer="vendor")
    wait_for(lambda: agent.errno(f"tcp({INET4!r}, {ECHO})") == "EPERM", 10, "the package's file is in force")
    with tap.point("a link that was set Online and then made to point to a package's Offline program does not free it"):
        point_at(own)
        guard.set(link, "online")
        point_at(agent.path)
        wait_for(lambda: guard.json("explain", link)["app"] == "packaged", 10, "the service has seen it")
        refused(agent, "what ran before")
        started_by_the_link("EPERM")
        expect("that has the stricter profile" in guard.json("explain", link)["text"], "explain says why")
    with tap.point("to set that link Online again is not said to be in force, and is not"):
        code, output, error = guard.command("set", link, "online")
        tap.note(f"{output.strip()} / {error.strip()}")
        expect_equal(code, 4, f"the exit code ({output} {error})")
        expect("is now" not in output and "“packaged”" in error, f"{output} {error}")
        refused(agent, "afterwards")
    with tap.point("what the user decides by the package's own path is in force, whatever the link says"):
        expect_equal(guard.set(agent.path, "online")["id"], "packaged", "the application")
        expect_equal(agent.errno(f"tcp({INET4!r}, {ECHO})"), "", "Online")
    with tap.point("a link that is set Offline takes the program from a freer application, and gives it back"):
        guard.set(link, "offline")
        answers_to("exchanged")
        refused(agent, "what ran before")
        started_by_the_link("EPERM")
        guard.set(link, "online")
        expect_equal(agent.errno(f"tcp({INET4!r}, {ECHO})"), "", "given back")
        started_by_the_link("")
    agent.end()


def main():
    require([PYTHON])
    tap = Tap()
    lab = Lab()
    _peers = [Peer(lab, name) for name in ("lan", "inet", "client")]
    guard = make_guard(lab)
    guard.start()
    check_identity(tap, lab, guard)
    check_remembered(tap, lab, guard)
    check_inherited(tap, lab, guard)
    check_scope(tap, lab, guard)
    check_claims(tap, lab, guard)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())

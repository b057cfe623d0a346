#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What holds when there is no room left (row 2), and what the enforcer makes of images that no engine would send. The maps are made
small for this; the engine is this test."""

import contextlib
import os
import sys

from agent import Agent
from enforcer import Enforcer, exe_key, image
from guard import PIN_ROOT
from lab import INET4, LAN4, Lab, require, wait_for
from peers import ECHO, HTTP, Peer
from tap import Tap, expect, expect_equal

ENTRIES = 400
MANY = ENTRIES + 60
DEPTH = 7  # listed ancestors that a tag has room for


class Scene:
    def __init__(self, lab):
        self.lab = lab
        self.pins = os.path.join(PIN_ROOT, f"full-{os.getpid()}")
        self.enforcer = Enforcer(lab, self.pins, "--map-entries", str(ENTRIES))
        self.agents = {name: Agent(lab, "full-" + name) for name in ("offline", "local", "online")}
        self.shells = [lab.app(f"shell-{number}", "dash") for number in range(DEPTH + 2)]

    def apps(self):
        own = [(name, name, 0, [agent.path]) for name, agent in self.agents.items()]
        return own + [(f"shell-{number}", "online", 0, [path]) for number, path in enumerate(self.shells)]

    def load(self):
        expect_equal(self.enforcer.load(image(self.apps())), (0, ""), "the image")

    def check(self):
        """What was decided is in force."""
        for host in (LAN4, INET4):
            expect_equal(self.agents["offline"].errno(f"tcp({host!r}, {ECHO})"), "EPERM", f"Offline to {host}")
            expect_equal(self.agents["online"].errno(f"tcp({host!r}, {ECHO})"), "", f"Online to {host}")
        expect_equal(self.agents["local"].errno(f"tcp({INET4!r}, {ECHO})"), "EPERM", f"Local to {INET4}")
        expect_equal(self.agents["local"].errno(f"tcp({LAN4!r}, {ECHO})"), "", f"Local to {LAN4}")


def check_images(tap, scene):
    good = image(scene.apps())
    bad = {
        "is empty": b"",
        "is garbage": os.urandom(4096),
        "is cut short": good[:-1],
        "has a byte too many": good + b"\0",
        "claims more applications than it has": good[:24] + b"\xff\xff\0\0" + good[28:],
        "has an unknown profile": good[:64 + 8] + b"\7" + good[64 + 9:],
        "says another version": good[:8] + b"\2" + good[9:],
    }
    for what, data in bad.items():
        with tap.point(f"an image that {what} is refused whole, the one before stays in force"):
            error, why = scene.enforcer.load(data)
            expect(error != 0 and why, f"refused: {error} {why!r}")
            scene.check()
    with tap.point("an image that could still be written to is refused"):
        error, why = scene.enforcer.load(good, seals=0)
        expect(error != 0 and "sealed" in why, f"refused: {error} {why!r}")
        scene.check()


def check_exes(tap, scene):
    with tap.point("more executables than fit: the image is refused whole, the one before stays in force"):
        device, _ = exe_key("/")
        many = [(device, 10_000_000 + number) for number in range(MANY)]
        turned = [(name, "offline" if profile == "online" else "online", flags, paths)
                  for name, profile, flags, paths in scene.apps()]
        error, why = scene.enforcer.load(image(turned + [("many", "offline", 0, many)]))
        tap.note(f"error {error}: {why}")
        expect(error != 0 and why, "refused")
        scene.check()


def nested(shells, command):
    """sh -c of sh -c of ..., and none of them execs its last command away."""
    for shell in reversed(shells):
        command = f"{shell} -c '{command.replace(chr(39), chr(39) + chr(92) + chr(39) + chr(39))}; :'"
    return command


def check_depth(tap, scene):
    curl = scene.lab.app("plain-curl", "curl")
    fetch = f"{curl} -sS --noproxy '*' --max-time 3 http://{LAN4}:{HTTP}/hello"

    def run(depth):
        return scene.lab.run(["sh", "-c", nested(scene.shells[:depth], fetch)]).output
    with tap.point(f"{DEPTH} listed ancestors are carried"):
        expect("hello" in run(DEPTH), run(DEPTH))
    with tap.point("one listed ancestor more than a tag has room for: denied, and counted"):
        before = scene.enforcer.faults()["too-deep"]
        said = run(DEPTH + 1)
        expect("hello" not in said, said)
        expect(scene.enforcer.faults()["too-deep"] > before, "it is counted")


def check_tasks(tap, scene):
    sleepers = []
    with tap.point("more processes than fit: those that could not be recorded are denied, the others go on"):
        before = scene.enforcer.faults()["task-map"]
        sleepers = [scene.lab.spawn(["sleep", "300"], namespace=None) for _ in range(MANY)]
        wait_for(lambda: scene.enforcer.faults()["task-map"] > before, 20, "the map is full")
        late = Agent(scene.lab, "full-late")
        expect_equal(late.errno(f"tcp({LAN4!r}, {ECHO})"), "EPERM", "a program nobody decided on, which could not be recorded")
        late.end()
        scene.check()
        tap.note(f"{scene.enforcer.faults()}")
    for child in sleepers:
        child.kill()
        child.wait()
        with contextlib.suppress(ValueError):
            scene.lab.children.remove(child)
    with tap.point("when there is room again new programs are recorded again"):
        late = Agent(scene.lab, "full-later")
        expect_equal(late.errno(f"tcp({LAN4!r}, {ECHO})"), "", "a program nobody decided on")
        late.end()


def check_held(tap, scene):
    opener = ("import os, resource, socket, sys\n"
              f"sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range({MANY})]\n"
              "for s in sockets: s.set_inheritable(True)\n"
              "os.execv(sys.argv[1], sys.argv[1:])\n")
    online = scene.agents["online"].path

    def heir(count):
        code = opener.replace(str(MANY), str(count))
        return Agent(scene.lab, "heir", path=scene.agents["local"].path, argv=[online, "-I", "-c", code])
    with tap.point("a Local program that inherits sockets is recognised and reaches the LAN"):
        agent = heir(20)
        expect_equal(agent.errno(f"tcp({LAN4!r}, {ECHO})"), "", "to the LAN")
        expect_equal(agent.errno(f"tcp({INET4!r}, {ECHO})"), "EPERM", "to the Internet")
        agent.end()
    with tap.point("a program that inherits more sockets than can be marked is ended before it runs, and it is counted"):
        before = scene.enforcer.faults()["held-map"]
        result = scene.lab.run([online, "-I", "-c", opener, scene.agents["local"].path, "-c", "print('it runs')"])
        expect_equal((result.code, "it runs" in result.output), (-9, False), "the end of the program")
        expect(scene.enforcer.faults()["held-map"] > before, "it is counted")
        scene.check()


def main():
    require(["curl"])
    tap = Tap()
    lab = Lab()
    _peers = [Peer(lab, name) for name in ("lan", "inet", "client")]
    scene = Scene(lab)
    with tap.point("an image sent without an engine is in force"):
        scene.load()
        scene.check()
    check_images(tap, scene)
    check_exes(tap, scene)
    check_depth(tap, scene)
    check_held(tap, scene)
    check_tasks(tap, scene)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())

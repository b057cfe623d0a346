#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The window and the real service: a real curl in a network namespace, cut off and let through again by clicks over AT-SPI. The judge is
the packet counter at the peer (tests/netns/lab.py). Then the service is killed under the open window and started again, an
application file is damaged, and the window is another user's.

The guard holds a cgroup of the test's own; the window is not in it, and is root's unless said otherwise. As root only."""

import os
import re
import subprocess
import sys

import desk  # noqa: F401 - finds tests/netns
from guard import app_text, make_guard
from lab import INET4, Lab, require
from peers import HTTP, Peer
from tap import Tap, expect, expect_equal

import ui

NOBODY = 65534
URL = f"http://{INET4}:{HTTP}"


class Scene:
    """A lab with a guard, a curl that is decided on, and a window that shows it."""

    def __init__(self, tap):
        self.tap, self.lab = tap, Lab()
        Peer(self.lab, "inet")
        self.guard = make_guard(self.lab)
        self.guard.start()
        self.curl = self.lab.app("lab-curl", "curl")
        self.guard.set(self.curl, "online", "--name", "Lab curl")
        self.name = self.guard.json("get", self.curl)["name"]
        self.session = desk.Session()
        self.lab.on_close(self.session.close)
        self.window = ui.Window(self.session, self.guard.path("runtime"), icons=False)

    def fetch(self):
        return self.lab.run([self.curl, "--silent", "--max-time", "3", URL + "/hello"])

    def reaches(self):
        with self.lab.counting("inet") as counted:
            result = self.fetch()
        expect(result.code == 0 and "hello" in result.output, f"curl does not reach its peer: {result!r}")
        expect(counted.programs("inet") > 0, f"nothing arrived at the peer: {counted!r}")

    def is_cut_off(self):
        with self.lab.counting("inet") as counted:
            result = self.fetch()
        expect(result.code == 7, f"curl should not get through: {result!r}")
        expect_equal(counted.everything("inet"), 0, "packets at the peer")

    def profile(self):
        return self.guard.json("get", self.curl)["profile"]


def check_click(tap, scene):
    window, name = scene.window, scene.name
    with tap.point("the window shows the real service's state and the program that is decided on"):
        window.find("button", "State: (Protecting).*")
        window.search("lab")  # among all that runs on this machine
        window.shows(name, "online")
        scene.reaches()
    with tap.point("one click on Offline, and the real curl reaches nothing: not one packet arrives", blocks=True):
        window.choose(name, "offline")
        window.shows(name, "offline")
        expect_equal(scene.profile(), "offline", "what the service says")
        scene.is_cut_off()
    with tap.point("Undo, and it reaches its peer again"):
        window.press("Undo")
        window.shows(name, "online")
        scene.reaches()
    with tap.point("Local keeps it from the Internet too", blocks=True):
        window.choose(name, "local")
        window.shows(name, "local")
        scene.is_cut_off()
        window.choose(name, "online")
        window.shows(name, "online")
    with tap.point("a download that runs ends with the click, and the toast says so", blocks=True):
        child = scene.lab.spawn([scene.curl, "--silent", "--output", "/dev/null", URL + "/endless"])
        window.app.wait(lambda: "ESTAB" in _sockets(scene), 10, "the download runs")
        window.choose(name, "offline")
        window.sees(f"{name} is now Offline.*1 open connection (was )?closed.*", seconds=30)  # after the toasts of the clicks before
        window.app.wait(lambda: child.poll() is not None, 5, "the download has ended")
        expect(child.returncode != 0, f"curl ended with {child.returncode}")
    with tap.point("what it tried is counted in its row"):
        scene.fetch()
        window.sees(r"Blocked .*today.*|.*Blocked \d+ times? today", seconds=40)


def _sockets(scene):
    return scene.lab.run(["ss", "-Htn", "dst", INET4], cgroup=None).output


def check_service(tap, scene):
    window, name, guard = scene.window, scene.name, scene.guard
    with tap.point("the service is killed: the window says so and shows the data as old"):
        guard.kill(guard.engine_pid, guard.enforcer_pid)
        window.sees("The connection to the service was lost.*|The service is not running.*")
        window.find("button", re.escape(f"{name}: Offline, selected"), sensitive=False)
    with tap.point("what is in force stays in force meanwhile", blocks=True):
        scene.is_cut_off()
    with tap.point("the service starts again: the window recovers by itself, and clicks work"):
        guard.start()
        window.find("button", "State: Protecting.*", seconds=20)
        window.misses("The connection to the service was lost.*|The service is not running.*")
        window.find("button", re.escape(f"{name}: Offline, selected"), sensitive=True, seconds=20)
        window.choose(name, "online")
        window.shows(name, "online")
        scene.reaches()
    with tap.point("an application file is damaged: it is named with its line, and its last good version holds", blocks=True):
        other = scene.lab.app("lab-wget", "curl")
        guard.write_app("lab-wget", app_text(other, "offline"))
        window.app.wait(lambda: window.profile("lab-wget") == "offline", 20, lambda: f"the file's application is listed:\n{window.tree().dump()}")
        guard.write_app("lab-wget", app_text(other, "ofline"))
        window.sees("lab-wget.app has an error in line 4.*last good.*", seconds=20)
        expect_equal(scene.lab.run([other, "--silent", "--max-time", "3", URL + "/hello"]).code, 7, "curl's exit code")
    with tap.point("the file is mended: the strip goes"):
        guard.write_app("lab-wget", app_text(scene.lab.app("lab-wget", "curl"), "offline"))
        window.misses("lab-wget.app has an error.*", seconds=20)
    with tap.point("GTK complained of nothing in all of this, and the window goes when told to"):
        status = window.close()
        expect_equal(window.program.complaints(), [], "complaints")
        expect(status in (0, -15), f"it ended with {status}")


# --- a window of another user: this program again, as that user ---

def refused(window, name):
    """A click changes nothing, and why is said."""
    node = window.find("button", re.escape(f"{name}: Offline"))
    if "sensitive" in node.states:  # then it has to spring back
        node.press()
        window.sees(".*root.*")
    window.shows(name, "online")


def said(window, name):
    """It is said beforehand."""
    window.sees(".*([Oo]nly root|root only|may only look|[Rr]ead.only).*")


LOOKS = {"refused": refused, "said": said}


def look_as_other(which, runtime, name):
    session = desk.Session()
    window = ui.Window(session, runtime, icons=False)
    try:
        window.search(name)
        LOOKS[which](window, name)
    finally:
        status, complaints = window.close(), window.program.complaints()
        session.close()
    expect_equal(complaints, [], "complaints")
    expect(status in (0, -15), f"it ended with {status}")


def as_other(scene, which):
    """look_as_other() in a process of that user; its failure is the caller's."""
    child = subprocess.run(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", sys.executable, os.path.abspath(__file__), "look",
                            which, scene.guard.path("runtime"), scene.name], capture_output=True, text=True, timeout=120, check=False)
    expect(child.returncode == 0, (child.stderr or child.stdout)[-3000:])


def check_other_user(tap, scene):
    with tap.point("another user's window shows the status, and a click changes nothing and is told why"):
        as_other(scene, "refused")
        expect_equal(scene.profile(), "online", "what the service says")
        scene.reaches()
    with tap.point("another user's window says beforehand that it is read-only"):
        as_other(scene, "said")


def main():
    sys.stdout.reconfigure(line_buffering=True)
    if sys.argv[1:2] == ["look"]:
        look_as_other(*sys.argv[2:])
        return 0
    require(["curl", "ss"])
    ui.need_window()
    tap = Tap()
    scene = Scene(tap)
    for check in (check_click, check_service, check_other_user):
        check(tap, scene)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())

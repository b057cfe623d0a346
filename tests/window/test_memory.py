#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The window under valgrind with GTK's and GLib's own suppressions: no leak that began in our code, no use of memory that is gone or was
never written, after looking at its pages, changing things, and losing the guard. What libraries keep for themselves is not counted: a
leak is ours if a function of src/window or src/api is among the callers of the allocation."""

import os
import re
import shutil
import sys

import desk
import ui
from suite import Suite
from tap import expect, expect_equal, skip_all

SUPPRESSIONS = ("/usr/share/gtk-4.0/valgrind/gtk.supp", "/usr/share/glib-2.0/valgrind/glib.supp")
SOURCES = os.path.join(desk.HERE, "..", "..", "src")
OURS = {name for folder in ("window", "api") for name in os.listdir(os.path.join(SOURCES, folder)) if name.endswith(".c")} - {"main.c"}
SLOW = 90  # seconds to wait for what takes one without valgrind


def findings(path):
    """Valgrind's reports, one text each: its first line, and the stacks."""
    found, text = [], []
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            line = re.sub(r"^==\d+== ?", "", line.rstrip("\n"))
            if line.strip():
                text.append(line)
            elif text:
                found.append("\n".join(text))
                text = []
    return found + ["\n".join(text)]


def is_ours(text):
    """A function of ours is on the stack of the act itself, and no library below it that keeps things for itself."""
    stack = re.split(r"\n Address 0x|\n  Uninitialised", text)[0]
    if re.search(r"libfontconfig|libEGL|libGL|\(dl-[a-z]+\.c:", stack):
        return False
    return any(name in OURS for name in re.findall(r"\(([a-z-]+\.c):\d+\)", stack))


def use(window, mock):
    window.app.wait(window.names, SLOW, "applications are listed")
    window.search("curl")
    window.choose("curl", "offline")
    window.shows("curl", "offline", seconds=SLOW)
    undo = window.tree().first("button", "Undo")
    if undo:
        undo.press()
    else:  # so slow that the toast has gone by itself; clicking it is test_apps.py's
        window.choose("curl", "local")
    window.shows("curl", "local", seconds=SLOW)
    window.open("curl")
    window.app.find("label", "Why it is so|Which program it is", seconds=SLOW)
    window.press("Back.*", seconds=SLOW)
    window.search("")
    for view in ("Activity", "Log", "Apps"):
        window.press(view, role="page tab", seconds=SLOW)
        window.find("page tab", view, selected=True, seconds=SLOW)
    mock("rate", per_second=50)
    window.app.find("page tab", "Apps", seconds=SLOW)
    mock("rate", per_second=0)
    mock("scene", name="problems")
    window.app.find("label", "2 problems need a look", seconds=SLOW)
    mock("down")
    window.find("button", "State: Connection lost.*", seconds=SLOW)
    mock("up")
    window.find("button", "State: Protecting.*", seconds=SLOW)


def main():
    if not shutil.which("valgrind"):
        skip_all("not installed: valgrind")
    tap = Suite()
    log = tap.session.path("valgrind.log")
    wrapper = ["valgrind", "--leak-check=full", "--show-leak-kinds=definite", "--num-callers=24", f"--log-file={log}", "--child-silent-after-fork=yes",
               *[f"--suppressions={path}" for path in SUPPRESSIONS]]
    mock = ui.Mock(tap.session, "few")
    window = None
    with tap.point("under valgrind the window starts, shows its pages, changes a profile, loses the guard and finds it again"):
        window = ui.Window(tap.session, mock.dir, wrapper=wrapper, env={"G_SLICE": "always-malloc", "G_DEBUG": "gc-friendly,fatal-criticals"}, seconds=SLOW)
        tap.window = window
        use(window, mock)
    with tap.point("it ends as told"):
        expect(window, "it did not start")
        window.screen.key("ctrl+q")
        desk.wait_for(lambda: not window.program.is_running(), SLOW, "it quits")
        expect_equal(window.program.end(SLOW), 0, f"its status; it said {window.program.said()[-500:]}")
    reports = [text for text in findings(log) if is_ours(text)]
    with tap.point("it uses no memory that is gone or was never written"):
        wrong = [text for text in reports if re.match(r"(Invalid|Conditional jump|Use of uninit|Source and dest|Mismatched|Syscall param)", text)]
        expect(not wrong, f"{len(wrong)} reports:\n" + "\n\n".join(wrong[:6]))
    with tap.point("it leaks nothing of ours"):
        lost = [text for text in reports if "definitely lost" in text.split("\n", 1)[0]]
        expect(not lost, f"{len(lost)} leaks:\n" + "\n\n".join(lost[:6]))
        summary = [text for text in findings(log) if "LEAK SUMMARY" in text]
        expect(summary, "valgrind made no summary")
        tap.note(summary[0])
    mock.close()
    return tap.finish()


sys.exit(main())

# SPDX-License-Identifier: MIT
"""The window under test: started on a screen against a guard, and what a person does with it, in a person's words."""

import json
import os
import re
import shutil
import subprocess
import sys

import atspi
import desk
import mockdata

WORDS = {"offline": "Offline", "local": "Local", "online": "Online"}
SIZES = {"narrow": (360, 720), "wide": (1024, 768), "uhd": (3840, 2160)}


class Mock:
    """The mock guard's process and its commands (mock.py says which)."""

    def __init__(self, session, scene="busy", count=None, name="guard"):
        self.dir = session.path(name)
        os.makedirs(self.dir, exist_ok=True)
        os.chmod(self.dir, 0o755)
        count = ["--apps", str(count)] if count is not None else []
        self.log = open(session.path(name + ".log"), "wb")
        self.process = session.spawn(["/usr/bin/python3", os.path.join(desk.HERE, "mock.py"), self.dir, "--scene", scene, *count],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)
        self.log_path = session.path(name + ".log")
        self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            with open(self.log_path, encoding="utf-8") as file:
                raise AssertionError("the mock guard ended: " + file.read()[-2000:])
        return json.loads(line)["answer"]

    def __call__(self, do, **arguments):
        self.process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        self.process.stdin.flush()
        return self._answer()

    def calls(self, method=None):
        """The arguments of the calls of a method since the last time; without, [[METHOD, ARGUMENTS], ...]."""
        calls = self("calls")
        return calls if method is None else [arguments for name, arguments in calls if name == method]

    def profile(self, app_id):
        return self("app", id=app_id)["profile"]

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(10)
        self.log.close()


class Window:
    """netguard-window on a screen of its own."""

    def __init__(self, session, runtime, size="wide", welcomed=True, icons=True, env=None, options=(), wrapper=(), seconds=20, **look):
        self.session = session
        self.screen = desk.Screen(session, *(SIZES[size] if isinstance(size, str) else size))
        self._prepare(welcomed)
        env = {"NETGUARD_COMMAND": os.path.join(desk.HERE, "fake_netguard.py"), **(env or {})}
        if icons:
            # As if installed in the system: a person's own entries may not name its programs.
            env["PATH"] = mockdata.icon_data(session.path("share")) + ":" + session.env["PATH"]
            env["XDG_DATA_DIRS"] = session.path("share") + ":" + session.env["XDG_DATA_DIRS"]
        program = desk.build_file("src", "window", "netguard-window")
        self.program = self.screen.run([*wrapper, program, "--runtime", runtime, *options], env=env, **look)
        self.app = atspi.App(session, self.program, seconds)
        self.app.wait(lambda: self.app.tree().first("frame"), seconds, "the window is there")
        if welcomed:
            self.screen.maximize()
            self.app.wait(lambda: self.frame().extents()[2] >= self.screen.width // max(1, look.get("scale", 1)), 5, "the window fills the screen")

    def _prepare(self, welcomed):
        folder = self.session.path("config", "netguard")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "window.conf"), "w", encoding="ascii") as file:
            file.write(f"[Window]\nWelcomed={'true' if welcomed else 'false'}\n")

    def close(self):
        """End it; returns its exit status."""
        status = self.program.end()
        self.screen.close()
        return status

    # -- looking ---------------------------------------------------------------------------------------------------------

    def tree(self):
        return self.app.tree()

    def frame(self):
        return self.app.tree().first("frame")

    def find(self, role=None, name=None, **options):
        return self.app.find(role, name, **options)

    def sees(self, text, seconds=10):
        """Wait for a shown text (a regular expression that matches a whole label or heading)."""
        return self.app.wait(lambda: self.says(text), seconds, lambda: f"it says “{text}”:\n{self.tree().dump()}")

    def misses(self, text, seconds=10):
        self.app.wait(lambda: not self.says(text), seconds, lambda: f"it does not say “{text}”:\n{self.tree().dump()}")

    def says(self, text):
        tree = self.tree()
        return tree.first("label", text) or tree.first("heading", text)

    def names(self):
        """The applications that rows are about, in order, as far as they are realised."""
        found = [re.fullmatch(r"More for (.*)", node.name, re.DOTALL) for node in self.tree().find_all("button")]
        return list(dict.fromkeys(match[1] for match in found if match))

    def profile(self, name):
        """What a row shows as in force: a profile's word, or None while something is being applied or nobody chose."""
        for word, title in WORDS.items():
            node = self.tree().first("button", re.escape(f"{name}: {title}") + ", selected")
            if node and "pressed" in node.states:
                return word
        return None

    def shows(self, name, profile, seconds=10):
        self.app.wait(lambda: self.profile(name) == profile, seconds,
                      lambda: f"{name} is shown as {profile}; it is {self.profile(name)} in\n{self.tree().dump()}")

    # -- acting ----------------------------------------------------------------------------------------------------------

    def press(self, name, role="button", **options):
        """Use the shown object with that name (a regular expression)."""
        node = self.find(role, name, sensitive=True, **options)
        actable = next((child for child in node.walk() if child.role == node.role and child.actions()), node)
        actable.press() if actable.actions() else node.click()

    def choose(self, app, profile):
        """Click on a profile in an application's row."""
        self.press(re.escape(f"{app}: {WORDS[profile]}") + "(, by default|, selected)?")

    def menu(self, button, *items):
        """Open a menu by its button and go through its items."""
        self.press(button)
        for item in items:  # one that switches something on and off has a role of its own
            self.find(None, item, **{"sensitive": True})
            self.press(item, role="menu item" if self.tree().first("menu item", item) else "check menu item")

    def main_menu(self, *items):
        self.menu("Menu", *items)

    def go(self, view):
        """To one of the views: Apps, Activity, Log, Run."""
        self.press(view, role="page tab")

    def command(self, text):
        """Type a command on the page Run, and run it."""
        self.find("text", "Command", editable=True).write(text)
        self.press("Run")

    def open(self, app):
        """To the page of an application."""
        def row():
            return next((node for node in self.tree().walk() if node.first("button", f"More for {re.escape(app)}") and "row.open" in node.actions()), None)
        self.app.wait(lambda: self.names(), 10, "applications are listed")
        if app not in self.names():
            self.search(app)
        self.app.wait(row, 10, lambda: f"there is a row for {app}").press("row.open")

    def back(self):
        self.press("Back")

    def search(self, text):
        entry = self.tree().first("entry", "Search applications") or self.tree().first("text", "Search applications")
        if not entry:
            self.press("Search")
            entry = self.app.wait(lambda: self.tree().first("entry", "Search applications") or self.tree().first("text", "Search applications"),
                                  10, "the search entry is there")
        entry.write(text)


def need_window():
    """End the test with a reason where it cannot run."""
    desk.require()
    if not shutil.which("import"):
        desk.skip_all("not installed: imagemagick")
    sys.stdout.reconfigure(line_buffering=True)

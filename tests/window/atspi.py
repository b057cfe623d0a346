# SPDX-License-Identifier: MIT
"""Seeing and using a program as a screen reader does: over AT-SPI's D-Bus interfaces, spoken directly.

libatspi keeps a cache that is late; here nothing is remembered, each question goes to the program. The whole tree comes with one
call (org.a11y.atspi.Cache, which GTK fills with every object it has shown), so 2,000 rows cost one message and not 50,000. A
Node is a snapshot; what it does (press, write, focus) goes by its path, and every wait has an end and is woken by the program's own
events.
"""

import re
import time

from gi.repository import Gio, GLib

ATSPI = "org.a11y.atspi."
SECONDS = 10

ROLES = {
    7: "check box", 8: "check menu item", 11: "combo box", 16: "dialog", 23: "frame", 27: "icon", 29: "label", 31: "list",
    32: "list item", 33: "menu", 34: "menu bar", 35: "menu item", 37: "page tab", 38: "page tab list", 39: "panel", 40: "password text",
    42: "progress bar", 43: "button", 44: "radio button", 45: "radio menu item", 48: "scroll bar", 49: "scroll pane", 50: "separator",
    51: "slider", 52: "spin button", 54: "status bar", 55: "table", 56: "table cell", 57: "table column header", 58: "table row header",
    61: "text", 62: "toggle button", 63: "tool bar", 65: "tree", 66: "tree table", 67: "unknown", 69: "window", 79: "entry",
    2: "alert", 20: "filler", 26: "image", 75: "application", 85: "section", 82: "document frame", 83: "heading", 90: "table row",
    98: "list box", 99: "grouping", 101: "notification", 102: "info bar", 105: "title bar", 116: "static", 130: "switch",
}
STATES = {
    0: "invalid", 1: "active", 3: "busy", 4: "checked", 7: "editable", 8: "enabled", 9: "expandable", 10: "expanded", 11: "focusable",
    12: "focused", 16: "modal", 17: "multi-line", 18: "multi-selectable", 20: "pressed", 22: "selectable", 23: "selected", 24: "sensitive",
    25: "showing", 26: "single-line", 30: "visible", 36: "invalid-entry", 37: "supports-autocompletion", 40: "read-only", 41: "checkable",
    42: "has-popup",
}
OPERABLE = {"button", "toggle button", "check box", "radio button", "switch", "entry", "text", "password text", "list item", "menu item",
            "check menu item", "radio menu item", "combo box", "slider", "spin button", "page tab", "table row"}


class Node:
    """One object as it was when the tree was read."""

    def __init__(self, app, item):
        (self.bus_name, self.path), _application, parent, self.index, self.n_children, self.interfaces, name, role, description, bits = item
        self.app, self.name, self.description = app, name, description
        self.parent_path = parent[1]
        self.role = ROLES.get(role, f"role {role}")
        number = bits[0] | (bits[1] << 32 if len(bits) > 1 else 0)
        self.states = {STATES.get(bit, bit) for bit in range(64) if number >> bit & 1}
        self.parent, self.children = None, []

    def __repr__(self):
        return f"{self.role} {self.name!r}"

    def walk(self):
        yield self
        for child in self.children:
            yield from child.walk()

    def ancestors(self):
        node = self.parent
        while node:
            yield node
            node = node.parent

    def is_shown(self):
        return "showing" in self.states

    def find_all(self, role=None, name=None, shown=True, **states):
        """Objects below (and this one) of a role, whose name the regular expression matches whole, and with states: pressed=True."""
        pattern = re.compile(name, re.DOTALL) if name is not None else None
        return [node for node in self.walk()
                if (role is None or node.role == role) and (pattern is None or pattern.fullmatch(node.name))
                and (not shown or node.is_shown()) and all((state.replace("_", "-") in node.states) == wanted for state, wanted in states.items())]

    def first(self, role=None, name=None, **options):
        found = self.find_all(role, name, **options)
        return found[0] if found else None

    # -- questions and acts, answered by the program now ----------------------------------------------------------------

    def call(self, interface, method, signature="()", arguments=()):
        return self.app.call(self.path, interface, method, signature, arguments)

    def actions(self):
        if ATSPI + "Action" not in self.interfaces:
            return []
        return [action[0] for action in self.call("Action", "GetActions")[0]]

    def press(self, action=None):
        """Do the object's action, its first unless a name is given."""
        names = self.actions()
        if not names or (action and action not in names):
            raise AssertionError(f"{self!r} offers no action {action or ''}: {names}")
        if not self.call("Action", "DoAction", "(i)", (names.index(action) if action else 0,))[0]:
            raise AssertionError(f"{self!r} refused its action {action or names[0]}")

    def write(self, text):
        if not self.call("EditableText", "SetTextContents", "(s)", (text,))[0]:
            raise AssertionError(f"{self!r} took no text")

    def text(self):
        count = self.app.get(self.path, "Text", "CharacterCount")
        return self.call("Text", "GetText", "(ii)", (0, count))[0]

    def focus(self):
        return self.call("Component", "GrabFocus")[0]

    def extents(self):
        """x, y, width, height, within the window."""
        return self.call("Component", "GetExtents", "(u)", (1,))[0]


class App:
    """A program on the accessibility bus, found by its process."""

    def __init__(self, session, program, seconds=20):
        self.program = program
        flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
        self.context = GLib.MainContext.new()
        self.context.push_thread_default()
        try:
            self.bus = Gio.DBusConnection.new_for_address_sync(session.a11y_address, flags, None, None)
            self.events = 0
            self.bus.signal_subscribe(None, None, None, None, None, Gio.DBusSignalFlags.NONE, self._on_event)
        finally:
            self.context.pop_thread_default()
        self.root_path = "/org/a11y/atspi/accessible/root"
        self.name = None
        self.name = self.wait(self._find, seconds, lambda: f"{program.argv[0]} is on the accessibility bus; it said: {program.said()[-2000:]}")

    def _on_event(self, *_arguments):
        self.events += 1

    def _find(self):
        if not self.program.is_running():
            raise AssertionError(f"{self.program.argv[0]} ended with {self.program.process.returncode}: {self.program.said()[-3000:]}")
        for name, _path in self._call("org.a11y.atspi.Registry", self.root_path, "Accessible", "GetChildren", "()", ())[0]:
            answer = self.bus.call_sync("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "GetConnectionUnixProcessID",
                                        GLib.Variant("(s)", (name,)), None, 0, SECONDS * 1000, None)
            if answer.unpack()[0] == self.program.pid:
                return name
        return None

    def _call(self, name, path, interface, method, signature, arguments):
        answer = self.bus.call_sync(name, path, ATSPI + interface, method, GLib.Variant(signature, arguments), None,
                                    Gio.DBusCallFlags.NONE, SECONDS * 1000, None)
        return answer.unpack()

    def call(self, path, interface, method, signature="()", arguments=()):
        try:
            return self._call(self.name, path, interface, method, signature, arguments)
        except GLib.Error as error:
            if not self.program.is_running():
                raise AssertionError(f"the window ended with {self.program.process.returncode}: {self.program.said()[-3000:]}") from error
            raise

    def get(self, path, interface, what):
        answer = self.bus.call_sync(self.name, path, "org.freedesktop.DBus.Properties", "Get", GLib.Variant("(ss)", (ATSPI + interface, what)),
                                    None, 0, SECONDS * 1000, None)
        return answer.unpack()[0]

    def _realize(self):
        """GTK makes an object known when somebody asks for its parent's children: ask down to the leaves, many at a time."""
        pending, asked = [], 0

        def answered(bus, result):
            nonlocal asked
            asked -= 1
            try:
                pending.extend(path for _name, path in bus.call_finish(result).unpack()[0])
            except GLib.Error:
                pass  # it went away meanwhile
        self.context.push_thread_default()
        try:
            pending.append(self.root_path)
            while pending or asked:
                while pending:
                    self.bus.call(self.name, pending.pop(), ATSPI + "Accessible", "GetChildren", None, None, Gio.DBusCallFlags.NONE,
                                  SECONDS * 1000, None, answered)
                    asked += 1
                self.context.iteration(True)
        finally:
            self.context.pop_thread_default()

    def tree(self):
        """Everything, now: the application's node."""
        self._realize()
        items = self.call("/org/a11y/atspi/cache", "Cache", "GetItems")[0]
        nodes = {}
        for item in items:
            node = Node(self, item)
            nodes[node.path] = node
        root = nodes.get(self.root_path)
        for node in nodes.values():
            parent = nodes.get(node.parent_path)
            if parent and parent is not node:
                node.parent = parent
                parent.children.append(node)
        for node in nodes.values():
            node.children.sort(key=lambda child: child.index)
        return root, nodes

    # -- waiting -------------------------------------------------------------------------------------------------------

    def wait(self, condition, seconds=SECONDS, what="it is so"):
        """The condition's first true value; asked again after each event of the program, and every tenth of a second."""
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            if time.monotonic() > deadline:
                raise AssertionError(f"after {seconds} s still not so: {what() if callable(what) else what}")
            self._wait_for_event(0.1)
        return value

    def _wait_for_event(self, seconds):
        before, late = self.events, []
        source = GLib.timeout_source_new(int(seconds * 1000))
        source.set_callback(lambda *_: late.append(1))
        source.attach(self.context)
        while self.events == before and not late:
            self.context.iteration(True)
        while self.context.pending():
            self.context.iteration(False)
        source.destroy()

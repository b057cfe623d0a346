# SPDX-License-Identifier: MIT
"""Seeing and using a program as a screen reader does: over AT-SPI's D-Bus interfaces, spoken directly.

libatspi keeps a cache that is late; here nothing is remembered, each question goes to the program. A tree is read by asking down to
the leaves, many questions at a time (about 0.2 ms an object), then for all details with one message (org.a11y.atspi.Cache). A Node
is what an object was at that moment; acting on it goes by its path. Waits have an end and are woken by the program's own events.

What GTK 4.8 does not offer is made up for here: without an accessible label an object is named after its C type (read as no name),
a label of a button is said twice, "showing" is not among the states (told from the extents, and from what lies under a point
where pages lie over each other), and the keyboard focus cannot be set (use keys).
"""

import re
import time

from gi.repository import Gio, GLib

ATSPI = "org.a11y.atspi."
ROOT = "/org/a11y/atspi/accessible/root"
SECONDS = 10
WINDOW_COORDINATES = 1

ROLES = {
    2: "alert", 7: "check box", 8: "check menu item", 11: "combo box", 16: "dialog", 20: "filler", 23: "frame", 26: "image", 27: "icon",
    29: "label", 31: "list", 32: "list item", 33: "menu", 34: "menu bar", 35: "menu item", 37: "page tab", 38: "page tab list", 39: "panel",
    40: "password text", 42: "progress bar", 43: "button", 44: "radio button", 45: "radio menu item", 48: "scroll bar", 49: "scroll pane",
    50: "separator", 51: "slider", 52: "spin button", 54: "status bar", 55: "table", 56: "table cell", 57: "table column header",
    58: "table row header", 61: "text", 62: "toggle button", 63: "tool bar", 65: "tree", 66: "tree table", 67: "unknown", 69: "window",
    75: "application", 79: "entry", 83: "heading", 85: "section", 87: "landmark", 88: "link", 90: "table row", 98: "list box", 99: "grouping",
    101: "notification", 102: "info bar", 116: "static", 130: "switch",
}
STATES = {
    0: "invalid", 1: "active", 3: "busy", 4: "checked", 7: "editable", 9: "expandable", 10: "expanded", 11: "focusable", 12: "focused",
    16: "modal", 17: "multi-line", 18: "multi-selectable", 20: "pressed", 22: "selectable", 23: "selected", 24: "sensitive", 42: "has-popup",
    43: "read-only",
}
OPERABLE = {"button", "toggle button", "check box", "radio button", "switch", "entry", "text", "password text", "list item", "menu item",
            "check menu item", "radio menu item", "combo box", "slider", "spin button", "page tab", "table row", "link"}
WINDOWS = {"frame", "dialog", "window", "alert"}
TYPE_NAME = re.compile(r"(Gtk|Adw|Ngw?)[A-Z][A-Za-z]*")


class Node:
    """One object as it was when the tree was read."""

    def __init__(self, tree, item):
        (_bus, self.path), _application, _parent, self.index, _count, self.interfaces, self.raw_name, role, self.description, bits = item
        self.tree, self.app = tree, tree.app
        self.role = ROLES.get(role, f"role {role}")
        number = bits[0] | (bits[1] << 32 if len(bits) > 1 else 0)
        self.states = {STATES[bit] for bit in STATES if number >> bit & 1}
        self.parent, self.children = None, []
        self.name = "" if TYPE_NAME.fullmatch(self.raw_name) else self.raw_name
        first, second = self._halves()
        if first.replace("_", "", 1) == second:
            self.name = second
        self._extents = None

    def _halves(self):
        """The name cut in two where both halves have as many words."""
        words = self.name.split(" ")
        half = len(words) // 2
        return " ".join(words[:half]), " ".join(words[half:])

    def __repr__(self):
        marks = sorted(self.states & {"pressed", "checked", "selected", "focused", "expanded"}) + ([] if "sensitive" in self.states else ["insensitive"])
        return f"{self.role} “{self.name}”" + (f" ({', '.join(marks)})" if marks else "")

    def walk(self):
        yield self
        for child in self.children:
            yield from child.walk()

    def lineage(self):
        """This object and those it is in, inmost first."""
        node = self
        while node:
            yield node
            node = node.parent

    def window(self):
        return next((node for node in self.lineage() if node.role in WINDOWS), None)

    def is_toolkits(self):
        """A window that GTK or libadwaita make whole: of keyboard shortcuts (it has no name), or About."""
        return self.role == "frame" and self.name in ("", "About", "Shortcuts")

    def find_all(self, role=None, name=None, shown=True, **states):
        """Objects in here of a role, whose name the regular expression matches whole, with states: pressed=True."""
        pattern = re.compile(name, re.DOTALL) if name is not None else None
        return [node for node in self.walk()
                if (role is None or node.role == role) and (pattern is None or pattern.fullmatch(node.name))
                and all((state.replace("_", "-") in node.states) == wanted for state, wanted in states.items())
                and (not shown or node.is_shown())]

    def first(self, role=None, name=None, **options):
        found = self.find_all(role, name, **options)
        return found[0] if found else None

    # -- where it is ----------------------------------------------------------------------------------------------------

    def extents(self):
        """x, y, width, height, within its window."""
        if self._extents is None:
            # What GTK never gave a place has none; an object that went away meanwhile neither.
            self._extents = self.app.ask(self.path, "Component", "GetExtents", "(u)", (WINDOW_COORDINATES,), otherwise=((0, 0, 0, 0),))[0]
        return self._extents

    def is_shown(self):
        """It has a size and is not on a page that lies under another. It may still have to be scrolled to."""
        for node in self.lineage():
            if node.role in WINDOWS or node.role == "menu":
                return True
            if node.role == "application":
                return False
            known = self.tree.shown.get(node.path)
            if known is None:
                known = self.tree.shown[node.path] = node.is_placed()
            if not known:
                return False
        return False

    def is_placed(self):
        others = [node for node in (self.parent.children if self.parent else ()) if node is not self]
        if ATSPI + "Component" not in self.interfaces:  # a page of a stack is no widget: what is on it tells
            widget = self.children[0] if self.children else None
            return widget is not None and widget.has_size() and not self._lies_under(others, widget)
        return self.has_size() and not self._lies_under([node for node in others if node.covers(*self.middle())], self)

    def has_size(self):
        return self.extents()[2] > 0 and self.extents()[3] > 0

    def middle(self):
        """Of what is inside the window."""
        x, y, width, height = self.extents()
        wx, wy, wwidth, wheight = self.window().extents() if self.window() else (x, y, width, height)
        return (max(x, wx) + min(x + width, wx + wwidth)) // 2, (max(y, wy) + min(y + height, wy + wheight)) // 2

    def covers(self, x, y):
        left, top, width, height = self.extents()
        return left <= x < left + width and top <= y < top + height

    def _lies_under(self, rivals, widget):
        """Where the widget's middle is, one of the rivals is seen."""
        if not rivals or not self.window():
            return False
        seen = self.tree.at(self.window(), *widget.middle())
        return seen is not None and any(node in rivals for node in seen.lineage())

    # -- questions and acts, answered by the program now ----------------------------------------------------------------

    def call(self, interface, method, signature="()", arguments=()):
        return self.app.ask(self.path, interface, method, signature, arguments)

    def actions(self):
        return [action[0] for action in self.call("Action", "GetActions")[0]] if ATSPI + "Action" in self.interfaces else []

    def press(self, action=None):
        """Do the object's action, its first unless a name is given. Takes effect after GTK's 250 ms."""
        names = self.actions()
        if not names or (action and action not in names):
            raise AssertionError(f"{self!r} offers no action {action or ''}: {names}")
        if "sensitive" not in self.states:
            raise AssertionError(f"{self!r} cannot be operated now")
        self.call("Action", "DoAction", "(i)", (names.index(action) if action else 0,))

    def write(self, text):
        if not self.call("EditableText", "SetTextContents", "(s)", (text,))[0]:
            raise AssertionError(f"{self!r} took no text")

    def text(self):
        count = self.app.get(self.path, "Text", "CharacterCount")
        return self.call("Text", "GetText", "(ii)", (0, count))[0]

    def click(self):
        """With the pointer, for what has no action. Its window must have the keyboard."""
        x, y, width, height = self.extents()
        left, top = self.app.program.screen.origin()
        self.app.program.screen.click(left + x + width // 2, top + y + height // 2)

    def dump(self, depth=0):
        """For people, when something was not found."""
        lines = []
        is_said = self.role not in ("panel", "filler", "icon") or self.name
        if self.is_shown() or self.role == "application":
            lines += ["  " * depth + repr(self)] if is_said else []
            for child in self.children:
                lines += child.dump(depth + bool(is_said))
        return lines if depth else "\n".join(lines)


class Tree:
    """All objects of a program at one moment."""

    def __init__(self, app):
        self.app, self.shown = app, {}
        order = app.read_paths()
        items = {item[0][1]: item for item in app.ask("/org/a11y/atspi/cache", "Cache", "GetItems")[0]}
        app.leaves = {path for path, item in items.items() if ROLES.get(item[7]) in ("label", "icon", "separator", "scroll bar")}
        self.nodes = {path: Node(self, items[path]) for path in order if path in items}
        for path, children in order.items():
            node = self.nodes.get(path)
            for child in children:
                if node and child in self.nodes and self.nodes[child].parent is None and child != path:
                    self.nodes[child].parent = node
                    node.children.append(self.nodes[child])
        self.root = self.nodes[ROOT]

    def at(self, window, x, y):
        answer = self.app.ask(window.path, "Component", "GetAccessibleAtPoint", "(iiu)", (x, y, WINDOW_COORDINATES), otherwise=(("", ""),))
        return self.nodes.get(answer[0][1])


def lineage_of(pid):
    """A process and those it comes from: a debugger may stand before the program."""
    while pid > 1:
        yield pid
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                pid = int(file.read().rpartition(")")[2].split()[1])
        except OSError:
            return


class App:
    """A program on the accessibility bus, found by its process."""

    def __init__(self, session, program, seconds=20):
        self.program, self.events, self.name = program, 0, None
        self.leaves = set()  # objects that have nothing in them
        flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
        self.context = GLib.MainContext.new()
        self.context.push_thread_default()
        try:
            self.bus = Gio.DBusConnection.new_for_address_sync(session.a11y_address, flags, None, None)
            self.bus.signal_subscribe(None, None, None, None, None, Gio.DBusSignalFlags.NONE, self._on_event)
        finally:
            self.context.pop_thread_default()
        self.name = self.wait(self._find, seconds, lambda: f"{program.argv[0]} is on the accessibility bus; it said: {program.said()[-2000:]}")

    def _on_event(self, *_arguments):
        self.events += 1

    def _find(self):
        self._must_run()
        for name, _path in self._call("org.a11y.atspi.Registry", ROOT, "Accessible", "GetChildren", "()", ())[0]:
            try:
                answer = self.bus.call_sync("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "GetConnectionUnixProcessID",
                                            GLib.Variant("(s)", (name,)), None, 0, SECONDS * 1000, None)
            except GLib.Error:
                continue  # another program, which just ended
            if self.program.pid in lineage_of(answer.unpack()[0]):
                return name
        return None

    def _must_run(self):
        if not self.program.is_running():
            raise AssertionError(f"{self.program.argv[0]} ended with {self.program.process.returncode}: {self.program.said()[-3000:]}")

    def _call(self, name, path, interface, method, signature, arguments):
        return self.bus.call_sync(name, path, ATSPI + interface, method, GLib.Variant(signature, arguments), None, Gio.DBusCallFlags.NONE,
                                  SECONDS * 1000, None).unpack()

    def ask(self, path, interface, method, signature="()", arguments=(), otherwise=None):
        """Call the program; `otherwise` is the answer of an object that is gone or does not know the method."""
        try:
            return self._call(self.name, path, interface, method, signature, arguments)
        except GLib.Error as error:
            self._must_run()
            if otherwise is not None and not error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.TIMED_OUT):
                return otherwise
            raise

    def get(self, path, interface, what):
        return self.bus.call_sync(self.name, path, "org.freedesktop.DBus.Properties", "Get", GLib.Variant("(ss)", (ATSPI + interface, what)),
                                  None, 0, SECONDS * 1000, None).unpack()[0]

    def read_paths(self):
        """Every object's path with those of its children, in order. GTK makes objects known when their parent is asked."""
        order, asked = {}, 0

        def ask(path):
            nonlocal asked
            order[path] = ()
            if path in self.leaves:
                return
            asked += 1
            self.bus.call(self.name, path, ATSPI + "Accessible", "GetChildren", None, None, Gio.DBusCallFlags.NONE, SECONDS * 1000, None, answered, path)

        def answered(bus, result, path):
            nonlocal asked
            asked -= 1
            try:
                order[path] = tuple(child for _name, child in bus.call_finish(result).unpack()[0])
            except GLib.Error:
                return  # it went away meanwhile
            for child in order[path]:
                if child not in order:
                    ask(child)
        self.context.push_thread_default()
        try:
            ask(ROOT)
            while asked:
                self.context.iteration(True)
        finally:
            self.context.pop_thread_default()
        self._must_run()
        return order

    def tree(self):
        """Everything, now: the application's node."""
        return Tree(self).root

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

    def find(self, role=None, name=None, seconds=SECONDS, within=None, **states):
        """The first such object, waited for; `within` is a function from the tree's root to the object to look in."""
        def look():
            root = self.tree()
            place = within(root) if within else root
            return place.first(role, name, **states) if place else None
        return self.wait(look, seconds, lambda: f"there is a {role or 'object'} named {name} {states or ''} in\n{self.tree().dump()}")

    def gone(self, role=None, name=None, seconds=SECONDS, **states):
        """Wait until there is none."""
        self.wait(lambda: not self.tree().first(role, name, **states), seconds,
                  lambda: f"there is no {role or 'object'} named {name} {states or ''} in\n{self.tree().dump()}")

    def texts(self):
        """What labels say on what is shown, in order."""
        return [node.name for node in self.tree().find_all("label") if node.name]


# --- judgements ---

def unnamed(root):
    """Operable objects that are shown without a name. Parts that GTK and libadwaita make themselves, in a named object, a toast, the
    windows of shortcuts and About, are theirs and cannot be named."""
    found = []
    for node in root.walk():
        if node.role in OPERABLE and not node.name and node.is_shown():
            holders = [holder for holder in list(node.lineage())[1:5] if holder.role in ("combo box", "text", "entry", "password text")]
            is_theirs = any(holder.raw_name == "AdwToastWidget" for holder in node.lineage()) or (node.window() and node.window().is_toolkits())
            if not any(holder.name for holder in holders) and not is_theirs:
                found.append(node)
    return found


def out_of_sight(root):
    """Windows wider than the screen, and objects that stick out of their window at a side: cut off. What is scrolled out above or
    below is not."""
    found = []
    screen = root.app.program.screen
    for node in root.children:
        if node.role in WINDOWS and not node.is_toolkits() and (node.extents()[2] > screen.width or node.extents()[3] > screen.height):
            found.append(node)
    for node in root.walk():
        window = node.window()
        if not window or node is window or not node.is_shown() or any(holder.role == "menu" for holder in node.lineage()):
            continue
        x, _y, width, _height = node.extents()
        if x < -1 or x + width > window.extents()[2] + 1:
            found.append(node)
    return [node for node in found if node.parent not in found]

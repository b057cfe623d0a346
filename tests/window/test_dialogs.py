#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The dialogs against the mock guard: first start, preferences, the second lock, adding an application, what is enforced,
notifications. Through AT-SPI and keys; what the guard was asked is read at the mock, what was notified at a notification service
of the test's own."""

import os
import re
import sys

import atspi
import desk
from suite import Suite
from tap import expect, expect_equal

PASSPHRASE = "correct horse battery"


def settings_calls(mock):
    return [arguments[0] for arguments in mock.calls("SetSettings")]


def opened(window, title):
    """A dialog that has the keyboard."""
    desk.wait_for(lambda: focused_title(window) == title, 10, lambda: f"{title} has the keyboard, not {focused_title(window)}")
    return window.find("frame", title)


def until_called(window, mock, method):
    """The calls of a method, waited for."""
    found = []

    def look():
        found.extend(mock.calls(method))
        return found
    window.app.wait(look, 10, f"the guard is asked to {method}")
    return found


def choices_of(window):
    with open(window.session.path("config", "netguard", "window.conf"), encoding="utf-8") as file:
        return file.read()


def audit(window, what):
    tree = window.tree()
    expect_equal([repr(node) for node in atspi.unnamed(tree)], [], f"{what}: operable without a name")
    expect_equal([repr(node) for node in atspi.out_of_sight(tree)], [], f"{what}: cut off")


def closed(window, name):
    window.screen.key("Escape")
    window.app.gone("frame", name)


def focused_title(window):
    return window.screen._x("xdotool", "getwindowfocus", "getwindowname").strip()  # pylint: disable=protected-access


def key_in_front(window, key):
    """A key for the window itself, once it has the keyboard again."""
    desk.wait_for(lambda: focused_title(window) == "Network Guard", 10, lambda: f"the window has the keyboard, not {focused_title(window)}")
    window.screen.key(key)


# --- first start ---

def check_welcome(tap, window, mock):
    with tap.point("first start shows what this machine supports, then the default, then what runs"):
        window.sees("Step 1 of 3")
        window.sees(r"\d+ of \d+ are in force")
        audit(window, "step 1")
        window.screen.key("Return")
        window.sees("Step 2 of 3")
        window.find("button", "Online, with notice", pressed=True)
        audit(window, "step 2")
    with tap.point("the keyboard alone goes back, forth, and chooses"):
        window.screen.key("alt+Left")
        window.sees("Step 1 of 3")
        window.screen.key("alt+Right")
        window.sees("Step 2 of 3")
        window.screen.key("alt+Right")
        window.sees("Step 3 of 3")
        expect_equal(settings_calls(mock), [], "a default that is as before is not set")
        window.screen.key("alt+Left")
        window.sees("Step 2 of 3")
    with tap.point("a refused default is said with the reason, and the next step comes all the same"):
        mock("fail", method="SetSettings", error="AccessDenied", text="Only root may do this here.")
        window.press("Local")
        window.press("Next")
        window.sees("Step 3 of 3")
        window.sees("Unknown programs stay Online: Only root may do this here. .*")
        expect_equal(settings_calls(mock), [{"default-profile": "local"}], "asked")
        window.press("Back")
        window.find("button", "Online, with notice", pressed=True)
    with tap.point("a default that is granted is set"):
        window.press("Offline", within=lambda root: root.first("frame", "Welcome"))
        window.press("Next")
        window.sees("Step 3 of 3")
        expect_equal(settings_calls(mock), [{"default-profile": "offline"}], "asked")
        audit(window, "step 3")
    with tap.point("a program that runs is decided on in place, and its row stays"):
        mock.calls()
        window.press("Rhythmbox: Local", within=lambda root: root.first("frame", "Welcome"))
        calls = until_called(window, mock, "SetProfile")
        expect_equal(calls[0][1], "local", "profile")
        window.find("button", "Rhythmbox: Local, selected", within=lambda root: root.first("frame", "Welcome"))
    with tap.point("done is remembered"):
        window.press("Done")
        window.app.gone("frame", "Welcome")
        window.app.wait(lambda: "Welcomed=true" in choices_of(window), 10, "the choices file says so")


def check_skip(tap, window, mock):
    with tap.point("first start in a simulation says that nothing is blocked; Skip is remembered"):
        window.sees("This Is a Simulation")
        window.sees("Nothing is blocked.*")
        expect(not window.says(r"\d+ of \d+ are in force"), "nothing is said to be in force")
        window.press("Skip")
        window.app.gone("frame", "Welcome")
        window.app.wait(lambda: "Welcomed=true" in choices_of(window), 10, "the choices file says so")


# --- preferences ---

def days_row(window):
    return window.find(None, "Days to keep", editable=True)


def type_days(window, text):
    days_row(window).click()
    window.screen.key("ctrl+a")
    window.screen.type(text)
    window.screen.key("Return")


def check_settings(tap, window, mock):
    with tap.point("the default for unknown programs is changed through the guard"):
        key_in_front(window, "ctrl+comma")
        window.sees("Second Lock")
        audit(window, "preferences")
        window.press("Unknown programs: Local")
        window.find("button", "Unknown programs: Local, selected", pressed=True)
        expect_equal(settings_calls(mock), [{"default-profile": "local"}], "asked")
    with tap.point("a refusal is said with its reason, and the control is as before"):
        mock("fail", method="SetSettings", error="AccessDenied", text="Only root may do this here.")
        window.press("Unknown programs: Online")
        window.sees("Only root may do this here.")
        window.find("button", "Unknown programs: Local, selected", pressed=True)
        window.press("Close( Close)?", within=lambda root: root.first("dialog"))
        window.app.gone("dialog")
    with tap.point("a switch moves when the guard said yes, and back when it did not"):
        mock("fail", method="SetSettings", error="Cancelled", text="The question was closed.")
        window.press("Shared addresses", role="check box")
        until_called(window, mock, "SetSettings")
        window.find("check box", "Shared addresses", checked=False)
        window.press("Shared addresses", role="check box")
        expect("shared" in until_called(window, mock, "SetSettings")[0][0]["default-allow"], "shared is asked for")
        window.find("check box", "Shared addresses", checked=True)
    with tap.point("how long history is kept is typed and applied; what is no number is refused here"):
        mock.calls()
        type_days(window, "30")
        expect_equal(until_called(window, mock, "SetSettings")[0][0], {"max-age-days": 30}, "asked")
        type_days(window, "many")
        window.sees("Not a Number That Fits")
        window.press("Close( Close)?", within=lambda root: root.first("dialog"))
        window.app.gone("dialog")
        window.app.wait(lambda: days_row(window).text() == "30", 10, "the entry shows what is in force")
        closed(window, "Preferences")


def check_managed(tap, window, mock):
    with tap.point("what the administrator fixed is shown with the file's name and cannot be changed"):
        key_in_front(window, "ctrl+comma")
        window.sees(".*Fixed by the administrator in netguard.conf.")
        for title in ("Offline", "Local"):
            expect("sensitive" not in window.find("button", f"Unknown programs: {title}").states, f"{title} is greyed")
        closed(window, "Preferences")


def check_own_choices(tap, window, mock):
    with tap.point("notifications, background and appearance are kept in the person's own file"):
        key_in_front(window, "ctrl+comma")
        window.press("This Window", role="page tab")
        audit(window, "preferences of the window")
        window.press("Tell me when a program is blocked", role="check box")
        window.app.wait(lambda: "Notify=false" in choices_of(window), 10, "Notify=false")
        autostart = window.session.path("config", "autostart", "org.networkguard.Window.desktop")
        window.press("Run in the background", role="check box")
        window.app.wait(lambda: os.path.exists(autostart), 10, "there is an autostart file")
        window.press("Run in the background", role="check box")
        window.app.wait(lambda: not os.path.exists(autostart), 10, "there is none")
        window.press("Tell me when a program is blocked", role="check box")
        window.app.wait(lambda: "Notify=true" in choices_of(window), 10, "Notify=true")
        closed(window, "Preferences")


# --- the second lock ---

def type_row(window, name, text):
    window.find(None, name, editable=True, within=lambda root: root.first("frame", "Second Lock")).write(text)


def check_lock(tap, window, mock):
    with tap.point("a passphrase typed in two ways, or too short, is not sent"):
        key_in_front(window, "ctrl+comma")
        window.press("Set a passphrase…")
        audit(window, "the lock's dialog")
        type_row(window, "New passphrase", PASSPHRASE)
        type_row(window, "The same again", PASSPHRASE + "!")
        window.press("Set")
        window.sees("The two are not the same.*")
        type_row(window, "New passphrase", "short")
        type_row(window, "The same again", "short")
        window.press("Set")
        window.sees("The new passphrase is too short.*")
        expect_equal(mock.calls("SetLock"), [], "calls")
    with tap.point("it is set, and the preferences say so"):
        type_row(window, "New passphrase", PASSPHRASE)
        type_row(window, "The same again", PASSPHRASE)
        window.press("Set")
        window.app.gone("frame", "Second Lock")
        window.find("button", "Change the passphrase…")
        window.sees("Not possible now.")
    with tap.point("a wrong passphrase is said and the dialog stays; the right one unlocks; Lock Now ends it"):
        window.press("Unlock for 15 minutes…")
        type_row(window, "Passphrase", "wrong horse battery")
        window.press("Unlock")
        window.sees("That is not the passphrase.*")
        type_row(window, "Passphrase", PASSPHRASE)
        window.press("Unlock")
        window.app.gone("frame", "Second Lock")
        window.sees("Possible for you until .*")
        window.press("Lock now")
        window.sees("Not possible now.")
        closed(window, "Preferences")
    with tap.point("loosening asks for it: wrong is asked again with the reason, Escape changes nothing"):
        window.search("Inkscape")
        window.choose("Inkscape", "online")
        window.find("dialog", "Passphrase Needed")
        audit(window, "the question")
        window.screen.type("wrong horse battery")
        window.screen.key("Return")
        window.sees("That is not the passphrase. Try again.")
        window.screen.key("Escape")
        window.app.gone("dialog", "Passphrase Needed")
        window.shows("Inkscape", "offline")
    with tap.point("with it the change goes through, and stays unlocked if that was asked for"):
        mock.calls()
        window.choose("Inkscape", "online")
        window.press("Keep unlocked for 15 minutes", role="check box")
        window.find(None, "Passphrase", editable=True).write(PASSPHRASE)
        window.press("Go On")
        window.shows("Inkscape", "online")
        expect_equal(until_called(window, mock, "Unlock"), [[PASSPHRASE, 900]], "Unlock")


# --- adding ---

def check_add(tap, window, mock):
    with tap.point("keys alone find an installed program and decide on it"):
        mock.calls()
        key_in_front(window, "ctrl+n")
        opened(window, "Add Application")
        audit(window, "add")
        window.screen.type("blender")
        window.app.wait(lambda: len(window.tree().first("list", "Installed applications").find_all("list item")) == 1, 10, "one is left")
        window.screen.key("Tab", "Down", "Return", "Right", "space")
        calls = until_called(window, mock, "SetProfile")
        expect(calls[0][0].endswith("/blender"), f"its path is named: {calls}")
        expect_equal(calls[0][1], "local", "profile")
        window.app.gone("frame", "Add Application")
    with tap.point("a word that nothing has says so; Escape clears it, and then closes"):
        key_in_front(window, "ctrl+n")
        opened(window, "Add Application")
        window.screen.type("no such program")
        window.sees("Nothing Found")
        window.screen.key("Escape")
        window.sees("Choose a program above.")
        window.misses("Nothing Found")
        closed(window, "Add Application")
    with tap.point("while the connection is lost nothing can be added"):
        key_in_front(window, "ctrl+n")
        opened(window, "Add Application")
        mock("down")
        window.sees("The connection to the service was lost.*")
        expect("sensitive" not in window.find("button", "No program: Offline").states, "greyed")
        mock("up")
        window.sees("Choose a program above.", seconds=20)
        closed(window, "Add Application")


# --- what is enforced ---

def check_enforced(tap, window, mock):
    with tap.point("damaged files are shown with place, message and what holds instead"):
        window.press("State: .*")
        opened(window, "What Is in Force")
        audit(window, "what is in force")
        window.sees(r"/etc/netguard/apps.d/transmission.app:7:9\n.*\nKept: the last good version is in force.")
        window.sees(r"(?s).*Nothing of this file is in force.")
    with tap.point("Reload asks the guard, and a refusal is said"):
        mock("fail", method="Reload", error="AccessDenied", text="Only root may do this here.")
        window.press("Read all application files again")
        window.sees("Only root may do this here.")
        window.press("Read all application files again")
        window.sees("All application files were read again")
    with tap.point("what is mended goes away by itself"):
        mock("set", values={"problems": []})
        window.misses(r"(?s).*Kept: the last good version is in force.")
    with tap.point("when the connection is lost it says so, and recovers"):
        mock("down")
        window.sees("The connection to the service was lost.*")
        expect("sensitive" not in window.find("button", "Read all application files again").states, "greyed")
        mock("up")
        window.find("button", "Read all application files again", sensitive=True, seconds=20)
        closed(window, "What Is in Force")


# --- notifications ---

NOTIFICATIONS = """<node><interface name="org.gtk.Notifications">
<method name="AddNotification"><arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="a{sv}" direction="in"/></method>
<method name="RemoveNotification"><arg type="s" direction="in"/><arg type="s" direction="in"/></method></interface></node>"""


class Notifications:
    """The desktop's notification service: keeps what it is told."""

    def __init__(self, session):
        from gi.repository import Gio  # pylint: disable=import-outside-toplevel
        flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
        self.bus = Gio.DBusConnection.new_for_address_sync(session.bus_address, flags, None, None)
        self.shown, self.removed, self.sender = [], [], None
        self.bus.register_object("/org/gtk/Notifications", Gio.DBusNodeInfo.new_for_xml(NOTIFICATIONS).interfaces[0], self._called, None, None)
        self.bus.call_sync("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "RequestName", _variant("(su)", "org.gtk.Notifications", 4),
                           None, 0, 5000, None)

    def _called(self, _bus, sender, _path, _interface, method, parameters, invocation):
        _app, name, *rest = parameters.unpack()
        self.sender = sender
        if method == "AddNotification":
            self.shown.append((name, rest[0]))
        else:
            self.removed.append(name)
        invocation.return_value(None)

    def wait(self, condition, what):
        from gi.repository import GLib  # pylint: disable=import-outside-toplevel
        context = GLib.MainContext.default()

        def look():
            while context.pending():
                context.iteration(False)
            return condition()
        return desk.wait_for(look, 10, what)

    def activate(self, action, target):
        self.bus.call_sync(self.sender, "/org/networkguard/Window", "org.gtk.Actions", "Activate",
                           _variant("(sava{sv})", action, [_variant("s", target)], {}), None, 0, 5000, None)


def _variant(signature, *values):
    from gi.repository import GLib  # pylint: disable=import-outside-toplevel
    return GLib.Variant(signature, values if signature.startswith("(") else values[0])


def look_away(window):
    window.screen._x("sh", "-c", "xdotool getactivewindow windowminimize")  # pylint: disable=protected-access
    desk.wait_for(lambda: focused_title(window) != "Network Guard", 10, "the window has lost the keyboard")


def blocked_today(window):
    """The number in the one row that is listed; 0 if it says none."""
    label = window.tree().first("label", r".*Blocked \d+ times? today.*")
    return int(re.search(r"Blocked (\d+) time", label.name)[1]) if label else 0


def check_notifications(tap, window, mock):
    service = Notifications(tap.session)
    with tap.point("nothing is told while the window has the keyboard; then one notification with destination, count and reason"):
        desk.wait_for(lambda: focused_title(window) == "Network Guard", 10, "the window has the keyboard")
        window.search("curl")
        window.app.wait(lambda: window.tree().first("frame", "Network Guard", active=True), 10, "and knows that it has")
        before = blocked_today(window)
        mock("attempt", app="curl", count=2)
        window.app.wait(lambda: blocked_today(window) > before, 20, "the attempt has arrived: its row counts it")
        look_away(window)
        mock("attempt", app="gimp", count=3)
        service.wait(lambda: service.shown, "a notification")
        name, what = service.shown[0]
        expect_equal(name, "blocked:gimp", "one name for each application, so that it is replaced")
        expect_equal(what["title"], "GIMP was blocked", "title")
        expect(re.fullmatch(r"203\.0\.113\.\d+:443/tcp, 3 times\.\nIt is Offline\.", what["body"]), what["body"])
        expect_equal([button["label"] for button in what["buttons"]], ["Open", "Allow for an Hour"], "buttons")
    with tap.point("what follows within half a minute is gathered, and another application is told of"):
        mock("attempt", app="gimp", count=1)
        mock("attempt", app="transmission", count=1)
        service.wait(lambda: len(service.shown) > 1, "another notification")
        expect_equal([name for name, _what in service.shown], ["blocked:gimp", "blocked:transmission"], "told")
    with tap.point("Allow for an Hour brings the window up and asks for the passphrase before anything is allowed"):
        mock.calls()
        service.activate("allow-hour", "gimp")
        window.press("Allow( Allow)?")
        window.find("dialog", "Passphrase Needed")
        expect_equal(mock.profile("gimp"), "offline", "profile meanwhile")
        window.screen.type(PASSPHRASE)
        window.screen.key("Return")
        window.app.wait(lambda: mock.profile("gimp") == "online", 10, "it is Online")
        last = mock.calls("SetProfile")[-1]
        expect("until" in last[2], f"for a time: {last}")
        service.wait(lambda: "blocked:gimp" in service.removed, "the notification is withdrawn")
    with tap.point("Open shows the application's page"):
        service.activate("open", "transmission")
        window.sees("Transmission")
        service.wait(lambda: "blocked:transmission" in service.removed, "the notification is withdrawn")


GROUPS = [
    (check_welcome, "calm", "narrow", False), (check_skip, "simulation", "wide", False), (check_settings, "calm", "wide", True),
    (check_managed, "managed", "narrow", True), (check_own_choices, "calm", "narrow", True), (check_lock, "calm", "wide", True),
    (check_add, "calm", "wide", True), (check_enforced, "problems", "wide", True), (check_notifications, "locked", "wide", True),
]


def main():
    tap = Suite()
    for check, scene, size, welcomed in GROUPS:
        if len(sys.argv) < 2 or check.__name__.removeprefix("check_") in sys.argv[1:]:
            with tap.against(scene, size, welcomed=welcomed) as (window, mock):
                check(tap, window, mock)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())

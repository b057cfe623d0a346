#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The Apps page against the mock guard: what a row shows, one click and Undo, what happens when the guard refuses, several at once,
search and filters, the keyboard. All of it through AT-SPI and keys; what the guard was really asked is read at the mock."""

import re
import sys
import time

from suite import Suite
from tap import expect, expect_equal


def options_of(call):
    return call[2]


def changes(mock):
    return mock.calls("SetProfile")


def check_rows(tap, window, mock):
    with tap.point("applications are listed in sections, each with its profile pressed"):
        window.sees("Needs Attention")
        window.sees("Running")
        window.search("Inkscape")
        window.sees("Others")
        window.shows("Inkscape", "offline")
        window.search("Firefox")
        window.shows("Firefox ESR", "online")
        window.search("")
    with tap.point("a row says what is true now: blocked, changed, temporary, when it goes back"):
        window.search("curl")
        window.sees(r"Changed since you approved it · Blocked \d+ times today")
        window.search("Transmission")
        window.sees(r"Back to Offline in 4\d min.*")
        window.search("VLC")
        window.sees(r".*Back to Local when it quits.*")
        window.search("npm")
        window.sees(r".*Back to Offline at the next restart.*")
        window.search("")
    with tap.point("a program nobody decided on is listed as such, with the default marked and nothing pressed"):
        window.search("Rhythmbox")
        window.find("button", "Rhythmbox: Online, by default", pressed=False)
        expect_equal(window.tree().find_all("button", "Rhythmbox: .*, selected"), [], "pressed")
        window.search("")


def check_click(tap, window, mock):
    mock.calls()
    with tap.point("one click asks the guard; until it answers the row shows the old profile, and the asked one as being applied"):
        window.search("Inkscape")
        mock("hold", method="SetProfile")
        window.choose("Inkscape", "local")
        window.find("button", "Inkscape: Local, being applied", pressed=False)
        window.shows("Inkscape", "offline")
        mock("release")
        window.shows("Inkscape", "local")
        calls = changes(mock)
        expect_equal([call[:2] for call in calls], [["inkscape", "local"]], "calls")
        expect_equal(options_of(calls[0]).get("origin"), "window", "origin")
        expect_equal(mock.profile("inkscape"), "local", "the guard's profile")
    with tap.point("a toast says so, and Undo puts it back"):
        window.sees(r"Inkscape is now Local.*")
        window.press("Undo")
        window.shows("Inkscape", "offline")
        expect_equal(mock.profile("inkscape"), "offline", "the guard's profile")
    with tap.point("after tightening it says how many connections were closed"):
        window.search("Firefox")
        window.choose("Firefox ESR", "offline")
        window.sees(r".*2 open connections (were )?closed.*")
        window.press("Undo")
        window.shows("Firefox ESR", "online")
    with tap.point("deciding on a program for the first time gives it a line, and Undo forgets it again"):
        window.search("Rhythmbox")
        window.choose("Rhythmbox", "offline")
        window.shows("Rhythmbox", "offline")
        window.press("Undo")
        window.find("button", "Rhythmbox: Online, by default")
        expect_equal(len(mock.calls("Forget")), 1, "calls of Forget")
    with tap.point("a change that somebody else makes is shown without asking"):
        window.search("wget")
        window.shows("wget", "local")
        mock("app", id="wget", values={"profile": "offline"})
        window.shows("wget", "offline")


def check_refusals(tap, window, mock):
    refusals = [
        ("AccessDenied", "Only root may do this here: there is no polkit to ask. Use sudo netguard.", "the authorisation is denied", ".*(root|allowed).*"),
        ("Cancelled", "The question was closed.", "the question is closed", ".*cancelled.*"),
        ("Failed", "The decision could not be stored: no space left on the device. Make room.", "storing fails", ".*no space left.*"),
        ("Managed", "GIMP is decided in /etc/netguard/apps.d/gimp.app by the administrator.", "the administrator decided", ".*administrator.*"),
        ("Conflict", "Two applications have this path: gimp, gimp2. Forget one.", "there is a conflict", ".*Two applications.*"),
        ("Limit", "There are too many calls. Try again in a second.", "there is a limit", ".*too many.*"),
        ("NotEnforced", "The kernel did not take it. See netguard status.", "the kernel does not take it", ".*kernel.*"),
    ]
    window.search("GIMP")
    for error, text, when, told in refusals:
        with tap.point(f"when {when} the control springs back and a toast says why"):
            mock("fail", method="SetProfile", error=error, text=text)
            window.choose("GIMP", "online")
            window.sees(told)
            window.shows("GIMP", "offline")
            window.app.gone("button", "GIMP: .*being applied")
            expect_equal(mock.profile("gimp"), "offline", "the guard's profile")
    with tap.point("a decision that is stored but not in force is not shown as done without a word"):
        mock("set", values={"enforces": False})
        window.choose("GIMP", "local")
        window.sees(".*(kernel|not in force|status).*")
        mock("set", values={"enforces": True})
        window.choose("GIMP", "offline")
        window.shows("GIMP", "offline")
    with tap.point("while the guard is silent the window goes on working"):
        mock("hold", method="SetProfile")
        window.choose("GIMP", "local")
        window.find("button", "GIMP: Local, being applied")
        window.search("curl")
        window.shows("curl", "local")
        window.search("GIMP")
        mock("release")
        window.shows("GIMP", "local")


def check_lock(tap, window, mock):
    with tap.point("with the second lock, loosening asks for the passphrase; a wrong one is said, the right one applies it"):
        mock("set", values={"passphrase": "correct horse battery"})
        window.search("Audacity")
        window.choose("Audacity", "online")
        for word, outcome in (("not the right one", ".*(not the passphrase|[Ww]rong).*"), ("correct horse battery", None)):
            entry = window.find(None, "Passphrase", editable=True)
            entry.write(word)
            window.press("Go On")
            if outcome:
                window.sees(outcome)
        window.shows("Audacity", "online")
    with tap.point("tightening does not ask for the passphrase"):
        window.choose("Audacity", "offline")
        window.shows("Audacity", "offline")
    for how, close in (("Cancel", lambda: window.press("Cancel")), ("Escape", lambda: window.screen.key("Escape"))):
        with tap.point(f"closing the question with {how}, even half answered, changes nothing, and the control springs back"):
            window.choose("Audacity", "online")
            window.find(None, "Passphrase", editable=True).write("half an ans")
            close()
            window.app.gone("dialog")
            window.shows("Audacity", "offline")
            window.app.gone("button", "Audacity: .*being applied")


def check_durations(tap, window, mock):
    with tap.point("“for 1 hour” asks for an end in an hour, and the row says what it goes back to"):
        window.search("calibre")
        mock.calls()
        window.menu("More for calibre", "Online for a While", "for 1 hour")
        window.shows("calibre", "online")
        window.sees(r"Back to Offline in (60 min|59 min|1 h).*")
        until = options_of(changes(mock)[0])["until"]
        expect(abs(until - time.time() - 3600) < 30, f"until is {until - time.time():.0f} s away")
    with tap.point("Undo of a temporary change puts the lasting decision back"):
        window.press("Undo")
        window.shows("calibre", "offline")
        window.misses(r"Back to Offline.*")
        expect_equal(mock("app", id="calibre")["until"], 0, "until")
    for item, word in (("until it quits", "running"), ("until restart", "boot")):
        with tap.point(f"“{item}” is asked for as such"):
            mock.calls()
            window.search("KeePassXC")
            window.menu("More for KeePassXC", "Local for a While", item)
            window.shows("KeePassXC", "local")
            expect_equal(options_of(changes(mock)[0]).get("while"), word, "while")
            window.press("Undo")
            window.shows("KeePassXC", "offline")


def check_search(tap, window, mock):
    with tap.point("search finds by name and by path, and says when there is nothing"):
        window.search("kart")
        window.app.wait(lambda: window.names() == ["SuperTuxKart"], 10, lambda: f"only SuperTuxKart is listed: {window.names()}")
        window.search("/usr/sbin/cups")
        window.app.wait(lambda: window.names() == ["Printer discovery"], 10, lambda: f"only it is listed: {window.names()}")
        window.search("no such program")
        window.sees("Nothing Found")
        window.press("Show All")
        window.app.wait(lambda: len(window.names()) > 5, 10, "all are listed again")
    with tap.point("filters show only what they say"):
        for title, wanted in (("Temporary", {"Transmission", "VLC media player", "npm"}), ("Changed", {"curl", "VLC media player"})):
            choose_filter(window, title)
            window.app.wait(lambda wanted=wanted: set(window.names()) >= {name for name in wanted}, 10,
                            lambda wanted=wanted: f"{sorted(wanted)} are listed: {window.names()}")
        choose_filter(window, "All")


FILTERS = ("All", "Offline", "Local", "Online", "Undecided", "Running", "Temporary", "Changed")


def choose_filter(window, title):
    """Through the drop-down's list, with the keyboard: its rows have no action and lie on a surface of their own."""
    if not window.tree().first("combo box", "Show only"):
        window.press("Search")
    window.find("combo box", "Show only").click()
    window.sees("Undecided")
    window.screen.key("Home", *["Down"] * FILTERS.index(title), "Return")
    window.misses("Undecided")


def check_several(tap, window, mock):
    with tap.point("several chosen applications are changed with one click, told in one toast, and undone with one"):
        window.search("")
        mock.calls()
        window.press("Choose several")
        for name in ("curl", "Avahi", "Document Viewer"):
            window.find("check box", f"Choose {name}").click()
            window.find("check box", f"Choose {name}", checked=True)
        window.sees("3 .*")
        window.press("Set the chosen applications Online")
        window.sees("3 applications.*Online.*")
        expect_equal(sorted(call[0] for call in changes(mock)), ["avahi-daemon", "curl", "evince"], "calls")
        window.press("Undo")
        window.app.wait(lambda: [mock.profile(app) for app in ("avahi-daemon", "curl", "evince")] == ["local", "local", "offline"], 10,
                        "all three are as before")
    with tap.point("when one of several is refused, it is said how many were not changed"):
        mock("fail", method="SetProfile", error="Failed", text="It could not be stored. Try again.")
        if not window.tree().first("button", "Set the chosen applications Local"):
            window.press("Choose several")
        for name in ("Avahi", "Document Viewer"):
            if not window.tree().first("check box", f"Choose {name}", checked=True):
                window.find("check box", f"Choose {name}").click()
        window.press("Set the chosen applications Online")
        window.sees(".*1 of [23] applications.*")


def focused(window):
    return next((node for node in window.tree().walk() if "focused" in node.states and node.is_shown()), None)


def check_keyboard(tap, window, mock):
    screen = window.screen
    with tap.point("with the keyboard alone: search, go to a row, choose with arrows and space, undo"):
        mock.calls()
        screen.key("ctrl+f")
        window.app.wait(lambda: focused(window) and focused(window).name == "Search applications", 10, lambda: f"the search has the keyboard: {focused(window)!r}")
        screen.type("inksc")
        window.app.wait(lambda: window.names() == ["Inkscape"], 10, lambda: f"only Inkscape is listed: {window.names()}")
        for _press in range(12):
            if focused(window).name.startswith("Inkscape: "):
                break
            before = focused(window)
            screen.key("Tab")
            window.app.wait(lambda before=before: focused(window) and focused(window).path != before.path, 5, "Tab goes on")
        expect(focused(window).name.startswith("Inkscape: "), f"Tab does not get to the toggles but to {focused(window)!r}")
        if focused(window).name.startswith("Inkscape: Offline"):
            screen.key("Right")
        window.app.wait(lambda: focused(window).name == "Inkscape: Local", 10, lambda: f"the arrow goes to Local: {focused(window)!r}")
        screen.key("space")
        window.shows("Inkscape", "local")
        expect_equal(mock.profile("inkscape"), "local", "the guard's profile")
    with tap.point("Escape closes the search"):
        screen.key("ctrl+f")
        screen.key("Escape")
        window.app.wait(lambda: len(window.names()) > 5, 10, "all are listed again")
    with tap.point("Tab reaches every control of the header, and comes round"):
        seen = []
        for _press in range(60):
            node = focused(window)
            if node:
                if seen and node.path == seen[0].path and len(seen) > 4:
                    break
                seen.append(node)
            screen.key("Tab")
        names = " | ".join(node.name for node in seen)
        for wanted in ("State: .*", "Search", "Choose several", "Menu", "Apps"):
            expect(any(re.fullmatch(wanted, node.name) for node in seen), f"Tab does not get to {wanted}: {names}")


def main():
    tap = Suite()
    for check in (check_rows, check_click, check_refusals, check_lock, check_durations, check_search, check_several, check_keyboard):
        if len(sys.argv) < 2 or check.__name__.removeprefix("check_") in sys.argv[1:]:
            with tap.against("busy") as (window, mock):
                check(tap, window, mock)
    return tap.finish()


sys.exit(main())

#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The states that must exist: what the header and the strip say in each, that the window follows the guard from one to the other, and
the loss of the connection: old data is shown as old, and it recovers by itself."""

import sys

from pages import STATES
from suite import Suite
from tap import expect, expect_equal


def strip_button(window, name):
    return window.tree().first("button", name)


def check_states(tap, window, mock):
    for state, (scene, header, strip) in STATES.items():
        with tap.point(f"{state}: the header says “{header}”, the strip {f'says “{strip}”' if strip else 'is not there'}"):
            mock("scene", name=scene)
            window.find("button", f"State: {header}.*")
            if strip:
                window.sees(strip)
            else:
                window.app.wait(lambda: not window.tree().first("button", "Details|Resume|Start|Try Again"), 10,
                                lambda: f"there is no strip:\n{window.tree().dump()}")
    with tap.point("a simulation never says “protecting”"):
        mock("scene", name="simulation")
        window.find("button", "State: Simulation.*")
        says = [text for text in window.app.texts() if "rotecting" in text]
        expect_equal(says, [], "texts")
    with tap.point("one damaged file is named with its line and what holds meanwhile"):
        mock("scene", name="calm")
        mock("set", values={"problems": [{"path": "/etc/netguard/apps.d/wget.app", "line": 7, "column": 9, "message": "There is no profile “ofline”.", "kept": True}]})
        window.sees("wget.app has an error in line 7.*last good.*")
        mock("set", values={"problems": []})
        window.misses("wget.app has an error.*")


def check_acts(tap, window, mock):
    with tap.point("Resume in the strip ends a pause"):
        mock("scene", name="paused")
        window.press("Resume")
        window.find("button", "State: Protecting.*")
        expect_equal(len(mock.calls("Resume")), 1, "calls of Resume")
    with tap.point("Pause in the menu asks for that many seconds"):
        window.main_menu("Pause", "For 10 Minutes")
        window.find("button", "State: Paused until.*")
        expect_equal([call[0] for call in mock.calls("Pause")], [600], "seconds")
        window.press("Resume")
    with tap.point("Everything Offline in the menu, and Resume in the strip"):
        window.main_menu("Everything Offline")
        window.find("button", "State: All Offline.*")
        window.press("Resume")
        window.find("button", "State: Protecting.*")
    with tap.point("where only root may, the window is read-only and says why"):
        mock("scene", name="root-only")
        window.search("curl")
        window.find("button", "curl: Local, selected", sensitive=False)
        window.sees(".*(root|only be looked at|may not).*")
        mock("scene", name="calm")
        window.find("button", "curl: Local, selected", sensitive=True)
        window.search("")


def check_loss(tap, window, mock):
    with tap.point("when the connection is lost it says so, the data is marked as old and cannot be operated"):
        mock("scene", name="calm")
        window.search("curl")
        window.find("button", "curl: Local, selected", sensitive=True)
        mock("down")
        window.sees("The connection to the service was lost.*old.*")
        window.find("button", "State: Connection lost.*")
        window.find("button", "curl: Local, selected", sensitive=False)
    with tap.point("when the guard comes back it recovers by itself, with what is true then"):
        mock("app", id="curl", values={"profile": "offline"})
        mock("up")
        window.find("button", "State: Protecting.*", seconds=15)
        window.misses("The connection to the service was lost.*")
        window.shows("curl", "offline", seconds=15)
        window.find("button", "curl: Offline, selected", sensitive=True)
    with tap.point("a change that is under way when the connection is lost springs back and is told"):
        mock("hold", method="SetProfile")
        window.choose("curl", "local")
        window.find("button", "curl: Local, being applied")
        mock("down")
        window.app.gone("button", "curl: .*being applied")
        mock("heal")
        mock("up")
        window.find("button", "State: Protecting.*", seconds=15)
        window.app.wait(lambda: window.profile("curl") == mock.profile("curl"), 15, "the row shows what the guard says")
    with tap.point("five losses in a row leave it as it was"):
        for _round in range(5):
            mock("drop")
            window.find("button", "State: Protecting.*", seconds=15)
        window.search("")
        window.app.wait(lambda: len(window.names()) > 5, 15, "all are listed")


def check_absent(tap):
    with tap.against("calm") as (window, mock):
        with tap.point("without a list of applications it says why and offers to try again"):
            mock("fail", method="ListApps", error="Failed", text="The list could not be made: out of memory.", times=0)
            mock("drop")
            window.find("button", "State: Protecting.*", seconds=15)
        with tap.point("and lists them when that is over"):
            mock("heal")
            window.find("button", "curl: .*", seconds=20) if not window.names() else None
            expect(window.names(), "applications are listed")


def main():
    tap = Suite()
    for check in (check_states, check_acts, check_loss):
        if len(sys.argv) < 2 or check.__name__.removeprefix("check_") in sys.argv[1:]:
            with tap.against("calm") as (window, mock):
                check(tap, window, mock)
    if len(sys.argv) < 2 or "absent" in sys.argv[1:]:
        check_absent(tap)
    return tap.finish()


sys.exit(main())

#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The page of one application, as a person uses it: what is changed arrives at the guard, what was refused is said and springs back,
what not everybody may see is asked for by a button only."""

import sys

from suite import Suite
from tap import expect, expect_equal

HOST = "203.0.113.24:443/tcp"
SHARING = "Programs that curl starts share its profile"


def until(window, condition, what):
    return window.app.wait(condition, 10, what)


def fields(mock):
    return mock("app", id="curl")


def write(window, entry, text):
    window.find("text", entry).write(text)


def check_hosts(tap, window, mock):
    with tap.point("“Allow this” adds the destination to the list, keeps the reason, and Undo takes it away again"):
        before = fields(mock)
        window.press(f"Allow {HOST} for curl".replace(".", r"\."))
        window.sees("Allowed now. It was blocked .*")
        expect_equal(fields(mock)["allow"], before["allow"] + [HOST], "allowed hosts")
        window.press("Undo( Undo)?")
        until(window, lambda: HOST not in fields(mock)["allow"], "the host is not allowed any more")
        expect_equal([call[2].get("reason") for call in mock.calls("SetProfile")], [before["reason"]] * 2, "reasons given")
    with tap.point("a host that the guard refuses is said below the entry and stays there to be mended"):
        mock("fail", method="SetProfile", error="org.networkguard.Error.InvalidArgument", text="“nonsense” is not an address.")
        write(window, "Another: .*", "nonsense")
        window.press("Allow this host")
        window.sees("“nonsense” is not an address.")
        expect_equal(window.find("text", "Another: .*").text(), "nonsense", "the entry")
    with tap.point("a host that is in the list already is not asked for"):
        mock.calls()
        write(window, "Another: .*", "mirror.example.org:443/tcp")
        window.press("Allow this host")
        window.sees("It is in the list already.")
        expect_equal(mock.calls("SetProfile"), [], "calls")
    with tap.point("a host is added, and removed with its button"):
        write(window, "Another: .*", "192.0.2.4")
        window.press("Allow this host")
        window.press(r"Do not allow 192\.0\.2\.4 for curl any more")
        until(window, lambda: "192.0.2.4" not in fields(mock)["allow"], "it is not in the list any more")


def check_decision(tap, window, mock):
    with tap.point("a reason is saved, and the one before it is listed among the earlier ones"):
        before = fields(mock)["reason"]
        write(window, "Reason", "Because of the audit")
        window.press("Save the reason")
        until(window, lambda: fields(mock)["reason"] == "Because of the audit", "the guard knows the reason")
        window.press("Show earlier reasons")
        window.sees(before)
    with tap.point("a profile for a while says when it ends, and Keep makes it last"):
        window.menu("Another profile for curl for a while", "Online for a While", "for 15 minutes")
        window.sees("Back to Local at .*")
        window.press("Keep curl Online")
        until(window, lambda: fields(mock)["until"] == 0, "it has no end")
        expect_equal(fields(mock)["profile"], "online", "profile")
        window.misses("Back to Local at .*")
    with tap.point("the switch for programs it starts moves back when that was refused"):
        mock("fail", method="SetProfile", error="org.freedesktop.DBus.Error.AccessDenied", text="No.")
        mock.calls()
        window.press(SHARING, role="check box")
        until(window, lambda: mock.calls("SetProfile"), "it was asked for")
        window.find("check box", SHARING, checked=True, sensitive=True)


def check_program(tap, window, mock):
    with tap.point("a destination is asked of the guard, which answers with verdict and rule"):
        mock("app", id="curl", values={"profile": "local"})
        window.sees("curl can reach this computer and devices on your own network.")
        write(window, "Can it reach…", "198.51.100.9:25/tcp")
        window.press("Ask whether it can reach that")
        window.sees("No: it is Local, and the address is on the Internet")
        window.sees(r"198\.51\.100\.9:25/tcp is on the Internet. Rule: Profile=local, in .*")
    with tap.point("a program that changed is approved"):
        window.press("Approve this version of curl")
        until(window, lambda: not fields(mock)["changed"], "nothing is left to approve")
        window.app.wait(lambda: not window.tree().first("button", "Approve this version of curl"), 10, "the question is gone")
    with tap.point("forgetting is asked about first, saying what holds then; afterwards the page says that it is gone"):
        window.press("Forget the decision on curl")
        window.sees("The profile, the reason and the allowed hosts are forgotten.*That means that curl can reach the Internet.*")
        window.press("Forget( Forget)?")
        window.sees("Not There Any More")


def check_gates(tap, window, mock):
    with tap.point("what needs a password is asked for when its button was pressed, once, and not before"):
        yes = dict.fromkeys(("tighten", "loosen", "pause", "configure"), "yes")
        mock("set", values={"permissions": yes | {"observe": "authenticate", "audit": "authenticate"}})
        mock.calls()
        window.open("Avahi")
        window.sees("Who changed what is shown after you have said who you are.")
        calls = []

        def asked(method):
            calls.extend(name for name, _arguments in mock.calls())
            return method in calls

        until(window, lambda: asked("GetConnections"), "one's own connections were asked for")
        expect(not asked("GetAudit") and not asked("GetAllConnections"), f"nothing else was asked for: {calls}")
        window.press("Show who changed what")
        window.press("Show everyone's connections")
        until(window, lambda: asked("GetAudit") and asked("GetAllConnections"), "both were asked for")
        window.misses("Who changed what is shown after .*")
        expect_equal([calls.count(name) for name in ("GetAudit", "GetAllConnections")], [1, 1], "times")
    with tap.point("what the administrator set is read-only and says in which file"):
        window.back()
        mock("scene", name="managed")
        window.open("Firefox ESR")
        window.sees("Set by the administrator in /etc/netguard/apps.d/firefox-esr.app")
        window.find("button", "Firefox ESR: Online, selected", sensitive=False)
        expect(not window.tree().first("button", "Forget the decision on Firefox ESR"), "it can be forgotten")


def main():
    tap = Suite()
    with tap.against("busy", size=(1024, 2600)) as (window, mock):
        window.open("curl")
        window.sees("Blocked recently")
        window.find("button", f"Allow {HOST} for curl".replace(".", r"\."))
        mock.calls()
        check_hosts(tap, window, mock)
        check_decision(tap, window, mock)
        check_program(tap, window, mock)
        window.press("Back to the applications")
        check_gates(tap, window, mock)
    return tap.finish()


sys.exit(main())

#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Activity and Log against the mock guard: rows with names, what their menus do, filters, the chart in words, records that open, verify, and
who may see what. Through AT-SPI; what the guard was really asked is read at the mock."""

import re
import sys

from suite import Suite
from tap import expect, expect_equal

ROW = r".+, .+, blocked .+, last .+: .+"


def rows(window, name=ROW):
    return window.tree().find_all("list item", name)


def check_activity(tap, window, mock):
    window.go("Activity")
    with tap.point("each attempt is a row that says who, where to, what came of it and why"):
        window.app.wait(lambda: rows(window), 10, "attempts are listed")
    with tap.point("the chart says its numbers in words, as an image"):
        chart = window.find("icon", "Connections allowed and blocked")
        expect(re.match(r"Last hour: [\d,]+ connections allowed, [\d,]+ blocked", chart.description), chart.description)
        window.press("Chart of the last day")
        window.sees("Last day: .*")
    with tap.point("allowing for an hour sets the application that decided, with an end"):
        mock.calls()
        button = window.app.wait(lambda: window.tree().first("button", "What to do about SuperTuxKart, .*443/tcp"), 10, "a row of SuperTuxKart")
        window.menu(re.escape(button.name), "Allow Online for an Hour")
        calls = window.app.wait(lambda: mock.calls("SetProfile"), 10, "the guard is asked")
        expect_equal(calls[0][:2], ["supertuxkart", "online"], "call")
        expect("until" in calls[0][2], str(calls[0][2]))
    with tap.point("new attempts come to the top by themselves and are counted"):
        mock("attempt", app="inkscape", remote=0, count=3)
        window.app.wait(lambda: rows(window, "Inkscape, .*"), 10, "the new attempt is listed")
    with tap.point("a search without a result says so and leads back"):
        window.find("entry", "Search attempts").write("no such thing")
        window.sees("Nothing Matches")
        window.press("Show All")
        window.app.wait(lambda: rows(window, ".+, .+, .+ .+, last .+"), 10, "attempts are listed again")


def check_log(tap, window, mock):
    window.go("Log")
    with tap.point("records are rows that say what and by whom, newest first"):
        items = window.app.wait(lambda: window.tree().find_all("list item", r".+, by .+, .+"), 10, "records are listed")
        expect(len(items) > 3, repr(items))
        expect(items[0].name.startswith("Calls were refused"), f"the mock's newest is not at the top: {items[0]!r}")
    with tap.point("a record opens and shows itself whole with its hash"):
        window.press("Whole record: firefox-esr: not decided → Online")
        window.sees(r"(?s)Record \d+, .*Hash [0-9a-f]{8,}.*\"action\" : \"set\".*")
    with tap.point("verifying says in words that the chain is intact"):
        window.press("Verify")
        window.sees("Intact: all .* records fit together.*")
    with tap.point("a new record comes to the top by itself"):
        window.go("Apps")
        window.choose("Avahi", "offline")
        window.sees("Avahi is now Offline.*")
        window.go("Log")
        window.app.wait(lambda: window.tree().find_all("list item", ".*: .* → Offline, by .*, in the window, .*"), 10, "the change is listed")


def check_broken(tap, window, mock):
    window.go("Log")
    with tap.point("a broken chain is said with the record where it breaks"):
        window.app.wait(lambda: window.tree().find_all("list item", r".+, by .+, .+"), 10, "records are listed")
        window.press("Verify")
        window.sees(r"Not intact: record \d+ does not fit the one before it\..*")


def check_denied(tap, window, mock):
    window.go("Log")
    with tap.point("who may not see the log is told why, and nothing is asked of the guard"):
        window.sees("You May Not See the Log")
        expect_equal(mock.calls("GetAudit"), [], "calls")


def check_lost(tap, window, mock):
    window.go("Activity")
    with tap.point("lost events are said"):
        window.sees("12 events lost: .*")


def main():
    tap = Suite()
    for check, scene in ((check_activity, "busy"), (check_log, "busy"), (check_broken, "broken-audit"), (check_denied, "root-only"),
                         (check_lost, "lost-events")):
        if len(sys.argv) < 2 or check.__name__.removeprefix("check_") in sys.argv[1:]:
            with tap.against(scene) as (window, mock):
                check(tap, window, mock)
    return tap.finish()


sys.exit(main())

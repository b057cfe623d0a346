#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the service keeps of the kernel's counters and of the programs' files, with the real enforcer: connections by the
minute, the default that users set, fingerprints as the service's own user can take them."""

import hashlib
import os
import shutil
import sys

from agent import Agent
from guard import is_bare, make_guard
from lab import INET4, LAN4, Lab, require, wait_for
from peers import ECHO, Peer
from programs import PYTHON
from tap import Tap, expect, expect_equal

TIMES = 25
NOBODY = 65534


def totals(guard, **options):
    buckets = guard.json("activity", **options)["buckets"]
    return sum(bucket[1] for bucket in buckets), sum(bucket[2] for bucket in buckets)


def check_minutes(tap, guard, offline, online):
    with tap.point("connections that were allowed and blocked are counted by the minute, and told to everyone"):
        allowed, blocked = totals(guard)
        for _ in range(TIMES):
            expect_equal(offline.errno(f"tcp({LAN4!r}, {ECHO})"), "EPERM", "Offline")
            online.call(f"talk(tcp({INET4!r}, {ECHO}))")
        wait_for(lambda: totals(guard)[1] >= blocked + TIMES and totals(guard)[0] >= allowed + TIMES, 10,
                 "the counts of this minute")
        now = totals(guard)
        tap.note(f"{TIMES} of each: {now[0] - allowed} allowed, {now[1] - blocked} blocked")
        expect(now[0] - allowed < 3 * TIMES and now[1] - blocked < 3 * TIMES, f"not many times over: {now}")
        expect_equal(totals(guard, uid=NOBODY), now, "another user's view")
        expect("offline" not in guard.json("activity", uid=NOBODY)["denied-today"], "what others tried is not told")
    with tap.point("the counts outlive the service, and the time it was away is not claimed"):
        before = totals(guard)
        expect(guard.json("activity", "--since", "1h")["complete"] is False, "it has not run for an hour")
        guard.stop()
        guard.start()
        expect_equal(totals(guard), before, "after a restart")


def check_default(tap, guard, stranger):
    with tap.point("the default that users set holds at once for programs nobody decided on", blocks=True):
        expect_equal(stranger.errno(f"tcp({INET4!r}, {ECHO})"), "", "by the default, Online")
        result = guard.json("settings", "default-profile=local")
        expect(result["enforced"] is True, repr(result))
        expect_equal(stranger.errno(f"tcp({INET4!r}, {ECHO})"), "EPERM", "Local by default")
        guard.stop()
        guard.start()
        expect_equal(stranger.errno(f"tcp({INET4!r}, {ECHO})"), "EPERM", "after a restart")
        guard.json("settings", "default-profile=online")
        expect_equal(stranger.errno(f"tcp({INET4!r}, {ECHO})"), "", "and back")


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def check_fingerprints(tap, guard, lab):
    path = lab.app("printed", PYTHON)
    program = Agent(lab, "printed", path=path)
    guard.set(path, "offline")
    with tap.point("a program that is replaced is shown as changed, and its profile holds all the same", blocks=True):
        wait_for(lambda: guard.json("get", path)["fingerprint"] == sha256(path), 20, "the fingerprint of the file")
        program.end()
        shutil.copy(path, path + ".new")
        with open(path + ".new", "ab") as file:
            file.write(b"another")
        os.rename(path + ".new", path)
        wait_for(lambda: guard.json("get", path)["changed"] == [path], 20, "it is changed")
        program = Agent(lab, "printed", path=path)
        expect_equal(program.errno(f"tcp({LAN4!r}, {ECHO})"), "EPERM", "the new file")
        expect_equal(guard.json("approve", path)["fingerprint"], sha256(path), "approved")
        expect_equal(guard.json("get", path)["changed"], [], "nothing is changed")
    program.end()


def main():
    require(["setpriv"], product=not is_bare())
    tap = Tap()
    lab = Lab()
    for name in ("lan", "inet", "client"):
        Peer(lab, name)
    guard = make_guard(lab)
    guard.start()
    offline, online = Agent(lab, "offline"), Agent(lab, "online")
    stranger = Agent(lab, "stranger")
    guard.set(offline.path, "offline")
    guard.set(online.path, "online")
    check_minutes(tap, guard, offline, online)
    check_default(tap, guard, stranger)
    check_fingerprints(tap, guard, lab)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())

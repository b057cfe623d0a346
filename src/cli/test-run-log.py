#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `netguard run` leaves for `netguard`: its log in the table of attempts, the launcher in `check` and in the list of verbs.
TAP; see verbs_world.py."""

import json
import os
import re
import sys

sys.dont_write_bytecode = True
from verbs_world import contains, equal, run_all, test  # noqa: E402

START = {"type": "start", "time": "2023-11-14T22:13:00.000001Z", "source": "run", "pid": 1, "uid": 0, "command": ["make", "\x1b[31m"],
         "profile": "offline", "allow": [], "rung": "A", "why": ""}
END = {"type": "end", "time": "2023-11-14T22:14:00.000001Z", "source": "run", "exit-status": 3, "allowed": 1, "denied": 3,
       "would-be-denied": 0, "lost": 0}


def attempt(**fields):
    return {"type": "attempt", "time": "2023-11-14T22:13:20.000001Z", "source": "run", "count": 1, "pid": 7, "uid": 0,
            "executable": "/usr/bin/curl", "profile": "offline", "call": "connect", "family": "ipv4", "protocol": "tcp",
            "address": "203.0.113.10", "port": 443, "path": "", "name": "", "class": "global", "verdict": "denied",
            "reason": "offline", "text": "denied: the profile is Offline", "errno": "ENETUNREACH",
            "tip": "--allow 203.0.113.10:443/tcp", **fields}


def write(w, *records, end="\n"):
    path = os.path.join(w.folder, "run.log")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(one if isinstance(one, str) else json.dumps(one) for one in records) + end)
    return path


def rows(r):
    return [re.sub(" +", " ", line).strip() for line in r.out.splitlines()]


@test
def a_log_of_a_run_is_shown_as_the_guards_is(w):
    allowed = attempt(time="2023-11-14T22:13:30.5Z", verdict="allowed", text="allowed: an allowance names it", tip="",
                      address="2001:db8::1", name="www.example.org", protocol="udp")
    path = write(w, START, attempt(), attempt(count=99, pid=8, time="2023-11-14T22:13:25.000001Z"), allowed,
                 attempt(family="unix", path="/run/\u202edbus", address="", port=0, protocol="", tip="",
                         text="denied: no --allow-unix has this socket", time="2023-11-14T22:13:01.000001Z"),
                 attempt(call="resolve", name="example.org", address="", port=0, protocol="", time="2023-11-14T22:12:01Z"),
                 attempt(call="listen", address="0.0.0.0", port=80, time="2023-11-14T22:11:01Z"),
                 attempt(call="socket", family="packet", address="", port=0, protocol="", time="2023-11-14T22:10:01Z"), END)
    r = w.run("log", "--file", path)
    equal((r.code, r.err), (0, ""), r)
    equal(rows(r), [
        "Last time Times Application Verdict Destination Why",
        "2023-11-14 22:13:30 1 curl allowed www.example.org, [2001:db8::1]:443/udp an allowance names it",
        "2023-11-14 22:13:25 100 curl denied 203.0.113.10:443/tcp the profile is Offline",
        "2023-11-14 22:13:01 1 curl denied /run/\\u{202e}dbus no --allow-unix has this socket",
        "2023-11-14 22:12:01 1 curl denied the name example.org the profile is Offline",
        "2023-11-14 22:11:01 1 curl denied listen on 0.0.0.0:80/tcp the profile is Offline",
        "2023-11-14 22:10:01 1 curl denied a socket of packet the profile is Offline",
        "",
        "The flag that allows the newest denied one: --allow 203.0.113.10:443/tcp",
        "",
        "Last run: make \\x1b[31m (offline, rung A), exit status 3.",
    ], r)
    equal(w.calls(), [])


@test
def a_log_of_a_run_is_filtered(w):
    path = write(w, attempt(), attempt(verdict="allowed", executable="/bin/git"), attempt(verdict="would-be-denied", port=80))
    equal([one["port"] for one in w.run("log", "--file", path, "--denied", "--json").json()], [80, 443])
    equal([one["executable"] for one in w.run("log", "--file", path, "--allowed", "--json").json()], ["/bin/git"])
    equal(len(w.run("log", "--file", path, "--app", "curl", "--json").json()), 2)
    equal(len(w.run("log", "--file", path, "--app", "/bin/git", "--json").json()), 1)
    equal(len(w.run("log", "--file", path, "--limit", "1", "--json").json()), 1)
    equal(w.run("log", "--file", path, "--since", "1h", "--json").json(), [])
    contains(w.run("log", "--file", path, "--since", "1h").out, "No such attempt is on record.")
    with open(path, "rb") as file:
        equal(len(w.run("log", "--file", "-", "--json", stdin=file.read()).json()), 3)
    equal(w.run("log", "--file", path, "--json").json()[0]["time"], 1700000000)
    equal(w.run("log", "--file", path, "--everyone").code, 2)


@test
def a_bad_line_is_named(w):
    for bad in ("nonsense", "[1]", "{}", '{"type":"other"}', '{"type":"attempt"', "\x00"):
        r = w.run("log", "--file", write(w, START, bad, END))
        equal((r.code, r.out), (1, ""), r)
        contains(r.err, "run.log:2: this is not a record")
    with open(os.path.join(w.folder, "bytes"), "wb") as file:
        file.write(b'{"type":"\xff"}\n')
    contains(w.run("log", "--file", file.name).err, "bytes:1: ", "not UTF-8")
    contains(w.run("log", "--file", "/nowhere").err, "--file: /nowhere: No such file")
    contains(w.run("log", "--file", w.folder).err, "Is a directory")


@test
def a_line_that_is_still_written_is_passed_over(w):
    r = w.run("log", "--file", write(w, START, attempt(), '{"type":"atte', end=""))
    equal(r.code, 0, r)
    contains(r.out, "203.0.113.10", "not ended.")
    equal(w.run("log", "--file", write(w, "", end="")).code, 0)


@test
def types_that_are_wrong_are_no_fault(w):
    path = write(w, {"type": "attempt", "time": 5, "count": "x", "port": "y", "address": None, "verdict": ["denied"], "executable": {}},
                 {"type": "start", "command": "x"}, {"type": "end", "lost": "x", "exit-status": None})
    equal(w.run("log", "--file", path).code, 0)
    equal(len(w.run("log", "--file", path, "--json").json()), 1)


@test
def check_says_which_rung_there_is_without_a_service_too(w):
    w.mock.reply("Check", "(@aa{sv} [],)")
    mine = w.run("check", "--json").json()[-1]
    equal((mine["id"], mine["needed"], mine["rung"] in ("A", "B", "C", "")), ("run", False, True))
    contains(w.run("check").out, f"netguard run: {mine['meaning']}")
    r = w.run("check", runtime=os.path.join(w.folder, "nobody"))
    equal(r.code, 6, r)
    contains(r.out, f"netguard run: {mine['meaning']}")
    equal(w.run("check", "--json", runtime=os.path.join(w.folder, "nobody")).out, "")


@test
def run_is_a_verb_with_options_of_its_own(w):
    contains(w.run("--help").out, "  run          Confine one command")
    contains(w.run("run", "--help").out, "netguard run [OPTION…] -- CMD", "--allow-unix")
    contains(w.run("run", "--nonsense").err, "There is no option --nonsense")


sys.exit(run_all())

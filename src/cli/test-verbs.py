#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The verbs that ask: what `netguard` sends, what it prints, that its JSON is JSON. TAP; see verbs_world.py."""

import re
import sys
import time

sys.dont_write_bytecode = True
from verbs_world import APPS, ATTEMPT, STATUS, contains, equal, run_all, test  # noqa: E402


@test
def status_says_what_is_in_force(w):
    w.mock.reply("GetStatus", STATUS)
    r = w.run("status")
    equal(r.code, 0, r)
    equal(r.out, """\
Protecting.
                  2 applications are held to their profiles.
  Version         0.1.0
  Mechanism       bpf
  Kernel          6.1.0
  Cgroup          /sys/fs/cgroup
  Decided         2 applications, 3 program files
  Nobody chose    Default (Online)
  Problem         /etc/netguard/apps.d/x.app:3:9: "lokal" is no profile: write offline, local or online. \
(its last good state is kept)
  Counted fault   events-lost: 12
""")
    equal(w.run("status", "--json").json()["faults"]["events-lost"], 12)


@test
def status_never_claims_protection_that_is_not_there(w):
    w.mock.reply("GetStatus", STATUS.replace("'enforcing': <true>", "'enforcing': <false>"))
    contains(w.run("status").out, "Not protecting: nothing is being blocked.")
    w.mock.reply("GetStatus", STATUS.replace("<'protecting'>", "<'simulation'>"))
    contains(w.run("status").out, "Simulation: nothing is being blocked.")
    w.mock.reply("GetStatus", "(@a{sv} {},)")
    contains(w.run("status").out, "Not protecting")
    w.mock.reply("GetStatus", STATUS.replace("<'protecting'>", "<'paused'>").replace("int64 0", "int64 4102444800"))
    contains(w.run("status").out, "Paused until 2100-01-01 00:00 (in ")
    w.mock.reply("GetStatus", STATUS.replace("<'protecting'>", "<'paused'>").replace("'enforcing': <true>", "'enforcing': <false>"))
    contains(w.run("status").out, "Paused until resumed: every program can reach the network.")
    w.mock.reply("GetStatus", STATUS.replace("<'protecting'>", "<'panic'>").replace("'enforcing': <true>", "'enforcing': <false>"))
    contains(w.run("status").out, "Not protecting: nothing is being blocked.")
    w.mock.reply("GetStatus", STATUS.replace("<'protecting'>", "<'panic'>"))
    contains(w.run("status").out, 'Panic: every program is Offline until "netguard resume".')


@test
def list_aligns_escapes_and_shows_the_default_apart(w):
    w.mock.reply("GetStatus", STATUS)
    w.mock.reply("ListApps", APPS)
    r = w.run("list")
    equal(r.code, 0, r)
    out = re.sub(r"\(in [^)]*\)", "(in T)", r.out)
    equal([re.sub(" +", " ", line) for line in out.splitlines()], [
        "Application Name Profile Until Blocked today Program Remarks",
        "curl Offline 3 /usr/bin/curl",
        "firefox Firefox \\x1b[31mred\\u{202e} Local 2100-01-01 00:00 (in T), then Online /usr/lib/firefox/firefox and 1 more "
        "managed by the administrator; allowed: loopback and 1 more; program file missing",
        "",
        "Every other program: Default (Online), nobody chose: it can reach the Internet.",
    ])
    starts = [r.out.splitlines()[i].index(word) for i, word in ((0, "Profile"), (1, "Offline"), (2, "Local"))]
    equal(len(set(starts)), 1, r)


@test
def list_filters_by_profile(w):
    w.mock.reply("GetStatus", STATUS)
    w.mock.reply("ListApps", APPS)
    equal([app["id"] for app in w.run("--json", "list", "--profile", "Local").json()], ["firefox"])
    equal(len(w.run("list", "--json").json()), 2)
    contains(w.run("list", "--profile", "online").out, "No application is Online.")
    r = w.run("list", "--profile", "lokal")
    equal(r.code, 2)
    contains(r.err, '--profile: "lokal" is no profile', "netguard list --help")


RUNNING = ("([{'executable': <'/usr/bin/curl'>, 'name': <'curl'>, 'application': <'curl'>, 'profile': <'offline'>,"
           "'processes': <uint32 2>, 'pid': <uint32 7>, 'uids': <[uint32 0]>, 'deleted': <true>},"
           "{'executable': <''>, 'name': <'more processes, which are not listed'>, 'application': <''>, 'profile': <'online'>,"
           "'processes': <uint32 9>, 'pid': <uint32 0>, 'uids': <@au []>},"
           "{'executable': <'/opt/a\u001b'>, 'name': <'a'>, 'application': <''>, 'profile': <'online'>,"
           "'processes': <uint32 1>, 'pid': <uint32 8>, 'uids': <[uint32 0, 4000000000]>, 'elsewhere': <true>}],)")


@test
def list_shows_what_runs_decided_on_or_not(w):
    w.mock.reply("ListRunning", RUNNING)
    r = w.run("list", "--running")
    equal(r.code, 0, r)
    equal([re.sub(" +", " ", line).strip() for line in r.out.splitlines()], [
        "Program Application Profile Processes Started by Remarks",
        "/opt/a\\x1b Default (Online) 1 root, 4000000000 path of another mount namespace",
        "/usr/bin/curl curl Offline 2 root file removed or replaced since",
        "more processes, which are not listed Default (Online) 9",
    ])
    equal([one["application"] for one in w.run("list", "--running", "--profile", "offline", "--json").json()], ["curl"])
    contains(w.run("list", "--running", "-p", "local").out, "No program that runs now is Local.")


@test
def list_without_applications_says_how_to_begin(w):
    w.mock.reply("GetStatus", STATUS)
    w.mock.reply("ListApps", "(@aa{sv} [],)")
    contains(w.run("list").out, "netguard set APP offline|local|online")
    equal(w.run("list", "--json").json(), [])


@test
def json_has_no_raw_control_or_format_characters(w):
    w.mock.reply("ListApps", APPS)
    r = w.run("list", "--json")
    equal([c for c in r.out if ord(c) < 32 and c != "\n" or c in "\x7f\u202e"], [])
    equal(r.json()[1]["name"], "Firefox \x1b[31mred\u202e")


@test
def ten_thousand_applications_are_listed(w):
    app = "{'id': <'a%05d'>, 'name': <'Application %d'>, 'executables': <['/opt/a%d']>, 'profile': <'local'>}"
    w.mock.reply("ListApps", "([" + ", ".join(app % (i, i, i) for i in range(10000)) + "],)")
    equal(len(w.run("list", "--json").json()), 10000)


@test
def no_verb_is_status_and_list(w):
    w.mock.reply("GetStatus", STATUS)
    w.mock.reply("ListApps", APPS)
    r = w.run()
    equal(r.code, 0, r)
    contains(r.out, "Protecting.", "curl", "Firefox")
    both = w.run("--json").json()
    equal((both["status"]["state"], len(both["applications"])), ("protecting", 2))


ACTIVITY = ("({'step': <uint32 300>, 'buckets': <[(int64 %d, uint64 30, uint64 10), (%d, 0, 1)]>, 'complete': <%s>, "
            "'denied-today': <{'curl': uint64 7, '': 2}>},)")


@test
def activity_draws_what_was_allowed_and_blocked(w):
    now = int(time.time())
    first, last = now - 1800 - (now - 1800) % 300, now - now % 300
    w.mock.reply("GetStatus", STATUS)
    w.mock.reply("GetActivity", ACTIVITY % (first, last, "true"))
    r = w.run("activity")
    equal((r.code, r.err), (0, ""), r)
    contains(w.calls()[0], "'step': <uint32 300>", "'since': <int64 ")
    rows = [line.split() for line in r.out.splitlines()]
    equal(rows[0][:3], ["From", "Allowed", "Blocked"])
    by_time = {row[0]: row[1:] for row in rows[1:14] if row}
    equal(by_time[time.strftime("%H:%M", time.gmtime(first))], ["30", "10", "+" * 30 + "x" * 10])
    equal(by_time[time.strftime("%H:%M", time.gmtime(last))], ["0", "1", "x"])
    equal(len(by_time), 13)
    contains(r.out, "Blocked today (UTC)\n", "  curl: 7\n", "  (default): 2\n")
    equal(w.run("activity", "--json").json()["denied-today"]["curl"], 7)
    w.calls()
    w.run("activity", "--since", "2d")
    contains(w.calls()[0], "'step': <uint32 14400>")
    w.mock.reply("GetActivity", ACTIVITY % (first, last, "false"))
    w.mock.reply("GetStatus", "({'state': <'simulation'>},)")
    r = w.run("activity")
    contains(r.out, "Would be blocked")
    contains(r.err, "did not run all that time")


@test
def get_and_list_say_that_a_program_changed(w):
    app = ("{'id': <'curl'>, 'name': <'curl'>, 'executables': <['/usr/bin/curl']>, 'found': <['/usr/bin/curl']>, "
           "'profile': <'local'>, 'fingerprint': <'00ff'>, 'approved': <int64 1700000000>, 'changed': <['/usr/bin/curl']>}")
    w.mock.reply("GetApp", f"({app},)", "curl")
    r = w.run("get", "curl")
    contains(r.out, "  Fingerprint     00ff\n  Approved        2023-11-14 22:13:20\n  Changed         /usr/bin/curl\n",
             'See "netguard approve"')
    w.mock.reply("GetStatus", STATUS)
    w.mock.reply("ListApps", f"([{app}],)")
    contains(w.run("list").out, "program changed since it was approved")
    same = app.replace("'changed': <['/usr/bin/curl']>", "'changed': <@as []>")
    w.mock.reply("GetApp", f"({same},)", "curl")
    if "Changed" in w.run("get", "curl").out:
        raise AssertionError("nothing changed")


@test
def get_shows_one_application(w):
    w.mock.reply("GetApp", "({'id': <'curl'>, 'name': <'curl'>, 'executables': <['/usr/bin/curl', '/opt/curl']>,"
                 "'found': <['/usr/bin/curl']>, 'profile': <'local'>, 'flags': <['children-own']>,"
                 "'allow': <['loopback', '192.0.2.1:443/tcp']>, 'until': <int64 0>, 'then': <''>, 'reason': <'audit'>,"
                 "'layer': <'user'>, 'path': <'/var/lib/netguard/apps.d/curl.app'>, 'tx-bytes': <uint64 1500>,"
                 "'rx-bytes': <uint64 0>, 'allowed': <uint64 5>, 'denied': <uint64 2>, 'denied-today': <uint64 1>},)", "curl")
    r = w.run("get", "curl")
    equal((r.code, r.out), (0, """\
curl
  Name            curl
  Profile         Local: it can reach this machine and devices on your own network, not the Internet
  Allowed too     loopback
                  192.0.2.1:443/tcp
  Children        own: programs it starts are judged by their own rules alone
  Program         /usr/bin/curl
                  /opt/curl
  Reason          audit
  Decided by      user
  File            /var/lib/netguard/apps.d/curl.app
  Traffic         1.5 kB sent, 0 bytes received
  Uses            5 allowed, 2 denied (today 1)
"""), r)
    equal(w.run("get", "curl", "--json").json()["profile"], "local")


@test
def explain_names_reason_rule_and_file(w):
    w.mock.reply("Explain", "({'app': <'curl'>, 'name': <'curl'>, 'profile': <'local'>, 'verdict': <'denied'>,"
                 "'reason': <'not-local'>, 'text': <'curl is Local and 192.0.2.1 is on the Internet.'>, 'class': <'global'>,"
                 "'rule': <'Profile=local'>, 'path': <'/var/lib/netguard/apps.d/curl.app'>,"
                 "'tip': <'netguard set curl online'>},)", "curl")
    r = w.run("explain", "curl", "192.0.2.1:443")
    equal((r.code, r.out), (0, """\
Denied: curl is Local and 192.0.2.1 is on the Internet.
  Application     curl
  Profile         Local
  Destination     the Internet
  Rule            Profile=local
  File            /var/lib/netguard/apps.d/curl.app
  To change it    netguard set curl online
"""), r)
    equal(w.calls(), ["Explain ('curl', '192.0.2.1:443')"])
    equal(w.run("--json", "explain", "curl").json()["reason"], "not-local")
    equal(w.calls(), ["Explain ('curl', '')"])
    equal(w.run("explain", "curl", "").code, 2)


@test
def log_filters_and_shows_what_was_tried(w):
    w.mock.reply("GetAttempts", f"([{ATTEMPT}],)")
    w.mock.reply("GetApp", "({'id': <'curl'>},)", "Curl")
    r = w.run("log", "--app", "Curl", "--denied", "--since", "1h", "--limit", "5")
    equal((r.code, r.out), (0, """\
Last time            Times  Application  Verdict  Destination            Why
2023-11-14 22:13:20      4  curl         denied   [2001:db8::1]:443/tcp  the profile is Offline

To allow the newest denied one: netguard set curl online --for 1h
"""), r)
    contains(w.calls()[-1], "'app': <'curl'>", "'verdict': <'denied'>", "'limit': <uint32 5>", "'since': <int64 ")
    equal(w.run("log", "--json").json()[0]["port"], 443)
    w.calls()
    w.run("log", "--app", "gone-one", "--allowed", "--since", "2026-11-22T20:00:00Z")
    contains(w.calls()[-1], "'app': <'gone-one'>", "'verdict': <'allowed'>", "'since': <int64 1795377600>")
    w.mock.reply("GetAttempts", "(@aa{sv} [],)")
    contains(w.run("log").out, "No such attempt is on record.")
    for args in (("--denied", "--allowed"), ("--limit", "0"), ("--limit", "10001"), ("--since", "x"), ("--limit", "x")):
        equal(w.run("log", *args).code, 2, args)


@test
def audit_shows_and_verifies(w):
    w.mock.reply("GetAudit", "([{'seq': <uint64 7>, 'time': <int64 1700000000>, 'uid': <uint32 0>, 'auth': <'socket'>,"
                 "'action': <'set'>, 'application': <'curl'>, 'before': <'{\"profile\":\"online\"}'>,"
                 "'after': <'{\"profile\":\"offline\"}'>, 'reason': <'tests'>, 'origin': <'command'>, 'hash': <'ab'>}],)")
    r = w.run("audit", "--limit", "3")
    equal((r.code, r.out), (0, """\
No.  Time                 Who   By       Action  Application  Change             Reason
  7  2023-11-14 22:13:20  root  command  set     curl         online -> offline  tests
"""), r)
    equal(w.calls(), ["GetAudit ({'limit': <uint32 3>},)"])
    equal(w.run("audit", "--json").json()[0]["hash"], "ab")
    w.mock.reply("GetAudit", "([{'seq': <uint64 8>, 'uid': <uint32 4294967294>, 'action': <'panic'>,"
                 "'before': <'{\"mode\":\"normal\",\"until\":0}'>, 'after': <'{\"mode\":\"panic\"}'>},"
                 "{'before': <'[1]'>, 'after': <'{\"profile\":5'>}],)")
    contains(w.run("audit").out, "normal -> panic", "uid 4294967294", '[1] -> {"profile":5')
    for intact, in_force, code in (("true", "true", 0), ("false", "true", 4), ("true", "false", 4)):
        w.mock.reply("VerifyAudit", f"({{'intact': <{intact}>, 'records': <uint64 9>, 'first-bad': <uint64 4>, 'text': <''>,"
                     f"'in-force': <{in_force}>}},)")
        r = w.run("audit", "--verify")
        equal(r.code, code, r)
        contains(r.out, "Records: intact, 9 records." if intact == "true" else "altered or lost, first at number 4")
        equal(w.run("audit", "--verify", "--json").code, code)


@test
def check_names_each_capability_and_is_strict_on_request(w):
    yes = "{'id': <'a'>, 'title': <'IPv4 and IPv6'>, 'supported': <true>, 'in-force': <true>, 'meaning': <'Packets are judged.'>}"
    no = "{'id': <'b'>, 'title': <'BPF LSM'>, 'supported': <false>, 'in-force': <false>, 'meaning': <'Raw sockets pass.'>}"
    w.mock.reply("Check", f"([{yes}, {no}],)")
    r = w.run("check")
    equal((0, """\
State          What           Meaning
in force       IPv4 and IPv6  Packets are judged.
not supported  BPF LSM        Raw sockets pass.

"""), (r.code, r.out.partition("netguard run: ")[0]), r)
    equal(w.run("check", "--strict").code, 4)
    equal([one["id"] for one in w.run("check", "--strict", "--json").json()], ["a", "b", "run"])
    w.mock.reply("Check", f"([{yes}],)")
    equal(w.run("check", "--strict").code, 0)
    apart = no.replace("<false>, 'meaning'", "<false>, 'needed': <false>, 'meaning'")
    w.mock.reply("Check", f"([{yes}, {apart}],)")
    equal(w.run("check", "--strict").code, 0)
    w.mock.reply("Check", "(@aa{sv} [],)")
    equal(w.run("check", "--strict").code, 4)


sys.exit(run_all())

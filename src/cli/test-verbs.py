#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every verb of `netguard` against a guard that says what the test tells it to (mock-guard.c): what it sends, what it
prints, that its JSON is JSON, its exit codes and error words. TAP. Arguments: netguard, mock-guard, the interface's XML."""

import json
import os
import pty
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

NETGUARD, MOCK, XML = (os.path.abspath(path) for path in sys.argv[1:4])
tests = []


def test(function):
    tests.append(function)
    return function


class Skip(Exception):
    pass


class Mock:
    """One mock service in one folder."""

    def __init__(self, folder):
        self.folder = folder
        self.process = subprocess.Popen([MOCK, folder, XML], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.wait()

    def wait(self):
        lines = []
        while True:
            line = self.process.stdout.readline()
            if not line:
                raise AssertionError("the mock died")
            if line == "ok\n":
                return lines
            lines.append(line.rstrip("\n"))

    def tell(self, *fields):
        self.process.stdin.write("\t".join(fields) + "\n")
        self.process.stdin.flush()
        return self.wait()

    def reply(self, method, value, argument="*"):
        self.tell("reply", method, argument, value)

    def error(self, method, name, text, argument="*"):
        self.tell("error", method, argument, name, text)

    def calls(self):
        return self.tell("calls")

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __repr__(self):
        return f"exit {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"

    def json(self):
        return json.loads(self.out)


class World:
    """A folder, a mock in it, and `netguard` pointed at it."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="ng-cli-")
        self.mock = Mock(self.folder)
        self.calls = self.mock.calls

    def run(self, *args, env=None, stdin=subprocess.DEVNULL, cwd=None, runtime=None):
        environment = dict(os.environ, TZ="UTC", LC_ALL="C.UTF-8", **(env or {}))
        done = subprocess.run([NETGUARD, "--runtime", runtime or self.folder, *args], env=environment, cwd=cwd, timeout=60,
                              input=stdin if isinstance(stdin, bytes) else None,
                              stdin=None if isinstance(stdin, bytes) else stdin, capture_output=True)
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    def close(self):
        self.mock.stop()
        shutil.rmtree(self.folder)


def equal(got, wanted, context=""):
    if got != wanted:
        raise AssertionError(f"got:\n{got}\nwanted:\n{wanted}\n{context}")


def contains(text, *parts):
    for part in parts:
        if part not in text:
            raise AssertionError(f"{part!r} is not in:\n{text}")


STATUS = ("({'version': <'0.1.0'>, 'state': <'protecting'>, 'summary': <'2 applications are held to their profiles.'>,"
          "'enforcing': <true>, 'backend': <'bpf'>, 'kernel': <'6.1.0'>, 'cgroup': <'/sys/fs/cgroup'>, 'mode': <'normal'>,"
          "'paused-until': <int64 0>, 'applications': <uint32 2>, 'executables': <uint32 3>, 'default-profile': <'online'>,"
          "'problems': <@aa{sv} [{'path': <'/etc/netguard/apps.d/x.app'>, 'line': <uint32 3>, 'column': <uint32 9>,"
          "'message': <'\"lokal\" is no profile: write offline, local or online.'>, 'kept': <true>}]>,"
          "'faults': <{'events-lost': uint64 12, 'task-map': 0}>, 'history-health': <''>, 'enforcer-answers': <true>,"
          "'missing': <@as []>},)")
APPS = ("([{'id': <'curl'>, 'name': <'curl'>, 'executables': <['/usr/bin/curl']>, 'found': <['/usr/bin/curl']>,"
        "'profile': <'offline'>, 'allow': <@as []>, 'until': <int64 0>, 'then': <''>, 'layer': <'user'>, 'managed': <false>,"
        "'denied-today': <uint64 3>},"
        "{'id': <'firefox'>, 'name': <'Firefox \\u001b[31mred\\u202e'>,"
        "'executables': <['/usr/lib/firefox/firefox', '/opt/ff']>,"
        "'found': <@as []>, 'profile': <'local'>, 'allow': <['loopback', '192.0.2.1']>, 'until': <int64 4102444800>,"
        "'then': <'online'>, 'layer': <'administrator'>, 'managed': <true>}],)")
ATTEMPT = ("{'time': <int64 1700000000>, 'first': <int64 1699999990>, 'count': <uint64 4>, 'source': <'guard'>,"
           "'pid': <uint32 77>, 'uid': <uint32 0>, 'executable': <'/usr/bin/curl'>, 'command': <'curl'>,"
           "'application': <'curl'>, 'decider': <'curl'>, 'profile': <'offline'>, 'call': <'connect'>, 'family': <'ipv6'>,"
           "'protocol': <'tcp'>, 'address': <'2001:db8::1'>, 'port': <uint32 443>, 'class': <'global'>,"
           "'verdict': <'denied'>, 'reason': <'offline'>, 'text': <'the profile is Offline'>, 'errno': <'EPERM'>,"
           "'tip': <'netguard set curl online --for 1h'>}")


def is_call(call, start, *options):
    """The order of a dictionary's keys is not ours."""
    got = call.partition("{")
    equal((got[0].rstrip(", "), sorted(got[2].rstrip(",)}").split(", "))), (start, sorted(options)), call)


def set_result(**keys):
    values = {"id": "<'curl'>", "created": "<false>", "profile": "<'offline'>", "closed": "<uint32 2>",
              "not-closed": "<uint32 0>", "enforced": "<true>", "enforced-ns": "<uint64 1000>", "before": "<''>",
              "warning": "<''>"}
    values.update({key.replace("_", "-"): value for key, value in keys.items()})
    return "({" + ", ".join(f"'{key}': {value}" for key, value in values.items()) + "},)"


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
def set_says_the_effect_and_how_many_connections_it_closed(w):
    w.mock.reply("SetProfile", set_result(), "curl")
    r = w.run("set", "curl", "Offline", "--reason", "tests")
    equal((r.code, r.out, r.err), (0, "curl is now Offline: it cannot use the network. 2 open connections closed.\n", ""), r)
    is_call(w.calls()[0], "SetProfile ('curl', 'offline'", "'origin': <'command'>", "'reason': <'tests'>")
    w.mock.reply("SetProfile", set_result(profile="<'local'>", closed="<uint32 0>", not_closed="<uint32 1>"), "curl")
    equal(w.run("set", "curl", "local").out, "curl is now Local: it can reach this machine and devices on your own network, "
          "not the Internet. 1 open connection could not be closed, their next packet is stopped.\n")
    equal(w.run("set", "curl", "local", "--json").json()["not-closed"], 1)


@test
def set_sends_each_option(w):
    w.mock.reply("SetProfile", set_result(), "curl")
    before = int(time.time())
    r = w.run("set", "curl", "offline", "--for", "1h30m", "--then", "default", "--allow", "192.0.2.1:443/tcp", "--allow",
              "loopback", "--children", "own", "--name", "Transfer tool")
    equal(r.code, 0, r)
    contains(r.out, "curl is now Offline until ", ", then the default: it cannot use the network; also allowed: "
             "192.0.2.1:443/tcp, loopback. 2 open")
    call = w.calls()[0]
    until = int(re.search(r"'until': <int64 (\d+)>", call).group(1))
    if not before + 5400 <= until <= before + 5460:
        raise AssertionError(call)
    contains(call, "'then': <''>", "'allow': <['192.0.2.1:443/tcp', 'loopback']>", "'children': <'own'>",
             "'name': <'Transfer tool'>")
    w.run("set", "curl", "offline", "--until", "2100-01-01T00:00:00+01:00", "--then", "Online", "--no-allow")
    contains(w.calls()[0], "'until': <int64 4102441200>", "'then': <'online'>", "'allow': <@as []>")


@test
def set_that_is_not_in_force_says_so_and_exits_4(w):
    w.mock.reply("SetProfile", set_result(enforced="<false>", warning="<'simulation: nothing is being blocked'>"), "curl")
    r = w.run("set", "curl", "offline")
    equal((r.code, r.out, r.err), (4, "curl is set to Offline.\n", "netguard: decided and stored, but not in force: "
                                   "simulation: nothing is being blocked\n"), r)
    r = w.run("set", "curl", "offline", "--json")
    equal((r.code, r.json()["enforced"]), (4, False))


@test
def set_refuses_bad_arguments_by_name(w):
    for args, words in (
            (("curl",), "PROFILE is missing"), ((), "APP is missing"), (("curl", "onlin"), 'PROFILE: "onlin" is no profile'),
            (("curl", "default"), 'use "netguard forget curl"'), (("curl", "offline", "x"), '"x" is one argument too many'),
            (("curl", "offline", "--for", "1"), '--for: "1" is no duration'),
            (("curl", "offline", "--for", "11y"), '--for: "11y" is no duration'),
            (("curl", "offline", "--for", "1h", "--until", "2100-01-01T00:00:00Z"), "--for and --until"),
            (("curl", "offline", "--until", "tomorrow"), '--until: "tomorrow" is no time'),
            (("curl", "offline", "--until", "2001-01-01T00:00:00Z"), "is over already"),
            (("curl", "offline", "--then", "online"), "--then: needs --for or --until"),
            (("curl", "offline", "--for", "1h", "--then", "never"), '--then: "never" is none of'),
            (("curl", "offline", "--children", "none"), '--children: "none" is neither'),
            (("curl", "offline", "--allow", "loopback", "--no-allow"), "--allow and --no-allow"),
            (("curl", "offline", "--allow", ""), "--allow: is empty"), (("", "offline"), "APP is empty"),
            (("curl", "offline", "--reason", b"\xff"), '--reason: "\\xff" is not UTF-8'),
            ((b"/opt/\xff\x1b", "offline"), 'APP: "/opt/\\xff\\x1b" is not UTF-8'), (("curl", "offline", "--bogus"), "--bogus")):
        r = w.run("set", *args)
        equal((r.code, r.out), (2, ""), r)
        contains(r.err, words, "See: netguard set --help")
        if "\x1b" in r.err:
            raise AssertionError(repr(r.err))
    equal(w.calls(), [])


@test
def set_finds_a_command_in_path(w):
    tool = os.path.join(w.folder, "bin", "frob")
    os.mkdir(os.path.dirname(tool))
    shutil.copy("/bin/true", tool)
    os.symlink("bin", os.path.join(w.folder, "sbin"))
    w.mock.reply("SetProfile", set_result(id="<'frob'>", created="<true>"), os.path.realpath(tool))
    r = w.run("set", "frob", "offline", env={"PATH": f".:/nonexistent:{w.folder}/sbin"})
    equal((r.code, r.err), (0, ""), r)
    contains(r.out, f"New application: frob is {os.path.realpath(tool)}.\nfrob is now Offline")
    w.calls()
    for word in ("./frob", "../bin/frob", f"{w.folder}/sbin/frob"):
        r = w.run("set", word, "offline", cwd=os.path.dirname(tool))
        equal(r.code, 0, r)
        contains(w.calls()[-1], f"SetProfile ('{os.path.realpath(tool)}',")


@test
def set_uses_the_spelling_of_a_path_that_the_service_has(w):
    os.mkdir(os.path.join(w.folder, "usr"))
    os.symlink("usr", os.path.join(w.folder, "old"))
    written = os.path.join(w.folder, "old", "tool")
    shutil.copy("/bin/true", os.path.join(w.folder, "usr", "tool"))
    w.mock.reply("GetApp", "({'id': <'tool'>},)", written)
    w.mock.reply("SetProfile", set_result(id="<'tool'>"), written)
    equal(w.run("set", written, "offline").code, 0)
    contains(w.calls()[-1], f"SetProfile ('{written}',")


@test
def set_warns_where_a_rule_would_not_reach(w):
    script = os.path.join(w.folder, "script")
    with open(script, "w", encoding="utf-8") as file:
        file.write("#!/usr/bin/env python3\n")
    os.chmod(script, 0o755)
    w.mock.reply("SetProfile", set_result())
    contains(w.run("set", script, "offline").err, "is a script: the kernel sees /usr/bin/env run")
    contains(w.run("set", os.path.join(w.folder, "later"), "offline").err, "there is no file", "the rule waits for it")
    contains(w.run("set", w.folder + "/", "offline").err, "not the path of a file")
    r = w.run("set", w.folder, "offline")
    equal(r.code, 2)
    contains(r.err, "is a folder: name the program inside it")


@test
def an_unknown_application_exits_3_and_suggests(w):
    w.mock.reply("ListApps", APPS)
    r = w.run("get", "firefxo")
    equal((r.code, r.out), (3, ""), r)
    contains(r.err, 'netguard: get: APP: nothing is called "firefxo": did you mean "firefox"?')
    r = w.run("forget", "zzzzzz")
    equal(r.code, 3)
    contains(r.err, 'nothing was decided about "zzzzzz"', '"netguard set zzzzzz PROFILE"')
    r = w.run("set", "zzzzzz", "offline")
    equal(r.code, 3)
    contains(r.err, "no command in PATH")


@test
def errors_of_the_service_become_exit_codes(w):
    for name, code in (("org.networkguard.Error.InvalidArgument", 2), ("org.networkguard.Error.Managed", 1),
                       ("org.networkguard.Error.Conflict", 1), ("org.networkguard.Error.NotEnforced", 4),
                       ("org.networkguard.Error.Failed", 1), ("org.networkguard.Error.Limit", 1),
                       ("org.freedesktop.DBus.Error.AccessDenied", 5), ("org.example.Surprise", 1),
                       ("org.freedesktop.DBus.Error.NoReply", 6)):
        w.mock.error("SetProfile", name, "one sentence \\x1b[31m.")
        r = w.run("set", "curl", "offline")
        equal((r.code, r.out), (code, ""), (name, r))
        contains(r.err, "netguard: set: ")
        if "GDBus" in r.err or "org." in r.err:
            raise AssertionError(r.err)
    w.mock.error("SetProfile", "org.networkguard.Error.Managed", "curl is managed by the administrator: ask them.")
    contains(w.run("set", "curl", "offline").err, "netguard: set: curl is managed by the administrator: ask them.\n")


@test
def a_reply_of_another_shape_is_another_version(w):
    w.mock.error("GetStatus", "org.freedesktop.DBus.Error.UnknownMethod", "no such method")
    r = w.run("status")
    equal(r.code, 1)
    contains(r.err, "another version", "restart the service")


@test
def forget_tells_what_holds_now(w):
    w.mock.reply("Forget", "({'id': <'curl'>, 'now': <'online'>, 'closed': <uint32 0>, 'enforced': <true>, "
                 "'warning': <''>},)", "curl")
    r = w.run("forget", "curl", "--reason", "done")
    equal((r.code, r.out), (0, "curl is forgotten: Online holds for it now, it can reach the Internet.\n"), r)
    is_call(w.calls()[0], "Forget ('curl'", "'origin': <'command'>", "'reason': <'done'>")
    equal(w.run("forget", "curl", "--json").json()["now"], "online")


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
  Destination     global
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


def start_watch(w, *args):
    process = subprocess.Popen([NETGUARD, "watch", "--runtime", w.folder, *args], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env=dict(os.environ, TZ="UTC"))
    w.mock.tell("await", "Subscribe")
    w.calls()
    return process


@test
def watch_prints_attempts_and_ends_at_count(w):
    w.mock.reply("Subscribe", "()")
    watch = start_watch(w, "--count", "2")
    w.mock.tell("signal", "Attempt", f"({ATTEMPT},)")
    equal(watch.stdout.readline(), "22:13:20  curl  denied  [2001:db8::1]:443/tcp  pid 77  4 times  the profile is Offline\n")
    w.mock.tell("signal", "Attempt", f"({ATTEMPT[:-1]}, 'skipped': <uint64 9>}},)")
    out, err = watch.communicate(timeout=20)
    equal((watch.returncode, len(out.splitlines())), (0, 1))
    contains(err, "9 more attempts were left out")
    watch = start_watch(w, "--json", "--count", "1")
    w.mock.tell("signal", "Attempt", f"({ATTEMPT},)")
    out, _ = watch.communicate(timeout=20)
    equal((out.count("\n"), json.loads(out)["address"]), (1, "2001:db8::1"))


@test
def watch_reconnects_when_the_service_restarts(w):
    w.mock.reply("Subscribe", "()")
    watch = start_watch(w, "--count", "1")
    w.mock.stop()
    contains(watch.stderr.readline(), "netguardd went away")
    w.mock = Mock(w.folder)
    w.mock.reply("Subscribe", "()")
    w.mock.tell("await", "Subscribe")
    contains(watch.stderr.readline(), "netguardd is back")
    w.mock.tell("signal", "Attempt", f"({ATTEMPT},)")
    out, _ = watch.communicate(timeout=20)
    equal((watch.returncode, len(out.splitlines())), (0, 1))


@test
def watch_ends_when_nobody_reads(w):
    w.mock.reply("Subscribe", "()")
    watch = start_watch(w)
    watch.stdout.close()
    w.mock.tell("signal", "Attempt", f"({ATTEMPT},)")
    if watch.wait(timeout=20) == 0:
        raise AssertionError("a lost reader is no success")
    watch.stderr.close()


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
    equal((r.code, r.out), (0, """\
State          What           Meaning
in force       IPv4 and IPv6  Packets are judged.
not supported  BPF LSM        Raw sockets pass.
"""), r)
    equal(w.run("check", "--strict").code, 4)
    equal(len(w.run("check", "--strict", "--json").json()), 2)
    w.mock.reply("Check", f"([{yes}],)")
    equal(w.run("check", "--strict").code, 0)
    w.mock.reply("Check", "(@aa{sv} [],)")
    equal(w.run("check", "--strict").code, 4)


@test
def pause_resume_and_panic(w):
    done = "({'state': <'x'>, 'closed': <uint32 %d>, 'enforced': <%s>, 'warning': <'%s'>},)"
    for method in ("Pause", "Resume", "Panic"):
        w.mock.reply(method, done % (1, "true", ""))
    contains(w.run("pause", "10m", "--reason", "r").out, "Paused until ", "(in 10 min): every program can reach the network.")
    is_call(w.calls()[0], "Pause (600", "'origin': <'command'>", "'reason': <'r'>")
    contains(w.run("resume").out, "Resumed: every program is held to its profile again.")
    contains(w.run("panic").out, "every program is Offline", "1 open connection closed.")
    equal(w.run("panic", "--json").json()["closed"], 1)
    for bad in ("0s", "25h", "10", "-5m", "ten"):
        r = w.run("pause", "--", bad)
        equal(r.code, 2, r)
        contains(r.err, "DURATION")
    w.mock.reply("Panic", done % (0, "false", "the enforcer does not answer"))
    r = w.run("panic")
    equal((r.code, r.out), (4, ""))
    contains(r.err, "not in force: the enforcer does not answer")


@test
def export_and_import(w):
    document = '{"version": 1, "applications": []}'
    w.mock.reply("Export", f"('{document}',)")
    equal(w.run("export").out, document + "\n")
    equal(w.run("export", "--json").json()["version"], 1)
    w.mock.reply("Import", "({'added': <['a', 'b']>, 'changed': <['c']>, 'unchanged': <['d']>, 'closed': <uint32 3>,"
                 "'enforced': <true>, 'warning': <''>},)")
    w.calls()
    r = w.run("import", stdin=document.encode())
    equal((r.code, r.out), (0, "Added 2 applications: a, b\nChanged 1 application: c\n1 application as they are already.\n"
                            "3 open connections closed.\n"), r)
    equal(w.calls(), [f"Import ('{document}', false, {{'origin': <'command'>}})"])
    path = os.path.join(w.folder, "x.json")
    with open(path, "w", encoding="utf-8") as file:
        file.write(document)
    contains(w.run("import", path, "--dry-run").out, "Would add 2 applications: a, b")
    contains(w.calls()[0], ", true, ")
    equal(w.run("import", "-", "--json", stdin=document.encode()).json()["changed"], ["c"])
    for data in (b"\xff", b"a\0b", b"x" * (4 * 1024 * 1024 + 1)):
        equal(w.run("import", stdin=data).code, 2)
    r = w.run("import", "/nonexistent")
    equal(r.code, 2)
    contains(r.err, "/nonexistent: No such file")
    contains(w.run("import", w.folder).err, "Is a directory")


@test
def reload_tells_problems(w):
    w.mock.reply("Reload", "({'problems': <@aa{sv} [{'path': <'/x.app'>, 'line': <uint32 0>, 'column': <uint32 0>,"
                 "'message': <'Too large.'>, 'kept': <false>}]>, 'enforced': <true>, 'closed': <uint32 0>, 'warning': <''>},)")
    r = w.run("reload")
    equal((r.code, r.out), (0, "All application files were read again: 1 problem.\n"
                            "  Problem         /x.app: Too large. (this file is not in force)\n"), r)
    equal(len(w.run("reload", "--json").json()["problems"]), 1)


@test
def options_may_stand_before_or_after_the_verb(w):
    w.mock.reply("GetStatus", STATUS)
    for args in (("--json", "status"), ("status", "--json"), ("--state", "/x", "status", "--config", "/y", "--json",
                                                               "--cgroup", "/z")):
        equal(w.run(*args).json()["state"], "protecting")


@test
def help_and_version_are_everywhere(w):
    verbs = re.findall(r"^  (\w+) +\S", w.run("--help").out.split("Verbs")[1].split("Profiles")[0], re.M)
    equal(len(verbs), 16)
    contains(w.run("--help").out, "Exit codes:", "devices on your own network")
    for verb in verbs:
        contains(w.run(verb, "--help").out, f"netguard [OPTION…] {verb}")
        contains(w.run(verb, "--version").out, "netguard 0.")
    contains(w.run("--version").out, "netguard 0.")
    r = w.run("expalin")
    equal(r.code, 2)
    contains(r.err, 'there is no verb "expalin": did you mean "explain"?')


@test
def without_a_service_the_error_says_how_to_start_it(w):
    empty = os.path.join(w.folder, "empty")
    os.mkdir(empty)
    r = w.run("status", runtime=empty)
    equal((r.code, r.out), (6, ""), r)
    contains(r.err, "netguardd is not running", f'"netguardd --runtime {empty}"')
    with socket.socket(socket.AF_UNIX) as stale:  # bound, and gone
        stale.bind(os.path.join(empty, "guard.sock"))
    equal(w.run("status", runtime=empty).code, 6)
    r = w.run("status", runtime="/" + "x" * 200)
    contains(r.err, "too long for a socket's path")


@test
def a_service_that_goes_away_or_hangs_up_exits_6(w):
    w.mock.tell("silent", "GetStatus")
    done = []
    thread = threading.Thread(target=lambda: done.append(w.run("status")))
    thread.start()
    w.mock.tell("await", "GetStatus")
    w.mock.tell("drop")
    thread.join()
    equal(done[0].code, 6, done[0])
    contains(done[0].err, "netguardd went away")


@test
def a_listener_that_never_speaks_is_given_up(w):
    folder = os.path.join(w.folder, "mute")
    os.mkdir(folder)
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(os.path.join(folder, "guard.sock"))
        mute.listen(5)
        r = w.run("status", runtime=folder)
    equal(r.code, 6, r)
    contains(r.err, "does not answer")


@test
def a_socket_that_somebody_else_made_is_refused(w):
    if os.geteuid() != 0:
        raise Skip("needs root to make another user's socket")
    folder = os.path.join(w.folder, "posed")
    os.mkdir(folder)
    path = os.path.join(folder, "guard.sock")
    with socket.socket(socket.AF_UNIX) as poser:
        poser.bind(path)
        poser.listen(5)
        os.chown(path, 65534, 65534)  # the file is somebody else's
        r = w.run("status", runtime=folder)
        equal((r.code, r.out), (1, ""), r)
        contains(r.err, "the socket belongs to user 65534", "nothing was sent")
    os.unlink(path)
    ready, parent = os.pipe(), os.getpid()
    child = os.fork()
    if child == 0:  # the process is somebody else's, the file looks right
        poser = socket.socket(socket.AF_UNIX)
        poser.bind(path)
        os.setresuid(65534, 65534, 65534)
        poser.listen(5)
        os.write(ready[1], b"x")
        peer, _ = poser.accept()
        os._exit(0 if peer.recv(1) == b"" else 1)
    os.read(ready[0], 1)
    r = w.run("status", runtime=folder)
    equal(r.code, 1, r)
    contains(r.err, "the process that listens belongs to user 65534")
    equal(os.waitpid(child, 0)[1], 0, f"something was sent ({parent})")
    os.unlink(path)
    with open(path, "w", encoding="utf-8"):
        pass
    contains(w.run("status", runtime=folder).err, "is not a socket")


@test
def colour_is_for_terminals_only_and_can_be_refused(w):
    w.mock.reply("GetStatus", STATUS)
    if "\x1b" in w.run("status", env={"TERM": "xterm"}).out:
        raise AssertionError("colour in a pipe")
    for env, coloured in (({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        master, slave = pty.openpty()
        environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
        subprocess.run([NETGUARD, "status", "--runtime", w.folder], stdout=slave, env=dict(environment, **env), check=True)
        os.close(slave)
        out = os.read(master, 65536).decode()
        os.close(master)
        equal("\x1b[" in out, coloured, env)
        contains(out, "Protecting.")


@test
def a_full_disk_is_an_error(w):
    w.mock.reply("ListApps", APPS)
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([NETGUARD, "list", "--json", "--runtime", w.folder], stdout=full, stderr=subprocess.PIPE,
                              check=False)
    equal(done.returncode, 1)
    contains(done.stderr.decode(), "No space left on device")


def run_one(number, function):
    name = function.__name__.replace("_", " ")
    world = World()
    try:
        function(world)
        print(f"ok {number} - {name}", flush=True)
        return True
    except Skip as reason:
        print(f"ok {number} - {name} # SKIP {reason}", flush=True)
        return True
    except Exception as error:  # pylint: disable=broad-except
        print("\n".join(f"# {line}" for line in f"{type(error).__name__}: {error}".splitlines()))
        print(f"not ok {number} - {name}", flush=True)
        return False
    finally:
        world.close()


def main():
    print(f"1..{len(tests)}", flush=True)
    results = [run_one(number, function) for number, function in enumerate(tests, 1)]
    return 0 if all(results) else 1


sys.exit(main())

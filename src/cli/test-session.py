#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Options, help, the connection to the service and its ends, terminals. TAP; see verbs_world.py."""

import json
import os
import pty
import re
import socket
import subprocess
import sys
import threading

sys.dont_write_bytecode = True
from verbs_world import APPS, ATTEMPT, NETGUARD, STATUS, Mock, Skip, contains, equal, run_all, test  # noqa: E402


def start_watch(w, *args):
    process = subprocess.Popen([NETGUARD, "watch", "--runtime", w.folder, *args], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env=dict(os.environ, TZ="UTC"))
    w.mock.tell("await", "Subscribe")
    w.calls()
    return process


@test
def a_reply_of_another_shape_is_another_version(w):
    w.mock.error("GetStatus", "org.freedesktop.DBus.Error.UnknownMethod", "no such method")
    r = w.run("status")
    equal(r.code, 1)
    contains(r.err, "another version", "restart the service")


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
def options_may_stand_before_or_after_the_verb(w):
    w.mock.reply("GetStatus", STATUS)
    for args in (("--json", "status"), ("status", "--json"), ("--state", "/x", "status", "--config", "/y", "--json",
                                                               "--cgroup", "/z")):
        equal(w.run(*args).json()["state"], "protecting")


@test
def help_and_version_are_everywhere(w):
    verbs = re.findall(r"^  (\w+) +\S", w.run("--help").out.split("Verbs")[1].split("Profiles")[0], re.M)
    equal(len(verbs) >= 16, True)
    contains(w.run("--help").out, "Exit codes:", "devices on your own network")
    for verb in verbs:
        # The launcher's options stand after it: they are its own.
        contains(w.run(verb, "--help").out, "netguard run [OPTION…]" if verb == "run" else f"netguard [OPTION…] {verb}")
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


sys.exit(run_all())

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What runs, by the kernel's account; and decisions that last while a program or this boot lasts, with real programs that quit,
start again, hand over to others, and a service that is not there when they do."""

import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import time

from agent import Agent
from guard import is_bare, make_guard
from lab import INET4, Lab, build_file, require, wait_for
from peers import ECHO, Peer
from programs import PYTHON
from tap import Tap, expect, expect_equal

NOBODY = 65534
CROWD = 2000


def connects(agent):
    return agent.errno(f"tcp({INET4!r}, {ECHO})")


def running(guard, path, uid=None):
    return [one for one in guard.json("list", "--running", uid=uid) if one["executable"] == path]


def until_quit(lab, guard, name):
    """A program that is Offline for good, runs, and is Online until it quits."""
    agent = Agent(lab, name)
    guard.set(agent.path, "offline")
    guard.set(agent.path, "online", "--until-quit")
    expect_equal(connects(agent), "", "while it runs")
    return agent


def has_ended(guard, name):
    app = guard.json("get", name)
    return app["while"] == "" and app["profile"] == "offline"


def check_list(tap, lab, guard):
    agent, other = Agent(lab, "listed"), Agent(lab, "nobodys")
    guard.set(agent.path, "local")
    with tap.point("another uid sees root's programs, with their application and profile"):
        found = running(guard, agent.path, NOBODY)
        expect_equal([(one["application"], one["profile"], one["processes"], one["uids"]) for one in found],
                     [("listed", "local", 1, [0])], "the program that was decided on")
        expect_equal([(one["application"], one["profile"]) for one in running(guard, other.path, NOBODY)],
                     [("", "online")], "the one nobody decided on")
    with tap.point("threads of the kernel are not listed"):
        listed = {one["pid"] for one in guard.json("list", "--running")}
        expect(2 not in listed, "kthreadd is listed")
    with tap.point("a program whose file was replaced is still its application, and marked"):
        os.rename(lab.app("replacement", PYTHON), agent.path)
        found = wait_for(lambda: [one for one in running(guard, agent.path) if one["deleted"]], 5, "it is listed")
        expect_equal([one["application"] for one in found], ["listed"], "its application")
    with tap.point("a program that only another mount namespace shows is marked"):
        away = Agent(lab, "away", argv=["unshare", "--mount"])
        found = wait_for(lambda: running(guard, away.path), 5, "it is listed: an answer is kept for a second")
        expect_equal([one["elsewhere"] for one in found], [True], "elsewhere")
        expect_equal([one["elsewhere"] for one in running(guard, other.path)], [False], "elsewhere, of the other")
        away.end()
    agent.end()
    other.end()


def check_quit(tap, lab, guard):
    with tap.point("a program that is Online until it quits is Offline when it is started again, however soon"):
        agent = until_quit(lab, guard, "quitter")
        # The first question was whether it runs; the second, right after, is what it is watched by.
        time_left = time.monotonic() + 2.1
        wait_for(lambda: time.monotonic() > time_left, 3, "the guard may ask again")
        started = time.monotonic()
        agent.end()
        again = Agent(lab, "quitter")
        wait_for(lambda: has_ended(guard, "quitter"), 5, "the decision has ended")
        tap.note(f"ended {time.monotonic() - started:.3f} s after the program, which was running again by then")
        expect_equal(connects(again), "EPERM", "the one that was started again")
        again.end()
    with tap.point("a connection that the program's successor opened in the meantime is closed"):
        agent = until_quit(lab, guard, "heir")
        heir = Agent(lab, "heir")
        expect_equal(heir.call(f"s = tcp({INET4!r}, {ECHO}); result = talk(s)"), "hello", "while the first runs")
        agent.end()
        wait_for(lambda: has_ended(guard, "heir"), 5, "the decision has ended")
        expect(heir.errno("talk(s)") in ("ECONNABORTED", "EPERM", "ECONNRESET"), "the open connection")
        heir.end()
    with tap.point("the end is in the audit log as the timer's"):
        ends = [one for one in guard.json("audit") if one["action"] == "expire"]
        expect_equal({(one["origin"], one["application"]) for one in ends}, {("timer", "quitter"), ("timer", "heir")}, "ends")


def check_service(tap, lab, guard):
    with tap.point("a restart of the service changes nothing for a program that goes on running"):
        agent = until_quit(lab, guard, "stayer")
        guard.stop()
        expect_equal(connects(agent), "", "without the service")
        guard.start()
        expect_equal(guard.json("get", "stayer")["while"], "running", "while")
        expect_equal(connects(agent), "", "after the restart")
    with tap.point("a program that quit and was started again while the service was down is Offline afterwards"):
        guard.stop()
        agent.end()
        again = Agent(lab, "stayer")
        guard.start()
        wait_for(lambda: has_ended(guard, "stayer"), 5, "the decision has ended")
        expect_equal(connects(again), "EPERM", "the one that was started again")
        again.end()
    with tap.point("an enforcer that is stopped ends what it cannot confirm, within 10 seconds and a little"):
        agent = until_quit(lab, guard, "unsure")
        os.kill(guard.enforcer_pid, signal.SIGSTOP)
        agent.end()
        started = time.monotonic()
        wait_for(lambda: has_ended(guard, "unsure"), 12, "the decision has ended")
        tap.note(f"after {time.monotonic() - started:.1f} s")
        os.kill(guard.enforcer_pid, signal.SIGCONT)
        again = Agent(lab, "unsure")
        wait_for(lambda: connects(again) == "EPERM", 10, "it is in force when the enforcer goes on")
        again.end()


def check_boot(tap, lab, guard):
    agent = Agent(lab, "booted")
    guard.set(agent.path, "offline")
    guard.set(agent.path, "online", "--until-restart")
    with tap.point("until the machine restarts outlives the service"):
        guard.stop()
        guard.start()
        expect_equal(connects(agent), "", "after a restart of the service")
    with tap.point("with another boot id what followed holds before anything else", blocks=True):
        guard.stop()
        path = guard.path("state", "apps.d", "booted.app")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        changed = re.sub(r"(?m)^While=boot .*$", "While=boot 0b2e1a4c-5d6f-4a7b-8c9d-0e1f2a3b4c5d", text)
        expect(changed != text, f"the file names a boot: {text}")
        with open(path, "w", encoding="utf-8") as file:
            file.write(changed)
        guard.start()
        expect_equal(connects(agent), "EPERM", "at once")
        expect(has_ended(guard, "booted"), "the file says so too")
    agent.end()


def check_narrow(tap, lab, guard):
    with tap.point("a program cannot shed Offline until it quits by starting another and quitting", blocks=True):
        parent = Agent(lab, "shedder")
        tool = lab.app("shed-tool", PYTHON)
        guard.set(parent.path, "offline", "--until-quit", "--then", "online")
        code = (f"import socket\ns = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind('{lab.dir}/shed')\n"
                "while True:\n"
                "    data, peer = s.recvfrom(100)\n"
                f"    try: socket.create_connection(({INET4!r}, {ECHO}), 3); answer = b'through'\n"
                "    except OSError as error: answer = str(error.errno).encode()\n"
                "    s.sendto(answer, peer)\n")
        child = parent.call(f"import subprocess\nresult = subprocess.Popen([{tool!r}, '-I', '-c', {code!r}], "
                            "start_new_session=True, stdin=-3, stdout=-3, stderr=-3).pid")
        wait_for(lambda: os.path.exists(f"{lab.dir}/shed"), 5, "the other program runs")
        parent.end()
        ended = time.monotonic() + 5  # more than two questions: whatever was to end has ended
        wait_for(lambda: time.monotonic() > ended, 6, "the time passes")
        expect_equal(ask_child(lab), "1", "errno of the program it left behind")
        expect_equal(guard.json("get", "shedder")["while"], "running", "while")
        os.kill(child, signal.SIGKILL)
        wait_for(lambda: guard.json("get", "shedder")["profile"] == "online", 8, "it ends with the last of them")


def ask_child(lab):
    name = f"{lab.dir}/shed-asker"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asker:
        asker.bind(name)
        asker.settimeout(8)
        asker.sendto(b"?", f"{lab.dir}/shed")
        answer = asker.recv(100).decode()
    os.unlink(name)
    return answer


def check_refused(tap, lab, guard):
    with tap.point("what does not run cannot last until it quits, and the refusal says what to do"):
        code, _output, error = guard.command("set", lab.app("absent", PYTHON), "online", "--until-quit")
        expect_equal(code, 2, f"exit code; {error}")
        expect("does not run now" in error and "Start it first" in error, error)
    with tap.point("a program nobody has decided on can be, by its path, until it quits"):
        agent = Agent(lab, "fresh")
        guard.set(agent.path, "offline", "--until-quit")
        expect_equal(connects(agent), "EPERM", "while it runs")
        agent.end()
        wait_for(lambda: guard.command("get", "fresh")[0] == 3, 8, "the application is forgotten")


def check_crowd(tap, lab, guard):
    victim = lab.app("crowded", "sleep")

    def decide(n):
        times = []
        for i in range(n):
            started = time.monotonic()
            guard.set(victim, "offline" if i % 2 else "online")
            times.append(time.monotonic() - started)
        return times
    with tap.point(f"among {CROWD} processes asking what runs does not hold up decisions"):
        crowd = [subprocess.Popen(["sleep", "600"], stdin=subprocess.DEVNULL) for _ in range(CROWD)]
        try:
            alone = decide(15)
            started = time.monotonic()
            found = sum(one["processes"] for one in guard.json("list", "--running"))
            listed = time.monotonic() - started
            expect(found >= CROWD, f"{found} processes are listed")
            askers = [subprocess.Popen(["sh", "-c", 'while "$@" >/dev/null; do :; done', "sh", *guard_command(guard)],
                                       start_new_session=True) for _ in range(2)]
            try:
                together = decide(15)
            finally:
                for asker in askers:
                    os.killpg(asker.pid, signal.SIGKILL)
                    asker.wait()
        finally:
            for one in crowd:
                one.kill()
            for one in crowd:
                one.wait()
        tap.note(f"list --running: {listed * 1000:.0f} ms; a decision alone {statistics.median(alone) * 1000:.0f} ms, at most "
                 f"{max(alone) * 1000:.0f}; while two ask all the time {statistics.median(together) * 1000:.0f} ms, at most "
                 f"{max(together) * 1000:.0f}")
        expect(max(together) < 2, f"no decision took 2 s: {max(together):.2f}")


def guard_command(guard):
    return [build_file("src", "cli", "netguard"), "--runtime", guard.path("runtime"), "list", "--running", "--json"]


def main():
    require([PYTHON, "unshare"], product=not is_bare())
    tap = Tap()
    lab = Lab()
    for name in ("lan", "inet", "client"):
        Peer(lab, name)
    guard = make_guard(lab)
    guard.start()
    check_list(tap, lab, guard)
    check_quit(tap, lab, guard)
    check_service(tap, lab, guard)
    check_boot(tap, lab, guard)
    check_narrow(tap, lab, guard)
    check_refused(tap, lab, guard)
    check_crowd(tap, lab, guard)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs that a blocked interpreter starts: whether they reach a server on loopback, in each way to start one; and that they
are what they are without the module. What the server got is the judge. Traffic: loopback. TAP."""

import json
import os
import re
import socket
import subprocess
import sys
import threading

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "netns"))
sys.path.insert(1, HERE)
# pylint: disable=wrong-import-position
import pythons  # noqa: E402
from tap import Skip, Tap, expect, expect_equal, skip_all  # noqa: E402

BUILD = os.environ.setdefault("NETGUARD_BUILD", os.path.join(HERE, "..", "..", "build"))
LAUNCHER = os.path.join(BUILD, "src", "run", "netguard-run")
SECONDS = 120
HOST = "127.0.0.1"
METHODS = ("spawn", "forkserver", "fork")
FILTERED = "it has a filter that lets no address through, the whitelist neither: netguard run is not installed"


class Server:
    """Remembers the tokens that reached it."""

    def __init__(self):
        self.listener = socket.create_server((HOST, 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.tokens = set()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            connection, _ = self.listener.accept()
            with connection:
                connection.settimeout(5)
                try:
                    found = re.search(rb"t\d+-[\w-]+", connection.recv(1000))
                    if found:
                        self.tokens.add(found[0].decode())
                    connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")
                except OSError:
                    pass


SERVER = Server()
CONTROLS = {}
COUNT = iter(range(10 ** 6))


def run(path, task, mode, launcher=LAUNCHER):
    """(what the task found, the tokens of it that reached the server without their prefix)"""
    prefix = f"t{next(COUNT)}-"
    noauto = {"PYTHON_BLACKBOX_NOAUTO": "1"} if mode == "noauto" else {}
    ended = subprocess.run([path, os.path.join(HERE, "children_inside.py"), task, mode, HOST, str(SERVER.port), prefix],
                           env=pythons.environment(pythons.package(path), NETGUARD_RUN=launcher, PATH="/usr/bin:/bin", **noauto), check=False,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=SECONDS)
    lines = [line for line in ended.stdout.decode().splitlines() if line.startswith("{")]
    expect(ended.returncode == 0 and lines, f"{task} {mode} ended with {ended.returncode}: {ended.stderr.decode()[-2000:]}")
    return json.loads(lines[-1]), {token[len(prefix):] for token in SERVER.tokens if token.startswith(prefix)}


def run_control(path, task):
    """Without the module; once for each interpreter."""
    if (path, task) not in CONTROLS:
        CONTROLS[path, task] = run(path, task, "control")
    return CONTROLS[path, task]


def outcomes(found, reached):
    """{way: (did it reach the server, what was told)}"""
    return {name: (token.split("-", 1)[1] in reached, outcome) for name, (token, outcome) in found["ways"].items()}


def is_refused(name, outcome):
    """os.spawnv() has an end status only; 127 says that nothing was executed."""
    return outcome == (127 if name == "os.spawnv" else "NetworkBlockedError")


def all_ways_reach(path, mode, but=()):
    found, reached = run(path, "ways", mode)
    for name, (is_reached, outcome) in outcomes(found, reached).items():
        if name in but:
            expect(not is_reached and outcome != 0, f"{name} reached the server")
            continue
        expect(is_reached, f"{name} did not reach the server: {outcome}")
        expect(outcome in (0, None), f"{name} ended with {outcome}")
    expect_equal(found["descriptors"], 0, "descriptors left open")
    return found["records"]


def no_way_reaches(path, mode, launcher=LAUNCHER, is_refusing=False):
    """Nothing is started, or a program that fails."""
    found, reached = run(path, "ways", mode, launcher)
    for name, (is_reached, outcome) in outcomes(found, reached).items():
        expect(not is_reached, f"{name} reached the server")
        if is_refusing:
            expect(is_refused(name, outcome), f"{name} was not refused: {outcome}")
        else:
            expect(outcome not in (0, "NetworkBlockedError", 127), f"{name}: {outcome}")
    expect_equal(found["descriptors"], 0, "descriptors left open")
    return found["records"]


def expect_all(records, wanted):
    expect(records and all(record[2:] == wanted for record in records), f"records: {records}")


def ways(tap, path, version, is_first):
    with tap.point(f"{version}: without the module every way of starting a program reaches the server"):
        all_ways_reach(path, "control")
    with tap.point(f"{version}: confined, none does", blocks=True):
        records = no_way_reaches(path, "offline")
        expect_all(records, ["allow", "it is confined by netguard run --offline"])
        missing = {"subprocess.Popen", "os.posix_spawn", "os.posix_spawnp", "os.system"} - {record[0] for record in records}
        expect(not missing, f"no record of {missing}: {records}")
        expect("/bin/sh" in [record[1] for record in records], f"{records}")
    with tap.point(f"{version}: what is on the whitelist is reached by confined programs, too"):
        all_ways_reach(path, "allowed")
    with tap.point(f"{version}: without the launcher none does, on the whitelist or not", blocks=True):
        for mode in ("offline", "allowed"):
            records = no_way_reaches(path, mode, "/nonexistent")
            expect_all(records, ["allow", FILTERED])
    if not is_first:
        return
    with tap.point(f"{version}: with subprocess=\"refuse\" nothing is started", blocks=True):
        records = no_way_reaches(path, "refuse", is_refusing=True)
        expect(all(record[2] == "deny" for record in records), f"records: {records}")
    with tap.point(f"{version}: with subprocess=\"allow\" they reach it, and that is recorded"):
        records = all_ways_reach(path, "allow")
        expect_all(records, ["allow", 'children are allowed (subprocess="allow")'])
    for mode, words in (("temporary", "inside allow_temporary()"), ("online", "after allow_network()"),
                        ("local", "with profile local")):
        with tap.point(f"{version}: {words} they reach it" + (", but those of another thread" if mode == "temporary" else "")):
            records = all_ways_reach(path, mode, ["subprocess, in a thread"] if mode == "temporary" else ())
            expect_equal(bool(records), mode != "online", "is there a record")
    with tap.point(f"{version}: under strict none does", blocks=True):
        records = no_way_reaches(path, "strict")
        expect(all(record[3] == "it has the filter of this process" for record in records), f"{records}")


def compare(path, mode, launcher):
    control, _ = run_control(path, "manners")
    found, _ = run(path, "manners", mode, launcher)
    expect(len(control) > 70, "too few manners")
    wrong = [f"{name}: {control[name]}, but {found.get(name)}" for name in control if found.get(name) != control[name]]
    expect(not wrong, "; ".join(wrong))
    return len(control)


def manners(tap, path, version, is_first):
    with tap.point(f"{version}: confined programs are what they are without the module"):
        tap.note(f"{compare(path, 'offline', LAUNCHER)} things are compared")
    if is_first:
        with tap.point(f"{version}: so they are with a whitelist"):
            compare(path, "allowed", LAUNCHER)
    with tap.point(f"{version}: so are those that have a filter"):
        compare(path, "offline", "/nonexistent")


def sockets(tap, path, version):
    for launcher in (LAUNCHER, "/nonexistent"):
        words = "by the filter" if launcher != LAUNCHER else "by the launcher"
        with tap.point(f"{version}: no child confined {words} inherits a socket of a network", blocks=True):
            found, _ = run(path, "sockets", "offline", launcher)
            free = {"closed", "inheritable, closed", "inheritable, closed by an action"}
            for name, outcome in found.items():
                expect_equal(outcome, 0 if name in free else "NetworkBlockedError", name)


def processes(tap, path, version, is_first):
    with tap.point(f"{version}: multiprocessing works without the module, and its processes reach the server"):
        control, reached = run(path, "processes", "control")
        expect_equal(reached, {method + child for method in METHODS for child in ("", "-child")}, "reached")
    for mode in ("offline", "allowed", "local", "refuse", "noauto") if is_first else ("offline",):
        with tap.point(f"{version}: multiprocessing works with the module ({mode}), by the rules of the parent",
                       blocks=mode in ("offline", "refuse", "noauto")):
            found, reached = run(path, "processes", mode)
            if mode in ("allowed", "local"):
                expect_equal(len(reached), 6, "reached")
            else:
                expect_equal(reached, set(), "reached")
            for name, wanted in control.items():
                if name.endswith((": reach", ": child")) and not reached:
                    expect(found[name] in ("NetworkBlockedError", 1), f"{name}: {found[name]}")
                elif name != "records":
                    expect_equal(found[name], wanted, name)
            for method in METHODS:
                expect_equal(found[f"{method}: rules"], found[f"{method}: rules of the parent"], f"{method}: rules")
                expect_equal(found[f"{method}: rules of a grandchild"][:4], found[f"{method}: rules"][:4], f"{method}: below it")
                expect_equal(found[f"{method}: path grew"], 0, f"{method}: sys.path")
            expect(["multiprocessing", "allow"] in found["records"], f"{found['records']}")


def tricks(tap, path, version):
    with tap.point(f"{version}: what only looks like multiprocessing is confined like all others", blocks=True):
        control, reached = run(path, "tricks", "control")
        missing = {"script", "first", "folder", "meanwhile"} - reached
        expect(not missing, f"without the module {missing} do not reach the server either")
        found, blocked = run(path, "tricks", "offline")
        expect_equal(blocked, set(), "reached")
        for name in ("words behind", "another program", "execv, a turning path", "execv, a growing list", "another interpreter"):
            expect_equal(found[name], control[name], name)


def said_by(path, text, launcher=LAUNCHER, before=()):
    """What a program prints that imports the module."""
    env = pythons.environment(pythons.package(path), NETGUARD_RUN=launcher)
    return subprocess.run([*before, path, "-c", text], env=env, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          timeout=SECONDS).stdout.decode().strip()


def more_words(tap, path):
    with tap.point("what the launcher cannot take of a long whitelist is left out, and the record says so"):
        text = ("import json, python_blackbox as b, subprocess\n"
                "for i in range(40): b.add_whitelist(f'host{i}.example.org')\n"
                "code = subprocess.run(['true']).returncode\n"
                "print(json.dumps([code, [one['text'] for one in b.attempts()]]))")
        said = said_by(path, text)
        code, texts = json.loads(said)
        expect_equal(code, 0, "exit status")
        expect("the rest of the whitelist is left out" in texts[0], texts[0])
    with tap.point("inside of netguard run, which cannot be twice, a child has a filter, or, offline, the launcher"):
        text = ("import json, python_blackbox as b, subprocess\n"
                "def child(): return [subprocess.run(['sh', '-c', 'exit 3']).returncode, b.attempts()[-1]['text']]\n"
                "found = [child()]\n"
                "b.profile('local')\n"
                "print(json.dumps([*found, child()]))")
        said = said_by(path, text, before=[LAUNCHER, "--local", "--"])
        offline, local = json.loads(said)
        expect_equal(offline, [3, "it is confined by netguard run --offline"], "offline")
        expect(local[0] == 3 and "cannot do more inside of another" in local[1], f"local: {local}")
    with tap.point("a refusal names the program and what would allow it"):
        text = ("import python_blackbox as b, subprocess\n"
                "b.block_network(subprocess='refuse')\n"
                "try: subprocess.run(['true'])\n"
                "except PermissionError as error: print(error, error.tip)")
        said = said_by(path, text)
        expect("/true" in said and 'subprocess="confine"' in said, said)
    with tap.point("every door is open, and set_children() takes three words"):
        text = ("from python_blackbox import _core\n"
                "assert len(_core.doors()) >= 15 and all(_core.doors().values()), _core.doors()\n"
                "for word in ('refuse', 'allow', 'confine'): _core.set_children(word); assert _core.children_mode() == word\n"
                "for wrong in ('', 'Confine', 1, None):\n"
                "    try: _core.set_children(wrong)\n"
                "    except ValueError: continue\n"
                "    raise AssertionError(wrong)\n"
                "print(_core.launcher())")
        real = os.path.abspath(LAUNCHER)
        for launcher, wanted in ((real, real), ("/nonexistent", "None"), ("relative", "None"), ("", "None")):
            said = said_by(path, text, launcher)
            expect_equal(said, wanted, f"the launcher for NETGUARD_RUN={launcher}")


def references(tap):
    for mode, launcher in (("offline", LAUNCHER), ("offline", "/nonexistent"), ("refuse", LAUNCHER), ("allow", LAUNCHER)):
        words = "with" if launcher == LAUNCHER else "without"
        with tap.point(f"no reference is lost (a debug interpreter, {mode}, {words} launcher)"):
            if not os.access(pythons.DEBUG, os.X_OK):
                raise Skip(f"there is no {pythons.DEBUG}")
            control, _ = run_control(pythons.DEBUG, "references")
            found, _ = run(pythons.DEBUG, "references", mode, launcher)
            tap.note(" ".join(f"{name}: {value:.1f}" for name, value in found.items()))
            for name, value in found.items():
                expect(value < control[name] + 0.5, f"{name}: {value} for each call, without the module {control[name]}")


def main():
    if not os.access(LAUNCHER, os.X_OK):
        skip_all(f"not built: {LAUNCHER}")
    tap = Tap()
    wanted = sys.argv[1:]
    for number, (version, path) in enumerate(pythons.interpreters()):
        if path.endswith("-dbg") or (wanted and version not in wanted):  # references() is for the debug ones
            continue
        ways(tap, path, version, number == 0)
        manners(tap, path, version, number == 0)
        sockets(tap, path, version)
        processes(tap, path, version, number == 0)
        tricks(tap, path, version)
        if number == 0:
            more_words(tap, path)
    references(tap)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())

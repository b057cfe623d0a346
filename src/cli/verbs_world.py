# SPDX-License-Identifier: MIT
"""What the tests of the verbs share: a mock service (mock-guard.c) in a folder of its own, `netguard` pointed at it, and
what the mock may say. Arguments of the scripts that import this: netguard, mock-guard, the interface's XML."""

import json
import os
import shutil
import subprocess
import sys
import tempfile

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


def is_call(call, start, *options):
    """The order of a dictionary's keys is not ours."""
    got = call.partition("{")
    equal((got[0].rstrip(", "), sorted(got[2].rstrip(",)}").split(", "))), (start, sorted(options)), call)


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


def run_all():
    print(f"1..{len(tests)}", flush=True)
    results = [run_one(number, function) for number, function in enumerate(tests, 1)]
    return 0 if all(results) else 1


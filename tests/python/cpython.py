#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""CPython's own tests of what we stand in front of: each has the same result with the package as without it.

Every test module runs twice, both in network namespaces of their own that have a loopback and nothing else: as it is, and with
python_blackbox imported before anything, loopback whitelisted, in the process and in every Python process that it starts (a
sitecustomize.py does it). Results are compared test by test. One that differs is run again by itself, both ways: only what
differs each time counts.

    cpython.py [-k WORD] [PYTHON]     only modules whose name has WORD; another interpreter
"""

import collections
import concurrent.futures
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "netns"))
sys.path.insert(1, os.path.dirname(os.path.abspath(__file__)))

# pylint: disable=wrong-import-position
import pythons  # noqa: E402
from tap import Tap, expect, skip_all  # noqa: E402

# The longest first.
MODULES = ("test_multiprocessing_spawn", "test_asyncio", "test_socket", "test_ssl", "test_httplib", "test_urllib")
# What is left out, and why. The last is a difference: a child in the launcher ends with all that it started.
LEFT_OUT = {
    "*VSOCK*": "talks to the machine's hypervisor, and waits for it without end where that does not answer",
    "*TestResourceTracker.test_resource_tracker": "expects that what a killed program has started outlives it; in the launcher nothing does",
    "*.test_shared_memory_cleaned_after_process_termination": "expects the same, and waits five minutes for it",
}
SECONDS = 500  # for a module
AGAIN = 3  # times that one that differs is run by itself
MOST_AGAIN = 12  # tests of a module that are run by themselves: where more differ it is no chance
INSIDE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cpython_inside.py")
AT_ONCE = 4  # they wait more than they work

SWITCH = """\
import os
os.environ.pop("PYTHON_BLACKBOX_NOAUTO", None)
import python_blackbox
for entry in ("127.0.0.0/8", "::1", "localhost"):
    python_blackbox.add_whitelist(entry)
"""


class Lab:
    """Where a module runs: an interpreter, the package for it, a folder for what is written."""

    def __init__(self, python, folder):
        self.python, self.folder = python, folder
        self.switch = os.path.join(folder, "switch")
        os.mkdir(self.switch)
        with open(os.path.join(self.switch, "sitecustomize.py"), "w", encoding="utf-8") as file:
            file.write(SWITCH)
        self.package = pythons.package(python)

    def environment(self, guarded, place):
        env = pythons.environment(self.package, TMPDIR=place, HOME=place, NETGUARD_RUN=os.path.join(
            os.environ["NETGUARD_BUILD"], "src", "run", "netguard-run"))
        env["PYTHONPATH"] = f"{self.switch}:{self.package}" if guarded else ""
        return env

    def is_guarded(self):
        """Does the switch work, also in a child? The control of all that follows."""
        place = tempfile.mkdtemp(dir=self.folder)
        line = "import sys; print(int('python_blackbox' in sys.modules))"
        program = f"import subprocess, sys\n{line}\nsys.stdout.flush()\nsubprocess.run([sys.executable, '-c', {line!r}], check=True)"
        return [subprocess.run([self.python, "-c", program], env=self.environment(guarded, place), stdout=subprocess.PIPE, check=True,
                               timeout=60).stdout.split() for guarded in (True, False)]

    def run(self, module, guarded, only=None):
        """What becomes of its tests, or of one."""
        place = tempfile.mkdtemp(dir=self.folder, prefix=f"{module}-{'with' if guarded else 'without'}-")
        result, log = os.path.join(place, "result"), os.path.join(place, "log")
        command = [self.python, INSIDE, module, result, ",".join(LEFT_OUT), *([only] if only else [])]
        started = time.monotonic()
        with open(log, "wb") as output:
            child = subprocess.Popen(["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *command], cwd=place,
                                     env=self.environment(guarded, place), stdin=subprocess.DEVNULL, stdout=output,
                                     stderr=subprocess.STDOUT, start_new_session=True)
            try:
                child.wait(SECONDS)
            except subprocess.TimeoutExpired:
                pass
            finally:
                with contextlib.suppress(OSError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        return Outcomes(result, time.monotonic() - started, log)


class Outcomes:
    """What became of the tests of a module. `last`: what ran when it did not come to its end."""

    def __init__(self, path, seconds, log):
        self.seconds, self.log = seconds, log
        self.of, self.why, self.last = {}, {}, "nothing"
        with contextlib.suppress(OSError), open(path, encoding="utf-8") as file:
            for line in file:
                with contextlib.suppress(ValueError):
                    self._take(json.loads(line))

    def _take(self, record):
        if "test" in record:
            self.of[record["test"]], self.why[record["test"]] = record["outcome"], record["text"]
        self.last = record.get("begun", None if record.get("end") else self.last)

    def tell(self, name):
        """Its outcome, and the last line of why."""
        return f"{self.of.get(name)}" + "".join(f" ({line})" for line in self.why.get(name, "").strip().splitlines()[-1:])


def differing(without, with_us):
    return sorted(name for name in without.of.keys() | with_us.of.keys() if without.of.get(name) != with_us.of.get(name))


def still_differs(lab, module, name):
    """By itself, both ways: does it come out differently each time?"""
    return all(lab.run(module, False, name).of.get(name) != lab.run(module, True, name).of.get(name) for _ in range(AGAIN))


def compare(tap, lab, module, without, with_us):
    for outcomes, what in ((without, "without"), (with_us, "with")):
        if outcomes.last:
            with open(outcomes.log, encoding="utf-8", errors="replace") as file:
                tap.note(f"{what} us: stopped in {outcomes.last}; its last lines: {''.join(collections.deque(file, 12))}")
    different = differing(without, with_us)
    counts = collections.Counter(outcome for name, outcome in without.of.items() if name not in different)
    tap.note(f"the same: {', '.join(f'{number} {word}' for word, number in sorted(counts.items()))}; "
             f"{without.seconds:.0f} s without, {with_us.seconds:.0f} s with")
    bad = []
    for number, name in enumerate(different):
        differs = number >= MOST_AGAIN or still_differs(lab, module, name)
        tap.note(f"{name}: without {without.tell(name)}; with {with_us.tell(name)}; " +
                 ("also by itself" if differs else "by itself it is the same"))
        bad += [name] if differs else []
    expect(not without.last and not with_us.last, f"{module} did not come to its end")
    expect(not bad, f"{len(bad)} differ: {', '.join(bad)}")
    expect(counts["ok"] > 20, f"only {counts['ok']} tests passed at all")


def main():
    arguments = sys.argv[1:]
    word = arguments.pop(arguments.index("-k") + 1) if "-k" in arguments else ""
    arguments = [one for one in arguments if one != "-k"]
    if os.getuid() != 0:
        skip_all("needs root, for network namespaces")
    python = arguments[0] if arguments else next(
        (path for _, path in pythons.interpreters() if subprocess.run([path, "-c", "import test.test_socket"], check=False,
                                                                      stderr=subprocess.DEVNULL).returncode == 0), None)
    if not python:
        skip_all("no interpreter here has its tests: install libpython3-testsuite")
    modules = [module for module in MODULES if word in module]
    folder = tempfile.mkdtemp(prefix="ng-cpython-")
    tap = Tap()
    try:
        lab = Lab(python, folder)
        with tap.point("the package is there where it is switched on, in the process and in its children, and nowhere else"):
            found = lab.is_guarded()
            expect(found == [[b"1", b"1"], [b"0", b"0"]], f"{found}")
            tap.note(f"{python}: {lab.package}")
            for pattern, why in LEFT_OUT.items():
                tap.note(f"left out: {pattern}: {why}")
        if tap.failed:
            return tap.finish()
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            waiting = {module: [pool.submit(lab.run, module, guarded) for guarded in (False, True)] for module in modules}
            for module, futures in waiting.items():
                runs = [future.result() for future in futures]
                with tap.point(f"{module} has the same results with us as without"):
                    compare(tap, lab, module, *runs)
    finally:
        if os.environ.get("NETGUARD_KEEP"):
            print(f"# kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return tap.finish()


sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the extension takes and gives back, in every situation that an interpreter has: lifetimes.py's programs under the debug
interpreter, which counts references; under AddressSanitizer and UndefinedBehaviorSanitizer; under valgrind; in interpreters that
are made and ended; in children that are forked; in a program that has an interpreter inside.

All of it in network namespaces with nothing but a loopback.
"""

import glob
import json
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import xml.etree.ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "netns"))
sys.path.insert(1, os.path.dirname(os.path.abspath(__file__)))

# pylint: disable=wrong-import-position
import pythons  # noqa: E402
from tap import Skip, Tap, expect, skip_all  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = os.path.join(HERE, "lifetimes.py")
EMBEDDED = os.path.join(HERE, "embedded.c")
SECONDS = 280
# The measuring itself keeps some: a list of three numbers for each round.
SLACK = 40
SANITIZE = "-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g"


def run(command, folder, **more):
    """Its output, once it ended well."""
    env = pythons.environment(folder, NETGUARD_RUN=os.path.join(os.environ["NETGUARD_BUILD"], "src", "run", "netguard-run"), **more)
    done = subprocess.run(["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *command], env=env, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=SECONDS, errors="replace")
    expect(done.returncode == 0, f"{' '.join(command[-3:])} ended with {done.returncode}: {done.stderr[-3000:]}")
    return done.stdout


def program(python, *words, folder=None, before=(), **more):
    """What one of lifetimes.py's programs says."""
    return json.loads(run([*before, python, PROGRAMS, *words], folder or pythons.package(python), **more).splitlines()[-1])


def debug_python():
    if not any(path == pythons.DEBUG for _, path in pythons.interpreters(debug=True)):
        raise Skip(f"no {pythons.DEBUG} here")
    return pythons.DEBUG


# --- references ---

def flat(tap):
    for work, (references, blocks, objects, times) in program(debug_python(), "flat").items():
        with tap.point(f"after {work.replace('_', ' ')} again and again, as many references, blocks and objects live as before"):
            tap.note(f"{times} times: {references:+} references, {blocks:+} blocks, {objects:+} objects")
            # A leak of one for each call is `times`.
            most = min(SLACK, max(times // 2, 20))
            expect(references < most and blocks < most and objects < 10, "they grow")


def callers_other(tap):
    for version, python in pythons.interpreters():
        with tap.point(f"the same work leaves nothing behind in {version}"):
            said = program(python, "flat", "few")
            worst = max(said.items(), key=lambda one: one[1][1])
            tap.note(f"most: {worst[0]}, {worst[1][1]:+} blocks in {worst[1][3]} times")
            expect(all(blocks < max(times // 2, 25) and objects < 10 for _, blocks, objects, times in said.values()), f"{said}")


# --- what C allocates ---

def allocated(tap):
    with tap.point("what is kept of attempts and of whitelist entries is freed to the byte when they are cleared"):
        said = program(pythons.SYSTEM, "attempts_freed")
        expect(said, "nothing was measured")
        for name, (filled, left) in said.items():
            tap.note(f"1,000 {name}: {filled:,} bytes; {left} left after clearing")
            expect(filled > 50_000, f"{name}: nothing was measured")
            expect(left < 4096, f"{name}: {left} bytes are left")


def read_valgrind(path):
    """The errors that have our extension in them: [(kind, top functions)]."""
    found = []
    try:
        errors = xml.etree.ElementTree.parse(path).iter("error")
    except xml.etree.ElementTree.ParseError:  # of a child that became another program
        return found
    for error in errors:
        frames = [frame for stack in error.findall("stack")[:1] for frame in stack.findall("frame")]
        ours = [frame.findtext("fn") for frame in frames if "/_core." in (frame.findtext("obj") or "")]
        kind = error.findtext("kind")
        if ours and kind not in ("Leak_StillReachable", "Leak_PossiblyLost"):
            found.append((kind, ours[:4]))
    return found


def valgrind(tap, folder):
    with tap.point("valgrind finds nothing of ours lost, and no use of what is not there"):
        if not shutil.which("valgrind"):
            raise Skip("no valgrind here")
        path = os.path.join(folder, "valgrind-%p.xml")  # children that are forked write one, too
        # PYTHONMALLOC: CPython's own allocator hides from it what lives.
        program(pythons.SYSTEM, "once", PYTHONMALLOC="malloc",
                before=[shutil.which("valgrind"), "--quiet", "--leak-check=full", "--show-leak-kinds=definite,indirect", "--xml=yes",
                        f"--xml-file={path}", "--num-callers=30"])
        found = [error for one in glob.glob(path.replace("%p", "*")) for error in read_valgrind(one)]
        expect(not found, f"{found}")


# --- sanitizers ---

def sanitizer_library(name):
    path = subprocess.run(["gcc", f"-print-file-name={name}"], stdout=subprocess.PIPE, check=True).stdout.decode().strip()
    if not os.path.isabs(path):
        raise Skip(f"no {name} here")
    return os.path.realpath(path)


def sanitized(tap):
    """Python itself keeps much until its end and beyond: leaks are for the counts above, not for this (detect_leaks=0)."""
    python = pythons.SYSTEM
    for words in (["once"], ["flat", "few"], ["interpreters", "20"], ["ends_busy"], ["forks", "40"]):
        with tap.point(f"AddressSanitizer and UndefinedBehaviorSanitizer say nothing of {words[0].replace('_', ' ')}"):
            libraries = ":".join(sanitizer_library(name) for name in ("libasan.so", "libubsan.so"))
            # Its own folder of the allocator's blocks: an error in what CPython gave out is seen, too.
            env = {"LD_PRELOAD": libraries, "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0", "PYTHONMALLOC": "malloc",
                   "UBSAN_OPTIONS": "print_stacktrace=1"}
            program(python, *words, folder=pythons.package(python, SANITIZE), **env)


def sanitizer_control(tap):
    with tap.point("the sanitizers are at work: a read behind the end of memory, made on purpose, ends the program"):
        libraries = sanitizer_library("libasan.so")
        done = subprocess.run([pythons.SYSTEM, "-c", "import ctypes; ctypes.string_at(ctypes.CDLL(None).malloc(8), 64)"], check=False,
                              env={**os.environ, "LD_PRELOAD": libraries, "ASAN_OPTIONS": "detect_leaks=0", "PYTHONMALLOC": "malloc"},
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        expect(done.returncode != 0, "nothing was found")


# --- interpreters, forks, the end ---

def interpreters(tap):
    wanted = ["NetworkBlockedError NetworkBlockedError\n"]
    for imports, word in (("1", "import the package"), ("0", "do not import it")):
        with tap.point(f"100 interpreters that {word} are blocked, and leave nothing when they end"):
            said = program(debug_python(), "interpreters", "100", "0", imports)
            tap.note("left by each ten: " + ", ".join(f"{references:+}" for references, _, _ in said["left"]) + " references")
            expect(said["said"] == wanted, f"{said['said']}")
            expect(min(references for references, _, _ in said["left"]) < SLACK, "references grow")
            expect(min(blocks for _, blocks, _ in said["left"]) < SLACK, "blocks grow")
    for version, python in pythons.interpreters():
        for own_gil in ("0", "1"):
            if own_gil == "1" and tuple(int(part) for part in version.split(".")[:2]) < (3, 12):
                continue
            with tap.point(f"interpreters{' with their own GIL' * int(own_gil)} in {version} are blocked, also those that import nothing"):
                for imports in ("1", "0"):
                    said = program(python, "interpreters", "100", own_gil, imports)
                    expect(said["said"] == wanted, f"{said['said']}")


def threads_and_forks(tap):
    for version, python in pythons.interpreters(debug=True):
        with tap.point(f"children forked while threads are refused go on, in {version}"):
            program(python, "forks")
        with tap.point(f"an interpreter ends well while threads are refused, in {version}"):
            for _ in range(5):
                program(python, "ends_busy")


def flags_of(python):
    """For a program with this interpreter inside, from its own configuration (python3-config --embed says the same)."""
    code = ("import sysconfig as s, json, sys; v = s.get_config_var; print(json.dumps([s.get_path('platinclude'), v('LIBDIR'), v('LIBPL'),"
            "v('LDVERSION'), v('LIBS') or '', v('SYSLIBS') or '', sys.prefix]))")
    include, library, static, version, libs, system, prefix = json.loads(
        subprocess.run([python, "-I", "-c", code], stdout=subprocess.PIPE, check=True).stdout)
    flags = [f"-I{include}", f"-L{static}", f"-L{library}", f"-Wl,-rpath,{library}", f"-lpython{version}", "-rdynamic", *shlex.split(libs),
             *shlex.split(system), "-lm"]
    return flags, prefix


def embedded(tap, folder):
    for version, python in pythons.interpreters(debug=True):
        with tap.point(f"a program starts {version} and ends it five times, and it is blocked each time"):
            flags, prefix = flags_of(python)
            target = os.path.join(folder, "embedded-" + version.replace(" ", "-"))
            compiler = shlex.split(sysconfig.get_config_var("CC") or "cc")
            built = subprocess.run([*compiler, "-O1", "-g", EMBEDDED, "-o", target, *flags], check=False,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace")
            if built.returncode:
                raise Skip(f"no program can be linked with it: {built.stdout.strip().splitlines()[-1][:150]}")
            more = {} if prefix == "/usr" else {"PYTHONHOME": prefix}
            said = run([target], pythons.package(python), PYTHON_BLACKBOX_NOAUTO="1", **more).split()
            expect(said == ["NetworkBlockedError"] * 5, f"{said}")


def main():
    if os.getuid() != 0:
        skip_all("needs root, for network namespaces")
    tap = Tap()
    folder = tempfile.mkdtemp(prefix="ng-memory-")
    try:
        with tap.point("references are counted"):
            debug_python()
        flat(tap)
        callers_other(tap)
        allocated(tap)
        valgrind(tap, folder)
        sanitizer_control(tap)
        sanitized(tap)
        interpreters(tap)
        threads_and_forks(tap)
        embedded(tap, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return tap.finish()


sys.exit(main())

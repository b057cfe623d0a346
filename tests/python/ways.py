#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every way around that waylist.py and waylist_beyond.py know, with the packet counters at the peers as judge.

Each way is first shown to reach its peer without the module: what does not work there says nothing, and is skipped. Then with
it: what is covered is refused, raises NetworkBlockedError and lets no packet arrive; what is not is named by protection(). Under
strict nothing arrives, of what strict covers; the rest is named again.

    ways.py [offline|shutdown|strict|supervised|alone|local]... [-k WORD]     only these, only ways whose name has WORD
"""

import contextlib
import glob
import importlib.util
import json
import os
import platform
import select
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "run"))
sys.path.insert(1, os.path.dirname(os.path.abspath(__file__)))

# pylint: disable=wrong-import-position
from runlab import INET4, INET6, LAN4, LAN6, RunLab, expect, inside, is_bare, require_run  # noqa: E402
from lab import CLIENT4, CLIENT6, build_file  # noqa: E402
from tap import Skip, Tap  # noqa: E402
import waylist  # noqa: E402
import waylist_beyond  # noqa: E402
from way import PRELUDE, SENDERS, Way  # noqa: E402

PYTHON = os.environ.get("NETGUARD_PYTHON", "/usr/bin/python3")  # the import folder of $NETGUARD_BUILD must be its
SECONDS = 15
AT_ONCE = 6
WAYS = waylist.WAYS + waylist_beyond.WAYS
BLOCKS = {
    "control": "",
    "offline": "import python_blackbox; python_blackbox.block_network()",
    "alone": "import python_blackbox; python_blackbox.block_network()",
    "local": "import python_blackbox; python_blackbox.profile('local')",
    "shutdown": "import python_blackbox; python_blackbox.block_network(existing='shutdown')",
    "strict": "import python_blackbox; python_blackbox.block_network(strict=True)",
    "supervised": "import python_blackbox; python_blackbox.add_whitelist('192.0.2.1')\n"
                  "python_blackbox.block_network(strict=True)",
}
TOLD = """
told = {}
if 'python_blackbox' in sys.modules:
    told = python_blackbox.protection()
    told = {'named': [one['id'] for one in told['not_covered']], 'covered': [one['id'] for one in told['covered']]}
import json; print('ready', json.dumps(told), flush=True); del told
"""
END = """
def _names(error, seen):
    while error is not None and id(error) not in seen:
        seen[id(error)] = type(error).__name__
        for more in (getattr(error, 'reason', None), error.__cause__):
            if isinstance(more, BaseException): _names(more, seen)
        error = error.__context__
    return seen.values()
sys.stdin.readline()
try: exec(compile(AFTER, 'after', 'exec'))
except Exception as _error: _said = ' '.join(_names(_error, {})) + ': ' + str(_error).replace(chr(10), ' ')[:200]
else: _said = 'ok'
sys.stdout.write('said ' + _said + chr(10)); sys.stdout.flush(); sys.stdin.readline(); os._exit(0)
"""


# The lines of protection() that say what is covered, and which ways they speak of.
COVERED_BY = {
    "sockets": lambda way: not way.kinds,
    "kinds": lambda way: way.is_a("kind"),
    "clients": lambda way: way.name in ("http.client", "urllib", "ftplib, smtplib, imaplib, poplib",
                                        "ssl over a socket connected before"),
    "lookups": lambda way: way.name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getnameinfo"),
    "names": lambda way: way.name in ("connect to a name", "bind to a name", "sendto to a name", "sendmsg to a name"),
    "arrivals": lambda way: way.is_a("waits") and way.is_a("reached"),
    "descriptors": lambda way: "fileno" in way.name,
    "children": lambda way: way.is_a("process"),
    "native": lambda way: way.named in ("native", "ctypes", "io_uring"),  # this and the next: under strict
    "unix": lambda way: way.named == "unix",  # where the launcher supervises
    "sockets-from-before": lambda way: way.is_a("existing"),
}


class Program:
    """One way, running: up to where it is ready, then what it said."""

    def __init__(self, lab, way, mode, host):
        self.way, self.told, self.said = way, {}, None
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        text = "\n".join([PRELUDE, way.before, BLOCKS["control" if is_bare() else mode], TOLD, f"AFTER = {way.after!r}", END])
        send = f"echo x > /dev/udp/{host}/7001"
        self.child = lab.spawn([PYTHON, "-c", text, host, str(int(family)), send, lab.dir,
                                lab.daemon.folder, lab.victim_words()], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=lab.dir,
                               env={**lab.environment(0), "PYTHONPATH": build_file("src", "python", "import"),
                                    "PYTHON_BLACKBOX_NOAUTO": "1",
                                    "NETGUARD_RUN": "/nonexistent" if mode == "alone" or is_bare() else lab.launcher,
                                    "PYTHONDONTWRITEBYTECODE": "1"})
        self.lab, self.buffer = lab, b""
        self.end_by = time.monotonic() + SECONDS

    def line(self, word):
        """Its next line that starts with this word, or None when it ended or is late."""
        while True:
            while b"\n" in self.buffer:
                line, self.buffer = self.buffer.split(b"\n", 1)
                if line.startswith(word):
                    return line.decode(errors="replace").strip()
            if not select.select([self.child.stdout], [], [], max(0, self.end_by - time.monotonic()))[0]:
                return None
            data = os.read(self.child.stdout.fileno(), 65536)
            if not data:
                return None
            self.buffer += data

    def await_ready(self):
        line = self.line(b"ready")
        if line:
            self.told = json.loads(line[6:])
        return bool(line)

    def nudge(self):
        with contextlib.suppress(OSError):
            self.child.stdin.write(b"\n")
            self.child.stdin.flush()

    def await_said(self):
        line = self.line(b"said")
        self.said = line[5:] if line else ("nothing in time" if time.monotonic() >= self.end_by else "nothing; it ended")

    def close(self):
        if self.child.poll() is None:
            self.child.kill()
        self.child.stdin.close()
        self.child.stdout.close()
        error = self.child.stderr.read() if self.said and self.said.startswith("nothing") else b""
        self.child.stderr.close()
        self.child.wait()
        self.lab.children.remove(self.child)
        if error:
            self.said += ": " + error.decode(errors="replace").strip()[-300:]


class Knocker:
    """A peer that connects, and sends datagrams, to CLIENT:7100 until it is told to stop."""

    def __init__(self, namespace, ipv6):
        self.address = ((CLIENT6 if ipv6 else CLIENT4), 7100)
        self.family = socket.AF_INET6 if ipv6 else socket.AF_INET
        self.namespace, self.stop = namespace, threading.Event()
        self.thread = threading.Thread(target=self._knock, daemon=True)

    def _knock(self):
        with inside(self.namespace), socket.socket(self.family, socket.SOCK_DGRAM) as datagrams:
            while not self.stop.wait(0.02):  # the pace of the knocks
                with socket.socket(self.family) as stream, contextlib.suppress(OSError):
                    datagrams.sendto(b"knock", self.address)
                    stream.settimeout(0.2)
                    stream.connect(self.address)
                    stream.sendall(b"knock\n")
                    self.stop.wait(0.2)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


class WayLab(RunLab):
    def __init__(self):
        super().__init__()
        with open(f"{self.dir}/senders.py", "w", encoding="ascii") as file:
            file.write(SENDERS)

    def victim_words(self):
        victim = self.victim(0)
        return f"{victim.pid}:{victim.where}"


class Result:
    def __init__(self, program, packets):
        self.said, self.told, self.packets = program.said, program.told, packets
        self.peers = ("inet",) if program.way.is_a("inet") else ("lan", "inet")

    def has_arrived(self):
        return any(self.packets.programs(peer) for peer in self.peers)

    def __repr__(self):
        return f"it said {self.said!r}; packets {self.packets}"


class Suite:
    def __init__(self, lab, tap, word):
        self.lab, self.tap = lab, tap
        self.ways = [way for way in WAYS if word in way.name]
        self.controls = {}

    def run_together(self, ways, mode, host, knocks_from="lan"):
        """Some ways in one span of counting: [Result]."""
        programs = [Program(self.lab, way, mode, host) for way in ways]
        knocker = Knocker(knocks_from, ":" in host) if ways[0].is_a("reached") else contextlib.nullcontext()
        ready = [program.await_ready() for program in programs]
        if any(way.before for way in ways):
            self.lab.quiet()
        with self.lab.counting("lan", "inet") as packets:
            with knocker:
                for program in programs:
                    program.nudge()
                for program, is_ready in zip(programs, ready):
                    program.await_said()
                    if not is_ready:
                        program.said = "nothing: it was not ready"
        for program in programs:
            program.close()
        if packets.everything("lan") or packets.everything("inet"):
            self.lab.quiet()
        return [Result(program, packets) for program in programs]

    def run(self, ways, mode, host, **options):
        """{way: Result}, several at once as long as nothing arrives."""
        found, together = {}, []
        for way in ways:
            if way.is_a("reached") or way.is_a("inet") or way.named:
                found[way] = self.run_together([way], mode, host, **options)[0]
            else:
                together.append(way)
        for start in range(0, len(together), AT_ONCE):
            some = together[start:start + AT_ONCE]
            results = self.run_together(some, mode, host, **options)
            if len(some) > 1 and (results[0].has_arrived() or any(result.said.startswith("nothing") for result in results)):
                results = [self.run_together([way], mode, host, **options)[0] for way in some]
            found.update(zip(some, results))
        return found

    def control(self, way, host):
        """What it does without the module; Skip where it does nothing."""
        for need in way.needs:
            lacks_module = need not in ("x86_64", "other _socket") and not importlib.util.find_spec(need)
            lacks_other = need == "other _socket" and not glob.glob(
                "/root/.pyenv/versions/{0}.{1}.*/lib/python{0}.{1}/lib-dynload/_socket.*.so".format(*sys.version_info))
            if lacks_module or lacks_other or (need == "x86_64" and platform.machine() != need):
                raise Skip(f"not here: {need}")
        if (way, host) not in self.controls:
            self.controls[way, host] = self.run_together([way], "control", host)[0]
        result = self.controls[way, host]
        if not (result.said == "ok" if way.is_a("said") else result.has_arrived()):
            raise Skip(f"without the module it reaches nobody here: {result}")
        return result

    # -- points --------------------------------------------------------------------------------------------------------

    def refused(self, mode, ways, host, sentence, is_strict=False, **options):
        """Nothing arrives, and where the module saw it, it says so."""
        found = self.run(ways, mode, host, **options)
        for way, result in found.items():
            with self.tap.point(sentence.format(name=way.name, host=host), blocks=True):
                self.control(way, host)
                expect(not result.said.startswith("nothing"), f"it came to an end: {result}")
                if not way.is_a("said"):
                    expect(not result.has_arrived(), f"packets arrived; {result}")
                if not way.is_a("process") and not way.is_a("quiet"):
                    expect(result.said != "ok", f"it is told so; {result}")
                    if not is_strict and not way.named and not way.is_a("waits"):
                        expect("NetworkBlockedError" in result.said, f"NetworkBlockedError is raised; {result}")

    def named(self, mode, ways, host, sentence):
        """It is named; whether it gets through is noted, for protection() must not say too little either."""
        for way, result in self.run(ways, mode, host).items():
            with self.tap.point(sentence.format(name=way.name, word=way.named)):
                expect(way.named in result.told.get("named", ()), f"{way.named} is among {result.told}; {result}")
                self.control(way, host)
                if not result.has_arrived() and result.said != "ok":
                    self.tap.note(f"and yet nothing arrived: {result}")

    def passed(self, mode, ways, host, sentence):
        """As without the module."""
        for way in ways:
            with self.tap.point(sentence.format(name=way.name, host=host)):
                control = self.control(way, host)
                result = self.run_together([way], mode, host)[0]
                expect(result.has_arrived(), f"packets arrive; {result}")
                expect(result.said == control.said, f"it says {control.said!r}; {result}")

    def lines(self):
        """Each line of protection() has its way."""
        for mode in ("offline", "alone", "strict", "supervised"):
            told = self.run_together([Way("nothing", "pass")], mode, INET4)[0].told
            with self.tap.point(f"{mode}: each line of what protection() says is covered, and is not, is a way gone here"):
                expect("covered" in told, "protection() was asked")
                for name in told["covered"]:
                    ways = [way for way in WAYS if mode in ("strict", "supervised") or not way.named]
                    expect(any(map(COVERED_BY[name], ways)), f"covered: {name}")
                for name in told["named"]:
                    expect(any(way.named == name for way in WAYS), f"not covered: {name}")

    def offline(self):
        self.lines()
        covered = [way for way in self.ways if not way.named]
        self.refused("offline", covered, INET4, "offline: {name}: refused, and nothing arrives at {host}")
        self.named("offline", [way for way in self.ways if way.named], INET4, "offline: {name}: named in protection() as {word}")
        self.refused("offline", [way for way in covered if not way.is_a("name") and not way.is_a("process")], INET6,
                     "offline: {name}: refused, and nothing arrives at {host}")

    def shutdown(self):
        self.refused("shutdown", [way for way in self.ways if way.is_a("existing")], INET4,
                     "offline, existing sockets ended: {name}: nothing arrives at {host}", is_strict=True)

    def alone(self):
        self.refused("alone", [way for way in self.ways if way.is_a("process") and not way.named], INET4,
                     "offline, without the launcher: {name}: nothing arrives at {host}")

    def strict(self):
        stopped = [way for way in self.ways if not way.strict]
        sentence = "strict: {name}: nothing arrives at {host}"
        self.refused("strict", stopped, INET4, sentence, is_strict=True)
        self.refused("strict", [way for way in stopped if not way.is_a("name")], INET6, sentence, is_strict=True)
        self.named("strict", [way for way in self.ways if way.strict], INET4,
                   "strict: {name}: named in protection() as {word}, under strict too")

    def supervised(self):
        stopped = [way for way in self.ways if not way.strict or way.named == "unix"]
        sentence = "strict, with the launcher: {name}: nothing arrives at {host}"
        self.refused("supervised", stopped, INET4, sentence, is_strict=True)
        self.refused("supervised", [way for way in stopped if not way.is_a("name")], INET6, sentence, is_strict=True)
        self.named("supervised", [way for way in self.ways if way not in stopped], INET4,
                   "strict, with the launcher: {name}: named in protection() as {word}")

    def local(self):
        covered = [way for way in self.ways if not way.named]
        self.refused("local", [way for way in covered if not way.is_a("reached")], INET4,
                     "local: {name}: refused, and nothing arrives at {host}")
        plain = [way for way in covered if not {"kind", "name", "said"} & set(way.kinds)]
        sentence = "local: {name}: {host} is reached as without the module"
        self.passed("local", plain, LAN4, sentence)
        self.passed("local", [way for way in plain if not way.is_a("process")], LAN6, sentence)


def main(arguments):
    word = ""
    if "-k" in arguments:
        at = arguments.index("-k")
        word = arguments[at + 1]
        del arguments[at:at + 2]
    require_run()
    tap = Tap()
    suite = Suite(WayLab(), tap, word)
    for mode in arguments or ("offline", "shutdown", "strict", "supervised", "alone", "local"):
        getattr(suite, mode)()
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

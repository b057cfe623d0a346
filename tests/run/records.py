#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The records: every refused attempt with a tip that really allows it, --learn and --flags, --dry-run, --log-dir, `sandbox --no-net`,
the summary on a terminal, `netguard log --file`."""

import glob
import json
import os
import pty
import re
import select
import socket
import stat
import subprocess
import sys

from runlab import (ECHO, INET4, INET6, LAN4, LAN6, ROOT, USER, RunLab, as_user, build_file, expect, require_run, run_quiet)
from tap import Skip, Tap, expect_equal

PYTHON = "/usr/bin/python3"
NODE = 65000  # a port without a listener

# name, Python that does it, what the record must say
ATTEMPTS = (
    ("tcp connect", f"s = socket.socket(); s.settimeout(3); s.connect(({INET4!r}, 7001))",
     {"call": "connect", "family": "ipv4", "protocol": "tcp", "address": INET4, "port": 7001}),
    ("tcp6 connect", f"s = socket.socket(socket.AF_INET6); s.settimeout(3); s.connect(({INET6!r}, 7001))",
     {"call": "connect", "family": "ipv6", "protocol": "tcp", "address": INET6, "port": 7001}),
    ("udp sendto", f"s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b'x', ({LAN4!r}, 7002))",
     {"call": "sendto", "protocol": "udp", "address": LAN4, "port": 7002}),
    ("udp sendmsg", f"s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.sendmsg([b'x'], [], 0, ({LAN6!r}, 7002))",
     {"call": "sendmsg", "protocol": "udp", "address": LAN6, "port": 7002}),
    ("mapped connect", f"s = socket.socket(socket.AF_INET6); s.settimeout(3); s.connect(('::ffff:' + {INET4!r}, 7001))",
     {"call": "connect", "protocol": "tcp", "address": INET4, "port": 7001}),
    ("metadata", "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b'x', ('169.254.169.254', 80))",
     {"call": "sendto", "address": "169.254.169.254", "port": 80}),
    ("host daemon", "s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1] + '/s')", {"call": "connect", "family": "unix"}),
)


def python(code):
    return [PYTHON, "-I", "-c", "import os, socket, sys\n" + code]


def check_log(tap, lab):
    for rung in ("A", "B"):
        with tap.point(f"rung {rung}: the first record says what was started and how, the last how it ended"):
            run = lab.confine(["--local", "--allow", f"{INET4}:443/tcp", "--allow", "api.example.org"], ["sh", "-c", "exit 5"], USER, rung)
            start, end = run.records[0], run.records[-1]
            expect_equal((start["type"], start["command"], start["profile"], start["rung"]), ("start", ["sh", "-c", "exit 5"], "local", rung), "start")
            expect_equal(sorted(start["allow"]), sorted([f"{INET4}:443/tcp", "api.example.org"]), "allowances")
            expect(bool(start["why"]) == (rung != "A"), f"why: {start['why']!r}")
            expect_equal((end["type"], end["exit-status"], end["denied"]), ("end", 5, 0), "end")
        for name, code, wanted in ATTEMPTS:
            with tap.point(f"rung {rung}: {name}: on record with program, call, address, verdict, reason and error; its tip allows it"):
                argv = [*python(f"try:\n {code}\nexcept OSError as e: print('refused', e.errno)\nelse: print('went')"), lab.daemon.folder]
                run = lab.confine(["--offline"], argv, USER, rung)
                expect("refused" in run.out, repr(run))
                denied = run.attempts(verdict="denied")
                expect_equal(len(denied), 1, f"records: {run.records}")
                record = denied[0]
                expect_equal({key: record.get(key) for key in wanted}, wanted, "the record")
                expect_equal((record["executable"], record["uid"], record["profile"], record["count"]), (os.path.realpath(PYTHON), USER, "offline", 1),
                             "program, user, profile, count")
                expect(record["pid"] > 0 and record["reason"] and record["text"].startswith("denied: "), str(record))
                import errno  # pylint: disable=import-outside-toplevel
                expect_equal(record["errno"], errno.errorcode[int(run.out.split()[1])], "the error that the program saw")
                if name == "host daemon":
                    expect_equal(record["path"], f"{lab.daemon.folder}/s", "path")
                tip = record["tip"]
                expect(tip.startswith("--"), f"a tip: {tip!r}")
                tap.note(tip)
                again = lab.confine(["--offline", *tip.split()], argv, USER, rung)
                expect("went" in again.out, f"with {tip}: {again} {again.attempts()}")
                expect_equal(again.attempts(verdict="denied"), [], f"with {tip}")
        with tap.point(f"rung {rung}: repeats are counted, not written each"):
            run = lab.confine(["--offline"], python(f"s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\nfor n in range(5000):\n try: s.sendto(b'x', ({INET4!r}, 9))\n"
                                                    " except OSError: pass"), USER, rung)
            records = run.attempts(address=INET4)
            tap.note(f"{len(records)} records, counts {[record['count'] for record in records]}")
            expect(1 < len(records) < 20, f"{len(records)} records")
            expect_equal((records[0]["count"], sum(record["count"] for record in records), run.records[-1]["denied"]), (1, 5000, 5000), "counts")
        with tap.point(f"rung {rung}: children, their own programs, and names that were looked up"):
            run = lab.confine(["--offline", "--allow", "four.example.org:80"],
                              ["sh", "-c", f"curl -sS --max-time 3 http://{LAN4}:81/; curl -sS --max-time 3 http://four.example.org:7000/; curl -sS --max-time 3 http://other.example.org/"],
                              USER, rung)
            denied = run.attempts(verdict="denied")
            expect(all(record["executable"].endswith("/curl") for record in denied if record["call"] != "resolve"), str(denied))
            expect(any(record["address"] == LAN4 for record in denied), "the address")
            expect(any(record["address"] == INET4 and record["name"] == "four.example.org" and record["port"] == 7000 for record in denied),
                   f"the name of an address: {denied}")
            expect(any(record["call"] == "resolve" and record["name"] == "other.example.org" for record in denied), f"the lookup: {denied}")
    with tap.point("paths, names and arguments of any bytes stay one line of JSON each"):
        nasty = "a\nb\x1b[31m\"'\\\u202e"
        os.makedirs(f"{lab.work[USER]}/{nasty}", exist_ok=True)
        server = socket.socket(socket.AF_UNIX)
        server.bind(f"{lab.work[USER]}/{nasty}/s")
        server.listen(1)
        os.chmod(f"{lab.work[USER]}/{nasty}/s", 0o777)
        run = lab.confine(["--offline"], [*python("s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])"), f"{lab.work[USER]}/{nasty}/s", b"\xff\xfe"])
        expect_equal([record["path"] for record in run.attempts()], [f"{lab.work[USER]}/{nasty}/s"], "path")
        expect_equal([record["type"] for record in run.records], ["start", "attempt", "end"], "lines")


# family, type, protocol, what it is refused with, family in the record (None: not on record), protocol there
KINDS = ((17, 3, 0, "EAFNOSUPPORT", "packet", ""), (40, 1, 0, "EAFNOSUPPORT", "vsock", ""), (31, 3, 1, "EAFNOSUPPORT", "bluetooth", ""),
         (38, 5, 0, "EAFNOSUPPORT", "alg", ""), (44, 3, 0, "EAFNOSUPPORT", "family-44", ""), (2, 3, 1, "EPERM", "ipv4", "icmp"),
         (10, 3, 58, "EPERM", "ipv6", "icmpv6"), (2, 5, 132, "ESOCKTNOSUPPORT", "ipv4", "sctp"), (2, 1, 132, "EPROTONOSUPPORT", "ipv4", "sctp"),
         (10, 2, 136, "EPROTONOSUPPORT", "ipv6", "udplite"), (2, 1, 262, "EPROTONOSUPPORT", None, ""), (200, 1, 0, "EAFNOSUPPORT", None, ""),
         (16, 3, 12, "EPROTONOSUPPORT", None, ""))
KINDS_CODE = """import errno, json
said = []
for family, kind, protocol in json.loads(sys.argv[1]):
    try: socket.socket(family, kind, protocol); said.append('made')
    except OSError as e: said.append(errno.errorcode[e.errno])
print(json.dumps(said))"""


def check_kinds(tap, lab):
    """Sockets that nobody gets, whatever the profile."""
    argv = [*python(KINDS_CODE), json.dumps([row[:3] for row in KINDS])]
    wanted = sorted((row[4], row[5], row[3]) for row in KINDS if row[4])
    for rung in ("A", "B", "C"):
        for flags in (["--offline"], ["--local"], ["--online"]) if rung != "C" else (["--offline"],):
            for uid in (USER, ROOT):
                with tap.point(f"rung {rung}, {flags[0]}, uid {uid}: kinds of sockets that nobody gets: refused as ever, and on record"):
                    run = lab.confine(flags, argv, uid, rung)
                    expect_equal(json.loads(run.out), [row[3] for row in KINDS], repr(run))
                    denied = run.attempts(call="socket", verdict="denied")
                    if rung == "C":
                        continue
                    expect_equal(sorted((r["family"], r.get("protocol", ""), r["errno"]) for r in denied), wanted, "the records")
                    expect(all(r["executable"] == os.path.realpath(PYTHON) and r["count"] == 1 and not r.get("tip") for r in denied), str(denied))
                    expect_equal(len(run.attempts()), len(denied), f"nothing else: {run.records}")
    for rung in ("A", "B"):
        with tap.point(f"rung {rung}: 20,000 of them are counted, not written each"):
            run = lab.confine(["--offline"], python("for n in range(20000):\n try: socket.socket(n % 8 + 40, 1, 0)\n except OSError: pass"), USER, rung)
            records = run.attempts(call="socket")
            tap.note(f"{len(records)} records in {run.seconds:.2f} s")
            expect(8 <= len(records) < 100, f"{len(records)} records")
            expect_equal((sum(r["count"] for r in records), run.records[-1]["denied"]), (20000, 20000), "counts")


USE = f"""
import socket, sys
def go(name, f):
    try: f(); print(name, 'went')
    except OSError as e: print(name, 'refused')
def tcp(host, port):
    with socket.create_connection((host, port), timeout=3): pass
def udp(host, port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b'x', (host, port))
def unix(path):
    s = socket.socket(socket.AF_UNIX); s.connect(path)
used = (('name', lambda: tcp('four.example.org', 7001)), ('lan', lambda: udp({LAN4!r}, 7002)), ('inet6', lambda: tcp({INET6!r}, 7000)),
        ('daemon', lambda: unix(sys.argv[1] + '/s')))
other = (('name-port', lambda: tcp('four.example.org', 7000)), ('other-name', lambda: tcp('api.example.org', 7001)), ('lan-port', lambda: udp({LAN4!r}, 7001)),
         ('lan-tcp', lambda: tcp({LAN4!r}, 7002)), ('inet6-port', lambda: tcp({INET6!r}, 7001)), ('daemon-d', lambda: unix(sys.argv[1] + '/h')))
for name, f in used + (other if sys.argv[2:] else ()): go(name, f)
"""


def check_learn(tap, lab):
    for rung in ("A", "B"):
        flags = f"{lab.work[USER]}/flags-{rung}"
        argv = [PYTHON, "-I", "-c", USE, lab.daemon.folder]
        with tap.point(f"rung {rung}: --learn allows and writes what was used"):
            run = lab.confine(["--offline", "--learn", flags], argv, USER, rung)
            expect_equal(run.out.split()[1::2], ["went"] * 4, repr(run))
            with open(flags, encoding="utf-8") as file:
                text = file.read()
            tap.note(text)
            expect("--allow" in text and "four.example.org" in text and "--allow-unix" in text, text)
            expect_equal(stat.S_IMODE(os.stat(flags).st_mode) & 0o022, 0, "nobody else may write the file")
        with tap.point(f"rung {rung}: its file, given back, allows exactly that and nothing else"):
            with lab.counting() as packets:
                run = lab.confine(["--flags", flags], [*argv, "more"], USER, rung)
            found = dict(zip(run.out.split()[::2], run.out.split()[1::2]))
            expect_equal(found, {"name": "went", "lan": "went", "inet6": "went", "daemon": "went", "name-port": "refused", "other-name": "refused",
                                 "lan-port": "refused", "lan-tcp": "refused", "inet6-port": "refused", "daemon-d": "refused"}, f"{packets} {run.err}")
        with tap.point(f"rung {rung}: --dry-run allows all and reports what would be refused"):
            run = lab.confine(["--offline", "--dry-run"], argv, USER, rung)
            expect_equal(run.out.split()[1::2], ["went"] * 4, repr(run))
            foreseen = run.attempts(verdict="would-be-denied")
            expect({record["address"] for record in foreseen} >= {INET4, LAN4, INET6} and any(record["path"] for record in foreseen), str(foreseen))
            expect(run.records[0]["dry-run"] and run.records[-1]["would-be-denied"] >= 4, f"{run.records[0]} {run.records[-1]}")
            expect_equal(run.attempts(verdict="denied"), [], "nothing is refused")


REFUSALS = r"""
import ctypes, errno, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def said(r): return errno.errorcode.get(ctypes.get_errno()) if r < 0 else 'ok'
results = []
for f in (socket.AF_INET, socket.AF_INET6, socket.AF_PACKET, 40):
    for t in (1, 2, 3): results.append(said(libc.socket(f, t, 0)))
print(' '.join(results))
a = socket.socketpair(); a[0].send(b'x'); print(a[1].recv(1).decode())
if sys.argv[1:]:
    p = os.popen(sys.executable + ' -c "import socket; socket.socket()" 2>&1'); print(p.read().strip().splitlines()[-1])
"""


def check_sandbox(tap, lab):
    for rung in ("A", "B", "C"):
        for uid in (USER, ROOT):
            with tap.point(f"sandbox --no-net, rung {rung}, uid {uid}: sockets of the network are refused with EPERM, in children too"):
                run = lab.confine(["--no-net"], [PYTHON, "-I", "-c", REFUSALS, "more"], uid, rung, name="sandbox")
                lines = run.out.splitlines()
                expect_equal(run.code, 0, repr(run))
                expect_equal(set(lines[0].split()), {"EPERM"}, repr(run))
                expect_equal(lines[1], "x", "socket pairs work")
                expect("PermissionError" in lines[2], f"a child: {lines[2]}")
    for rung in ("A", "B"):
        with tap.point(f"rung {rung}: --log-dir writes one net_restrict_TIME.json a run"):
            folder = f"{lab.work[USER]}/dir-{rung}"
            os.mkdir(folder)
            os.chown(folder, USER, USER)
            argv = python(f"try: socket.socket()\nexcept OSError as e: print(e.errno)\nsys.exit(4)")
            run = lab.confine(["--no-net", "--log-dir", folder], argv, USER, rung, name="sandbox", log=False)
            expect_equal((run.code, run.out), (4, "1\n"), repr(run))
            files = glob.glob(f"{folder}/*")
            expect_equal(len(files), 1, str(files))
            expect(re.fullmatch(r"net_restrict_\d{8}T?_?\d{6}(\.?\d*)?Z?.*\.json", os.path.basename(files[0])), files[0])
            with open(files[0], encoding="utf-8") as file:
                written = json.load(file)
            tap.note(f"{os.path.basename(files[0])}: {json.dumps(written)[:300]}")
            expect(set(written) >= {"timestamp", "command", "events", "exit_code"}, str(written))
            expect_equal(written["exit_code"], 4, "exit_code")
            expect(written["events"] and written["events"][0]["api"].endswith("socket") and "args" in written["events"][0], str(written["events"]))
            lab.confine(["--offline", "--log-dir", folder], python(f"s = socket.socket(); s.connect_ex(({INET4!r}, 1))"), USER, rung, log=False)
            files = glob.glob(f"{folder}/*.json")
            expect_equal(len(files), 2, str(files))
            apis = [event["api"] for name in files for event in json.load(open(name, encoding="utf-8"))["events"]]
            expect(any(api.endswith("connect") for api in apis), str(apis))
    with tap.point("netguard run --netns-only: an empty network namespace, with --loopback a loopback"):
        for flags, wanted in (([], "DOWN"), (["--loopback"], "UP")):
            run = lab.confine(["--netns-only", *flags], ["ip", "-o", "link"], USER, log=False)
            expect(run.code == 0 and len(run.out.splitlines()) == 1 and f"lo: <LOOPBACK{',UP' if wanted == 'UP' else ''}" in run.out, repr(run))


def on_terminal(lab, argv, uid=USER):
    """What a program writes to a terminal that is its standard error."""
    main, other = pty.openpty()
    child = subprocess.Popen(["nsenter", "--net=/run/netns/client", *as_user(uid), *argv], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=other,
                             env=lab.environment(uid))
    os.close(other)
    text = b""
    while select.select([main], [], [], 10)[0]:
        try:
            data = os.read(main, 65536)
        except OSError:
            break
        text += data
    os.close(main)
    child.wait(5)
    return text.decode(errors="replace").replace("\r\n", "\n")


def check_summary(tap, lab):
    code = python(f"for host, port in (({INET4!r}, 443), ({INET4!r}, 443), ({LAN4!r}, 22)):\n s = socket.socket(); s.connect_ex((host, port))")
    for rung in ("A", "B"):
        with tap.point(f"rung {rung}: on a terminal, without --log, a short summary says what was refused and what allows it"):
            text = on_terminal(lab, lab.confined(["--offline"], code, ROOT, rung))
            tap.note(text)
            expect(INET4 in text and LAN4 in text and "--allow" in text, text)
            expect(len(text.splitlines()) <= 8, f"short: {text}")
        with tap.point(f"rung {rung}: with --log, or where nothing was refused, or where standard error is no terminal: no summary"):
            expect_equal(on_terminal(lab, lab.confined(["--offline"], code, ROOT, rung, lab.new_log().replace(".jsonl", ".x"))), "", "with --log")
            expect_equal(on_terminal(lab, lab.confined(["--offline"], ["/bin/true"], ROOT, rung)), "", "nothing refused")
            expect_equal(lab.confine(["--offline"], code, USER, rung, log=False).err, "", "no terminal")
    with tap.point("--log - writes the records to standard error"):
        run = lab.confine(["--offline", "--log", "-"], code, USER, log=False)
        types = [json.loads(line)["type"] for line in run.err.splitlines()]
        expect_equal((types[0], types[-1], "attempt" in types), ("start", "end", True), run.err)


def check_reader(tap, lab):
    with tap.point("netguard log --file reads a log"):
        for verbs in ("netguard-verbs", "netguard"):
            command = build_file("src", "cli", verbs)
            if os.access(command, os.X_OK):
                break
        else:
            raise Skip("netguard's verbs are not built")
        path = lab.new_log()
        lab.spawn(lab.confined(["--offline"], python(f"s = socket.socket(); s.connect_ex(({INET4!r}, 443))"), USER, "A", path)).wait(10)
        text = run_quiet([command, "log", "--file", path])
        tap.note(text)
        expect(INET4 in text and "443" in text and "python3" in text, text)


def check_errors(tap, lab):
    """Nothing is started where the records cannot be written, or the flags are senseless."""
    cases = (["--log", "/nowhere/log"], ["--log-dir", "/nowhere"], ["--allow", "1.2.3"], ["--allow", ""], ["--online", "--offline"], ["--flags", "/nowhere"],
             ["--keep-fd", "77"], ["--allow-unix", "@abstract"], ["--require", "Z"], ["--learn", "/nowhere/x"], ["--no-such"], ["--offl"])
    for flags in cases:
        with tap.point(f"{' '.join(flags)}: refused with a sentence, nothing is started"):
            run = lab.confine(flags if flags[0].startswith("--on") else ["--offline", *flags], ["/bin/echo", "it ran"], USER, log=False)
            expect(run.code in (2, 125) and "it ran" not in run.out and 20 < len(run.err) < 400, repr(run))


def main():
    require_run(["curl"])
    tap = Tap()
    lab = RunLab()
    parts = {name[6:]: function for name, function in globals().items() if name.startswith("check_")}
    for name, check in parts.items():
        if not sys.argv[1:] or name in sys.argv[1:]:
            check(tap, lab)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())

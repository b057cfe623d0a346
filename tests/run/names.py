#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Names (rows 23 and 30): what may be asked, that nothing else leaves, and that an answer cannot be made to mean this machine, the
cloud's metadata service or the local network, cannot be forged, and admits its own addresses only."""

import sys

from runlab import (DNS, INET4, INET6, LAN4, SHARED4, USER, ROOT, RunLab, expect, is_bare, require_run)
from tap import Tap, expect_equal

PYTHON = "/usr/bin/python3"
WILD = ["--allow", "*.example.org"]

LOOK_UP = """
import socket, sys
for name in sys.argv[1:]:
    try: print(name, *sorted({a[4][0] for a in socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)}))
    except socket.gaierror as e: print(name, 'error', e.errno)
"""
REACH = """
import socket, sys
def reach(host):
    try:
        with socket.create_connection((host, 7001), timeout=3) as s: s.sendall(b'x'); s.recv(1)
        return 'reached'
    except socket.gaierror: return 'unknown'
    except OSError as e: return 'refused'
for host in sys.argv[1:]: print(host, reach(host))
"""


def pairs(run):
    return {line.split()[0]: line.split()[1:] for line in run.out.splitlines() if line}


def check_answers(tap, lab, rung, uid):
    names = ["api.example.org", "four.example.org", "alias.example.org", "loop.example.org", "any.example.org", "mapped.example.org",
             "link.example.org", "meta.example.org", "lan.example.org", "mixed.example.org", "forged.example.org", "extra.example.org",
             "FOUR.Example.ORG", "four.example.org."]
    both = [INET4, INET6]
    wanted = {"api.example.org": both, "four.example.org": [INET4], "alias.example.org": [INET4], "mixed.example.org": [INET4],
              "forged.example.org": [INET4], "extra.example.org": [INET4], "FOUR.Example.ORG": [INET4], "four.example.org.": [INET4]}
    for profile in ("--offline", "--local"):
        run = lab.confine([profile, *WILD], [PYTHON, "-I", "-c", LOOK_UP, *names], uid, rung, seconds=60)
        found = pairs(run)
        for name in names:
            meant = wanted.get(name)
            if name == "lan.example.org" and profile == "--local":
                meant = [LAN4, "fd77::10"]
            if name == "mixed.example.org" and profile == "--local":
                meant = sorted([INET4, LAN4])
            with tap.point(f"{profile}, rung {rung}, uid {uid}: {name} is {'answered with ' + ' '.join(meant) if meant else 'not answered with what it may not mean'}",
                           blocks=not meant):
                said = found.get(name, [repr(run)])
                if meant:
                    expect_equal(sorted(said), sorted(meant), "answers")
                else:
                    expect(said[0] == "error", f"answers {said}")


def check_admission(tap, lab, rung, uid):
    with tap.point(f"rung {rung}, uid {uid}: an address is reached after its name was answered, not before, and only by that name's ports", blocks=True):
        with lab.counting("inet") as packets:
            run = lab.confine(["--offline", "--allow", "four.example.org:7001/tcp"], [PYTHON, "-I", "-c", REACH, INET4], uid, rung)
        expect_equal(pairs(run), {INET4: ["refused"]}, "before the name was asked for")
        expect_equal(packets.everything("inet"), 0, "packets")
        run = lab.confine(["--offline", "--allow", "four.example.org:7001/tcp"], [PYTHON, "-I", "-c", REACH, "four.example.org", INET4], uid, rung)
        expect_equal(pairs(run), {"four.example.org": ["reached"], INET4: ["reached"]}, "after")
    for profile in ("--offline", "--local"):
        with tap.point(f"{profile}, rung {rung}, uid {uid}: what an answer slips in (a forged one, records for other names) is not admitted", blocks=True):
            with lab.counting("inet") as packets:
                run = lab.confine([profile, *WILD], [PYTHON, "-I", "-c", LOOK_UP + REACH.replace("import socket, sys", "").replace("sys.argv[1:]", f"[{SHARED4!r}]"),
                                                     "forged.example.org", "extra.example.org"], uid, rung)
            expect_equal(pairs(run).get(SHARED4), ["refused"], f"{run}")
            expect_equal(packets.by_peer["inet"]["tcp"], 0, "connections (the name server is on the same peer)")
        with tap.point(f"{profile}, rung {rung}, uid {uid}: names that mean this machine or the metadata service lead nowhere", blocks=True):
            peer = lab.peers["client"]
            before = peer.connections
            with lab.counting("lan") as packets:
                run = lab.confine([profile, *WILD], [PYTHON, "-I", "-c", REACH, "loop.example.org", "any.example.org", "meta.example.org", "mapped.example.org",
                                                     "link.example.org"], uid, rung)
            expect_equal(set(sum(pairs(run).values(), [])) & {"reached"}, set(), repr(run))
            expect_equal((peer.connections - before, packets.everything("lan")), (0, 0), f"visits and packets ({run})")


def check_questions(tap, lab, rung, uid):
    questions = (("another name", ["bank.example.net", "A"]), ("below an allowed name", ["secret.four.example.org", "A"]),
                 ("TXT of an allowed name", ["four.example.org", "TXT"]), ("NULL of an allowed name", ["four.example.org", "NULL"]),
                 ("ANY", ["four.example.org", "ANY"]), ("a name that only ends alike", ["evilfour.example.org", "A"]),
                 ("above an allowed name", ["example.org", "MX"]), ("the reverse of an address", ["-x", INET4]),
                 ("a zone transfer", ["four.example.org", "AXFR"]), ("over TCP", ["+tcp", "bank.example.net", "A"]),
                 ("an EDNS option", ["+nsid", "+ednsopt=65001:736563726574", "bank.example.net", "A"]))
    for name, words in questions:
        with tap.point(f"rung {rung}, uid {uid}: {name} is refused and never reaches a name server", blocks=True):
            for peer in lab.peers.values():
                peer.received.clear()
            with lab.counting() as packets:
                run = lab.confine(["--offline", "--allow", "four.example.org"], ["dig", "+tries=1", "+time=2", *words], uid, rung)
            asked = [data for peer in lab.peers.values() for port, data in peer.received if port == DNS]
            expect_equal((asked, packets.everything("inet")), ([], 0), f"queries ({run.out[-200:]})")
            expect("REFUSED" in run.out or "NOTIMP" in run.out or "ANSWER: 0" in run.out or "failed" in run.out, repr(run))
    with tap.point(f"rung {rung}, uid {uid}: of an allowed question only the name and the type leave", blocks=True):
        for peer in lab.peers.values():
            peer.received.clear()
        run = lab.confine(["--offline", "--allow", "four.example.org"],
                          ["dig", "+tries=1", "+time=2", "+ednsopt=65001:736563726574", "+subnet=1.2.3.4/32", "four.example.org", "A"], uid, rung)
        asked = [data for peer in lab.peers.values() for port, data in peer.received if port == DNS]
        expect(INET4 in run.out, repr(run))
        expect(len(asked) >= 1 and all(b"secret" not in data and b"\x01\x02\x03\x04" not in data for data in asked), str(asked))
        expect(all(data.lower().count(b"\x04four\x07example\x03org") == 1 for data in asked), str(asked))


def check_tools(tap, lab, rung, uid):
    with tap.point(f"rung {rung}, uid {uid}: getent, host, node and busybox find an allowed name"):
        for argv in (["getent", "ahostsv4", "four.example.org"], ["host", "-t", "A", "four.example.org"], ["busybox", "nslookup", "four.example.org"],
                     ["node", "-e", "require('dns').resolve4('four.example.org', (e, a) => console.log(e ? e.code : a.join()))"],
                     ["node", "-e", "require('dns').lookup('four.example.org', (e, a) => console.log(e ? e.code : a))"],
                     ["dig", "+short", "+tcp", "four.example.org"]):
            if rung == "B" and "resolve4" in argv[-1]:
                continue  # limit: c-ares wants its answers from the address it asked, on rung B they come from loopback
            run = lab.confine(["--offline", "--allow", "four.example.org"], argv, uid, rung)
            expect(INET4 in run.out, f"{argv[0]}: {run}")
    with tap.point(f"rung {rung}, uid {uid}: localhost is known without a name server"):
        run = lab.confine(["--local"], [PYTHON, "-I", "-c", LOOK_UP, "localhost"], uid, rung)
        expect("127.0.0.1" in run.out, repr(run))


def main():
    require_run(["dig", "host", "getent", "busybox"])
    tap = Tap()
    lab = RunLab()
    parts = [function for name, function in globals().items() if name.startswith("check_") and (not sys.argv[1:] or name[6:] in sys.argv[1:])]
    for rung in ("A", "B"):
        for uid in (USER, ROOT):
            for check in parts:
                check(tap, lab, rung, uid)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What python_blackbox decides: in each interpreter that is found, against servers on loopback (rules_inside.py); and names, whose
lookups are answered in a namespace of the test, with the packet counter at the peer as judge."""

import os
import subprocess
import sys

import pythons

sys.path[:0] = [os.path.join(pythons.ROOT, "tests", folder) for folder in ("run", "netns")]
# pylint: disable=wrong-import-position
from runlab import DNS, INET4, LAN4, RunLab, require_run  # noqa: E402
from tap import Tap, expect, expect_equal  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))

# Reads entries and profile, then does what each line of standard input says, and prints what came of it.
NAMES = r"""
import os, socket, sys
os.environ["PYTHON_BLACKBOX_NOAUTO"] = "1"
import python_blackbox as bb
profile, entries, steps = sys.argv[1], sys.argv[2], sys.argv[3:]
for entry in entries.split():
    bb.add_whitelist(entry)
bb.profile(profile)
def reach(host, port=7001):
    with socket.create_connection((host, int(port)), timeout=3) as made:
        made.sendall(b"x")
        return "reached"
def plain(host, port=7001):
    with socket.socket() as made:
        made.settimeout(3)
        made.connect((host, int(port)))
        return "reached"
def ask(host): return " ".join(sorted({entry[4][0] for entry in socket.getaddrinfo(host, 80, socket.AF_INET, socket.SOCK_STREAM)}))
def one(host): return socket.gethostbyname(host)
def all(host): return " ".join(socket.gethostbyname_ex(host)[2])
def remove(entry): bb.remove_whitelist(entry); return "removed"
for step in steps:
    verb, *words = step.split()
    try: said = globals()[verb](*words)
    except bb.NetworkBlockedError as error: said = "blocked"
    except socket.gaierror as error: said = "unknown"
    except OSError as error: said = "failed"
    print(step, "=", said)
"""


def check_interpreter(tap, version, path):
    """The points of rules_inside.py, as this interpreter says them."""
    with tap.point(f"Python {version}: the package is built, and its points are run to the end"):
        folder = pythons.package(path)
        run = subprocess.run([path, "-X", "dev", "-W", "ignore", os.path.join(HERE, "rules_inside.py")], env=pythons.environment(folder),
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=200, check=False)
        lines = run.stdout.decode().splitlines()
        expect_equal(run.returncode, 0, f"exit status, after {lines[-1:]}, {run.stderr.decode()[-2000:]}")
        expect(len(lines) > 20, f"points were told: {lines}")
    for line in lines:
        result, _, name = line.partition("ok ") if not line.startswith("skip ") else ("skip", "", line[5:])
        if result == "skip":
            tap.note(f"Python {version}: left out: {name}")
            continue
        with tap.point(f"Python {version}: {name.partition(': ')[0] if result else name}"):
            expect(not result, name)


def said(lab, profile, entries, *steps):
    """What came of each step."""
    env = pythons.environment(pythons.package(pythons.SYSTEM))
    run = lab.confine(None, [pythons.SYSTEM, "-c", NAMES, profile, entries, *steps], 0, env=env, log=False, seconds=60)
    found = [line.split(" = ", 1) for line in run.out.splitlines() if " = " in line]
    expect_equal([step for step, _ in found], list(steps), f"steps ({run})")
    return [result for _, result in found]


def check_names(tap, lab):
    peer = lab.peers["inet"]
    with tap.point("control: without a block names are answered and reached"):
        expect_equal(said(lab, "online", "", "reach four.example.org", "one other.example.org"),
                     ["reached", INET4], "said")
    with tap.point("a name that no entry has is not asked for: no packet leaves, whichever function is given it"):
        with lab.counting("inet", "lan") as packets:
            steps = [f"{verb} secret-of-mine.example.net" for verb in ("reach", "plain", "ask", "one", "all")]
            expect_equal(set(said(lab, "offline", "example.org 127.0.0.1", *steps)), {"blocked"}, "said")
        expect_equal((packets.everything("inet"), packets.everything("lan"), peer.asked(b"secret-of-mine")), (0, 0, 0), "packets and questions")
    with tap.point("an entry by name admits the addresses that its own lookup returned, for its port, and not before"):
        steps = (f"reach {INET4}", "reach four.example.org", f"reach {INET4}", f"reach {INET4} 7002", "plain four.example.org", "remove four.example.org:7001/tcp",
                 f"plain {INET4} 7001")
        expect_equal(said(lab, "offline", "four.example.org:7001/tcp", *steps),
                     ["blocked", "reached", "reached", "blocked", "reached", "removed", "blocked"], "said")
    with tap.point("a domain covers its subdomains, and no name that only ends alike"):
        expect_equal(said(lab, "offline", "example.org", "ask four.example.org", "ask FOUR.Example.ORG.", "ask evilexample.org"),
                     [INET4, INET4, "blocked"], "said")
    with tap.point("another name's addresses are not admitted: of two names with one address only the one that was asked for counts"):
        expect_equal(said(lab, "offline", "four.example.org:7001 other.example.org:7002", "one four.example.org", f"reach {INET4} 7001",
                               f"reach {INET4} 7002"), [INET4, "reached", "blocked"], "said")
    for name in ("loop", "any", "meta", "link", "lan"):
        with tap.point(f"under Offline an answer cannot make a name mean what is none of the Internet: {name}.example.org"):
            steps = [f"{verb} {name}.example.org" for verb in ("ask", "one", "all", "reach", "plain")]
            found = said(lab, "offline", "example.org", *steps)
            expect_equal(set(found) - {"unknown"}, {"blocked"}, f"said {found}")
    with tap.point("an answer's addresses that the name may not mean are taken out, the others stay"):
        found = said(lab, "offline", "example.org", "ask mixed.example.org", "all mixed.example.org", f"reach {LAN4}", "reach mixed.example.org")
        expect_equal(found, [INET4, INET4, "blocked", "reached"], "said")
    with tap.point("under Local the local network's addresses may be meant, this machine's not"):
        found = said(lab, "local", "example.org", "ask mixed.example.org", "ask loop.example.org", "ask secret.example.net")
        expect_equal(found, [" ".join(sorted((INET4, LAN4))), "blocked", "blocked"], "said")
    with tap.point("what is asked for goes to the name server (the judge sees questions at all)"):
        expect(peer.asked(b"\4four\7example") > 0, f"questions were seen: {len(peer.received)}")
        expect(DNS == 53, "of the name service")


def check_profiles(tap, lab):
    steps = (f"reach {LAN4}", f"reach {INET4}", "reach fd77::10", "reach 2001:db8::10")
    for profile, wanted in (("offline", ["blocked"] * 4), ("local", ["reached", "blocked", "reached", "blocked"]), ("online", ["reached"] * 4)):
        with tap.point(f"profile {profile}: of the LAN and the Internet it reaches what its name says, and no packet goes elsewhere"):
            with lab.counting("inet", "lan") as packets:
                expect_equal(said(lab, profile, "", *steps), wanted, "said")
            expect_equal((packets.everything("lan") > 0, packets.everything("inet") > 0), (wanted[0] == "reached", wanted[1] == "reached"), "packets")


def main():
    require_run()
    tap = Tap()
    for version, path in pythons.interpreters():
        check_interpreter(tap, version, path)
    lab = RunLab()
    try:
        check_names(tap, lab)
        check_profiles(tap, lab)
    finally:
        lab.close()
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())

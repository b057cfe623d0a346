#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every way around of bypasses.md's rows 8, 12 to 24, 26 to 28 and 30, under each profile and rung, as a user and as root, with the
packet counters at the peers as judge. Each way is first shown to work without the launcher: what does not work there says
nothing, and is noted. Refused attempts must be on record.

    vectors.py [offline|local|allow|online]...     only these profiles
"""

import os
import socket
import subprocess
import sys

from runlab import (ECHO, INET4, INET6, LAN4, LAN6, PEOPLE, ROOT, USER, RunLab, expect, inside, require_run, run_quiet)
from lab import CLIENT4, CLIENT6, NAT64, SHARED4, SIX_TO_FOUR  # pylint: disable=wrong-import-order
from agent import Agent  # pylint: disable=wrong-import-order
from tap import Tap, expect_equal

NEAR, FAR = {4: LAN4, 6: LAN6}, {4: INET4, 6: INET6}
PROFILES = {
    "offline": ["--offline"],
    "local": ["--local"],
    "allow": ["--offline", "--allow", LAN4, "--allow", LAN6],
    "online": ["--online"],
}
ADDRESSED = ("alone", "fastopen", "kind", "door")
ON_RECORD = ("alone", "pair", "unix")  # the broker refuses them; the others the filter, which cannot write
GOOD_REFUSALS = {"alone": ("ENETUNREACH",)}


# What a vector says that got no socket: a packet in its time is another's, late.
NO_SOCKET = ("EPERM", "EPROTONOSUPPORT", "ESOCKTNOSUPPORT", "EAFNOSUPPORT")


class Controls:
    """What each vector does without the launcher: does the judge see it?"""

    def __init__(self, lab):
        self.lab = lab
        self.seen = {}

    def said(self, uid, vector, peers=(), visits=None, **settings):
        """One vector without the launcher: (what it said, packets and visits seen)."""
        key = (uid, vector, *sorted(settings.items()))
        if key not in self.seen:
            before = visits() if visits else 0
            with self.lab.counting(*peers or ("inet",)) as packets:
                run = self.lab.confine(None, self.lab.probe_words(uid, **settings) + [vector], uid, log=False)
            said = run.lines().get(vector, (0, repr(run)))[1]
            if visits:
                settle(lambda: visits() > before, said == "ok")
            self.lab.quiet()
            self.seen[key] = said, sum(packets.everything(peer) for peer in peers) + (visits() - before if visits else 0)
        return self.seen[key]

    def result(self, uid, group, family, near, far, peer):
        """{vector: (result, packets)} for a target."""
        key = (uid, group, family, near, far)
        if key not in self.seen:
            found = {}
            for vector in self.lab.vectors(group):
                with self.lab.counting(peer) as packets:
                    run = self.lab.confine(None, self.lab.probe_words(uid, near=near, far=far) + [vector], uid, log=False)
                said = run.lines().get(vector, (0, "?"))[1]
                found[vector] = (said, 0 if said in NO_SOCKET else packets.everything(peer))
            self.lab.quiet()
            self.seen[key] = found
        return self.seen[key]


def record_of(run, vector, port):
    """The record of a refused attempt: by its port, or by its path for AF_UNIX."""
    denied = [record for record in run.attempts() if record["verdict"] in ("denied", "deny")]
    if vector.startswith("unix-"):
        return denied
    if vector == "ping":  # has no port
        return [record for record in denied if "icmp" in record.get("protocol", "")]
    return [record for record in denied if record.get("port") == port]


class Suite:
    def __init__(self, lab, tap):
        self.lab, self.tap = lab, tap
        self.controls = Controls(lab)

    def batch(self, flags, group, uid, rung, near, far, peers):
        """A group in one run. (run, packets); where a packet arrived, each vector again alone, to name it."""
        words = self.lab.probe_words(uid, near=near, far=far)
        with self.lab.counting(*peers) as packets:
            run = self.lab.confine(flags, words + ["@" + group], uid, rung, seconds=240)
        guilty = set()
        if any(packets.everything(peer) for peer in peers):
            for vector in self.lab.vectors(group):
                with self.lab.counting(*peers) as alone:
                    self.lab.confine(flags, words + [vector], uid, rung)
                if any(alone.everything(peer) for peer in peers):
                    guilty.add(vector)
            guilty = guilty or {"some vector, not found alone"}
        return run, guilty, packets

    def refused(self, profile, group, who, rung, family, target):
        """A group towards a peer that the profile forbids."""
        uid, person = who
        near, far = NEAR[family], target
        peer = "lan" if target in (LAN4, LAN6) else "inet"
        control = self.controls.result(uid, group, family, near, far, peer)
        run, guilty, packets = self.batch(PROFILES[profile], group, uid, rung, near, far, (peer,))
        lines = run.lines()
        useless = []
        for vector in self.lab.vectors(group):
            before, seen = control[vector]
            if before == "skip" or (not seen and before != "ok"):
                useless.append(f"{vector} {before}")
                if before == "skip":
                    continue
            with self.tap.point(f"{profile}, rung {rung}, {person}: {vector} to {target} is refused and nothing arrives", blocks=bool(seen)):
                expect(vector not in guilty, f"packets arrived: {packets}")
                expect(vector in lines, f"the probe says what happened: {run}")
                port, said = lines[vector]
                expect(said not in ("ok", "hung"), f"the probe said {said}")
                if group in GOOD_REFUSALS and rung != "C":  # there the filter refuses the socket
                    expect(said in GOOD_REFUSALS[group] or said == before, f"the probe said {said}")
                if group in ON_RECORD and rung != "C" and (said != before or said == "ENETUNREACH"):
                    expect(record_of(run, vector, port), f"port {port} is on record; the probe said {said}; {len(run.records)} records")
        for vector in guilty - set(self.lab.vectors(group)):
            with self.tap.point(f"{profile}, rung {rung}, {person}, {group} to {target}: {vector}", blocks=True):
                expect(False, repr(packets))
        if useless:
            self.tap.note(f"say little, because without the launcher they fail as well: {', '.join(useless)}")

    def allowed(self, profile, who, rung, family, target):
        """What is allowed goes as without the launcher."""
        uid, person = who
        peer = "lan" if target in (LAN4, LAN6) else "inet"
        control = self.controls.result(uid, "alone", family, NEAR[family], target, peer)
        words = self.lab.probe_words(uid, near=NEAR[family], far=target)
        with self.lab.counting(peer) as packets:
            run = self.lab.confine(PROFILES[profile], words + ["@alone"], uid, rung, seconds=120)
        lines = run.lines()
        for vector in self.lab.vectors("alone"):
            if control[vector][0] == "skip":
                continue
            with self.tap.point(f"{profile}, rung {rung}, {person}: {vector} to {target} goes as without the launcher"):
                expect_equal(lines.get(vector, (0, repr(run)))[1], control[vector][0], "the probe said")
                expect(packets.programs(peer) > 0, f"the judge saw something: {packets}")

    def pairs(self, profile, who, rung, family):
        uid, person = who
        near, far = NEAR[family], FAR[family]
        for group in ("pair", "route"):
            control = self.controls.result(uid, group, family, near, far, "inet")
            run, guilty, packets = self.batch(PROFILES[profile], group, uid, rung, near, far, ("inet",))
            lines = run.lines()
            for vector in self.lab.vectors(group):
                if control[vector][0] == "skip":
                    continue
                blocks = control[vector][1] > 0
                with self.tap.point(f"{profile}, rung {rung}, {person}: {vector}, first {near}, then {far}: nothing for the second",
                                    blocks=blocks):
                    expect(vector not in guilty, f"packets arrived: {packets}")
                    said = lines.get(vector, (0, repr(run)))[1]
                    wanted = {"mixed-near-first": ("1",), "mixed-far-first": (str(-101),)}.get(vector)
                    if group == "pair":
                        expect(said in (wanted or ("ENETUNREACH",)), f"the probe said {said}")
                    if not blocks:
                        self.tap.note(f"without the launcher nothing arrives either ({control[vector][0]})")

    def races(self, profile, who, rung, family, times=3000):
        uid, person = who
        words = self.lab.probe_words(uid, near=NEAR[family], far=FAR[family], times=times)
        with self.lab.counting("inet", "lan") as packets:
            run = self.lab.confine(PROFILES[profile], words + ["@flip"], uid, rung, seconds=300)
        with self.tap.point(f"{profile}, rung {rung}, {person}: addresses, pointers, lengths and descriptors that change under the "
                            f"call lead nowhere over IPv{family}", blocks=True):
            expect_equal(packets.everything("inet"), 0, f"packets at the Internet peer ({run.lines()})")
            expect_equal(len(run.lines()), len(self.lab.vectors("flip")), f"vectors that ended: {run}")
            expect(all("passed" in said or rung == "C" for _port, said in run.lines().values()), str(run.lines()))
            if profile != "offline":
                expect(packets.programs("lan") > 0, f"the allowed half arrives ({packets})")

    def names_tunnel(self, profile, who, rung, family, server):
        uid, person = who
        words = self.lab.probe_words(uid, far=server)
        peer = self.lab.peers["lan" if server in (LAN4, LAN6) else "inet"]
        first = peer.asked(b"tunnel")
        self.lab.confine(None, words + ["@dns"], uid, log=False)
        wanted = first + len(self.lab.vectors("dns"))
        settle(lambda: peer.asked(b"tunnel") >= wanted, True)
        control = before = peer.asked(b"tunnel")
        run = self.lab.confine(PROFILES[profile], words + ["@dns"], uid, rung, seconds=60)
        with self.tap.point(f"{profile}, rung {rung}, {person}: a query for a name that is not allowed never reaches the name server "
                            f"{server}", blocks=True):
            expect(control >= wanted, f"the control arrives: {control - first}")
            expect_equal(peer.asked(b"tunnel"), before, f"queries that arrived ({run.lines()})")
            expect(all(said not in ("ok", "hung") for name, (_port, said) in run.lines().items() if name != "dns-tcp"),
                   str(run.lines()))

    def unix(self, profile, who, rung):
        uid, person = who
        daemon = self.lab.daemon
        words = self.lab.probe_words(uid)
        for vector in self.lab.vectors("unix"):
            control, came = self.controls.said(uid, vector, visits=lambda: daemon.came)
            before = daemon.came
            run = self.lab.confine(PROFILES[profile], words + [vector], uid, rung)
            with self.tap.point(f"{profile}, rung {rung}, {person}: {vector}: the host's daemon is not reached", blocks=came > 0):
                if not came:
                    self.tap.note(f"without the launcher it does not work either ({control})")
                said = run.lines().get(vector, (0, repr(run)))[1]
                expect_equal(daemon.came - before, 0, f"visits (the probe said {said})")
                expect(said not in ("ok", "hung"), f"the probe said {said}")
                if rung != "C" and came and not ("abstract" in vector and rung == "A"):
                    expect(run.attempts(), f"it is on record; the probe said {said}")
        before = daemon.came
        run = self.lab.confine(PROFILES[profile], words + ["@unixrace"], uid, rung, seconds=120)
        with self.tap.point(f"{profile}, rung {rung}, {person}: a path, or a link, that changes between an own socket and the daemon's "
                            "leads to the own one only", blocks=rung != "C"):
            expect_equal(daemon.came - before, 0, f"visits ({run.lines()})")
            if rung != "C":
                expect(all(said.startswith("passed") for _port, said in run.lines().values()), str(run.lines()))
                expect(any(not said.startswith("passed 0 ") for _port, said in run.lines().values()), str(run.lines()))
        run = self.lab.confine(PROFILES[profile], words + ["@inside", "@pair-inside", "@missing"], uid, rung)
        with self.tap.point(f"{profile}, rung {rung}, {person}: the program's own sockets work by path, relative path, abstract name, "
                            "datagram, pair"):
            wanted = {name: "ok" for name in self.lab.vectors("inside") + self.lab.vectors("pair-inside")}
            wanted["own-missing"] = "ENOENT"
            if rung == "C":
                wanted = {"own-pair": "ok"}
            found = {name: said for name, (_port, said) in run.lines().items() if name in wanted}
            expect_equal(found, wanted, "results")

    def processes(self, profile, who, rung):
        uid, person = who
        for group in ("process", "enter", "namespace"):
            for vector in self.lab.vectors(group):
                words = self.lab.probe_words(uid) + [vector]
                control = self.controls.said(uid, vector)[0]
                with self.lab.counting("inet") as packets:
                    run = self.lab.confine(PROFILES[profile], words, uid, rung)
                with self.tap.point(f"{profile}, rung {rung}, {person}: {vector} is refused", blocks=control == "ok"):
                    said = run.lines().get(vector, (0, repr(run)))[1]
                    expect(said not in ("ok", "hung", "?"), f"the probe said {said}")
                    expect(vector in run.lines(), repr(run))
                    expect_equal(packets.everything("inet"), 0, "packets at the Internet peer")
                    if control != "ok":
                        self.tap.note(f"without the launcher it fails as well ({control})")

    def kinds(self, profile, who, rung):
        uid, person = who
        words = self.lab.probe_words(uid, far=INET4)
        run = self.lab.confine(PROFILES[profile], words + ["@list", "@family", "@key", "@option", "io-uring"], uid, rung)
        lines = {name: said for name, (_port, said) in run.lines().items()}
        control = self.lab.confine(None, words + ["@list"], uid, log=False).lines()
        self.tap.note(f"without the launcher: families {control['families'][1]}; netlink {control['netlinks'][1]}")
        with self.tap.point(f"{profile}, rung {rung}, {person}: only AF_UNIX, AF_INET, AF_INET6 and NETLINK_ROUTE can be made", blocks=True):
            expect(set(lines.get("families", "?").split()) <= {"1", "2", "10", "16"}, f"families {lines.get('families')}: {run}")
            expect(set(lines["netlinks"].split()) <= {"0"}, f"netlink {lines['netlinks']}")
        for name in self.lab.vectors("family") + ["dns-key", "io-uring"]:
            with self.tap.point(f"{profile}, rung {rung}, {person}: {name} is refused"):
                expect(lines.get(name, "?") not in ("ok", "?", "ENOKEY"), f"the probe said {lines.get(name)}")
        if profile != "offline" or rung != "A":
            for name in self.lab.vectors("option"):
                with self.tap.point(f"{profile}, rung {rung}, {person}: setsockopt {name} is refused"):
                    expect(lines.get(name, "?") not in ("ok", "?"), f"the probe said {lines.get(name)}")

    def machine(self, profile, rung):
        """What root may do to the machine's network elsewhere."""
        words = self.lab.probe_words(ROOT)
        for vector in self.lab.vectors("machine"):
            run = self.lab.confine(PROFILES[profile], words + [vector], ROOT, rung)
            said = run.lines().get(vector, (0, repr(run)))[1]
            left = run_quiet(["ip", "-n", "client", "route", "show", "table", "all", "198.18.0.0/16"])
            left += run_quiet(["ip", "-n", "client", "route", "show", "type", "blackhole"])
            left += run_quiet(["ip", "-n", "client", "route", "show", "type", "unreachable"])
            for kind, address in (("blackhole", "198.18.7.7"), ("unreachable", "198.18.7.8")):
                if address in left:
                    run_quiet(["ip", "-n", "client", "route", "del", kind, address])
            with self.tap.point(f"{profile}, rung {rung}, root: {vector} changes nothing on the machine"):
                expect("198.18" not in left, f"a route was added (the probe said {said})")
                if rung == "B" or vector == "bpf":
                    expect(said not in ("ok", "hung"), f"the probe said {said}")
        with self.tap.point(f"control: without the launcher root changes routes ({profile}, {rung})"):
            expect_equal(self.lab.confine(None, words + ["route-write"], ROOT, log=False).lines()["route-write"][1], "ok", "the probe")
            run_quiet(["ip", "-n", "client", "route", "del", "blackhole", "198.18.7.7"])

    def inherited(self, profile, who, rung):
        uid, person = who
        for flags in (None, PROFILES[profile]):
            with inside("client"):
                given = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            given.connect((INET4, ECHO))
            with self.lab.counting("inet") as packets:
                words = self.lab.probe_words(uid, fd=given.fileno()) + ["inherited"]
                run = self.lab.confine(flags, words, uid, rung, pass_fds=[given.fileno()])
            given.close()
            self.lab.quiet()
            if flags is None:
                control = packets.everything("inet")
                continue
            with self.tap.point(f"{profile}, rung {rung}, {person}: an inherited socket is closed", blocks=True):
                expect(control > 0, "the control arrives")
                expect_equal(packets.everything("inet"), 0, "packets")
                expect_equal(run.lines().get("inherited", (0, repr(run)))[1], "EBADF", "the probe")

    def uring(self, profile, who, rung, family):
        """io_uring's four ways to start a request, by the guard's own probe."""
        uid, person = who
        for way in ("uring-tcp", "uring-udp", "uring-udp-async", "uring-tcp-sqpoll", "uring-tcp-direct"):
            argv = [self.ways, way, "-", FAR[family], str(ECHO)]
            if (uid, way, family) not in self.controls.seen:
                with self.lab.counting("inet") as before:
                    self.lab.confine(None, argv, uid, log=False)
                self.lab.quiet()
                self.controls.seen[uid, way, family] = before.everything("inet")
            with self.lab.counting("inet") as packets:
                run = self.lab.confine(PROFILES[profile], argv, uid, rung)
            with self.tap.point(f"{profile}, rung {rung}, {person}: {way} over IPv{family} is refused",
                                blocks=self.controls.seen[uid, way, family] > 0):
                expect_equal(packets.everything("inet"), 0, "packets")
                expect("sent" not in run.out, repr(run))

    def addresses(self, profile, who, rung):
        """Addresses that mean something else than they look like (row 18)."""
        uid, person = who
        scope = run_quiet(["ip", "-n", "client", "-o", "link", "show", "eth0"]).split(":")[0]
        link = run_quiet(["ip", "-n", "lan", "-6", "-o", "addr", "show", "dev", "eth0", "scope", "link"]).split()[3].split("/")[0]
        run_quiet(["ip", "-n", "client", "route", "replace", "169.254.169.254/32", "dev", "eth0"])
        cases = (("0.0.0.0", "client", True), ("::", "client", True), ("127.1.2.3", "client", True), ("::ffff:127.0.0.1", "client", True),
                 ("127.0.0.1", "client", True), ("::1", "client", True), (CLIENT4, "client", True), (CLIENT6, "client", True),
                 (f"{link}%{scope}", "lan", True), (NAT64, "inet", False), (SIX_TO_FOUR, "inet", False), (SHARED4, "inet", False),
                 ("::ffff:" + SHARED4, "inet", False), ("169.254.169.254", "lan", False), ("::ffff:169.254.169.254", "lan", False),
                 ("::ffff:" + INET4, "inet", False), ("255.255.255.255", None, True), ("224.0.0.251", None, True))
        for host, where, is_local in cases:
            results, outside, seen, control = [], [], 0, 0
            for vector in ("tcp-connect", "udp-sendto"):
                base = ECHO - self.lab.number_of(vector, "alone")
                words = self.lab.probe_words(uid, far=host, base=base) + [vector]
                said, came = self.controls.said(uid, vector, ("lan", "inet"), self.loopback_visits, far=host, base=base)
                outside.append(said)
                control += came
                before = self.loopback_visits()
                with self.lab.counting("lan", "inet") as packets:
                    run = self.lab.confine(PROFILES[profile], words, uid, rung)
                results.append(run.lines().get(vector, (0, repr(run)))[1])
                seen += packets.everything("lan") + packets.everything("inet") + self.loopback_visits() - before
            own = profile == "allow" and rung == "A" and where == "client"  # its own loopback, where nobody listens
            allowed = profile == "online" or (profile == "local" and is_local)
            with self.tap.point(f"{profile}, rung {rung}, {person}: {host} is {'reached' if allowed else 'not reached'}",
                                blocks=not allowed and control > 0):
                if allowed:
                    expect_equal(results, outside, "connect and sendto as without the launcher")
                else:
                    expect_equal(seen, 0, f"packets and visits (the probe said {results})")
                    expect(own or profile == "offline" or "ok" not in results, f"the probe said {results}")

    def reached(self, profile, who, rung):
        """Being reached instead of reaching, TCP with and without bind(), and UDP (row 26)."""
        uid, person = who
        may = {"online": ("lan", "inet"), "local": ("lan",)}.get(profile, ())
        words = self.lab.confined(PROFILES[profile], [], uid, rung)
        agent = Agent(self.lab, "python3", argv=words, env=self.lab.environment(uid), stderr=subprocess.DEVNULL)
        agent.errno("l = socket.socket(socket.AF_INET6); l.setsockopt(41, 26, 0); l.setsockopt(1, 2, 1); l.bind(('::', 8082)); l.listen(8)")
        agent.errno("n = socket.socket(socket.AF_INET6); n.setsockopt(41, 26, 0); n.listen(8)")
        agent.errno("d = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); d.setsockopt(41, 26, 0); d.settimeout(0.4); d.bind(('::', 8082))")
        port = 0 if agent.errno("n.getsockname()") else agent.call("n.getsockname()[1]")
        for family, host in ((socket.AF_INET, CLIENT4), (socket.AF_INET6, CLIENT6)):
            with self.tap.point(f"{profile}, rung {rung}, {person}: a program that listens at {host} is reached from {' and '.join(may) or 'nowhere'}",
                                blocks=profile != "online"):
                for peer in ("lan", "inet"):
                    with inside(peer):
                        stream, unbound, datagrams = socket.socket(family), socket.socket(family), socket.socket(family, socket.SOCK_DGRAM)
                    with stream, unbound, datagrams, self.lab.counting(peer) as packets:
                        stream.settimeout(0.5)
                        unbound.settimeout(0.5)
                        by_tcp = stream.connect_ex((host, 8082)) == 0
                        without_bind = port > 0 and unbound.connect_ex((host, port)) == 0
                        datagrams.sendto(b"knock", (host, 8082))
                        by_udp = agent.errno("m, w = d.recvfrom(100); d.sendto(b'hi', w)") == ""
                    if profile == "allow" and rung == "B" and peer == "lan":  # no network of its own: an allowed peer may answer, so it may ask
                        expect(not by_tcp and not without_bind, "from lan: TCP")
                        continue
                    expect_equal((by_tcp, by_udp), (peer in may, peer in may), f"from {peer}: TCP and UDP")
                    if peer not in may:
                        expect(not without_bind, f"from {peer}: a socket that listens without bind()")
                        expect_equal(packets.programs(peer), 0, f"packets back to {peer} ({packets})")
        agent.end()

    def loopback_visits(self):
        peer = self.lab.peers["client"]
        return peer.connections + len(peer.received)


def settle(value, wants_some):
    """A daemon's counter after a visit that succeeded: its thread may be a moment late."""
    from lab import wait_for  # pylint: disable=import-outside-toplevel
    if wants_some:
        try:
            wait_for(value, 1, "the daemon counted")
        except AssertionError:
            pass
    return value()


def check_profile(suite, profile, who, rung):
    for family in (4, 6):
        near, far = NEAR[family], FAR[family]
        targets = {"offline": (near, far), "local": (far,), "allow": (far,), "online": ()}[profile]
        for target in targets:
            for group in ADDRESSED:
                suite.refused(profile, group, who, rung, family, target)
            suite.names_tunnel(profile, who, rung, family, target)
        for target in {"offline": (), "local": (near,), "allow": (near,), "online": (near, far)}[profile]:
            suite.allowed(profile, who, rung, family, target)
        if profile in ("local", "allow"):
            suite.pairs(profile, who, rung, family)
            suite.names_tunnel(profile, who, rung, family, near)
        if profile != "online":
            suite.races(profile, who, rung, family)
            suite.uring(profile, who, rung, family)
    if profile != "online":
        suite.unix(profile, who, rung)
        suite.addresses(profile, who, rung)
    suite.processes(profile, who, rung)
    suite.kinds(profile, who, rung)
    suite.inherited(profile, who, rung)
    if rung != "C":
        suite.reached(profile, who, rung)
    if who[0] == ROOT:
        suite.machine(profile, rung)


def main():
    require_run()
    profiles = [word for word in sys.argv[1:] if word in PROFILES] or list(PROFILES)
    rungs = [word for word in sys.argv[1:] if word in ("A", "B", "C")] or ["A", "B", "C"]
    people = [who for who in PEOPLE if who[1].split()[-1] in sys.argv[1:]] or PEOPLE
    tap = Tap()
    lab = RunLab()
    suite = Suite(lab, tap)
    suite.ways = os.path.join(lab.dir, "bin", "ways")
    lab.app("ways", lab.helper("ways"))
    lab.app("python3", "/usr/bin/python3")
    for profile in profiles:
        for rung in rungs:
            if rung == "C" and profile != "offline":
                continue
            for who in people:
                check_profile(suite, profile, who, rung)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())

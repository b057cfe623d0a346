#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The verdict outlives the service: killed, stopped, flooded, restarted under load, started before the network (bypasses, rows
1 to 5, 25). What is denied stays denied, what is allowed goes on, and a program started meanwhile is recognised."""

import contextlib
import os
import resource
import signal
import subprocess
import sys
import threading
import time

from agent import Agent
from guard import app_text, is_bare, make_guard
from lab import CLIENT4, INET4, INET6, LAN4, LAN6, Lab, require, run_quiet, wait_for
from peers import ECHO, HTTP, SINK, Peer
from programs import PYTHON, bracket
from tap import Tap, expect, expect_equal

HOLD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hold.py")
FLOOD = 150_000
SOCKETS = 100_000
RESTARTS = 5


class Scene:
    """One Offline, one Local and one Online program that run all along, and a guard."""

    def __init__(self, lab):
        self.lab = lab
        self.guard = make_guard(lab)
        self.guard.start()
        self.agents = {profile: Agent(lab, "resident-" + profile) for profile in ("offline", "local", "online")}
        self.fresh = {profile: lab.app("fresh-" + profile, "curl") for profile in ("offline", "local", "online")}
        for profile, agent in self.agents.items():
            self.guard.set(agent.path, profile)
            self.guard.set(self.fresh[profile], profile)
        self.agents["online"].call(f"kept = [tcp({INET4!r}, {ECHO}), tcp({INET6!r}, {ECHO}), tcp({LAN4!r}, {ECHO})]")
        self.agents["local"].call(f"kept = [tcp({LAN4!r}, {ECHO}), tcp({LAN6!r}, {ECHO})]")

    def fetch(self, profile, host):
        result = self.lab.run([self.fresh[profile], "-sS", "--noproxy", "*", "--max-time", "4", f"http://{bracket(host)}:{HTTP}/hello"])
        return "hello" in result.output

    def check(self):
        """Everything that must hold whatever became of the service."""
        offline, local, online = (self.agents[profile] for profile in ("offline", "local", "online"))
        with self.lab.counting() as packets:
            for host in (LAN4, LAN6, INET4, INET6, "127.0.0.1", "::1"):
                expect_equal(offline.errno(f"tcp({host!r}, {ECHO})"), "EPERM", f"Offline connects to {host}")
                expect_equal(offline.errno(f"udp({host!r}, {ECHO})"), "EPERM", f"Offline sends to {host}")
                expect(not self.fetch("offline", host), f"a new Offline program fetches from {host}")
        expect_equal((packets.everything("lan"), packets.everything("inet")), (0, 0), f"packets ({packets})")
        with self.lab.counting("inet") as packets:
            for host in (INET4, INET6):
                expect_equal(local.errno(f"tcp({host!r}, {ECHO})"), "EPERM", f"Local connects to {host}")
                expect(not self.fetch("local", host), f"a new Local program fetches from {host}")
        expect_equal(packets.everything("inet"), 0, f"packets of Local programs ({packets})")
        expect_equal(local.call("[talk(s) for s in kept]"), ["hello"] * 2, "Local's open connections go on")
        expect_equal(local.call(f"talk(tcp({LAN6!r}, {ECHO}))"), "hello", "Local connects to the LAN")
        expect_equal(online.call("[talk(s) for s in kept]"), ["hello"] * 3, "Online's open connections go on")
        expect_equal(online.call(f"talk(tcp({INET6!r}, {ECHO}))"), "hello", "Online connects to the Internet")
        for profile, host in (("local", LAN4), ("online", INET4), ("online", LAN6)):
            expect(self.fetch(profile, host), f"a new {profile} program fetches from {host}")


def check_killed(tap, scene):
    guard = scene.guard
    with tap.point("with the service running every profile holds", blocks=True):
        scene.check()
    for what in ("the engine", "the enforcer", "both"):
        def pids(what=what):
            return {"the engine": [guard.engine_pid], "the enforcer": [guard.enforcer_pid]}.get(what) or \
                [guard.engine_pid, guard.enforcer_pid]
        with tap.point(f"SIGSTOP to {what} changes no verdict, for running programs and for new ones", blocks=True):
            stopped = [] if is_bare() else pids()
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            try:
                scene.check()
            finally:
                for pid in stopped:
                    os.kill(pid, signal.SIGCONT)
        with tap.point(f"after SIGCONT to {what} the service answers and enforces a change"):
            guard.set(scene.agents["offline"].path, "online")
            expect_equal(scene.agents["offline"].call(f"talk(tcp({LAN4!r}, {ECHO}))"), "hello", "set online")
            guard.set(scene.agents["offline"].path, "offline")
            is_bare() or expect_equal(scene.agents["offline"].errno(f"tcp({LAN4!r}, {ECHO})"), "EPERM", "set offline")
        with tap.point(f"SIGKILL to {what} changes no verdict, for running programs and for new ones", blocks=True):
            killed = [] if is_bare() else pids()
            guard.kill(*killed)
            scene.check()
        with tap.point(f"after SIGKILL to {what} a new start takes over what is in force", blocks=True):
            guard.end()
            guard.start()
            scene.check()
            expect(guard.status()["enforcing"], "status says that it enforces")


def check_nobody_asks(tap, scene):
    with tap.point("nobody is asked: with engine and enforcer stopped an undecided program has its answer at once"):
        stopped = [] if is_bare() else [scene.guard.engine_pid, scene.guard.enforcer_pid]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            path = scene.lab.app("undecided", "curl")
            result = scene.lab.run([path, "-sS", "--noproxy", "*", "--max-time", "4", f"http://{INET4}:{HTTP}/hello"])
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
        expect("hello" in result.output and result.seconds < 1, f"the default, at once: {result}")


def check_rules(tap, scene):
    guard, offline, local = scene.guard, scene.agents["offline"], scene.agents["local"]
    with tap.point("`nft flush ruleset` and an accepting ruleset change no verdict", blocks=True):
        run_quiet(["nsenter", "--net=/run/netns/client", "nft", "flush", "ruleset"])
        run_quiet(["nsenter", "--net=/run/netns/client", "nft", "-f", "-"], input="table inet open { chain out { type filter hook "
                  "output priority -500; accept; }; }")
        scene.check()
        run_quiet(["nsenter", "--net=/run/netns/client", "nft", "flush", "ruleset"])
    with tap.point("a mark, a priority or a bound interface on the socket changes no verdict", blocks=True):
        with scene.lab.counting() as packets:
            for option in ("socket.SO_MARK, 0x1", "socket.SO_MARK, 0xca6c", "socket.SO_PRIORITY, 6", "25, b'eth0'", "46, 1"):
                for agent, host in ((offline, LAN4), (offline, INET6), (local, INET4)):
                    make = f"s = socket.socket(fam({host!r}), %s); s.setsockopt(socket.SOL_SOCKET, {option}); "
                    expect_equal(agent.errno(make % "socket.SOCK_STREAM" + f"s.connect(({host!r}, {ECHO}))"), "EPERM", option)
                    expect_equal(agent.errno(make % "socket.SOCK_DGRAM" + f"s.sendto(b'x', ({host!r}, {ECHO}))"), "EPERM", option)
        expect_equal(packets.everything("inet"), 0, f"packets ({packets})")
    del guard


def check_flood(tap, scene):
    guard = scene.guard
    app = scene.lab.app("flooder", PYTHON)
    guard.set(app, "offline")
    with tap.point(f"with the ring's reader stopped, {FLOOD} denied flows lose events, never the verdict", blocks=True):
        enforcer = 0 if is_bare() else guard.enforcer_pid
        enforcer and os.kill(enforcer, signal.SIGSTOP)
        try:
            with scene.lab.counting() as packets:
                children = [scene.lab.spawn([app, "-I", HOLD, "flood", host, str(FLOOD // 3)], stdout=subprocess.PIPE, text=True)
                            for host in (LAN4, INET4, INET6)]
                refused = sum(int(child.communicate(timeout=120)[0]) for child in children)
            scene.check()
        finally:
            enforcer and os.kill(enforcer, signal.SIGCONT)
        expect_equal(refused, FLOOD, "refused sends")
        expect_equal((packets.everything("lan"), packets.everything("inet")), (0, 0), f"packets ({packets})")
    with tap.point("the events that were lost are counted and shown"):
        lost = wait_for(lambda: guard.status()["faults"].get("events-lost", 0), 10, "status counts lost events")
        tap.note(f"{lost} of {FLOOD} events lost")
        expect(lost > 0, "lost events")


def check_sockets(tap, scene):
    guard = scene.guard
    app = scene.lab.app("holder", PYTHON)
    guard.set(app, "online")
    # As many holders as the limit of descriptors per process asks for.
    each = min(25_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 1000)
    hosts = [(LAN4, LAN6, INET4, INET6)[number % 4] for number in range(-(-SOCKETS // each))]
    # Of two connected UDP sockets with one five-tuple the kernel can name only one: each has a local port of its own.
    holders = [(host, min(each, SOCKETS - number * each), 2000 + number // 4 * (each + 1000)) for number, host in enumerate(hosts)]
    children = []
    with tap.point(f"{SOCKETS} sockets: with that many open, every profile still holds for the others", blocks=True):
        children = [scene.lab.spawn([app, "-I", HOLD, "sockets", host, str(SINK), str(count), str(first)], stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE, text=True)
                    for host, count, first in holders]
        for child in children:
            expect_equal(child.stdout.readline().strip(), "open", "the holder has its sockets")
        scene.check()
    with tap.point(f"`set offline` reaches all {SOCKETS} sockets", blocks=True):
        started = time.monotonic()
        result = guard.set(app, "offline")
        tap.note(f"`set` took {time.monotonic() - started:.2f} s, closed {result.get('closed')}, in force after "
                 f"{result.get('enforced-ns', 0) / 1e6:.2f} ms")
        with scene.lab.counting() as packets:
            for child in children:
                child.stdin.write("again\n")
                child.stdin.flush()
            sent = [int(child.stdout.readline()) for child in children]
        expect_equal(sum(sent), 0, "sends that passed")
        expect_equal((packets.everything("lan"), packets.everything("inet")), (0, 0), f"packets ({packets})")
        expect_equal(result["closed"], SOCKETS, "closed")
    for child in children:
        child.kill()
        child.wait()


class Load:
    """Denied attempts, an allowed transfer and allowed datagrams, all along while the block runs."""

    def __init__(self, scene, peer):
        lab = scene.lab
        self.lab, self.peer = lab, peer
        self.denied_app = lab.app("hammer", PYTHON)
        self.download_app = lab.app("downloading", "curl")
        self.pinger = Agent(lab, "pinger")
        scene.guard.set(self.denied_app, "offline")
        scene.guard.set(self.download_app, "online")
        scene.guard.set(self.pinger.path, "online")
        self.failures, self.answers, self.stopping = [], 0, False

    def __enter__(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self.lab.dir, "got"))
        self.hammers = [self.lab.spawn([self.denied_app, "-I", HOLD, "attempts", host, str(ECHO)], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, text=True) for host in (INET4, LAN6)]
        for hammer in self.hammers:
            expect_equal(hammer.stdout.readline().strip(), "started", "the attempts run")
        self.download = self.lab.spawn([self.download_app, "-sS", "-N", "--noproxy", "*", "-o", os.path.join(self.lab.dir, "got"),
                                        f"http://{INET4}:{HTTP}/endless"], stderr=subprocess.PIPE, text=True)
        self.pinger.call(f"u = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); u.settimeout(2); u.connect(({INET6!r}, {ECHO}))")
        self.thread = threading.Thread(target=self._ping, daemon=True)
        self.thread.start()
        return self

    def _ping(self):
        while not self.stopping:
            error = self.pinger.errno("u.send(b'ping'), u.recv(100)")
            if error:
                self.failures.append(error)
            self.answers += 1

    def downloaded(self):
        path = os.path.join(self.lab.dir, "got")
        return os.path.getsize(path) if os.path.exists(path) else 0

    def __exit__(self, *_error):
        self.stopping = True
        self.thread.join(10)
        before = self.downloaded()
        wait_for(lambda: self.downloaded() > before or self.download.poll() is not None, 5, "the download goes on")
        self.download_code = self.download.poll()
        self.download.kill()
        self.download.wait()
        self.refused = self.passed = 0
        for hammer in self.hammers:
            hammer.stdin.write("how many\n")
            hammer.stdin.flush()
            refused, passed = map(int, hammer.stdout.readline().split())
            self.refused += refused
            self.passed += passed
            hammer.kill()
            hammer.wait()
        self.pinger.end()

    def check(self, tap, packets):
        tap.note(f"{self.refused} denied attempts, {self.answers} answered datagrams, {self.downloaded()} bytes downloaded; {packets}")
        expect_equal(self.passed, 0, "denied attempts that passed")
        expect(self.refused > 100 and self.answers > 10, "there was load")
        expect_equal(self.download_code, None, "the allowed transfer still ran at the end")
        expect_equal(self.failures, [], "allowed datagrams that failed")
        # The allowed programs use only the Internet peer; the LAN peer hears only of what should be denied.
        expect_equal(packets.everything("lan"), 0, f"packets at the LAN peer ({packets})")


def check_restarts(tap, scene, peers):
    with tap.point(f"{RESTARTS} restarts under load: no denied packet arrives, no allowed flow breaks", blocks=True):
        with scene.lab.counting() as packets, Load(scene, peers["inet"]) as load:
            for _ in range(RESTARTS):
                scene.guard.stop()
                scene.guard.start()
        load.check(tap, packets)
    with tap.point("kill -9 and start again under load: no denied packet arrives, no allowed flow breaks", blocks=True):
        with scene.lab.counting() as packets, Load(scene, peers["inet"]) as load:
            for _ in range(RESTARTS):
                is_bare() or scene.guard.kill(scene.guard.enforcer_pid, scene.guard.engine_pid)
                scene.guard.start()
        load.check(tap, packets)
    with tap.point("an upgrade in place (other files of the programs) under load: the same", blocks=True):
        folder = os.path.join(scene.lab.dir, "upgraded")
        if not is_bare():
            built = os.path.dirname(_netguardd())
            run_quiet(["cp", "-a", "--reflink=never", built, folder])
        with scene.lab.counting() as packets, Load(scene, peers["inet"]) as load:
            scene.guard.stop()
            scene.guard.start(program=None if is_bare() else os.path.join(folder, "netguardd"))
            scene.guard.stop()
            scene.guard.start()
        load.check(tap, packets)
    with tap.point("a restart keeps the decisions and says that it adopted what was in force"):
        scene.guard.stop()
        scene.guard.start()
        status = scene.guard.status()
        expect(status["enforcing"], f"enforcing: {status}")
        expect(status["adopted"], f"adopted: {status}")


def _netguardd():
    from lab import build_file  # pylint: disable=import-outside-toplevel
    return build_file("src", "guardd", "netguardd")


def check_boot(tap, lab):
    """The guard starts in a namespace that has nothing but a loopback that is down; the network comes later."""
    run_quiet(["ip", "netns", "add", "early"])
    cgroup = os.path.join(lab.cgroup, "early")
    os.mkdir(cgroup)
    guard = make_guard(lab, name="early-guard", namespace="early", cgroup=cgroup)
    for profile in ("offline", "local"):
        guard.write_app("boot-" + profile, app_text(lab.app("boot-" + profile, PYTHON), profile))
    with tap.point("at boot the service is ready before any interface is up"):
        tap.note(f"ready after {guard.start():.2f} s")
        expect(guard.status().get("enforcing", is_bare()), "enforcing")
    with tap.point("what comes up after the service is judged from its first packet on", blocks=True):
        agents = {profile: Agent(lab, "boot-" + profile, namespace="early", cgroup=cgroup) for profile in ("offline", "local")}
        lab.ip("router", """
            link add to-early type veth peer name eth0 netns early address 02:4e:47:00:00:02
            link set to-early master br0 up""")
        lab.ip("early", """
            link set lo up
            link set eth0 up
            addr add 192.168.77.3/24 dev eth0
            addr add 198.51.100.3/24 dev eth0
            addr add fd77::3/64 dev eth0
            route add default via 192.168.77.1
            route add default via fd77::1""")
        with lab.counting() as packets:
            for host in (LAN4, LAN6, INET4, INET6):
                expect_equal(agents["offline"].errno(f"tcp({host!r}, {ECHO})"), "EPERM", f"Offline to {host}")
            for host in (INET4, INET6):
                expect_equal(agents["local"].errno(f"tcp({host!r}, {ECHO})"), "EPERM", f"Local to {host}")
        expect_equal((packets.everything("lan"), packets.everything("inet")), (0, 0), f"packets ({packets})")
        for host in (LAN4, LAN6):
            expect_equal(agents["local"].call(f"talk(tcp({host!r}, {ECHO}))"), "hello", f"Local to {host}")
    with tap.point("a public prefix that appears on an own interface becomes local while the service runs"):
        wait_for(lambda: agents["local"].errno(f"tcp('198.51.100.10', {ECHO})") == "", 10, "the on-link peer is reached")
    guard.remove()


def main():
    require(["curl"], product=not is_bare())
    tap = Tap()
    lab = Lab()
    peers = {name: Peer(lab, name) for name in ("lan", "inet", "client")}
    scene = Scene(lab)
    check_killed(tap, scene)
    check_nobody_asks(tap, scene)
    check_rules(tap, scene)
    check_flood(tap, scene)
    check_restarts(tap, scene, peers)
    check_sockets(tap, scene)
    check_boot(tap, lab)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())

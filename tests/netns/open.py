#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Connections that are open when the decision changes, or were open before the guard started, or are inherited (bypasses, rows
6, 7, 12). What stops, and when, is measured at the peer: the kernel's receive times of the packets that came from the client,
against the time at which `netguard set` returned."""

import os
import socket
import subprocess
import sys
import time

from agent import Agent, Refused
from guard import app_text, is_bare, make_guard
from lab import CLIENT4, CLIENT6, HOSTS, INET4, LAN4, LAN6, Lab, inside, require, wait_for
from peers import ECHO, HTTP, SINK, Peer, Recorder
from programs import PYTHON, bracket
from tap import Tap, expect, expect_equal

WITHIN_SECONDS = 0.1

# A program that sends a datagram every 2 ms until the kernel refuses. It answers with the refusal.
SENDER = """
import time
s = socket.socket(fam({host!r}), socket.SOCK_DGRAM); s.connect(({host!r}, 7002))
end = time.monotonic() + 5
while time.monotonic() < end:
    s.send(b'x' * 200); time.sleep(0.002)
"""
# A program that receives a stream of datagrams, says with a file that it flows, and remembers when the last came.
RECEIVER = """
s = socket.socket(fam({host!r}), socket.SOCK_DGRAM); s.connect(({host!r}, 7004)); s.settimeout(3); s.send(b'go')
last, number = 0.0, 0
while True:
    s.recv(100); last = time.time(); number += 1
    if number == 50: open({flag!r}, 'w').close()
"""


def error_of(agent):
    """The errno with which a program's running call ends, "" for none."""
    try:
        agent.answer()
    except Refused as refused:
        return refused.error
    return ""


class Stopping:
    """Times one decision: what arrived at the peer after `set` returned."""

    def __init__(self, guard, peer, source):
        self.guard, self.recorder = guard, Recorder(peer, source)

    def wait_until_flowing(self, protocol):
        wait_for(lambda: sum(1 for packet in self.recorder.packets if packet[1] == protocol) > 50, 10, "packets flow to the peer")

    def decide(self, app, profile):
        self.before = time.time()
        self.result = self.guard.set(app, profile)
        self.returned = time.time()
        return self.result

    def check(self, tap, protocol, what):
        self.recorder.stop()
        late = self.recorder.last(protocol) - self.returned
        tap.note(f"{what}: the last packet came {late * 1000:+.1f} ms after `set` returned, which took "
                 f"{(self.returned - self.before) * 1000:.1f} ms; closed {self.result.get('closed')}")
        expect(late <= WITHIN_SECONDS, f"the last packet came {late * 1000:.1f} ms after `set` returned")


def source_of(host):
    return CLIENT6 if ":" in host else CLIENT4


def check_download(tap, lab, guard, peer, family, profile):
    host, app = HOSTS[peer][family], lab.app("downloader", "curl")
    guard.set(app, "online")
    stopping = Stopping(guard, peer, source_of(host))
    child = lab.spawn([app, "-sS", "-N", "--noproxy", "*", "-o", "/dev/null", "--max-time", "8", f"http://{bracket(host)}:{HTTP}/endless"],
                      stderr=subprocess.PIPE, text=True)
    stopping.wait_until_flowing(6)
    result = stopping.decide(app, profile)
    expect(result["closed"] >= 1, f"`set` says that it closed the connection: {result}")
    _output, error = child.communicate(timeout=15)
    ended = time.time() - stopping.returned
    stopping.check(tap, 6, f"download from {host}")
    tap.note(f"curl: exit {child.returncode} {ended:.2f} s later: {error.strip()}")
    expect(child.returncode not in (0, 28) and ended < 1, f"curl is told at once, it does not wait: {child.returncode} {error}")


def check_udp_up(tap, lab, guard, agent, peer, family):
    host = HOSTS[peer][family]
    guard.set(agent.path, "online")
    stopping = Stopping(guard, peer, source_of(host))
    agent.ask(SENDER.format(host=host))
    try:
        stopping.wait_until_flowing(17)
        result = stopping.decide(agent.path, "offline")
    finally:
        error = error_of(agent)
    stopping.check(tap, 17, f"datagrams to {host}")
    tap.note(f"the program got {error}")
    expect(error in ("EPERM", "ECONNABORTED", "EPIPE", "ENOTCONN", "EDESTADDRREQ"), f"the program gets an error: {error!r}")
    expect(result["closed"] >= 1, f"`set` says that it closed the socket: {result}")


def check_udp_down(tap, lab, guard, agent, peer, family):
    host = HOSTS[peer][family]
    guard.set(agent.path, "online")
    flag = f"{lab.dir}/flows-{peer}-{family}"
    agent.ask(RECEIVER.format(host=host, flag=flag))
    try:
        wait_for(lambda: os.path.exists(flag), 10, "the stream flows")
        guard.set(agent.path, "offline")
        returned = time.time()
    finally:
        error = error_of(agent)
    last = agent.call("last") - returned
    tap.note(f"the last datagram from {host} was received {last * 1000:+.1f} ms after `set` returned; the program got {error}")
    expect(agent.call("last") > 0, "the stream had run")
    expect(last <= WITHIN_SECONDS, f"received {last * 1000:.1f} ms late")
    expect(error not in ("", "ETIMEDOUT"), f"the program gets an error instead of silence: {error!r}")


def check_closed(tap, lab, guard):
    agent = Agent(lab, "counted")
    guard.set(agent.path, "online")
    with tap.point("`set` reports the number of connections that it closed: 7 of TCP and 3 of UDP", blocks=True):
        agent.call(f"t = [tcp({LAN4!r}, {ECHO}) for i in range(4)] + [tcp({HOSTS['inet'][6]!r}, {ECHO}) for i in range(3)]")
        agent.call(f"u = [udp({LAN6!r}, {ECHO}) for i in range(3)]; [s.connect(({LAN6!r}, {ECHO})) for s in u]")
        agent.call("[talk(s) for s in t]")
        result = guard.set(agent.path, "offline")
        expect_equal(result["closed"], 10, f"closed ({result})")
        errors = {agent.errno(f"t[{i}].sendall(b'x')") for i in range(7)} | {agent.errno(f"u[{i}].send(b'x')") for i in range(3)}
        expect("" not in errors, f"every socket says an error: {errors}")
    with tap.point("`set` to Local closes what is on the Internet and leaves the LAN alone", blocks=True):
        guard.set(agent.path, "online")
        agent.call(f"near = [tcp({LAN4!r}, {ECHO}), tcp({LAN6!r}, {ECHO})]; far = [tcp({INET4!r}, {ECHO})]")
        result = guard.set(agent.path, "local")
        expect_equal(result["closed"], 1, f"closed ({result})")
        expect_equal(agent.call("[talk(s) for s in near]"), ["hello", "hello"], "the LAN connections")
        expect(agent.errno("talk(far[0])") not in ("", "ETIMEDOUT"), "the Internet connection says an error")
    with tap.point("`set` to what it already was closes nothing and breaks nothing"):
        result = guard.set(agent.path, "local")
        expect_equal(result["closed"], 0, f"closed ({result})")
        expect_equal(agent.call("[talk(s) for s in near]"), ["hello", "hello"], "the LAN connections")
    agent.end()


def reached_by(namespace, host, port):
    """What a peer that connects to the client gets: an echo, or the name of what happened instead."""
    with inside(namespace):
        probe = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    probe.settimeout(0.4)
    try:
        probe.connect((host, port))
        return probe
    except OSError as error:
        probe.close()
        return type(error).__name__


LISTENER = """
l = socket.socket(socket.AF_INET6, socket.SOCK_STREAM); l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
l.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0); l.bind(('::', 8081)); l.listen(16); l.settimeout(5)
"""


def check_listeners(tap, lab, guard):
    agent = Agent(lab, "listening")
    with tap.point("set to Offline, a listener is closed: accept() says an error and nobody is answered", blocks=True):
        agent.call(LISTENER)
        probe = reached_by("lan", CLIENT4, 8081)
        expect(not isinstance(probe, str), f"control: the LAN reaches it: {probe}")
        agent.call("a = l.accept()[0]; a.sendall(b'hello')")
        agent.ask("l.accept()")
        result = guard.set(agent.path, "offline")
        error_of(agent)  # the accept() that was waiting
        expect(result["closed"] >= 2, f"the listener and the connection are counted: {result}")
        expect(agent.errno("l.accept()") not in ("", "ETIMEDOUT", "EAGAIN"), "accept() says an error")
        for peer in ("lan", "inet"):
            with lab.counting(peer) as packets:
                expect(isinstance(reached_by(peer, CLIENT4, 8081), str), f"{peer} is not answered")
            expect_equal(packets.programs(peer), 0, f"packets to {peer} ({packets})")
        probe.close()
    with tap.point("set to Local, a listener goes on for the LAN; the Internet's accepted connection is closed", blocks=True):
        guard.set(agent.path, "online")
        agent.call(LISTENER.replace('8081', '8083'))
        near, far = reached_by("lan", CLIENT6, 8083), reached_by("inet", CLIENT6, 8083)
        agent.call("b = {}\nfor i in range(2):\n    c, who = l.accept(); b['lan' if who[0].startswith('fd77') else 'inet'] = c")
        guard.set(agent.path, "local")
        expect(agent.errno("b['inet'].sendall(b'x')") not in ("", "ETIMEDOUT"), "the accepted connection says an error")
        near.sendall(b"ping")
        expect_equal(agent.call("b['lan'].recv(100).decode()"), "ping", "the LAN's connection goes on")
        again = reached_by("lan", CLIENT4, 8083)
        expect(not isinstance(again, str), f"the LAN is still answered: {again}")
        expect(isinstance(reached_by("inet", CLIENT4, 8083), str), "the Internet is not answered")
        for connection in (near, far, again):
            connection.close()
    agent.end()


def check_before_start(tap, lab, agents):
    """Sockets and programs that were there first. Returns the started guard."""
    opened = f"""
t = tcp({INET4!r}, {ECHO}); talk(t); n = tcp({LAN4!r}, {ECHO}); talk(n)
u = udp({INET4!r}, {ECHO}); u.recv(100); u.connect(({INET4!r}, {ECHO}))
w = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); w.bind(('0.0.0.0', 0))
{LISTENER.replace('8081', '%d')}"""
    for number, agent in enumerate(agents.values()):
        agent.call(opened % (8090 + number))
    guard = make_guard(lab)
    for profile, agent in agents.items():
        guard.write_app("early-" + profile, app_text(agent.path, profile))
    guard.start()
    for profile, promise in (("offline", "none says a word"), ("local", "only those on the LAN go on")):
        agent = agents[profile]
        with tap.point(f"of the sockets that a program under {profile.title()} had before the guard started {promise}", blocks=True):
            with lab.counting() as packets:
                errors = [agent.errno(code) for code in ("talk(t)", "u.send(b'x')", f"w.sendto(b'x', ({INET4!r}, {ECHO}))")]
                near = agent.errno("talk(n)")
            tap.note(f"errors: {errors}, on the LAN {near!r}; {packets}")
            expect("" not in errors, f"each says an error: {errors}")
            expect_equal(packets.programs("inet"), 0, f"packets to the Internet ({packets})")
            if profile == "offline":
                expect_equal(packets.programs("lan"), 0, f"packets to the LAN ({packets})")
            expect_equal(near == "", profile == "local", f"the LAN connection goes on ({near})")
            port = 8090 + list(agents).index(profile)
            expect(isinstance(reached_by("inet", CLIENT4, port), str), "its listener does not answer the Internet")
            expect_equal(isinstance(reached_by("lan", CLIENT4, port), str), profile == "offline", "the LAN is not answered")
    with tap.point("the sockets that an Online program had before the guard started go on"):
        expect_equal(agents["online"].call("[talk(t), talk(n), u.send(b'x'), u.recv(9).decode()]"), ["hello", "hello", 1, "x"],
                     "answers")
    return guard


HEIR = """
import os, socket, sys
answers = []
for fd, kind in ((int(sys.argv[1]), socket.SOCK_STREAM), (int(sys.argv[2]), socket.SOCK_DGRAM)):
    for text in (b'secret', b'again'):
        try: answers.append(os.write(fd, text))
        except OSError as e: answers.append(os.strerror(e.errno))
print(answers)
"""


def check_inherited(tap, lab, guard, peers):
    giver = Agent(lab, "giver")
    heir = lab.app("heir", PYTHON)
    giver.call(f"import subprocess; t = tcp({INET4!r}, {SINK}); u = udp({INET4!r}, {SINK}); u.connect(({INET4!r}, {SINK}))")
    run = (f"subprocess.run([{heir!r}, '-I', '-c', {HEIR!r}, str(t.fileno()), str(u.fileno())], "
           "pass_fds=[t.fileno(), u.fileno()], capture_output=True, text=True).stdout")
    with tap.point("control: a program that inherits a connected socket can send on it"):
        before = peers["inet"].received_bytes
        output = giver.call(run)
        wait_for(lambda: peers["inet"].received_bytes - before == 11, 5, f"both texts arrive ({output})")
    with tap.point("an Offline program that inherits an Online program's connected sockets sends nothing on them", blocks=True):
        guard.set(heir, "offline")
        before, datagrams = peers["inet"].received_bytes, len(peers["inet"].received)
        with lab.counting("inet") as packets:
            output = giver.call(run)
        tap.note(f"the heir's writes: {output.strip()}; {packets}")
        expect_equal(peers["inet"].received_bytes - before, 0, "bytes that arrived")
        expect_equal(len(peers["inet"].received) - datagrams, 0, "datagrams that arrived")
        expect_equal(packets.programs("inet"), 0, f"packets at the peer ({packets})")
    with tap.point("the Online program itself still opens connections"):
        expect_equal(giver.call(f"talk(tcp({INET4!r}, {ECHO}))"), "hello", "a new connection")
    giver.end()


def main():
    require(["curl"], product=not is_bare())
    tap = Tap()
    lab = Lab()
    peers = {name: Peer(lab, name) for name in ("lan", "inet")}
    guard = check_before_start(tap, lab, {name: Agent(lab, "early-" + name) for name in ("offline", "local", "online")})
    for peer, family, profile in (("lan", 4, "offline"), ("lan", 6, "offline"), ("inet", 4, "offline"), ("inet", 6, "offline"),
                                  ("inet", 4, "local"), ("inet", 6, "local")):
        with tap.point(f"a download from the {peer} peer over IPv{family} stops within 100 ms of `set {profile}`, and curl is told",
                       blocks=True):
            check_download(tap, lab, guard, peer, family, profile)
    agent = Agent(lab, "streamer")
    for peer in ("lan", "inet"):
        for family in (4, 6):
            with tap.point(f"datagrams to the {peer} peer over IPv{family} stop within 100 ms of `set offline`, and the program "
                           "is told", blocks=True):
                check_udp_up(tap, lab, guard, agent, peer, family)
            with tap.point(f"datagrams from the {peer} peer over IPv{family} stop within 100 ms of `set offline`, and the program "
                           "is told", blocks=True):
                check_udp_down(tap, lab, guard, agent, peer, family)
    agent.end()
    check_closed(tap, lab, guard)
    check_listeners(tap, lab, guard)
    check_inherited(tap, lab, guard, peers)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())

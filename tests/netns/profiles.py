#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Real programs in the three profiles, IPv4 and IPv6: what reaches the LAN peer, the Internet peer and loopback, with the
packet counters at the peers as judge. First without the guard, so that silence later means something."""

import sys

from agent import Agent
from guard import is_bare, make_guard
from lab import CLIENT4, CLIENT6, HOSTS, Lab, require
from nginx import Nginx, fetch
from peers import Peer
from programs import PROGRAMS
from tap import Tap, expect, expect_equal

MAY_REACH = {"offline": (), "local": ("loopback", "lan"), "online": ("loopback", "lan", "inet")}
PROMISE = {
    "offline": "Offline reaches nothing over IPv{}, loopback included: not one packet, and it is told at once",
    "local": "Local reaches this machine and the LAN over IPv{}, and sends the Internet not one packet",
    "online": "Online reaches this machine, the LAN and the Internet over IPv{}",
}
# A refusal is an answer, not a wait. ssh needs a while to start; the rest is slow only when it hangs.
AT_ONCE_SECONDS = 1.5


def check_program(lab, program, path, profile, family):
    for where in ("loopback", "lan", "inet"):
        with lab.counting() as packets:
            reached, result = program.reach(lab, path, HOSTS[where][family])
        may = where in MAY_REACH[profile]
        expect_equal(reached, may, f"{program.name} {profile} to {where}: reached ({result})")
        for peer in ("lan", "inet"):
            if may and where == peer:
                expect(packets.programs(peer) > 0, f"the judge saw what reached {peer}: {packets}")
            else:
                expect_equal(packets.everything(peer), 0, f"packets at {peer} while reaching for {where} ({packets})")
        if not may:
            expect(not result.late and result.seconds < AT_ONCE_SECONDS, f"refused at once, not by waiting: {result}")


def check_control(lab, program, path):
    for where in ("loopback", "lan", "inet"):
        for family in (4, 6):
            with lab.counting() as packets:
                reached, result = program.reach(lab, path, HOSTS[where][family])
            expect(reached, f"{program.name} reaches {where} over IPv{family}: {result}")
            if where != "loopback":
                expect(packets.programs(where) > 0, f"the judge saw it: {packets}")


def check_errno(agent, family):
    for where in ("loopback", "lan", "inet"):
        host = HOSTS[where][family]
        expect_equal(agent.errno(f"tcp({host!r}, 7001)"), "EPERM", f"connect() to {host}")
        expect_equal(agent.errno(f"udp({host!r}, 7001)"), "EPERM", f"sendto() to {host}")


def check_nginx(tap, lab, guard, path):
    nginx = Nginx(lab, path)
    addresses = {4: CLIENT4, 6: CLIENT6}
    with tap.point("control: without a profile nginx is reached from the LAN and from the Internet over IPv4 and IPv6"):
        expect(nginx.start(), f"nginx starts: {nginx.error_text()}")
        for family in (4, 6):
            for peer in ("lan", "inet"):
                expect("hello from nginx" in fetch(peer, addresses[family], seconds=4), f"{peer} over IPv{family}")
        nginx.stop()
    with tap.point("nginx under Offline may not listen, and nobody reaches it", blocks=True):
        guard.set(path, "offline")
        expect(not nginx.start(), "nginx ends")
        expect("bind() to 0.0.0.0:8080 failed (1: Operation not permitted)" in nginx.error_text(), nginx.error_text())
        for family in (4, 6):
            for peer in ("lan", "inet"):
                expect("hello" not in fetch(peer, addresses[family]), f"{peer} over IPv{family}")
        nginx.stop()
    with tap.point("nginx under Local serves the LAN, and answers the Internet not one packet", blocks=True):
        guard.set(path, "local")
        expect(nginx.start(), f"nginx starts: {nginx.error_text()}")
        for family in (4, 6):
            expect("hello from nginx" in fetch("lan", addresses[family], seconds=4), f"the LAN over IPv{family}")
            with lab.counting("inet") as packets:
                seen = fetch("inet", addresses[family])
            expect("hello" not in seen, f"the Internet over IPv{family}: {seen}")
            expect_equal(packets.programs("inet"), 0, f"packets to the Internet peer ({packets})")
        nginx.stop()
    with tap.point("nginx under Online serves the LAN and the Internet"):
        guard.set(path, "online")
        expect(nginx.start(), f"nginx starts: {nginx.error_text()}")
        for family in (4, 6):
            for peer in ("lan", "inet"):
                expect("hello from nginx" in fetch(peer, addresses[family], seconds=4), f"{peer} over IPv{family}")
        nginx.stop()


def main():
    require(["curl", "wget", "ssh", "sshd", "nc", "dig", "ping", "nginx"], product=False)
    tap = Tap()
    lab = Lab()
    for name in ("lan", "inet", "client"):
        Peer(lab, name).start_sshd()
    paths = {name: lab.app(name, program.source) for name, program in PROGRAMS.items()}
    paths["nginx"] = lab.app("nginx", "nginx")

    for name, program in PROGRAMS.items():
        with tap.point(f"control: without the guard {name} reaches loopback, the LAN and the Internet over IPv4 and IPv6"):
            check_control(lab, program, paths[name])
    if "--control" in sys.argv:
        return tap.finish()
    require(product=not is_bare())
    guard = make_guard(lab)
    guard.start()
    for name, program in PROGRAMS.items():
        for profile, promise in PROMISE.items():
            for family in (4, 6):
                with tap.point(f"{name} under {promise.format(family)}", blocks=profile != "online"):
                    guard.set(paths[name], profile)
                    check_program(lab, program, paths[name], profile, family)
    agent = Agent(lab, "agent")
    for family in (4, 6):
        with tap.point(f"a refused connect() and sendto() over IPv{family} say EPERM", blocks=True):
            guard.set(agent.path, "offline")
            check_errno(agent, family)
    with tap.point("a program that nobody decided on has the default, Online"):
        stranger = Agent(lab, "stranger")
        for host in (HOSTS["lan"][4], HOSTS["inet"][6]):
            expect_equal(stranger.call(f"talk(tcp({host!r}, 7001))"), "hello", host)
    check_nginx(tap, lab, guard, paths["nginx"])
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())

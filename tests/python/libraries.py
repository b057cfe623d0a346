#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Libraries under python_blackbox, against servers of the test's own on this machine's loopback: refused they fail with our error,
once and at once; whitelisted they work; inside allow_temporary() the tasks that may do, and the others do not.
"""

import asyncio
import contextlib
import http.server
import json
import os
import socket
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "netns"))

# pylint: disable=wrong-import-position
import pythons  # noqa: E402
from tap import Skip, Tap, expect, expect_equal  # noqa: E402

PYTHON = "/usr/bin/python3"
# The first line of each, and what it says to any other.
GREETERS = {"smtplib": (b"220 here", b"250 here"), "ftplib": (b"220 here", b"221 here"), "poplib": (b"+OK here", b"+OK here"),
            "imaplib": (b"* OK [CAPABILITY IMAP4REV1] here", None)}


class Greeter(threading.Thread):
    """Greets, and answers each line: as much of these protocols as a client needs to be content."""

    def __init__(self, greeting, answer):
        super().__init__(daemon=True)
        self.greeting, self.answer, self.accepted = greeting, answer, 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.start()

    def run(self):
        while True:
            peer, _ = self.socket.accept()
            self.accepted += 1
            threading.Thread(target=self.talk, args=[peer], daemon=True).start()

    def talk(self, peer):
        with contextlib.suppress(OSError), peer, peer.makefile("rb") as lines:
            peer.sendall(self.greeting + b"\r\n")
            for line in lines:
                # IMAP: the answer begins with the question's tag; CAPABILITY is what its client asks first
                peer.sendall((self.answer or b"* CAPABILITY IMAP4REV1\r\n" + line.split()[0] + b" OK here") + b"\r\n")


class Web(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Page)
        self.port, self.accepted, self.paths = self.server_address[1], 0, []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def process_request(self, request, client_address):
        self.accepted += 1
        super().process_request(request, client_address)


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.paths.append(self.path)
        self.send_response(503 if self.path == "/busy" else 200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"here")

    def log_message(self, *_):
        pass


class WebSockets(threading.Thread):
    def __init__(self):
        super().__init__(daemon=True)
        self.accepted, self.port = 0, 9
        self.is_ready = threading.Event()
        self.start()
        self.is_ready.wait(20)

    def run(self):
        try:
            import websockets
        except ImportError:
            self.is_ready.set()
        else:
            asyncio.run(self.serve(websockets))

    async def serve(self, websockets):
        async def echo(peer, *_):
            self.accepted += 1
            async for text in peer:
                await peer.send(text)
        async with websockets.serve(echo, "127.0.0.1", 0) as server:
            self.port = server.sockets[0].getsockname()[1]
            self.is_ready.set()
            await asyncio.Future()


class World:
    def __init__(self):
        self.servers = {"http": Web(), "websockets": WebSockets(), **{name: Greeter(*words) for name, words in GREETERS.items()}}
        self.free = socket.create_server(("127.0.0.1", 0))
        self.ports = {name: server.port for name, server in self.servers.items()}
        self.ports["nobody"] = self.free.getsockname()[1]
        self.free.close()

    def accepted(self):
        return sum(server.accepted for server in self.servers.values())

    def run(self, what, rule, host="127.0.0.1", python=PYTHON):
        env = pythons.environment(pythons.package(python), NO_PROXY="*", no_proxy="*")
        done = subprocess.run([python, os.path.join(HERE, "libraryclient.py"), what, rule, host, json.dumps(self.ports)], env=env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120,
                              check=False)
        if done.returncode != 0:
            raise AssertionError(f"{what}, {rule}: it ended with {done.returncode}: {done.stderr[-2000:]}")
        return json.loads(done.stdout.splitlines()[-1])


def check_refused(said):
    if "missing" in said:
        raise Skip(said["missing"])
    expect(not said["ok"], f"it went through: {said}")
    expect("NetworkBlockedError" in said["chain"], f"what was raised: {said['chain']}")
    expect(any("Network Guard" in text and "add_whitelist" in text for text in said["texts"]), f"what it says: {said['texts']}")
    expect(said["seconds"] < 2, f"it took {said['seconds']:.1f} s")
    times = sum(count for _, count in said["attempts"])
    expect(1 <= times <= 2, f"attempts: {said['attempts']}")


def check_works(said):
    if "missing" in said:
        raise Skip(said["missing"])
    expect(said["ok"] and "here" in said["answer"], f"what came: {said}")


def check_tasks(world):
    for fetch, may, result in world.run("tasks", "blocked"):
        if may:
            expect_equal(result, "here", f"{fetch} inside")
        else:
            expect("NetworkBlockedError" in result, f"{fetch} outside: {result}")


def check_executors(said):
    expect_equal(said["before"], ["nothing", "NetworkBlockedError"], "outside the block nothing is carried")
    expect_equal(said["inside"], ["the task's", "reached"], "inside, in the loop's own threads")
    expect_equal(said["inside, own pool"], ["the task's", "reached"], "inside, in threads of the program's")
    expect_equal(said["to_thread"], ["the task's", "reached"], "inside, asyncio.to_thread()")
    for name in ("after", "after, own pool"):
        expect_equal(said[name], ["nothing", "NetworkBlockedError"], f"{name}: the same threads")


def check_storm(world):
    for name, said in world.run("storm", "blocked").items():
        try:
            check_refused(said)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from None


def check_unchanged(world):
    found = {}
    for rule in ("free", "whitelisted"):
        del world.servers["http"].paths[:]
        said = world.run("unchanged", rule)
        found[rule] = (world.servers["http"].paths.count("/busy"), said["busy"]["chain"], said["nobody"]["chain"])
    expect_equal(found["free"][0], 4, "without the module, questions to a busy server")
    expect_equal(found["whitelisted"], found["free"], "with it")


def main():
    tap = Tap()
    world = World()
    free = world.run("all", "free")
    for name, said in free.items():
        with tap.point(f"control: without the module {name} reaches its server"):
            check_works(said)
    for host in ("127.0.0.1", "localhost"):
        before = world.accepted()
        for name, said in world.run("all", "blocked", host).items():
            with tap.point(f"blocked, {name} to {host} fails with our error, once and at once"):
                check_refused(said)
        with tap.point(f"none of them reached a server by {host}"):
            expect_equal(world.accepted() - before, 0, "connections")
        for name, said in world.run("all", "whitelisted", host).items():
            with tap.point(f"whitelisted, {name} to {host} works"):
                check_works(said)
    with tap.point("urllib3 and requests that shall try eight times again do not, for a refusal"):
        check_storm(world)
    with tap.point("urllib3 tries again as ever where no refusal is in it"):
        check_unchanged(world)
    with tap.point("tasks of httpx and aiohttp inside allow_temporary() work, those beside them are refused"):
        check_tasks(world)
    for version, python in pythons.interpreters():
        with tap.point(f"{version} ({os.path.basename(python)}): threads of run_in_executor() have what their task has, as long as the block lasts"):
            check_executors(world.run("executors", "blocked", python=python))
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())

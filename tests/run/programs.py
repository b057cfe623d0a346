#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Real programs: for what is allowed they do inside what they do outside, exit status and output; under Offline nothing arrives
at the peers, they say so, and it is on record. npm installs from a registry of which only the name is allowed."""

import hashlib
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile

from runlab import (DNS, ECHO, INET4, INET6, LAN4, LAN6, PEOPLE, ROOT, USER, RunLab, expect, inside, require_run, run_quiet, wait_for)
from lab import CLIENT4  # pylint: disable=wrong-import-order
from tap import Skip, Tap, expect_equal

PYTHON, WEB = "/usr/bin/python3", 7080
ALLOWED = ((["--local"], LAN4), (["--offline", "--allow", LAN4, "--allow", LAN6], LAN4), (["--local"], LAN6), (["--online"], INET4))
SHORT = ALLOWED[:2]

ASYNCIO = """
import asyncio, sys
host, port = sys.argv[1], int(sys.argv[2])
async def one(n):
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b'n%d' % n); await writer.drain()
    data = await reader.readexactly(len(b'n%d' % n)); writer.close(); await writer.wait_closed()
    return data.decode()
class Echo(asyncio.DatagramProtocol):
    def __init__(self, done): self.done = done
    def datagram_received(self, data, who): self.done.set_result(data.decode())
async def main():
    print(await asyncio.gather(*(one(n) for n in range(50))))
    loop = asyncio.get_running_loop(); done = loop.create_future()
    transport, _ = await loop.create_datagram_endpoint(lambda: Echo(done), remote_addr=(host, port))
    transport.sendto(b'datagram'); print(await asyncio.wait_for(done, 3)); transport.close()
asyncio.run(main())
"""
THREADS = """
import socket, sys, threading
host, port = sys.argv[1], int(sys.argv[2]); results = [None] * 40
def one(n):
    with socket.create_connection((host, port), timeout=5) as s:
        for round in range(5):
            s.sendall(b'n%d' % n); data = s.recv(100)
        results[n] = data.decode()
threads = [threading.Thread(target=one, args=(n,)) for n in range(40)]
[t.start() for t in threads]; [t.join() for t in threads]; print(results)
"""
PROCESSES = """
import multiprocessing, socket, sys
def one(n):
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5) as s:
        s.sendall(b'n%d' % n); return s.recv(100).decode()
if __name__ == '__main__':
    for method in ('fork', 'spawn', 'forkserver'):
        with multiprocessing.get_context(method).Pool(4) as pool: print(pool.map(one, range(20)))
    with multiprocessing.Manager() as manager:
        shared = manager.list(); process = multiprocessing.Process(target=shared.append, args=('managed',)); process.start(); process.join()
        print(list(shared))
"""
SERVER = """
import socket, sys, threading
s = socket.create_server(('127.0.0.1', 0)); port = s.getsockname()[1]
def serve():
    c, _ = s.accept(); c.sendall(c.recv(100).upper()); c.close()
threading.Thread(target=serve, daemon=True).start()
c = socket.create_connection(('127.0.0.1', port), timeout=5); c.sendall(b'own server'); print(c.recv(100))
a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); a.bind(('127.0.0.1', 0)); a.settimeout(3)
b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); b.sendto(b'own datagram', a.getsockname()); print(a.recv(100))
"""
NODE = """
const http = require('http'), net = require('net'), host = process.argv[2];
http.get({host, port: 7000, path: '/hello', agent: false}, r => { let t = ''; r.on('data', d => t += d); r.on('end', () => {
  console.log(r.statusCode, t.trim());
  const s = net.connect(7001, host, () => s.write('echo')); s.on('data', d => { console.log(String(d)); s.end(); }); }); })
  .on('error', e => { console.log(e.code); process.exit(3); });
"""
JAVA = """
import java.io.*; import java.net.*; import java.net.http.*;
public class Reach { public static void main(String[] a) throws Exception {
  String host = a[0].contains(":") ? "[" + a[0] + "]" : a[0];
  var r = HttpClient.newHttpClient().send(HttpRequest.newBuilder(URI.create("http://" + host + ":7000/hello")).build(), HttpResponse.BodyHandlers.ofString());
  System.out.println(r.statusCode() + " " + r.body().trim());
  try (Socket s = new Socket(a[0], 7001)) { s.getOutputStream().write("echo".getBytes()); byte[] b = new byte[4]; s.getInputStream().readNBytes(b, 0, 4); System.out.println(new String(b)); }
} }
"""


def bracket(host):
    return f"[{host}]" if ":" in host else host


class Programs:
    """name -> argv for a host; what must be installed; a user's own files are made by prepare()."""

    def __init__(self, lab):
        self.lab = lab
        self.www = f"{lab.dir}/www"
        os.mkdir(self.www, 0o755)
        self.scripts = f"{lab.dir}/scripts"
        os.mkdir(self.scripts, 0o755)
        for name, text in (("asyncio.py", ASYNCIO), ("threads.py", THREADS), ("processes.py", PROCESSES), ("server.py", SERVER),
                           ("reach.js", NODE), ("Reach.java", JAVA)):
            with open(f"{self.scripts}/{name}", "w", encoding="ascii") as file:
                file.write(text)
        os.rename(f"{self.scripts}/asyncio.py", f"{self.scripts}/async-io.py")  # or it would be imported as the module
        self._make_repository()
        self._make_archive()
        self._make_registry()
        for name in ("lan", "inet"):
            lab.spawn([PYTHON, "-m", "http.server", str(WEB), "--bind", "::", "-d", self.www], namespace=name, cgroup=None,
                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

            def listens(name=name):
                with inside(name), socket.socket() as probe:
                    return probe.connect_ex(("127.0.0.1", WEB)) == 0
            wait_for(listens, 10, "the web server listens")
        self.keys = {}
        lab.peers["lan"].start_sshd()
        lab.peers["inet"].start_sshd()
        for uid, _person in PEOPLE:
            self.keys[uid] = f"{lab.home[uid]}/key"
            shutil.copyfile(f"{lab.dir}/ssh/user", self.keys[uid])
            os.chmod(self.keys[uid], 0o600)
            os.chown(self.keys[uid], uid, uid)
        if shutil.which("javac"):
            run_quiet(["javac", "-d", self.scripts, f"{self.scripts}/Reach.java"])
        for folder, _folders, files in os.walk(self.scripts):
            for file in files:
                os.chmod(os.path.join(folder, file), 0o644)

    def _make_repository(self):
        work, env = f"{self.lab.dir}/tree", {"HOME": self.lab.dir, "PATH": os.environ["PATH"]}
        who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        run_quiet(["git", "init", "-q", "-b", "main", work], env=env)
        for number in range(30):
            with open(f"{work}/file{number}", "w", encoding="ascii") as file:
                file.write(f"{number}\n" * 50)
        run_quiet(["git", "-C", work, "add", "."], env=env)
        run_quiet(["git", "-C", work, *who, "commit", "-q", "-m", "one"], env=env)
        run_quiet(["git", "clone", "-q", "--bare", work, f"{self.www}/repo.git"], env=env)
        run_quiet(["git", "-C", f"{self.www}/repo.git", "update-server-info"], env=env)

    def _make_archive(self):
        folder = f"{self.www}/apt"
        os.mkdir(folder, 0o755)
        with open(f"{folder}/Packages", "w", encoding="ascii") as file:
            file.write("Package: ng-stand-in\nVersion: 1.0\nArchitecture: all\nMaintainer: T <t@example.org>\nFilename: ./x.deb\nSize: 1\n"
                       "SHA256: 0000000000000000000000000000000000000000000000000000000000000000\nDescription: stand-in\n")

    def _make_registry(self):
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w:gz") as archive:
            for name, text in (("package/package.json", '{"name":"ng-tiny","version":"1.0.0","main":"i.js"}'), ("package/i.js", "module.exports = 42;\n")):
                info = tarfile.TarInfo(name)
                info.size = len(text)
                archive.addfile(info, io.BytesIO(text.encode()))
        with open(f"{self.www}/ng-tiny-1.0.0.tgz", "wb") as file:
            file.write(data.getvalue())
        with open(f"{self.www}/ng-tiny", "w", encoding="ascii") as file:
            json.dump({"name": "ng-tiny", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": {
                "name": "ng-tiny", "version": "1.0.0", "dist": {
                    "tarball": f"http://npm.example.org:{WEB}/ng-tiny-1.0.0.tgz", "shasum": hashlib.sha1(data.getvalue()).hexdigest()}}}}, file)

    # -- the programs ----------------------------------------------------------------------------------------------------

    def fresh(self, uid, name):
        folder = f"{self.lab.work[uid]}/{name}"
        shutil.rmtree(folder, ignore_errors=True)
        return folder

    def all(self, uid, host):
        """(name, argv, text that tells that it worked)"""
        url = f"http://{bracket(host)}"
        ssh = ["ssh", "-F", "none", "-i", self.keys[uid], "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o",
               "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=4", "-p", "2222"]
        clone = ["git", "-c", "safe.directory=*", "clone", "-q"]
        show = 'cd "$1" && git log --oneline && git fsck && cat file7 | head -3'
        plain = self.fresh(uid, "clone")
        by_ssh = self.fresh(uid, "clone-ssh")
        state = self.fresh(uid, "apt")
        os.makedirs(f"{state}/lists/partial")
        os.makedirs(f"{state}/cache/archives/partial")
        with open(f"{state}/sources.list", "w", encoding="ascii") as file:
            file.write(f"deb [trusted=yes] {url}:{WEB}/apt ./\n")
        run_quiet(["chown", "-R", f"{uid}:{uid}", state])
        if uid == ROOT:
            run_quiet(["chown", "-R", "_apt", f"{state}/lists/partial", f"{state}/cache/archives/partial"])
            run_quiet(["chmod", "0755", self.lab.work[uid]])
        apt = ["apt-get", "-o", f"Dir::State={state}", "-o", f"Dir::State::Lists={state}/lists", "-o", f"Dir::Cache={state}/cache", "-o",
               f"Dir::Etc::sourcelist={state}/sources.list", "-o", "Dir::Etc::sourceparts=-", "-o", "Acquire::Retries=0", "-o",
               "Acquire::http::Timeout=4", "-o", "Debug::NoLocking=1", "-o", "Acquire::Languages=none", "-o", "APT::Update::Error-Mode=any"]
        return (
            ("curl", ["curl", "-sS", "--noproxy", "*", "--max-time", "5", f"{url}:7000/hello"], "hello"),
            ("wget", ["wget", "-q", "-O", "-", "--tries=1", "--timeout=5", "--no-proxy", f"{url}:7000/hello"], "hello"),
            ("git over HTTP", ["sh", "-c", '"$@" && ' + show.replace('"$1"', plain), "sh", *clone, f"{url}:{WEB}/repo.git", plain], "one"),
            ("git over ssh", ["sh", "-c", 'GIT_SSH_COMMAND="$1"; export GIT_SSH_COMMAND; shift; "$@" && ' + show.replace('"$1"', by_ssh), "sh", " ".join(ssh), *clone,
                              f"ssh://root@{bracket(host)}:2222{self.www}/repo.git", by_ssh], "one"),
            ("ssh", [*ssh, f"root@{host}", "echo hello; exit 6"], "hello"),
            ("python3 asyncio", [PYTHON, f"{self.scripts}/async-io.py", host, str(ECHO)], "datagram"),
            ("python3 threads", [PYTHON, f"{self.scripts}/threads.py", host, str(ECHO)], "n39"),
            ("python3 multiprocessing", [PYTHON, f"{self.scripts}/processes.py", host, str(ECHO)], "managed"),
            ("node", ["node", f"{self.scripts}/reach.js", host], "echo"),
            ("java", ["java", "-XX:TieredStopAtLevel=1", "-cp", self.scripts, "Reach", host], "echo"),
            ("dig", ["dig", "+tries=1", "+time=3", "+short", f"@{host}", "-p", str(DNS), "four.example.org", "A"], INET4),
            ("ping", ["ping", "-n", "-c", "1", "-W", "3", host], "1 received"),
            ("apt-get update", ["sh", "-c", 'apt-get "$@" -q update && apt-cache "$@" policy ng-stand-in | head -3', "sh", *apt[1:]], "ng-stand-in"),
            ("busybox wget", ["busybox", "wget", "-q", "-O", "-", f"{url}:7000/hello"], "hello"),
            ("busybox nc", ["sh", "-c", f"echo hello | busybox nc -w 3 {host} {ECHO}"], "hello"),
            ("nc, datagrams", ["sh", "-c", f"echo hello | nc -u -w 1 {host} {ECHO}"], "hello"),
            ("bash /dev/tcp", ["bash", "-c", f"exec 3<>/dev/tcp/{host}/{ECHO}; echo hello >&3; head -1 <&3"], "hello"),
        )


def plain(text):
    """Without what differs from run to run."""
    text = re.sub(r"\d+\.\d+ ?ms|time[= ]\d+(\.\d+)?|\d+ [kM]?B/s|in \d+s|Fetched.*|ttl=\d+", "~", text)
    text = re.sub(r"rtt min/avg/max/mdev.*", "~", text)
    return re.sub(r"^(Get|Ign|Err|Hit):\d+", r"\1", text, flags=re.M)


def check_allowed(tap, programs):
    lab = programs.lab
    controls = {}
    for rung in ("A", "B"):
        for uid, person in PEOPLE:
            for flags, host in ALLOWED if uid == USER else SHORT:
                for name, argv, sign in programs.all(uid, host):
                    if not shutil.which(argv[0]) or (name == "java" and not shutil.which("javac")):
                        continue
                    with tap.point(f"{name}, {' '.join(flags)}, to {host}, rung {rung}, {person}: as without the launcher"):
                        if name == "dig":  # names are the resolver's: the same question must be allowed
                            if flags == ["--local"]:
                                flags = ["--local", "--allow", "four.example.org"]
                            elif flags[0] == "--offline":
                                flags = [*flags, "--allow", "four.example.org"]
                        if (uid, name, host) not in controls:
                            controls[uid, name, host] = lab.confine(None, argv, uid, seconds=40, log=False)
                        outside = controls[uid, name, host]
                        expect(sign in outside.out, f"the control works: {outside}")
                        programs.all(uid, host)  # fresh folders
                        run = lab.confine(flags, argv, uid, rung, seconds=60)
                        expect_equal((run.code, plain(run.out)), (outside.code, plain(outside.out)), f"exit status and output ({run})")
                        if run.seconds > outside.seconds + 2:
                            tap.note(f"{run.seconds:.1f} s instead of {outside.seconds:.1f} s")


def check_refused(tap, programs):
    lab = programs.lab
    for rung in ("A", "B", "C"):
        for flags, host in ((["--offline"], LAN4), (["--offline", "--allow", LAN4], INET4), (["--local"], INET6)):
            if rung == "C" and flags != ["--offline"]:
                continue
            for uid, person in PEOPLE if flags == ["--offline"] else PEOPLE[:1]:
                for name, argv, sign in programs.all(uid, host):
                    if not shutil.which(argv[0]) or (name == "java" and not shutil.which("javac")):
                        continue
                    with tap.point(f"{name}, {' '.join(flags)}, to {host}, rung {rung}, {person}: refused, nothing arrives, on record"):
                        with lab.counting() as packets:
                            run = lab.confine(flags, argv, uid, rung, seconds=40)
                        peer = "lan" if host == LAN4 else "inet"
                        expect_equal(packets.everything(peer), 0, f"packets at the peer ({run})")
                        expect(not run.late, f"it ends by itself: {run}")
                        if name not in ("dig",):
                            expect(sign not in run.out or name == "git over ssh", repr(run))
                        if rung != "C":
                            expect(run.attempts(verdict="denied"), f"it is on record: {run.records} {run}")


def check_own_server(tap, programs):
    lab = programs.lab
    for rung in ("A", "B"):
        for flags in (["--offline"], ["--offline", "--allow", LAN4], ["--local"], ["--online"]):
            if rung == "B" and flags[0] == "--offline":
                continue  # no network of its own there
            with tap.point(f"python3 talks to its own server on its own loopback, {' '.join(flags)}, rung {rung}"):
                run = lab.confine(flags, [PYTHON, f"{programs.scripts}/server.py"], USER, rung)
                expect_equal((run.code, run.out), (0, "b'OWN SERVER'\nb'own datagram'\n"), repr(run))


def check_npm(tap, programs):
    lab = programs.lab
    if not shutil.which("npm"):
        return
    for rung in ("A", "B"):
        for profile in ("--offline", "--local"):
            folder = programs.fresh(USER, "npm")
            os.mkdir(folder)
            with open(f"{folder}/package.json", "w", encoding="ascii") as file:
                file.write('{"name":"t","version":"1.0.0"}')
            run_quiet(["chown", "-R", f"{USER}:{USER}", folder])
            argv = ["npm", "install", "--prefix", folder, "--registry", f"http://npm.example.org:{WEB}/", "--no-audit", "--no-fund",
                    "--no-update-notifier", "--cache", f"{folder}/cache", "--fetch-retries=0", "ng-tiny"]
            allow = ["--allow", f"npm.example.org:{WEB}/tcp"]
            with tap.point(f"npm install with {profile} and that one name, rung {rung}"):
                for peer in lab.peers.values():
                    peer.received.clear()
                run = lab.confine([profile, *allow], argv, USER, rung, seconds=90)
                expect_equal(run.code, 0, repr(run))
                expect(os.path.exists(f"{folder}/node_modules/ng-tiny/i.js"), "the package is there")
                asked = [data for peer in lab.peers.values() for port, data in peer.received if port == DNS]
                expect(asked and all(b"\x03npm\x07example\x03org" in data.lower() for data in asked), f"names asked for: {asked}")
                allowed = {(record["address"], record["port"]) for record in run.attempts(verdict="allowed") if record.get("address")}
                tap.note(f"{run.seconds:.1f} s; on record as allowed: {sorted(allowed)}")
            with tap.point(f"{profile} and that one name: nothing else of the same host, rung {rung}"):
                with lab.counting("inet") as packets:
                    for words in (["curl", "-sS", "--max-time", "4", "http://other.example.org:7080/"],
                                  ["curl", "-sS", "--max-time", "4", f"http://{INET4}:7000/hello"]):
                        run = lab.confine([profile, *allow], words, USER, rung)
                        expect(run.code != 0 and run.attempts(verdict="denied"), f"{run} {run.records}")
                expect_equal(packets.everything("inet"), 0, "packets")
                tried = ["sh", "-c", f"curl -sS --max-time 4 http://npm.example.org:{WEB}/ng-tiny >/dev/null && ! curl -sS --max-time 4 http://npm.example.org:7000/hello"]
                run = lab.confine([profile, *allow], tried, USER, rung)
                expect_equal(run.code, 0, f"the name's other ports are refused: {run}")
            with tap.point(f"npm install without the name, {profile}, rung {rung}: refused and on record"):
                shutil.rmtree(f"{folder}/cache", ignore_errors=True)
                with lab.counting() as packets:
                    run = lab.confine([profile], argv, USER, rung, seconds=90)
                expect(run.code not in (0, None), repr(run))
                expect_equal(packets.everything("inet"), 0, "packets")
                expect(run.attempts(verdict="denied"), str(run.records))


NGINX = """daemon off; worker_processes 2; pid {dir}/pid; error_log stderr; {user}
events {{ worker_connections 64; }}
http {{ access_log off; client_body_temp_path {dir}; proxy_temp_path {dir}; fastcgi_temp_path {dir}; uwsgi_temp_path {dir}; scgi_temp_path {dir};
 server {{ listen 0.0.0.0:{port}; listen [::]:{port}; location / {{ return 200 "hello from nginx\\n"; }} }} }}
"""


def fetch(namespace, host, port):
    with inside(namespace):
        connection = socket.socket(socket.AF_INET)
    with connection:
        connection.settimeout(0.7)
        try:
            connection.connect((host, port))
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = b""
            while data := connection.recv(65536):
                answer += data
            return "hello from nginx" in answer.decode()
        except OSError:
            return False


def check_nginx(tap, programs):
    """Being reached instead of reaching (row 26)."""
    lab = programs.lab
    port = 8080
    cases = ((None, ("client", "lan", "inet")), (["--online"], ("client", "lan", "inet")), (["--local"], ("client", "lan")),
             (["--offline"], ()), (["--offline", "--allow", LAN4], ()), (["--offline", "--publish", str(port)], ("client",)),
             (["--offline", "--publish", f"0.0.0.0:{port}"], ("client", "lan", "inet")))
    for rung in ("A", "B"):
        for uid, person in PEOPLE:
            for flags, reached in cases:
                port += 1
                flags = [re.sub(r"\b8080\b", str(port), word) for word in flags] if flags else flags
                folder = f"{programs.fresh(uid, 'nginx')}"
                os.mkdir(folder)
                with open(f"{folder}/nginx.conf", "w", encoding="ascii") as file:
                    file.write(NGINX.format(dir=folder, port=port, user="user root;" if uid == ROOT else ""))
                run_quiet(["chown", "-R", f"{uid}:{uid}", folder])
                who = "without the launcher" if flags is None else f"{' '.join(flags)}, rung {rung}"
                with tap.point(f"nginx, {who}, {person}: reached from {', '.join(reached) if reached else 'nowhere it may not'}",
                               blocks=flags is not None and reached != ("client", "lan", "inet")):
                    log = lab.new_log()
                    child = lab.spawn(lab.confined(flags, ["nginx", "-e", "stderr", "-p", folder, "-c", f"{folder}/nginx.conf"], uid, rung, log),
                                      env=lab.environment(uid), stderr=open(f"{folder}/errors", "wb"))
                    try:
                        def up(child=child, folder=folder):
                            with open(f"{folder}/errors", "rb") as errors:
                                return child.poll() is not None or os.path.exists(f"{folder}/pid") or b"emerg" in errors.read()
                        wait_for(up, 10, "nginx starts or ends")
                        with lab.counting() as packets:
                            if reached:
                                wait_for(lambda: fetch(reached[0], "127.0.0.1" if reached[0] == "client" else CLIENT4, port), 5, "nginx answers")
                            found = tuple(name for name in ("client", "lan", "inet") if fetch(name, "127.0.0.1" if name == "client" else CLIENT4, port))
                        with open(f"{folder}/errors", encoding="utf-8", errors="replace") as errors:
                            said = errors.read()[-300:]
                        expect_equal(found, reached, f"reached from ({said})")
                        for name in {"lan", "inet"} - set(found):
                            expect_equal(packets.programs(name), 0, f"packets back to {name} ({packets})")
                    finally:
                        child.terminate()
                        try:
                            child.wait(5)
                        except subprocess.TimeoutExpired:
                            child.kill()
                            child.wait()


def main():
    require_run(["curl", "wget", "git", "ssh", "dig", "ping", "busybox", "nginx", "apt-get"])
    tap = Tap()
    programs = Programs(RunLab())
    parts = {name[6:]: function for name, function in globals().items() if name.startswith("check_")}
    for name, check in parts.items():
        if not sys.argv[1:] or name in sys.argv[1:]:
            check(tap, programs)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hard times: races of 100,000, and a supervisor that is stopped, killed, without descriptors or memory, whose disk is full, that is
told absurd lengths, or is flooded by one child while another asks. Nothing gets out; others are answered."""

import os
import signal
import subprocess
import sys
import time

from runlab import (ECHO, INET4, INET6, LAN4, LAN6, ROOT, USER, RunLab, alive, as_user, descendants, expect,
                    read_records, require_run, run_quiet, wait_for)
from lab import mount  # pylint: disable=wrong-import-order
from agent import Agent  # pylint: disable=wrong-import-order
from tap import Tap, expect_equal

LOCAL, ALLOW = ["--local"], ["--offline", "--allow", LAN4, "--allow", LAN6]
BOTH = (("A", LOCAL), ("A", ALLOW), ("B", LOCAL), ("B", ALLOW))
SEND = f"udp({INET4!r}, 7001)"
TALK = f"talk(tcp({LAN4!r}, 7001))"


class Inside(Agent):
    """A Python inside the launcher that does what it is told; its child is the launcher itself."""

    def __init__(self, lab, flags, rung, uid=USER, log=None, before=()):
        words = lab.confined(flags, [], uid, rung, log)
        super().__init__(lab, "python3", argv=[*before, *words], env=lab.environment(uid), stderr=subprocess.DEVNULL)

    def answer_in(self, seconds):
        """True if an answer is there by then; it is left to be read."""
        import select  # pylint: disable=import-outside-toplevel
        return bool(select.select([self.child.stdout], [], [], seconds)[0])


def limit(pid, name, number):
    """Sets the soft limit of a process of the user, as that user: root's power to do so may be missing in a container."""
    run_quiet([*as_user(USER), "prlimit", f"--pid={pid}", f"--{name}={number}:"])


def say(rung, flags):
    return f"{' '.join(flags)}, rung {rung}"


def check_races(tap, lab):
    for rung, flags in BOTH:
        for near, far in ((LAN4, INET4), (LAN6, INET6)):
            if flags == ALLOW and near == LAN6:
                continue
            for vector in lab.vectors("flip"):
                with tap.point(f"100,000 times {vector} from {near} to {far}, {say(rung, flags)}: nothing arrives at the second", blocks=True):
                    times = 20_000 if vector in ("flip-descriptor", "flip-connect-udp") and near == LAN6 else 100_000
                    with lab.counting() as packets:
                        run = lab.confine(flags, lab.probe_words(USER, near=near, far=far, times=times) + [vector], USER, rung, seconds=150)
                    said = run.lines().get(vector, (0, repr(run)))[1]
                    tap.note(f"{said}; {run.seconds:.1f} s; {packets}")
                    expect_equal(packets.everything("inet"), 0, "packets at the forbidden peer")
                    expect(said.startswith("passed"), said)
                    expect(packets.programs("lan") > 0 or vector == "flip-descriptor", f"the allowed half arrives: {packets}")


def check_stopped(tap, lab):
    for rung, flags in BOTH:
        with tap.point(f"the supervisor stopped, {say(rung, flags)}: nothing gets out; going on, it answers"):
            agent = Inside(lab, flags, rung)
            expect_equal(agent.call(TALK), "hello", "before")
            agent.call(f"held = tcp({LAN4!r}, 7001)")
            os.kill(agent.pid, signal.SIGSTOP)
            expect_equal(agent.call("talk(held)"), "hello", "a connection that is open goes on")
            with lab.counting("inet") as packets:
                agent.ask(SEND)
                expect(not agent.answer_in(1), "the call waits")
            expect_equal(packets.everything("inet"), 0, "packets")
            os.kill(agent.pid, signal.SIGCONT)
            expect(agent.answer_in(3), "it is answered")
            expect(b"ENETUNREACH" in agent.child.stdout.readline(), "refused")
            expect_equal(agent.call(TALK), "hello", "after")
            agent.end()
        with tap.point(f"the supervisor killed, {say(rung, flags)}: nothing gets out and nothing is left"):
            agent = Inside(lab, flags, rung)
            agent.call("import threading\ndef flood():\n while True:\n  try: " + SEND + "\n  except OSError: pass\n"
                       "for n in range(4): threading.Thread(target=flood, daemon=True).start()")
            inside = descendants(agent.pid)
            expect(len(inside) >= 2, f"init and the command: {inside}")
            with lab.counting("inet") as packets:
                os.kill(agent.pid, signal.SIGKILL)
                wait_for(lambda inside=inside: not any(alive(pid) for pid in inside), 5, "everything inside is gone")
            expect_equal(packets.everything("inet"), 0, "packets")
            agent.end()


def check_descriptors(tap, lab):
    for rung, flags in BOTH:
        with tap.point(f"the supervisor out of descriptors, {say(rung, flags)}: nothing gets out, others are refused; with some again it answers"):
            agent = Inside(lab, flags, rung)
            expect_equal(agent.call(TALK), "hello", "before")
            used = len(os.listdir(f"/proc/{agent.pid}/fd"))
            for room in (0, 1, 2):
                limit(agent.pid, "nofile", used + room)
                with lab.counting("inet") as packets:
                    errors = [agent.errno(code) for code in (SEND, f"tcp({INET4!r}, 7001)", TALK)]
                expect_equal(packets.everything("inet"), 0, f"packets ({errors})")
                tap.note(f"{room} free: {errors}")
                expect(all(errors[:2]), f"refused: {errors}")
            limit(agent.pid, "nofile", 1024)
            expect_equal(agent.call(TALK), "hello", "after")
            agent.end()
        for most in (6, 8, 10, 12, 16, 24):
            with tap.point(f"started with ulimit -n {most}, {say(rung, flags)}: nothing gets out"):
                words = lab.confined(flags, [*lab.probe_words(USER, far=INET4), "@alone"], ROOT, rung)
                with lab.counting("inet") as packets:
                    run = lab.confine(None, ["sh", "-c", f'ulimit -n {most}; exec "$@"', "sh", *words], USER, seconds=40)
                expect_equal(packets.everything("inet"), 0, f"packets ({run})")
                expect(not run.late, repr(run))
                expect(run.lines() or (run.code and run.err), f"it works, or says why not: {run}")


def check_memory(tap, lab):
    for rung, flags in BOTH:
        with tap.point(f"the supervisor out of memory, {say(rung, flags)}: nothing gets out; with memory again it answers"):
            agent = Inside(lab, flags, rung)
            expect_equal(agent.call(TALK), "hello", "before")
            with open(f"/proc/{agent.pid}/statm", encoding="ascii") as file:
                used = int(file.read().split()[0]) * 4096
            limit(agent.pid, "as", used)
            with lab.counting("inet") as packets:
                errors = [agent.errno(code) for code in (SEND, f"udp({INET4!r}, 7001, bytes(60000))", f"tcp({INET4!r}, 7001)")]
                agent.errno("s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); [s.sendmsg([bytes(1000)] * 60, [], 0, "
                            f"({INET4!r}, p)) for p in range(1, 400)]")
            expect_equal(packets.everything("inet"), 0, f"packets ({errors})")
            expect(all(errors), f"refused: {errors}")
            if alive(agent.pid):
                limit(agent.pid, "as", 1 << 40)
                expect_equal(agent.call(TALK), "hello", "after")
            agent.end()
        for most in (2000, 4000, 8000, 16000):
            with tap.point(f"started with ulimit -v {most}, {say(rung, flags)}: nothing gets out"):
                words = lab.confined(flags, [*lab.probe_words(USER, far=INET4), "@alone"], ROOT, rung)
                with lab.counting("inet") as packets:
                    run = lab.confine(None, ["sh", "-c", f'ulimit -v {most}; exec "$@"', "sh", *words], USER, seconds=40)
                expect_equal(packets.everything("inet"), 0, f"packets ({run})")
                expect(not run.late, repr(run))
                expect(run.code is not None and (run.lines() or run.code), repr(run))


def check_disk(tap, lab):
    for number, (rung, flags) in enumerate(BOTH):
        with tap.point(f"the log's disk full, {say(rung, flags)}: nothing gets out, the command goes on and ends as it would"):
            folder = f"{lab.dir}/tiny{number}"
            os.mkdir(folder)
            mount("ng-tiny", folder, "tmpfs", "size=8k,mode=0777")
            agent = Inside(lab, flags, rung, log=f"{folder}/log")
            started = time.monotonic()
            with lab.counting("inet") as packets:
                agent.call("s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); n = 0\nfor p in range(1, 3000):\n"
                           f" try: s.sendto(b'x', ({INET4!r}, p))\n except OSError: n += 1\nresult = n")
            tap.note(f"3,000 attempts in {time.monotonic() - started:.2f} s")
            expect_equal(packets.everything("inet"), 0, "packets")
            expect_equal(agent.call(TALK), "hello", "what is allowed")
            agent.ask("os._exit(7)")
            expect_equal(agent.child.wait(10), 7, "exit status")
            with open(f"{folder}/log", encoding="utf-8") as file:
                text = file.read()
            tap.note(f"{len(text)} bytes of log, the last line {'whole' if text.endswith(chr(10)) else 'cut'}")
            agent.end()


ABSURD = """
import ctypes
libc.connect.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint]; libc.bind.argtypes = libc.connect.argtypes
libc.sendto.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_void_p, ctypes.c_uint]
def absurd():
    found = []
    for family, kind in ((socket.AF_INET, socket.SOCK_DGRAM), (socket.AF_INET6, socket.SOCK_STREAM), (socket.AF_UNIX, socket.SOCK_DGRAM)):
        s = socket.socket(family, kind)
        a = struct.pack('=H', family) + struct.pack('!H', 7001) + socket.inet_aton(%r) + bytes(120)
        for length in (2**31, 2**31 - 1, 2**32 - 1, 2**31 + 16, 4096, 129, 1, 0):
            for where in (a, None, 8, 2**63):
                p = ctypes.cast(ctypes.c_char_p(a), ctypes.c_void_p) if where is a else where
                for call in (lambda: libc.connect(s.fileno(), p, length), lambda: libc.bind(s.fileno(), p, length),
                             lambda: libc.sendto(s.fileno(), b'x', 1, 0, p, length),
                             lambda: libc.sendto(s.fileno(), p, 2**62, 0, p, length)):
                    ctypes.set_errno(0); r = call(); found.append((r, ctypes.get_errno()))
    return found
def absurd_messages():
    found = []
    for level in range(6):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        a = ctypes.create_string_buffer(struct.pack('=H', 2) + struct.pack('!H', 7001) + socket.inet_aton(%r) + bytes(8))
        data = ctypes.create_string_buffer(100)
        for vectors in ([(ctypes.addressof(data), 2**62)], [(8, 100)], [(ctypes.addressof(data), 2**31)] * 3, [(ctypes.addressof(data), 1)] * 2000,
                        [(ctypes.addressof(data), 70000)], []):
            v = b''.join(struct.pack('=QQ', *one) for one in vectors); b = ctypes.create_string_buffer(v or b' ')
            for namelen in (16, 2**31, 2**32 - 1, 129):
                for n in (len(vectors), 2**62, 1025):
                    for control, size in ((0, 0), (8, 64), (ctypes.addressof(data), 2**62), (ctypes.addressof(data), 100), (ctypes.addressof(data), 3)):
                        h = struct.pack('=QIIQQQQQ', ctypes.addressof(a), namelen, 0, ctypes.addressof(b), n, control, size, 0)
                        m = ctypes.create_string_buffer(h + bytes(8))
                        ctypes.set_errno(0); r = libc.syscall(46, s.fileno(), m, 0); found.append((r, ctypes.get_errno()))
                        if level < 1: r = libc.syscall(307, s.fileno(), m, 2**32 - 1, 0)
        for bad in (0, 8, 2**63): libc.syscall(46, s.fileno(), ctypes.c_void_p(bad), 0); libc.syscall(307, s.fileno(), ctypes.c_void_p(bad), 1024, 0)
    return found
""" % (INET4, INET4)


def check_absurd(tap, lab):
    for rung, flags in (*BOTH, ("A", ["--offline"]), ("B", ["--offline"]), ("A", ["--online"])):
        with tap.point(f"addresses of 2^31 bytes and other absurd arguments, {say(rung, flags)}: refused, and the supervisor goes on"):
            agent = Inside(lab, flags, rung)
            agent.call(ABSURD)
            with lab.counting("inet") as packets:
                results = agent.call("sorted(set(e for r, e in absurd()))")
                more = agent.call("sorted(set(e for r, e in absurd_messages()))")
            tap.note(f"errors {results}; {more}")
            if flags != ["--online"]:
                expect_equal(packets.everything("inet"), 0, f"packets ({results})")
            expect(alive(agent.pid), "the supervisor lives")
            with open(f"/proc/{agent.pid}/status", encoding="ascii") as file:
                peak = [line for line in file if line.startswith(("VmHWM", "VmRSS"))]
            tap.note(" ".join(line.split(":")[0] + line.split(":")[1].strip() for line in peak))
            expect(int(peak[0].split()[1]) < 32_000, f"its memory stays small: {peak}")
            if flags != ["--offline"]:
                expect_equal(agent.call(TALK), "hello", "after")
            agent.end()


FLOOD = """
import threading
def flood():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); p = 0
    while True:
        p = p % 60000 + 1
        try: s.sendto(b'x', ({inet!r}, p))
        except OSError: pass
if os.fork() == 0:
    for n in range(8): threading.Thread(target=flood, daemon=True).start()
    time.sleep(30); os._exit(0)
"""
WAITING = """
import threading
def wait(n):
    while True:
        s = socket.socket(); s.settimeout({timeout})
        try: s.connect(({away!r}, 1000 + n))
        except OSError: pass
        s.close()
if os.fork() == 0:
    for n in range({threads}): threading.Thread(target=wait, args=(n,), daemon=True).start()
    time.sleep(30); os._exit(0)
"""


def timed(agent, count=100):
    times = []
    for _number in range(count):
        started = time.monotonic()
        expect_equal(agent.call(TALK), "hello", "the other is answered")
        times.append(time.monotonic() - started)
    return sorted(times)


def check_flood(tap, lab):
    away = "192.168.77.99"  # nobody: a connect waits for ARP
    for rung, flags in BOTH:
        allowed = [*flags, "--allow", away] if flags == ALLOW else flags
        for name, code in (("floods refused datagrams from 8 threads", FLOOD.format(inet=INET4)),
                           ("waits in 200 connects", WAITING.format(away=away, threads=200, timeout="None")),
                           ("waits in 1200 connects that run out of time", WAITING.format(away=away, threads=1200, timeout=0.3))):
            with tap.point(f"one child {name}, {say(rung, flags)}: another is answered in time"):
                log = lab.new_log()
                agent = Inside(lab, allowed, rung, log=log)
                quiet = timed(agent, 50)
                agent.call(code)
                with lab.counting("inet") as packets:
                    busy = timed(agent)
                tap.note(f"connect and echo: median {quiet[25] * 1e3:.2f} ms alone, {busy[50] * 1e3:.2f} ms, worst {busy[-1] * 1e3:.1f} ms")
                expect_equal(packets.everything("inet"), 0, "packets at the Internet peer")
                expect(busy[-1] < 2 and busy[50] < 0.5, f"in time: median {busy[50]:.3f} s, worst {busy[-1]:.3f} s")
                with open(f"/proc/{agent.pid}/status", encoding="ascii") as file:
                    peak = [line for line in file if line.startswith("VmHWM")][0]
                tap.note(peak.strip().replace("\t", " "))
                agent.ask("os._exit(0)")
                agent.child.wait(10)
                end = read_records(log)[-1]
                expect_equal(end.get("type"), "end", "the last record")
                tap.note(f"{os.path.getsize(log)} bytes of log, {end.get('denied')} refused, {end.get('lost')} lost")
                expect(os.path.getsize(log) < 64 << 20, "the log is bounded")
                agent.end()


def check_signals(tap, lab):
    """Calls that wait are ended by signals, and restarted, as without the launcher."""
    code = f"""
import signal, threading
def measure(restart):
    got = []
    signal.signal(signal.SIGALRM, lambda *a: got.append(1))
    signal.siginterrupt(signal.SIGALRM, not restart)
    s = socket.socket(); fd = s.fileno()
    a = struct.pack('=H', 2) + struct.pack('!H', 9) + socket.inet_aton('192.168.77.99') + bytes(8)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    t = time.monotonic(); ctypes.set_errno(0); r = libc.connect(fd, a, 16); e = ctypes.get_errno(); t = time.monotonic() - t
    signal.setitimer(signal.ITIMER_REAL, 0); s.close()
    return [r, errno.errorcode.get(e, e), len(got), t < 1.5]
"""
    outside = Agent(lab, "python3", env=lab.environment(USER))
    outside.call(code)
    wanted = [outside.call(f"measure({restart})") for restart in (False, True)]
    outside.end()
    for rung, flags in BOTH:
        with tap.point(f"a connect that waits is ended by a signal, {say(rung, flags)}: as without the launcher"):
            agent = Inside(lab, [*flags, "--allow", "192.168.77.99"], rung)
            agent.call(code)
            found = [agent.call(f"measure({restart})") for restart in (False, True)]
            tap.note(f"outside {wanted}, inside {found}")
            agent.end()
            expect_equal(found[0], wanted[0], "without SA_RESTART")
            expect_equal(found[1][2:], wanted[1][2:], "with SA_RESTART")
        with tap.point(f"a child that waits in a connect is killed, {say(rung, flags)}: at once, and others go on"):
            agent = Inside(lab, [*flags, "--allow", "192.168.77.99"], rung)
            took = agent.call("""
p = os.fork()
if p == 0:
    socket.create_connection(('192.168.77.99', 9)); os._exit(0)
time.sleep(0.3); t = time.monotonic(); os.kill(p, 9); os.waitpid(p, 0); result = time.monotonic() - t""")
            expect(took < 0.5, f"{took:.2f} s")
            expect_equal(agent.call(TALK), "hello", "others")
            agent.end()


def main():
    require_run()
    tap = Tap()
    lab = RunLab()
    lab.app("python3", "/usr/bin/python3")
    parts = {name[6:]: function for name, function in globals().items() if name.startswith("check_")}
    for name, check in parts.items():
        if not sys.argv[1:] or name in sys.argv[1:]:
            check(tap, lab)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())

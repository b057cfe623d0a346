#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The launcher's manners: what it starts must not notice it, and nothing may be left behind."""

import contextlib
import fcntl
import json
import os
import pty
import re
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time

from runlab import (INET4, LAN4, PEOPLE, ROOT, USER, RunLab, alive, as_user, descendants, expect, is_bare, require_run, wait_for)
from tap import Skip, Tap, expect_equal

PYTHON = "/usr/bin/python3"
PROFILES = (("--offline",), ("--local",), ("--online",))


class Manners:
    def __init__(self, lab, tap):
        self.lab, self.tap = lab, tap

    def each(self, rungs=("A", "B"), profiles=PROFILES, people=PEOPLE):
        for rung in rungs:
            for flags in profiles:
                for uid, person in people:
                    yield rung, list(flags), uid, f"{' '.join(flags)}, rung {rung}, {person}"

    def sh(self, text, flags=("--offline",), **options):
        return self.lab.confine(None if flags is None else list(flags), ["/bin/sh", "-c", text], **options)


def check_status(m):
    cases = (("exit 0", 0), ("exit 1", 1), ("exit 42", 42), ("exit 255", 255), ("kill -TERM $$", 143), ("kill -KILL $$", 137),
             ("kill -INT $$", 130), ("kill -SEGV $$", 139), ("kill -HUP $$", 129))
    for rung, flags, uid, words in m.each(("A", "B", "C"), (("--offline",),)):
        with m.tap.point(f"{words}: the exit status is the command's own, 128 and the signal's number, 126 and 127 as in a shell"):
            for text, wanted in cases:
                expect_equal(m.sh(text, flags, rung=rung, uid=uid).code, wanted, text)
            expect_equal(m.lab.confine(flags, ["/nowhere/at-all"], rung=rung, uid=uid).code, 127, "no such file")
            expect_equal(m.lab.confine(flags, ["no-such-command-here"], rung=rung, uid=uid).code, 127, "no such command")
            expect_equal(m.lab.confine(flags, ["/etc"], rung=rung, uid=uid).code, 126, "a folder")
            expect_equal(m.lab.confine(flags, ["/etc/resolv.conf"], rung=rung, uid=uid).code, 126, "not executable")


_SIGNAL = "import ctypes, os, signal, sys; signal.signal(int(sys.argv[1]), 0); os.kill(os.getpid(), int(sys.argv[1]))"


def check_end_as_command(m):
    """For programs that start commands: they see what they would without the launcher."""
    def ended(run_flags, argv, uid, rung):
        child = m.lab.spawn(m.lab.confined(run_flags, argv, uid, rung), env=m.lab.environment(uid), stderr=subprocess.DEVNULL,
                            cwd=m.lab.work[uid], preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (1 << 20, 1 << 20)))
        status = os.waitpid(child.pid, 0)[1]
        child.returncode = os.waitstatus_to_exitcode(status)  # it is waited for already
        m.lab.children.remove(child)
        return child.returncode, os.WCOREDUMP(status)
    for rung, flags, uid, words in m.each(("A", "B", "C"), (("--offline",),)):
        flags = [*flags, "--end-as-command"]
        with m.tap.point(f"{words}: --end-as-command: a signal that ends the command ends the launcher, without a core file"):
            for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGABRT, signal.SIGSEGV,
                           signal.SIGUSR1, signal.SIGALRM, signal.SIGRTMIN, signal.SIGRTMAX):
                argv = ([PYTHON, "-I", "-c", _SIGNAL, str(int(number))] if number != signal.SIGKILL else ["/bin/sh", "-c", "kill -KILL $$"])
                expect_equal(ended(flags, argv, uid, rung), (-number, False), str(number))
        with m.tap.point(f"{words}: --end-as-command: every other end is as without it"):
            for text, wanted in (("exit 0", 0), ("exit 7", 7), ("exit 143", 143), ("exit 255", 255)):
                expect_equal(ended(flags, ["/bin/sh", "-c", text], uid, rung), (wanted, False), text)
            expect_equal(ended(flags, ["/nowhere/at-all"], uid, rung)[0], 127, "no such file")
            expect_equal(ended(flags, ["/etc"], uid, rung)[0], 126, "a folder")
            run = m.sh("kill -TERM $$", flags, rung=rung, uid=uid, log=rung != "C")
            expect_equal((run.code, [r["exit-status"] for r in run.records if r["type"] == "end"]), (-15, [] if rung == "C" else [143]),
                         "the record has the status as a shell does")


def check_name(m):
    for rung, flags, uid, words in m.each(("A", "B", "C"), (("--offline",),)):
        with m.tap.point(f"{words}: --argv0 is the command's name, and CMD the program still"):
            show = "tr '\\0' '|' </proc/$$/cmdline; readlink /proc/$$/exe; true"
            for name in ("-login", "two words", "", "ü/x"):
                run = m.lab.confine([*flags, "--argv0", name], ["/bin/bash", "-c", show], uid, rung)
                expect_equal(run.out, f"{name}|-c|{show}|{os.path.realpath('/bin/bash')}\n", repr(run))
            run = m.lab.confine([*flags, "--argv0", "sleep"], ["env"], uid, rung)
            expect("PATH=" in run.out and run.code == 0, f"CMD is looked for, not NAME: {run}")
            run = m.lab.confine([*flags, "--argv0", "env"], ["/nowhere/at-all"], uid, rung)
            expect(run.code == 127 and "/nowhere/at-all" in run.err, repr(run))
        with m.tap.point(f"{words}: neither PATH nor anything else of the environment is needed, nothing is added"):
            argv = ["/usr/bin/env", "-i", *m.lab.confined(flags, ["/usr/bin/env"], ROOT, rung)]
            run = m.lab.confine(None, argv, uid)
            expect_equal((run.code, run.out, run.err), (0, "", ""), repr(run))


_SEEN = r"""
import json, os, resource, signal
status = {line.partition(':')[0]: line.partition(':')[2].strip() for line in open('/proc/self/status')}
fds = [fd for fd in os.listdir('/proc/self/fd') if os.path.lexists('/proc/self/fd/' + fd)]
print(json.dumps({'env': dict(os.environ), 'cwd': os.getcwd(), 'umask': os.umask(0), 'groups': os.getgroups(), 'ids': os.getresuid() + os.getresgid(),
  'nice': os.nice(0), 'signals': [status[k] for k in ('SigBlk', 'SigIgn', 'SigCgt')],
  'limits': {n: resource.getrlimit(getattr(resource, n)) for n in dir(resource) if n.startswith('RLIMIT_')},
  'oom': open('/proc/self/oom_score_adj').read(), 'fds': sorted(fds), 'comm': open('/proc/self/comm').read(),
  'affinity': sorted(os.sched_getaffinity(0)), 'argv0': open('/proc/self/cmdline').read(), 'exe': os.readlink('/proc/self/exe')}))
"""


def check_surroundings(m):
    for rung, flags, uid, words in m.each(("A", "B", "C")):
        if rung == "C" and flags != ["--offline"]:
            continue
        with m.tap.point(f"{words}: environment, folder, umask, groups, limits, priority, signals, descriptors are kept"):
            seen = []
            for chosen in (None, flags):
                run = m.lab.confine(chosen, [PYTHON, "-I", "-c", _SEEN], uid, rung, env={"NG_TEST": "ü\n x", "EMPTY": ""}, cwd=m.lab.work[uid])
                expect_equal(run.code, 0, repr(run))
                seen.append(json.loads(run.out))
            for key, value in seen[0].items():
                expect_equal(seen[1][key], value, key)


def check_streams(m):
    for rung, flags, uid, words in m.each(profiles=(("--offline",), ("--local",))):
        with m.tap.point(f"{words}: input, both outputs, pipelines and ends of pipes are as without the launcher"):
            big = "line of text\n" * 20000
            run = m.lab.confine(flags, ["cat"], uid, rung, text=big)
            expect_equal((run.code, run.out == big), (0, True), "cat of 260 kB")
            run = m.sh("echo out; echo err >&2", flags, rung=rung, uid=uid)
            expect_equal((run.out, run.err), ("out\n", "err\n"), "both outputs, and nothing of the launcher's own")
            launch = " ".join(m.lab.confined(flags, ["{}"], uid, rung))
            text = " | ".join((launch.format("yes"), launch.format("head -n 3"), launch.format("tr y n")))
            run = m.lab.confine(None, ["/bin/sh", "-c", text], ROOT)
            expect_equal(run.out, "n\nn\nn\n", f"a pipeline of three, the first of which never ends: {run}")


def start(m, flags, argv, uid, rung, **options):
    options.setdefault("stdout", subprocess.PIPE)
    return m.lab.spawn(m.lab.confined(flags, argv, uid, rung, log=options.pop("log", None)), env=m.lab.environment(uid), **options)


_SIGNALS = r"""
import os, signal, sys, time
def told(number, frame): os.write(1, (signal.Signals(number).name + '\n').encode())
for n in ('SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGQUIT', 'SIGCONT'): signal.signal(getattr(signal, n), told)
signal.signal(signal.SIGALRM, lambda n, f: os._exit(7))
print('ready', flush=True)
while True: signal.pause()
"""


def check_signals(m):
    for rung, flags, uid, words in m.each(("A", "B", "C"), (("--offline",),)):
        with m.tap.point(f"{words}: signals to the launcher reach the command, once, and its end is the launcher's"):
            child = start(m, flags, [PYTHON, "-I", "-c", _SIGNALS], uid, rung)
            expect_equal(child.stdout.readline(), b"ready\n", "it starts")
            for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGQUIT", "SIGTERM"):
                child.send_signal(getattr(signal, name))
                expect_equal(read_line(child.stdout), name, "it was told")
            child.send_signal(signal.SIGALRM)
            expect_equal((child.wait(5), child.stdout.read()), (7, b""), "its status, and no signal twice")


def read_line(stream, seconds=5):
    ready = select.select([stream], [], [], seconds)[0]
    return stream.readline().decode().strip() if ready else "(nothing came)"


class Terminal:
    """A terminal with a program on it, that is typed at and read from."""

    def __init__(self, lab, argv, uid):
        self.lab, self.text = lab, ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            with contextlib.suppress(OSError), open(os.path.join(lab.cgroup, "cgroup.procs"), "w", encoding="ascii") as file:
                file.write(str(os.getpid()))
            os.execvpe("nsenter", ["nsenter", "--net=/run/netns/client", *as_user(uid), *argv], lab.environment(uid, TERM="dumb", PS1="ng> "))

    def wait_for(self, pattern, seconds=8):
        """Read until the pattern appears; what stood before it is dropped."""
        deadline = time.monotonic() + seconds
        while not re.search(pattern, self.text):
            ready = select.select([self.fd], [], [], max(0, deadline - time.monotonic()))[0]
            data = b""
            if ready:
                with contextlib.suppress(OSError):
                    data = os.read(self.fd, 65536)
            expect(data, f"{pattern!r} appears; there was {self.text[-400:]!r}")
            self.text += data.decode(errors="replace").replace("\r\n", "\n")
        found = re.search(pattern, self.text)
        self.text = self.text[found.end():]
        return found

    def type(self, text):
        os.write(self.fd, text.encode())

    def size(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def end(self):
        """(exit status of the program)"""
        os.close(self.fd)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.02)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        return None


# Signals are waited for together with the terminal: one that came just before a plain read would be told after it.
_TTY = r"""
import os, select, signal, sys
wake, woken = os.pipe()
os.set_blocking(wake, False); os.set_blocking(woken, False)
signal.set_wakeup_fd(woken)
def told(number, frame): os.write(1, (signal.Signals(number).name + ' ' + str(os.get_terminal_size()) + '\n').encode())
signal.signal(signal.SIGWINCH, told); signal.signal(signal.SIGINT, told)
print('tty', os.isatty(0), os.isatty(1), os.isatty(2), os.tcgetpgrp(0) in (os.getpgrp(), 0), flush=True)
while True:
    ready, _, _ = select.select([0, wake], [], [])
    if wake in ready: os.read(wake, 100)
    if 0 not in ready: continue
    line = os.read(0, 1000).decode()
    if not line: sys.exit(5)
    line = line.strip()
    print('read', line, flush=True)
    if line == 'open': print(open('/dev/tty', 'w').write('through /dev/tty\n'), flush=True)
"""


def check_terminal(m):
    for rung, flags, uid, words in m.each(("A", "B"), (("--offline",), ("--local",))):
        launch = " ".join(m.lab.confined(flags, [], uid=ROOT, rung=rung))
        with m.tap.point(f"{words}: on a terminal: reading, ^C once, a change of size, /dev/tty, end of file"):
            terminal = Terminal(m.lab, m.lab.confined(flags, [PYTHON, "-I", "-c", _TTY], ROOT, rung), uid)
            terminal.wait_for("tty True True True True")
            terminal.type("hello\n")
            terminal.wait_for("read hello")
            terminal.size(33, 77)
            terminal.wait_for(r"SIGWINCH os.terminal_size\(columns=77, lines=33\)")
            terminal.type("\x03")
            terminal.wait_for("SIGINT")
            terminal.type("open\n")
            terminal.wait_for("through /dev/tty")
            expect("SIGINT" not in terminal.text, f"^C arrives once: {terminal.text!r}")
            terminal.type("\x04")
            with contextlib.suppress(AssertionError):
                terminal.wait_for("never", 0.3)
            expect_equal(terminal.end(), 5, "exit status")
        with m.tap.point(f"{words}: job control in an interactive shell: ^Z, jobs, fg, bg, ^C"):
            terminal = Terminal(m.lab, ["bash", "--norc", "--noprofile", "-i"], uid)
            terminal.wait_for("ng> ")
            terminal.type(f"{launch} cat\n")
            runs(terminal, "cat")
            terminal.type("one\n")
            terminal.wait_for("one\n(.|\n)*one\n")
            terminal.type("\x1a")
            terminal.wait_for("Stopped(.|\n)*ng> ")
            terminal.type("jobs\n")
            terminal.wait_for("Stopped(.|\n)*ng> ")
            terminal.type("fg\n")
            terminal.wait_for("cat\n")
            terminal.type("two\n")
            terminal.wait_for("two\n(.|\n)*two\n")
            terminal.type("\x1a")
            terminal.wait_for("Stopped(.|\n)*ng> ")
            terminal.type("kill %1; wait %1; fg\n")
            terminal.wait_for("ng> ")
            terminal.type(f"{launch} sleep 60\n")
            terminal.wait_for("sleep 60\n")
            runs(terminal, "sleep 60")
            terminal.type("\x03")
            terminal.wait_for("ng> ")
            terminal.type("echo =$?=\n")
            terminal.wait_for("=130=")
            terminal.type("exit 3\n")
            with contextlib.suppress(AssertionError):
                terminal.wait_for("never", 0.3)
            terminal.end()


def runs(terminal, text):
    wait_for(lambda: any(command(pid).strip() == text for pid in descendants(terminal.pid)), 5, f"{text} runs")


def command(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
        return file.read().replace("\0", " ")
    return ""


def left_in_cgroup(lab):
    with open(f"{lab.cgroup}/cgroup.procs", encoding="ascii") as file:
        return {int(line) for line in file}


def check_ends(m):
    for rung, flags, uid, words in m.each(("A", "B", "C"), (("--offline",), ("--local",))):
        if rung == "C" and flags != ["--offline"]:
            continue
        before = left_in_cgroup(m.lab)
        with m.tap.point(f"{words}: when the command ends, what it left in the background ends too"):
            run = m.sh("sleep 300 & setsid sleep 301 & (setsid sh -c 'sleep 302 & sleep 303' &) ; trap '' TERM; sleep 0.2; echo done; exit 9", flags,
                       rung=rung, uid=uid, seconds=8)
            expect_equal((run.code, run.out), (9, "done\n"), repr(run))
            wait_for(lambda: left_in_cgroup(m.lab) <= before, 3, "nothing is left")
        for number in (signal.SIGKILL, signal.SIGTERM):
            with m.tap.point(f"{words}: when the launcher is ended with {number.name}, so is everything inside"):
                child = start(m, flags, ["/bin/sh", "-c", "setsid sleep 300 & (setsid sh -c 'trap \"\" TERM HUP; sleep 301' &); echo ready; exec sleep 302"],
                              uid, rung)
                expect_equal(child.stdout.readline(), b"ready\n", "it starts")
                inside = descendants(child.pid)
                wait_for(lambda child=child: len(descendants(child.pid)) >= 3, 5, "its children run")
                inside = set(descendants(child.pid)) | set(inside)
                child.send_signal(number)
                child.wait(5)
                wait_for(lambda inside=inside: not any(alive(pid) for pid in inside), 5, f"{inside} are gone")
                wait_for(lambda: left_in_cgroup(m.lab) <= before, 3, "nothing is left")
        with m.tap.point(f"{words}: orphans are reaped: no zombie stays"):
            child = start(m, flags, ["/bin/sh", "-c", "i=0; while [ $i -lt 100 ]; do (sleep 0.01 &); i=$((i+1)); done; echo ready; exec sleep 60"], uid, rung)
            expect_equal(child.stdout.readline(), b"ready\n", "it starts")
            wait_for(lambda child=child: len(descendants(child.pid)) <= (3 if rung == "C" else 2), 5, "only init and the command are there")
            child.kill()
            child.wait()


def check_make(m):
    folder = m.lab.work[USER]
    with open(f"{folder}/Makefile", "w", encoding="ascii") as file:
        jobs = " ".join(f"j{n}" for n in range(40))
        file.write(f"all: {jobs}\n{jobs}:\n\t@$(LAUNCH) sh -c 'echo $@ > $@.out; exit 0'\nsub:\n\t@$(MAKE) --no-print-directory all\n")
    for rung, flags, uid, words in m.each(("A", "B"), (("--offline",), ("--local",)), ((USER, "a user"),)):
        launch = " ".join(m.lab.confined(flags, [], ROOT, rung))

        def outputs():
            found = [name for name in os.listdir(folder) if name.endswith(".out")]
            for name in found:
                os.unlink(f"{folder}/{name}")
            return len(found)
        with m.tap.point(f"{words}: make -j8 with 40 confined jobs"):
            run = m.lab.confine(None, ["make", "-s", "-j8", "-C", folder, f"LAUNCH={launch}"], uid, seconds=60)
            expect_equal((run.code, run.out, run.err, outputs()), (0, "", "", 40), repr(run))
        with m.tap.point(f"{words}: a confined make -j8, with a make of its own"):
            run = m.lab.confine(flags, ["make", "-s", "-j8", "-C", folder, "LAUNCH=", "sub"], uid, rung, seconds=60)
            expect_equal((run.code, run.out, run.err, outputs()), (0, "", "", 40), repr(run))


def check_descriptors(m):
    for rung, flags, uid, words in m.each(("A", "B", "C"), (("--offline",), ("--local",))):
        if rung == "C" and flags != ["--offline"]:
            continue
        with m.tap.point(f"{words}: a socket among the standard descriptors is named and refused, unless kept"):
            for number, stream in enumerate(("stdin", "stdout", "stderr")):
                pair = socket.socketpair()
                options = {stream: pair[1]}
                child = start(m, flags, ["/bin/echo", "it ran"], uid, rung, **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options})
                outputs = child.communicate(timeout=10)
                pair[1].close()
                pair[0].settimeout(0.2)
                said = b"".join(text or b"" for text in outputs)
                with contextlib.suppress(TimeoutError):
                    said += pair[0].recv(4096)
                expect(child.returncode not in (0, 126, 127) and b"it ran" not in said, f"{stream}: exit {child.returncode}: {said}")
                expect(b"ocket" in said, f"{stream}: it is named: {said}")
                pair[0].close()
                pair = socket.socketpair()
                child = start(m, [*flags, "--keep-fd", str(number)], ["/bin/true"], uid, rung, **{"stderr": subprocess.PIPE, stream: pair[1]})
                child.communicate(timeout=10)
                for end in pair:
                    end.close()
                expect_equal(child.returncode, 0, f"{stream} with --keep-fd")
        with m.tap.point(f"{words}: --keep-fd keeps these descriptors and no other"):
            ends = [os.open("/etc/resolv.conf", os.O_RDONLY) for _number in range(3)]
            keep = f"{ends[0]},{ends[2]}"
            run = m.lab.confine([*flags, "--keep-fd", keep], [PYTHON, "-I", "-c", "import os; print(sorted(int(fd) for fd in os.listdir('/proc/self/fd') if os.path.lexists('/proc/self/fd/' + fd)))"],
                                uid, rung, pass_fds=ends)
            for end in ends:
                os.close(end)
            expect_equal(run.out.strip(), str([0, 1, 2, ends[0], ends[2]]), repr(run))


def check_nested(m):
    lab = m.lab
    inner = [f"{lab.dir}/bin/netguard-run", "--offline", "--"]
    for rung, flags, uid, words in m.each(("A", "B"), (("--offline",), ("--local",), ("--online",))):
        with m.tap.point(f"{words}: nested in itself: the inner one, Offline, runs and holds"):
            argv = [*inner, *lab.probe_words(uid, far=LAN4), "udp-sendto", "tcp-connect"]
            with lab.counting() as packets:
                run = lab.confine(flags, argv, uid, rung)
            expect_equal(packets.everything("lan"), 0, f"packets: {run}")
            expect(run.lines() and all(said not in ("ok", "hung") for _port, said in run.lines().values()), repr(run))
            expect_equal(run.code, 0, repr(run))
        with m.tap.point(f"{words}: nested in itself: an inner one that cannot do what it was asked says so"):
            run = lab.confine(flags, [inner[0], "--local", "--", "/bin/true"], uid, rung)
            m.tap.note(f"it says {run.err.strip()!r}, exit {run.code}")
            expect(run.code == 0 or (run.code == 125 and len(run.err) > 30), repr(run))
    for uid, person in PEOPLE:
        with m.tap.point(f"{person}: inside a container (unshare -r): Offline holds"):
            argv = ["unshare", "-r", *lab.confined(["--offline"], [*lab.probe_words(uid, far=LAN4), "udp-sendto"], ROOT)]
            with lab.counting() as packets:
                run = lab.confine(None, argv, uid)
            expect_equal((packets.everything("lan"), run.code), (0, 0), repr(run))
            expect_equal(run.lines().get("udp-sendto", (0, "?"))[1], "ENETUNREACH", repr(run))
        for name, wall in (("bubblewrap outside", ["bwrap", "--dev-bind", "/", "/"]),
                           ("bubblewrap outside with namespaces", ["bwrap", "--unshare-user", "--unshare-pid", "--dev-bind", "/", "/", "--proc", "/proc"])):
            with m.tap.point(f"{person}: {name}: Offline and Local hold"):
                if lab.confine(None, ["bwrap", "--dev-bind", "/", "/", "true"], uid, log=False).code != 0:
                    raise Skip("bubblewrap does not run here")
                for profile, target in (("--offline", LAN4), ("--local", INET4)):
                    argv = [*wall, *lab.confined([profile], [*lab.probe_words(uid, far=target), "udp-sendto"], ROOT)]
                    with lab.counting() as packets:
                        run = lab.confine(None, argv, uid)
                    expect_equal(packets.everything("lan") + packets.everything("inet"), 0, repr(run))
                    expect_equal((run.code, run.lines().get("udp-sendto", (0, "?"))[1]), (0, "ENETUNREACH"), f"{profile}: {run}")
        with m.tap.point(f"{person}: bubblewrap inside says that it cannot"):
            run = lab.confine(["--offline"], ["bwrap", "--unshare-user", "--dev-bind", "/", "/", "true"], uid)
            m.tap.note(run.err.strip())
            expect(run.code not in (0, None) and run.err.strip(), repr(run))


def check_rungs(m):
    lab = m.lab
    for uid, person in PEOPLE:
        for rung in "ABC":
            with m.tap.point(f"{person}: rung {rung}: the record says it, with the reason, and --require holds"):
                run = lab.confine(["--offline", *(["--best-effort"] if rung == "C" else [])], ["/bin/true"], uid, rung)
                expect_equal(run.code, 0, repr(run))
                expect_equal(run.records[0].get("rung"), rung, str(run.records[:1]))
                expect(rung == "A" or run.records[0].get("why"), str(run.records[:1]))
                for asked in "ABC":
                    run = lab.confine(["--offline", "--require", asked], ["/bin/echo", "ran"], uid, rung, log=False)
                    expect_equal(run.code, 0 if asked >= rung else 125, f"--require {asked}: {run}")
                    expect(("ran" in run.out) == (asked >= rung), repr(run))
        with m.tap.point(f"{person}: rung C refuses what it cannot hold, unless --best-effort"):
            for flags in (["--local"], ["--offline", "--allow", LAN4]):
                run = lab.confine(flags, ["/bin/echo", "ran"], uid, "C", log=False)
                expect(run.code == 125 and "ran" not in run.out.split() and len(run.err) > 30, repr(run))
                run = lab.confine([*flags, "--best-effort"], ["/bin/echo", "ran"], uid, "C")
                expect(run.code == 0 and len(run.err) > 30, f"it says on standard error what is missing: {run}; its record: {run.records[:1]}")
        with m.tap.point(f"{person}: without seccomp nothing is started"):
            for name, flags in (("netguard-run", ["--offline"]), ("sandbox", ["--no-net"])):
                run = lab.confine(flags, ["/bin/echo", "ran"], uid, "N", name=name)
                expect(run.code not in (0, None) and "ran" not in run.out.split() and run.err, f"{name}: {run}")


def main():
    require_run(["bash", "make", "unshare"])
    if is_bare():
        return 0
    tap = Tap()
    m = Manners(RunLab(), tap)
    parts = {name[6:]: function for name, function in globals().items() if name.startswith("check_")}
    for name, check in parts.items():
        if not sys.argv[1:] or name in sys.argv[1:]:
            check(m)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())

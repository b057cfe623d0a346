#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The page Run against the real launcher: a command that reaches for the Internet is refused and listed, what would allow it goes onto the next
command line, output and exit status are shown, Stop ends it and all it started. And against a stand-in, what the launcher does rarely. Without
a guard: the page needs none. No packet leaves: what is allowed is a port of this machine's loopback."""

import os
import re
import shlex
import signal
import socket
import sys

import desk
from suite import Suite
from tap import expect, expect_equal

PYTHON = "/usr/bin/python3"
REACH = "import socket,sys\ntry: socket.create_connection((sys.argv[1],int(sys.argv[2])),5); print('reached')\nexcept OSError as e: print('refused:',e.errno); sys.exit(3)"
WAIT = "import os,signal,subprocess,sys\nchild=subprocess.Popen(['sleep','1000']); print('ready',flush=True); child.wait()"
STUBBORN = "import signal\nsignal.signal(signal.SIGTERM,signal.SIG_IGN); print('ready',flush=True)\nwhile True: signal.pause()"


def python(code, *arguments):
    return shlex.join([PYTHON, "-c", "exec(" + repr(code) + ")", *arguments])


def output(window):
    node = window.tree().first("text", "Output")
    return node.text() if node else ""


def prints(window, text, seconds=10):
    window.app.wait(lambda: re.search(text, output(window)), seconds, lambda: f"the output has {text}; it is {output(window)!r}")


def switch(window, what):
    return window.find(None, "Allow in the next run: " + what, focusable=True)


def processes_of(window):
    """What the program started, and so on down."""
    children, found = {}, []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                children.setdefault(int(file.read().rpartition(")")[2].split()[1]), []).append(int(name))
        except OSError:
            continue  # it ended meanwhile
    todo = [window.program.pid]
    while todo:
        found += (mine := children.get(todo.pop(), []))
        todo += mine
    return found


def check_refused(tap, window):
    with tap.point("without a service the page is there"):
        window.go("Run")
        window.find("button", "Run", sensitive=True)
    with tap.point("what reaches for the Internet is refused and listed, with the reason"):
        window.command(python(REACH, "203.0.113.10", "443"))
        window.sees("Ended with status 3", 20)
        window.find("list item", r"python3.*, 203\.0\.113\.10:443/tcp, Blocked once: .*Offline")
        window.sees("1 attempt was refused.")
    with tap.point("output and exit status are the command's own"):
        prints(window, "refused: 101")  # ENETUNREACH
    with tap.point("it says how it was confined, and what it could reach"):
        window.sees(r"Confined by a (network of its own\.|filter only.*)")
        window.sees("Offline: cannot use the network")
    with tap.point("Allow puts the flag onto the list for the next run, and takes it off again"):
        switch(window, r"--allow 203\.0\.113\.10:443/tcp").press()
        window.sees("Allowed in the Next Run")
        window.find("list item", r"203\.0\.113\.10:443/tcp")
        window.press(r"Do not allow 203\.0\.113\.10:443/tcp")
        window.misses("Allowed in the Next Run")


def check_allowed(tap, window):
    window.go("Run")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        with tap.point("Local reaches this machine, and the record says so"):
            window.press("This command: Local")
            window.command(python(REACH, "127.0.0.1", port))
            window.sees("Ended well", 20)
            prints(window, "reached")
            window.sees("Local: can .*")
    with tap.point("a run with allowances is told so by the launcher's own record"):
        window.press("This command: Offline")
        window.command(python(REACH, "203.0.113.10", "9"))
        window.sees("Ended with status 3", 20)
        switch(window, r"--allow 203\.0\.113\.10:9/tcp").press()
        window.find("text", "Command", editable=True).write("true")
        window.press("Run Again with These")
        window.sees("Ended well", 20)
        window.sees(r"Offline: cannot use the network, but also allowed is 203\.0\.113\.10:9/tcp")


def check_stop(tap, window):
    window.go("Run")
    with tap.point("Stop ends the command and what it started, and says by which signal"):
        window.command(python(WAIT))
        prints(window, "ready", 20)
        expect(len(processes_of(window)) >= 3, f"the launcher, python3 and sleep: {processes_of(window)}")
        window.press("Stop")
        window.sees(r"Ended by signal TERM \(status 143\)", 10)
        window.app.wait(lambda: not processes_of(window), 5, lambda: f"nothing is left of it: {processes_of(window)}")
    with tap.point("one that does not want to end is made to with another Stop"):
        window.command(python(STUBBORN))
        prints(window, "ready", 20)
        window.press("Stop")
        window.sees("Stopping")
        window.press("Stop")
        window.sees("Ended by signal KILL")
        window.app.wait(lambda: not processes_of(window), 5, lambda: f"nothing is left of it: {processes_of(window)}")
    with tap.point("the last thousand lines of a command that prints without end are there, the window answers, and it can be stopped"):
        window.command("yes confined")
        prints(window, "confined\nconfined", 20)
        window.sees("Its last 2,000 lines.", 20)
        window.press("Stop")
        window.sees(r"Ended by signal TERM.*")
        expect(output(window).count("\n") <= 2000, "too many lines")


def check_unstarted(tap, window):
    window.go("Run")
    with tap.point("a command line that cannot be read is explained, and nothing runs"):
        window.command("make 'test")
        window.sees("A quotation mark is not closed.*")
        expect_equal(processes_of(window), [], "processes")
    with tap.point("an empty one too"):
        window.command("  ")
        window.sees("There is no command.*")
    with tap.point("a program that is not there is said to be not found"):
        window.command("/no/such/program")
        window.sees("Ended with status 127", 20)
        prints(window, "/no/such/program: No such file or directory")
    with tap.point("what is for a shell is pointed out"):
        window.command("echo a | cat")
        window.sees("There is no shell here: .*")
        prints(window, r"a \| cat")
    with tap.point("the commands that were run can be chosen again, those that were not started cannot"):
        window.menu("Recent commands", "/no/such/program")
        window.app.wait(lambda: window.find("text", "Command", editable=True).text() == "/no/such/program", 5, "the command is in its place")


def check_keyboard(tap, window):
    with tap.point("all by keyboard: Alt+4, a command, Enter; Alt+4 again is on Stop, which ends it"):
        window.screen.key("alt+4")
        window.find("text", "Command", editable=True)
        window.screen.type("sleep 1000")
        window.app.wait(lambda: window.find("text", "Command", editable=True).text() == "sleep 1000", 5, "what is typed is the command")
        window.screen.key("Return")
        window.find("button", "Stop")
        window.sees("Running")
        window.screen.key("alt+1", "alt+4")
        window.find("button", "Stop", focused=True)
        window.screen.key("Return")
        window.sees("Ended by signal TERM.*")
        window.find("button", "Run", focused=True)


def check_stand_in(tap, window):
    window.go("Run")
    with tap.point("without a start record nothing is said to be confined, and the launcher's reason is shown"):
        window.command("unconfined")
        window.sees("Nothing was run")
        window.sees("This machine gives no rung that holds Offline.*")
        expect(not window.says("Confined.*") and not window.says("Offline: .*"), window.tree().dump())
    with tap.point("a filter is called a filter, with the reason"):
        window.command("make test")
        window.sees("Confined by a filter only: this machine gives no user namespaces.*")
    with tap.point("a rung without a list does not say that nothing was refused"):
        window.command("strange")
        window.sees("Confined by a filter only, and without a list of its attempts: .*")
        window.misses("Nothing was refused.")
    with tap.point("Local is offered where it is what would help"):
        window.command("npm install")
        window.press("Use Local")
        window.sees("In the next run: this command can .*")
        window.press("Stop")
    with tap.point("more kinds of attempts than can be listed are counted"):
        window.command("flood")
        window.sees("398 attempts were refused. 198 attempts are not listed: there are too many kinds.", 20)
    with tap.point("closing the window and quitting ask first, and then end what runs"):
        window.command("npm install")
        window.sees("Running")
        pids = processes_of(window)
        window.press("Close")
        window.press("Cancel")
        window.app.gone("dialog")
        expect_equal(processes_of(window), pids, "processes after the answer no")
        window.screen.key("ctrl+q")
        window.press("End It")
        window.program.process.wait(15)
        desk.wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), 10, "nothing is left")


CHECKS = {check_refused: True, check_allowed: True, check_stop: True, check_unstarted: True, check_keyboard: True, check_stand_in: False}


def main():
    tap = Suite()
    for check, is_real in CHECKS.items():
        if len(sys.argv) < 2 or check.__name__.removeprefix("check_") in sys.argv[1:]:
            env = {"NETGUARD_COMMAND": desk.build_file("src", "cli", "netguard")} if is_real else {}
            with tap.against("calm", env=env) as (window, mock):
                mock("down")
                check(tap, window)
    return tap.finish()


sys.exit(main())

# SPDX-License-Identifier: MIT
"""The second lock in the service, and the command that sets it: passphrases on a terminal, wrong ones, restarts, damaged files."""

import contextlib
import os
import pty
import re
import select
import shutil
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import world as w  # noqa: E402
from tap import Tap, expect, expect_equal  # noqa: E402

DENIED = "org.freedesktop.DBus.Error.AccessDenied"
ERROR = "org.networkguard.Error."
NONE = "@a{sv} {}"
EXE = "/usr/bin/true"
PASSPHRASE, SECOND = "tr0ub4dor and three", "another horse, correct"
SOCKET = ("--runtime", "/run/netguard")


def outcome(reply):
    return "ok" if "result" in reply else reply["error"]


def loosen(asker, options=NONE):
    return asker("SetProfile", f"('{EXE}', 'online', {options})")


def tighten(world):
    expect_equal(outcome(world.root("SetProfile", f"('{EXE}', 'offline', {NONE})")), "ok", "tightening by root")


def given(passphrase):
    return f"{{'passphrase': <'{passphrase}'>}}"


class Terminal:
    """netguard on a terminal of its own."""

    def __init__(self, account, *arguments):
        self.child, self.terminal = pty.fork()
        if self.child == 0:
            argv = [*w.as_account(account), os.path.join(w.BUILD, "src/cli/netguard"), *arguments]
            os.execvp(argv[0], argv)
        self.said = ""

    def read(self):
        if select.select([self.terminal], [], [], 0.1)[0]:
            with contextlib.suppress(OSError):
                text = os.read(self.terminal, 4096).decode(errors="replace")
                self.said += text
                return bool(text)
            return False
        return True

    def wait_for(self, words):
        end = time.monotonic() + 30
        while words not in self.said:
            expect(time.monotonic() < end and self.read(), f"it says {words!r}; it said {self.said!r}")
        self.said = self.said.partition(words)[2]

    def type(self, text):
        w.wait_until_silent(self.terminal)
        os.write(self.terminal, text.encode())

    def end(self):
        """(exit status, what it said since the last wait_for)"""
        while self.read():
            pass
        _, status = os.waitpid(self.child, 0)
        os.close(self.terminal)
        return os.waitstatus_to_exitcode(status), self.said


def setting(tap, world):
    with tap.point("Without a lock loosening takes none, and netguard says that none is set"):
        tighten(world)
        expect_equal(outcome(loosen(world.root)), "ok", "loosening")
        code, _, error = world.netguard("lock", "--now", *SOCKET)
        expect(code == 1 and "no second lock is set" in error, f"{code} {error}")
        expect_equal(outcome(world.root("Unlock", f"('{PASSPHRASE}', uint32 60)")), ERROR + "InvalidArgument", "Unlock")
    with tap.point("netguard lock on a terminal asks twice, shows nothing of it, and wants both to be the same"):
        with_typo = Terminal(("root", 0), "lock", *SOCKET)
        with_typo.wait_for("New passphrase: ")
        with_typo.type(PASSPHRASE + "\n")
        with_typo.wait_for("The same again: ")
        with_typo.type(PASSPHRASE + "!\n")
        code, said = with_typo.end()
        expect(code == 2 and "not the same" in said and PASSPHRASE not in said, f"{code} {said!r}")
        good = Terminal(("root", 0), "lock", *SOCKET)
        good.wait_for("New passphrase: ")
        good.type("x\x7f" + PASSPHRASE + "yé\x7f\x7f\n")
        good.wait_for("The same again: ")
        good.type("all wrong\x15" + PASSPHRASE + "\n")
        code, said = good.end()
        expect(code == 0 and "is set" in said and PASSPHRASE not in said, f"{code} {said!r}")
        expect("'set': <true>" in world.root("GetLock")["result"], "GetLock")
    with tap.point("Its file is the service's alone"):
        status = os.stat(world.path("state/lock"))
        expect_equal(oct(status.st_mode & 0o7777), oct(0o600), "mode")
        expect(status.st_uid != 0, "it belongs to the service's user")
    with tap.point("Breaking off with Ctrl-C changes nothing and leaves the terminal as it was"):
        broken = Terminal(("root", 0), "lock", *SOCKET)
        broken.wait_for("Present passphrase: ")
        broken.type("half of it\x03")
        code, said = broken.end()
        expect(code == 5 and "broken off" in said and "half" not in said, f"{code} {said!r}")


def asking(tap, world):
    with tap.point("Loosening is Locked now, for root too; tightening and reading are not"):
        tighten(world)
        expect_equal(outcome(loosen(world.root)), ERROR + "Locked", "loosening")
        expect_equal(outcome(world.root("Pause", f"(uint32 60, {NONE})")), ERROR + "Locked", "pausing")
        expect_equal(outcome(world.root("Forget", f"('{EXE}', {NONE})")), ERROR + "Locked", "forgetting")
        expect_equal(outcome(world.root("Panic", f"({NONE},)")), "ok", "panic")
        expect_equal(outcome(world.root("Resume", f"({NONE},)")), ERROR + "Locked", "ending a panic")
        expect_equal(outcome(world.root("Resume", f"({given(PASSPHRASE)},)")), "ok", "ending a panic with it")
        expect_equal(outcome(world.root("GetAudit", f"({NONE},)")), "ok", "reading")
    with tap.point("With the passphrase it is done, and the record says so without it"):
        expect_equal(outcome(loosen(world.root, given(PASSPHRASE))), "ok", "loosening")
        record = [record for record in world.audit() if record["action"] == "set"]
        latest = max(record, key=lambda record: record["seq"])
        expect_equal(latest["auth"], "socket+passphrase", "the record")
    with tap.point("On the bus it is asked for besides polkit, which is asked first and only when there is a passphrase"), \
            world.caller(w.ACTIVE) as caller, w.TextAgent(w.ACTIVE, caller.pid) as agent:
        tighten(world)
        expect_equal(outcome(caller.ask("SetProfile", f"('{EXE}', 'online', {NONE})", interactive=True)), ERROR + "Locked", "without")
        caller.send(method="SetProfile", args=f"('{EXE}', 'online', {given('a wrong passphrase')})", interactive=True)
        agent.wait_for("assword")
        agent.type(w.PASSWORD)
        expect_equal(outcome(caller.answer()), ERROR + "WrongPassphrase", "a wrong one")
        # The password is kept for a while (auth_admin_keep), the passphrase is not.
        expect_equal(outcome(caller.ask("SetProfile", f"('{EXE}', 'online', {NONE})", interactive=True)), ERROR + "Locked", "without")
        expect_equal(outcome(caller.ask("SetProfile", f"('{EXE}', 'online', {given(PASSPHRASE)})", interactive=True)), "ok",
                     "the right one")
        latest = max((r for r in world.audit() if r["action"] == "set"), key=lambda r: r["seq"])
        expect_equal((latest["uid"], latest["auth"]), (w.ACTIVE[1], "polkit+passphrase"), "the record")
    with tap.point("Who may not loosen cannot guess by way of it: polkit's no comes before the passphrase is looked at"), \
            world.caller(w.OTHER) as caller:
        tighten(world)
        failures = open(world.path("state/lock-failures"), encoding="utf-8").read()
        expect_equal(outcome(loosen(caller.ask, given("a wrong passphrase"))), DENIED, "the answer")
        expect_equal(open(world.path("state/lock-failures"), encoding="utf-8").read(), failures, "what is counted")
    with tap.point("netguard on a terminal asks for the passphrase when it is missing, and repeats the call"):
        tighten(world)
        asked = Terminal(("root", 0), "set", EXE, "local", *SOCKET)
        asked.wait_for("Passphrase of the second lock: ")
        asked.type(PASSPHRASE + "\n")
        code, said = asked.end()
        expect(code == 0 and "is now Local" in said, f"{code} {said!r}")
    with tap.point("netguard without a terminal does not ask, and says what to do"):
        code, _, error = world.netguard("set", EXE, "online", *SOCKET)
        expect(code == 5 and "netguard unlock" in error, f"{code} {error}")
    with tap.point("netguard on a terminal brings polkit's agent: password and passphrase, one after the other"):
        tighten(world)
        asked = Terminal(w.ACTIVE, "set", EXE, "local")
        asked.wait_for("Passphrase of the second lock: ")
        asked.type(PASSPHRASE + "\n")
        asked.wait_for("assword:")
        asked.type(w.PASSWORD + "\n")
        code, said = asked.end()
        expect(code == 0 and "is now Local" in said, f"{code} {said!r}")


def unlocking(tap, world):
    with tap.point("netguard unlock opens it for one uid: others, root too, are still asked"):
        tighten(world)
        code, output, error = world.netguard("unlock", "--for", "1h", account=w.ACTIVE, stdin=PASSPHRASE + "\n")
        expect(code == 0 and "Unlocked for you" in output, f"{code} {output} {error}")
        expect_equal(outcome(loosen(world.root)), ERROR + "Locked", "root")
        code, output, _ = world.netguard("permissions", account=w.ACTIVE)
        expect(code == 0 and "open for you" in output, output)
    with tap.point("netguard lock --now ends it"), world.caller(w.ACTIVE) as caller:
        expect(re.search(r"'unlocked-until': <int64 [1-9]", caller.ask("GetLock")["result"]), "it is open")
        code, output, error = world.netguard("lock", "--now", account=w.ACTIVE)
        expect(code == 0, f"{code} {output} {error}")
        expect("'unlocked-until': <int64 0>" in caller.ask("GetLock")["result"], "it is closed")
    with tap.point("A restart of the service ends it too"):
        expect_equal(outcome(world.root("Unlock", f"('{PASSPHRASE}', uint32 3600)")), "ok", "Unlock")
        expect_equal(outcome(loosen(world.root)), "ok", "loosening")
        tighten(world)
        world.stop_guard()
        world.start_guard()
        expect_equal(outcome(loosen(world.root)), ERROR + "Locked", "loosening")
    with tap.point("Whoever listens hears that the lock changed"), world.caller(w.OTHER) as caller:
        caller.do(listen=True)
        caller.ask("Subscribe")
        expect_equal(outcome(world.root("Unlock", f"('{PASSPHRASE}', uint32 3600)")), "ok", "Unlock")
        w.wait_for(lambda: '"lock"' in str(caller.do(heard=True)) or "'lock'" in str(caller.do(heard=True)), 10, "it is heard")


def failures(world):
    with open(world.path("state/lock-failures"), encoding="utf-8") as file:
        return file.read()


def restart_with(world, text):
    """The service begins with this count."""
    world.stop_guard()
    w.write(world.path("state/lock-failures"), text, 0o600)
    shutil.chown(world.path("state/lock-failures"), "netguard", "netguard")
    world.start_guard()


def guess_until_limit(caller):
    for number in range(8):
        reply = caller.ask("Unlock", f"('guess number {number}', uint32 60)")
        if outcome(reply) == ERROR + "Limit":
            break
    return reply


def guessing(tap, world):
    with tap.point("Wrong guesses are WrongPassphrase, then Limit with the seconds to wait; a new connection changes nothing"):
        answers = []
        for number in range(8):
            reply = world.root("Unlock", f"('guess number {number}', uint32 60)")
            answers.append(outcome(reply))
            if answers[-1] == ERROR + "Limit":
                break
        expect_equal(set(answers[:3]), {ERROR + "WrongPassphrase"}, f"answers {answers}")
        expect_equal(answers[-1], ERROR + "Limit", f"answers {answers}")
        expect(re.search(r"in \d+ s", reply["text"]), reply["text"])
    with tap.point("One guesses wrong until it waits; others unlock at once, and GetLock tells them of no wait"), \
            world.caller(w.ACTIVE) as guesser, world.caller(w.OTHER) as other:
        expect_equal(outcome(guess_until_limit(guesser)), ERROR + "Limit", "the guesser")
        expect("'retry-at': <int64 0>" in other.ask("GetLock")["result"], "GetLock of the other")
        expect_equal(outcome(other.ask("Unlock", f"('{PASSPHRASE}', uint32 60)")), "ok", "the other")
        expect(re.search(rf"^{w.ACTIVE[1]} [4-9] \d+$", failures(world), re.M), f"what is counted: {failures(world)!r}")
    with tap.point("After a restart the one still waits, on the bus and on the socket, with the right passphrase too; others do not"):
        # Let it grow beyond what a restart takes.
        restart_with(world, re.sub(rf"^{w.ACTIVE[1]} .*$", f"{w.ACTIVE[1]} 9 {int(time.time()) + 60}", failures(world), flags=re.M))
        for socket in (True, False):
            with world.caller(w.ACTIVE, socket=socket) as guesser, world.caller(w.OTHER, socket=socket) as other:
                expect_equal(outcome(guesser.ask("Unlock", f"('{PASSPHRASE}', uint32 60)")), ERROR + "Limit", "the guesser")
                expect(re.search(r"'retry-at': <int64 [1-9]", guesser.ask("GetLock")["result"]), "GetLock says until when")
                expect_equal(outcome(other.ask("Unlock", f"('{PASSPHRASE}', uint32 60)")), "ok", "the other")
    with tap.point("Of many guesses at once, each on a connection of its own, each that is looked at is counted, and not all are"), \
            contextlib.ExitStack() as stack:
        guessers = [stack.enter_context(world.caller(w.ACTIVE2)) for _ in range(8)]
        for guesser in guessers:
            guesser.send(method="Unlock", args="('guess number 1', uint32 60)")
        answers = [outcome(guesser.answer()) for guesser in guessers]
        expect_equal(set(answers), {ERROR + "WrongPassphrase", ERROR + "Limit"}, "the answers")
        wrong = answers.count(ERROR + "WrongPassphrase")
        expect(re.search(rf"^{w.ACTIVE2[1]} {wrong} ", failures(world), re.M), f"{answers}, counted {failures(world)!r}")
    with tap.point("Uids that /etc/subuid lends to somebody are one guesser; the account beside them is not kept waiting"):
        world.cover("/etc/subuid", f"{w.OTHER[0]}:700000:65536\n")
        with world.caller(("lent", 700001), socket=True) as one:
            expect_equal(outcome(guess_until_limit(one)), ERROR + "Limit", "the first")
        counted = re.findall(r"^7\d{5} .*$", failures(world), re.M)
        expect(len(counted) == 1 and counted[0].startswith("700000 "), f"what is counted: {counted}")
        restart_with(world, failures(world).replace(counted[0], f"700000 9 {int(time.time()) + 60}"))
        for uid, answer in ((700001, ERROR + "Limit"), (765535, ERROR + "Limit"), (765536, "ok"), (w.OTHER[1], "ok")):
            with world.caller(("of that uid", uid), socket=True) as caller:
                expect_equal(outcome(caller.ask("Unlock", f"('{PASSPHRASE}', uint32 60)")), answer, uid)
    with tap.point("With 32 that guessed wrong remembered, one more is refused; who is remembered, and root, are not"):
        now = int(time.time())
        restart_with(world, "netguard-guesses 2\n" + "".join(f"{uid} 1 {now}\n" for uid in (w.ACTIVE[1], *range(800000, 800031))))
        for account, answer in ((w.OTHER, ERROR + "Limit"), (("root", 0), "ok"), (w.ACTIVE, "ok"), (w.OTHER, "ok")):
            with world.caller(account, socket=True) as caller:
                expect_equal(outcome(caller.ask("Unlock", f"('{PASSPHRASE}', uint32 60)")), answer, account[0])
    with tap.point("A count from before there were uids, and one that is damaged, keep everybody waiting for its time, and no longer"):
        for text in (f"9 {int(time.time()) + 60}\n", "rubbish"):
            restart_with(world, text)
            for account in (("root", 0), w.ACTIVE, w.OTHER):
                with world.caller(account, socket=True) as caller:
                    expect_equal(outcome(caller.ask("Unlock", f"('{PASSPHRASE}', uint32 60)")), ERROR + "Limit", account[0])
            expect_equal(outcome(loosen(world.root, given(PASSPHRASE))), ERROR + "Limit", "loosening with it")
        restart_with(world, f"9 {int(time.time())}\n")
        expect_equal(outcome(world.root("Unlock", f"('{PASSPHRASE}', uint32 60)")), "ok", "when it is over")
    with tap.point("The guesses are in the audit chain"):
        reasons = [record["reason"] for record in world.audit() if record["action"] == "refused" and record["after"] == "Unlock"]
        expect("the passphrase was wrong" in reasons and "too many wrong passphrases" in reasons, str(reasons))
        os.unlink(world.path("state/lock-failures"))
        world.stop_guard()
        world.start_guard()


def damage(tap, world):
    with tap.point("A damaged lock file: loosening is refused to everybody, with what root does; tightening goes on"):
        tighten(world)
        with open(world.path("state/lock"), encoding="utf-8") as file:
            good = file.read()
        w.write(world.path("state/lock"), good[:-20], 0o600)
        reply = loosen(world.root, given(PASSPHRASE))
        expect_equal(outcome(reply), ERROR + "Locked", str(reply))
        expect(world.path("state/lock") in reply["text"] and "Root can remove the file" in reply["text"], reply["text"])
        expect_equal(outcome(world.root("SetLock", f"('{PASSPHRASE}', '', {NONE})")), ERROR + "Locked", "SetLock")
        expect_equal(outcome(world.root("Unlock", f"('{PASSPHRASE}', uint32 60)")), ERROR + "Locked", "Unlock")
        tighten(world)
        code, output, _ = world.netguard("permissions", *SOCKET)
        expect(code == 0 and "Root can remove the file" in output, output)
    with tap.point("Root removes the file: the lock is gone at once, and the record says that somebody did it"):
        os.unlink(world.path("state/lock"))
        expect_equal(outcome(loosen(world.root)), "ok", "loosening")
        expect(any(record["action"] == "lock" and record["origin"] == "file" for record in world.audit()), "the record")


def changing(tap, world):
    with tap.point("netguard lock reads the lines of a file or of standard input where there is no terminal; and changes and removes"):
        w.write(world.path("words"), f"{PASSPHRASE}\n", 0o600)
        code, _, error = world.netguard("lock", "--passphrase-file", world.path("words"), *SOCKET)
        expect(code == 0, f"{code} {error}")
        code, _, error = world.netguard("lock", *SOCKET, stdin=f"{SECOND}\n{SECOND}\n")
        expect(code == 5 and "not the passphrase" in error, f"a wrong one: {code} {error}")
        code, _, error = world.netguard("lock", *SOCKET, stdin=f"{PASSPHRASE}\n{SECOND}\n")
        expect(code == 0, f"{code} {error}")
        expect_equal(outcome(world.root("Unlock", f"('{SECOND}', uint32 60)")), "ok", "Unlock")
        code, output, error = world.netguard("lock", "--remove", "--json", *SOCKET, stdin=f"{SECOND}\n")
        expect(code == 0 and '"set": false' in output.replace("\n", " ").replace('" : ', '": '), f"{code} {output} {error}")
        code, _, error = world.netguard("lock", *SOCKET, stdin="short\n")
        expect(code == 2 and "8 to" in error, f"{code} {error}")
        code, _, error = world.netguard("lock", *SOCKET)
        expect(code == 1 and "missing" in error, f"{code} {error}")
    with tap.point("Setting the lock takes the permission to configure"), world.caller(w.ACTIVE) as caller:
        expect_equal(outcome(caller.ask("SetLock", f"('', '{PASSPHRASE}', {NONE})")), DENIED, "SetLock")


def secrets(tap, world):
    with tap.point("No passphrase is in a file of the service, in what it said, in its records or in its environment"):
        words = [PASSPHRASE, SECOND, "guess number", "a wrong passphrase"]
        for folder, _, names in os.walk(world.path("state")):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    text = file.read()
                for word in words:
                    expect(word.encode() not in text, f"{name} holds {word!r}")
        for word in words:
            expect(word not in world.log("guard"), f"it said {word!r}")
    with tap.point("The memory of a hash, 64 MiB, is given back: the service holds less than 20 MB of its own afterwards"):
        expect_equal(outcome(world.root("SetLock", f"('', '{PASSPHRASE}', {NONE})")), "ok", "SetLock")
        expect_equal(outcome(world.root("Unlock", f"('{PASSPHRASE}', uint32 60)")), "ok", "Unlock")
        with open(f"/proc/{world.guard.pid}/status", encoding="utf-8") as file:
            text = file.read()
        own = int(re.search(r"RssAnon:\s+(\d+)", text)[1])
        tap.note(f"{own} KiB of its own, {re.search(r'VmRSS:.*?([0-9]+)', text)[1]} KiB with libraries, at most "
                 f"{re.search(r'VmHWM:.*?([0-9]+)', text)[1]} KiB")
        expect(own < 20000, f"{own} KiB")
    with tap.point("The service leaves no core: it cannot be dumped"):
        with open(f"/proc/{world.guard.pid}/status", encoding="utf-8") as file:
            expect("State:" in file.read(), "status")
        expect_equal(os.stat(f"/proc/{world.guard.pid}/environ").st_uid, 0, "not dumpable: its /proc files belong to root, not to its user")


def main():
    w.enter()
    tap = Tap()
    world = w.World()
    try:
        world.start_bus()
        world.start_polkit()
        world.start_guard()
        for part in (setting, asking, unlocking, guessing, damage, changing, secrets):
            part(tap, world)
        with tap.point("The service lives and complained of nothing"):
            expect(world.guard.poll() is None, "it ended")
            expect("CRITICAL" not in world.log("guard") and "WARNING" not in world.log("guard"), world.log("guard"))
    finally:
        world.close()
    return tap.finish()


sys.exit(main())

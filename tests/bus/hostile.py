# SPDX-License-Identifier: MIT
"""Another account tries every method of the interface, on the bus and on the socket, with arguments that make sense and with absurd
ones. The methods are read from the XML: one that this file does not know makes it fail.
"""

import itertools
import os
import sys
import xml.etree.ElementTree as ET

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import world as w  # noqa: E402
from tap import Tap, expect, expect_equal  # noqa: E402

DENIED = "org.freedesktop.DBus.Error.AccessDenied"
ERROR = "org.networkguard.Error."
NONE = "@a{sv} {}"
DOCUMENT = ('{"version": 1, "applications": [{"id": "true", "name": "true", "executables": ["/usr/bin/true"], "profile": "online"}]}')
OK = "ok"

# What another account gets for a call that makes sense, without anybody who could be asked, from polkit's defaults for callers
# without a session; and whether that is a refusal that the audit chain must hold. "true" is Offline by root's decision.
EXPECTED = {
    "GetStatus": ("()", OK),
    "Check": ("()", OK),
    "ListApps": ("()", OK),
    "GetApp": ("('true',)", OK),
    "SetProfile": (f"('true', 'online', {NONE})", DENIED),
    "Forget": (f"('true', {NONE})", DENIED),
    "Explain": ("('true', '198.51.100.7')", OK),
    "GetAttempts": ("({'everyone': <true>},)", DENIED),
    "GetConnections": ("()", OK),
    "GetAllConnections": ("()", DENIED),
    "GetAudit": (f"({NONE},)", DENIED),
    "VerifyAudit": ("()", DENIED),
    "Pause": (f"(uint32 60, {NONE})", DENIED),
    "Resume": (f"({NONE},)", DENIED),
    "Panic": (f"({NONE},)", DENIED),
    "Export": ("()", OK),
    "Import": (f"('{DOCUMENT}', false, {NONE})", DENIED),
    "Reload": ("()", DENIED),
    "GetPermissions": ("()", OK),
    "GetLock": ("()", OK),
    "SetLock": (f"('', 'a passphrase of theirs', {NONE})", DENIED),
    "Unlock": ("('a passphrase of theirs', uint32 60)", ERROR + "InvalidArgument"),  # none is set
    "Lock": ("()", OK),
    "ListRunning": ("()", OK),
    "GetActivity": (f"({NONE},)", OK),
    "GetSettings": ("()", OK),
    "SetSettings": (f"({{'default-profile': <'offline'>}}, {NONE})", DENIED),
    "Approve": (f"('true', {NONE})", DENIED),
    "Subscribe": ("()", OK),
    "SubscribeAll": ("()", DENIED),
    "Unsubscribe": ("()", OK),
}

ABSURD = {
    "s": ["''", "'/'", "'true'", "'/usr/bin/true'", "'../../etc/shadow'", "'%s%n%s'", "'\\u202etxt.exe'", "'a\\nb\\tc'", repr("x" * 20000),
          "'{'", "'[]'", "'{\"version\": 1, \"applications\": 7}'", "'offline'", "'Online'", "'/\\u0001/\\u007f'"],
    "u": ["uint32 0", "uint32 1", "uint32 86400", "uint32 4294967295"],
    "b": ["true", "false"],
    "a{sv}": [NONE, "{'passphrase': <'guess at it'>}", "{'passphrase': <7>}", "{'uid': <uint32 0>, 'auth': <'root'>}",
              "{'until': <int64 -1>}", "{'everyone': <true>, 'limit': <uint32 4294967295>}", "{'reason': <'" + "y" * 15000 + "'>}",
              "{'origin': <'timer'>}", "{'allow': <['0.0.0.0/0']>, 'children': <'own'>}", "{'since': <int64 -9223372036854775808>}",
              "{'': <<<<<<<<'deep'>>>>>>>>}", "{'step': <uint32 0>}", "{" + ", ".join(f"'k{n}': <{n}>" for n in range(500)) + "}"],
}


def methods():
    """name -> list of the types of its arguments"""
    interface = ET.parse(w.INTERFACE_XML).getroot().find("interface")
    return {method.get("name"): [arg.get("type") for arg in method.findall("arg") if arg.get("direction") == "in"]
            for method in interface.findall("method")}


def state(world):
    """What must not change: what root sees, and every file of the service but the records."""
    says = [world.root(method)["result"] for method in ("Export", "GetLock", "GetSettings")]
    status = world.root("GetStatus")["result"]
    says.append([part for part in status.split(", ") if "mode" in part or "paused" in part])
    files = {}
    for folder, _, names in os.walk(world.path("state")):
        for name in names:
            if name.startswith("history.db") or name in ("decided", "last-good"):  # follow a second later
                continue
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                files[path] = file.read()
    return says, files


def outcome(reply):
    return OK if "result" in reply else reply["error"]


def chunks(names, size):
    names = list(names)
    return [names[at:at + size] for at in range(0, len(names), size)]


def sensible(tap, world, known, socket, strangers):
    """Each refused method by an account that has been refused less than ten times in this minute."""
    where = "the socket" if socket else "the bus"
    refused = [name for name in known if EXPECTED[name][1] == DENIED]
    for names, account in zip(chunks(refused, 8), strangers):
        with world.caller(account, socket=socket) as caller:
            for name in names:
                with tap.point(f"On {where} another account is refused {name}, and nothing changes"):
                    before = state(world)
                    reply = caller.ask(name, EXPECTED[name][0], types=types_of(known[name]))
                    expect_equal(outcome(reply), DENIED, f"the answer ({reply})")
                    expect("sudo" in reply["text"], f"the next step is named: {reply['text']}")
                    expect_equal(state(world), before, "state")
    with tap.point(f"On {where} another account may call the rest"), world.caller(w.OTHER, socket=socket) as caller:
        found = {name: outcome(caller.ask(name, EXPECTED[name][0], types=types_of(known[name]))) for name in known
                 if name not in refused}
        expect_equal(found, {name: EXPECTED[name][1] for name in known if name not in refused}, "answers")
    return [(account[1], name) for names, account in zip(chunks(refused, 8), strangers) for name in names]


def types_of(types):
    return "(" + "".join(types) + ")"


def absurd(tap, world, known, socket, account):
    """Bounded: each argument runs through all its values while the others take theirs in turn."""
    where = "the socket" if socket else "the bus"
    with tap.point(f"Absurd arguments to every method on {where}: each is answered, nothing changes, the service lives"), \
            world.caller(account, socket=socket) as caller:
        before = state(world)
        n = 0
        for name, types in known.items():
            values = [ABSURD[kind] for kind in types]
            rounds = max((len(value) for value in values), default=1)
            cycles = [itertools.cycle(value) for value in values]
            for _ in range(rounds):
                args = "(" + ", ".join(next(cycle) for cycle in cycles) + ("," if len(cycles) == 1 else "") + ")"
                reply = caller.ask(name, args, types=types_of(types))
                expect("result" in reply or reply["error"] in (DENIED, *(ERROR + word for word in (
                    "InvalidArgument", "UnknownApplication", "Managed", "Conflict", "NotEnforced", "Failed", "Limit", "Locked",
                    "WrongPassphrase"))), f"{name}{args[:200]}: {reply}")
                if EXPECTED[name][1] == DENIED and name != "GetAttempts":
                    expect("error" in reply, f"{name}{args[:200]} was permitted: {reply}")
                    expect(not socket or reply["error"] == DENIED, f"{name}{args[:200]}: {reply}")
                n += 1
        tap.note(f"{n} calls")
        expect(world.guard.poll() is None, "the service ended")
        expect_equal(state(world), before, "state")
    with tap.point(f"Wrong numbers and types of arguments on {where} are refused before anybody looks at them"), \
            world.caller(account, socket=socket) as caller:
        for name, types in known.items():
            for wrong in ("('x', 'y', 'z', 'too many')", "(7,)", "([1, 2, 3],)", "()"):
                if wrong == "()" and not types:
                    continue
                reply = caller.ask(name, wrong)
                expect_equal(outcome(reply), "org.freedesktop.DBus.Error.InvalidArgs", f"{name}{wrong}")
        expect_equal(outcome(caller.ask("Destroy")), "org.freedesktop.DBus.Error.UnknownMethod", "a method there is not")


def impostors(tap, world):
    with tap.point("Another account cannot own the guard's name, with the guard there or not"), world.caller(w.OTHER) as caller:
        expect_equal(outcome(caller.do(own="org.networkguard.Guard1")), DENIED, "while it is there")
    with tap.point("Another account cannot send what looks like the guard's signals, to all or to one"), \
            world.caller(w.OTHER) as caller, world.caller(w.ACTIVE) as listener:
        listener.do(listen=True)
        caller.do(emit="Changed")
        caller.do(emit="Changed", to=listener.about["name"])
        expect("result" in caller.ask("GetStatus"), "a call after it, which the bus has served in order")
        expect("result" in listener.ask("GetStatus"), "and one of the listener")
        expect_equal(listener.do(heard=True)["signals"], [], "what was heard")


def records(tap, world, wanted):
    with tap.point("The audit chain holds every refusal of a call that made sense, with account, method and reason, and is intact"):
        held = {(record["uid"], record["after"]) for record in world.audit() if record["action"] == "refused" and record["reason"]}
        expect_equal(sorted(set(wanted) - held), [], "missing")
        expect("'intact': <true>" in world.root("VerifyAudit")["result"], "the chain")


def flood(tap, world):
    with tap.point("The refusals of the absurd calls did not flood the chain: ten of an account, sixty of all in a minute"):
        counts = {}
        for record in world.audit():
            if record["action"] == "refused":
                counts[record["uid"]] = counts.get(record["uid"], 0) + 1
        for account in w.STRANGERS[6:8]:
            # A minute may begin in the middle.
            expect(counts.get(account[1], 0) <= 20, f"{account}: {counts}")


def main():
    w.enter()
    tap = Tap()
    known = methods()
    world = w.World()
    try:
        world.start_bus()
        world.start_polkit()
        world.start_guard()
        with tap.point("This test knows every method of the interface, and none besides"):
            expect_equal(sorted(set(known) ^ set(EXPECTED)), [], "not known on one side")
        known = {name: types for name, types in known.items() if name in EXPECTED}
        expect("result" in world.root("SetProfile", f"('/usr/bin/true', 'offline', {NONE})"), "a decision of root's")
        wanted = sensible(tap, world, known, False, w.STRANGERS[0:3])
        wanted += sensible(tap, world, known, True, w.STRANGERS[3:6])
        records(tap, world, wanted)
        absurd(tap, world, known, False, w.STRANGERS[6])
        absurd(tap, world, known, True, w.STRANGERS[7])
        flood(tap, world)
        impostors(tap, world)
        with tap.point("After all of it the service lives and complained of nothing"):
            expect(world.guard.poll() is None, "it ended")
            expect("CRITICAL" not in world.log("guard") and "WARNING" not in world.log("guard"), world.log("guard"))
            expect("'intact': <true>" in world.root("VerifyAudit")["result"], "the chain")
    finally:
        world.close()
    return tap.finish()


sys.exit(main())

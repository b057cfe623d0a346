# SPDX-License-Identifier: MIT
"""The guard asks polkit: a real bus, a real polkitd, a real text agent that types (world.py says what is not real)."""

import contextlib
import os
import re
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import world as w  # noqa: E402
from tap import Tap, expect, expect_equal  # noqa: E402

DENIED = "org.freedesktop.DBus.Error.AccessDenied"
ERROR = "org.networkguard.Error."
NONE = "@a{sv} {}"
EXE = "/usr/bin/true"


def set_profile(profile, exe=EXE, options=NONE):
    return {"method": "SetProfile", "args": f"('{exe}', '{profile}', {options})"}


def profile_of(world, exe=EXE):
    reply = world.root("GetApp", f"('{exe}',)")
    return re.search(r"'profile': <'(\w+)'>", reply["result"])[1] if "result" in reply else ""


def reset(world, profile, exe=EXE):
    """Decided by root: what each point starts from."""
    reply = world.root("SetProfile", f"('{exe}', '{profile}', {NONE})")
    expect("result" in reply, str(reply))


def permissions(caller):
    text = caller.ask("GetPermissions")["result"]
    return dict(re.findall(r"'([\w-]+)': <'([^']*)'>", text))


def audit_since(world, seq):
    return [record for record in world.audit() if record["seq"] > seq]


def last_seq(world):
    return max((record["seq"] for record in world.audit()), default=0)


# --- what is permitted -----------------------------------------------------------------------------------------------

def at_the_desk(tap, world):
    with tap.point("At the desk tightening takes no password, loosening, pausing and observing one, and the settings one each time"), \
            world.caller(w.ACTIVE) as caller:
        says = permissions(caller)
        expect_equal({key: says[key] for key in ("authority", "tighten", "loosen", "pause", "observe", "audit", "configure")},
                     {"authority": "polkit", "tighten": "yes", "loosen": "authenticate", "pause": "authenticate",
                      "observe": "authenticate", "audit": "yes", "configure": "authenticate"}, "permissions")
    with tap.point("Whoever has no session at the desk is asked for a password for everything, tightening too"), \
            world.caller(w.OTHER) as caller:
        says = permissions(caller)
        expect_equal({says[key] for key in ("tighten", "loosen", "pause", "observe", "audit", "configure")}, {"authenticate"},
                     "permissions")
    with tap.point("Root may all of it without a question"), world.caller(("root", 0)) as caller:
        says = permissions(caller)
        expect_equal({says[key] for key in ("tighten", "loosen", "pause", "observe", "audit", "configure")}, {"yes"}, "permissions")
        expect("result" in caller.do(**set_profile("offline")), "root is refused")
    with tap.point("At the desk a program is made Offline at once, and the record says that polkit was asked"), \
            world.caller(w.ACTIVE) as caller:
        reset(world, "online")
        seq = last_seq(world)
        expect("result" in caller.do(**set_profile("offline")), "refused")
        expect_equal(profile_of(world), "offline", "what is decided")
        record = next(record for record in audit_since(world, seq) if record["action"] == "set")
        expect_equal((record["uid"], record["auth"]), (w.ACTIVE[1], "polkit"), "the record")
    with tap.point("A loosening whose caller lets nobody be asked is refused, says what to do, and is recorded"), \
            world.caller(w.ACTIVE) as caller:
        reset(world, "offline")
        seq = last_seq(world)
        reply = caller.do(**set_profile("local"))
        expect_equal(reply.get("error"), DENIED, "the answer")
        expect("sudo" in reply["text"], reply["text"])
        expect_equal(profile_of(world), "offline", "what is decided")
        expect_equal([(record["action"], record["uid"]) for record in audit_since(world, seq)], [("refused", w.ACTIVE[1])], "the record")


def loosening_in_disguise(tap, world):
    """Each looks like a tightening or like nothing, from an account that may tighten and nobody may be asked."""
    cases = (
        ("the same profile with an address allowed", set_profile("offline", options="{'allow': <['198.51.100.7']>}")),
        ("the same profile with children that go free", set_profile("offline", options="{'children': <'own'>}")),
        ("the same profile for a minute, and then Online",
         set_profile("offline", options="{'until': <int64 4102444800>, 'then': <'online'>}")),
        ("the same profile for a while, and then forgotten",
         set_profile("offline", options="{'until': <int64 4102444800>, 'then': <''>}")),
        ("forgetting it", {"method": "Forget", "args": f"('{EXE}', {NONE})"}),
        ("an import that replaces its file by another", {"method": "Import", "args": (
            "('{\"version\": 1, \"applications\": [{\"id\": \"true\", \"name\": \"true\", \"executables\": [\"/usr/bin/false\"], "
            "\"profile\": \"offline\"}]}', false, " + NONE + ")")}),
        ("a new application for the same file by another path", set_profile("local", exe=world.path("another"))),
        ("a new application with a pattern", set_profile("offline", exe="/usr/bin/tru*")),
        ("a new application with an address allowed", set_profile("offline", exe="/usr/bin/yes",
                                                                   options="{'allow': <['198.51.100.7']>}")),
        ("ending a panic", {"method": "Resume", "args": f"({NONE},)"}),
    )
    os.symlink(EXE, world.path("another"))
    reset(world, "offline")
    expect("result" in world.root("Panic", f"({NONE},)"), "panic")
    before = world.root("Export")["result"]
    for what, ask in cases:
        with tap.point(f"Not taken for a tightening: {what}"), world.caller(w.ACTIVE) as caller:
            reply = caller.do(**ask)
            expect_equal(reply.get("error"), DENIED, f"the answer ({reply})")
            expect("loosen" in reply["text"], reply["text"])
            expect_equal(world.root("Export")["result"], before, "what is decided")
    expect("result" in world.root("Resume", f"({NONE},)"), "resume")


def loosening_by_sharing(tap, world):
    """Two applications mean one file. By itself each change is a tightening; but whoever is Offline goes before a Local one, and
    would take its allowances along."""
    shared, link = world.path("shared"), world.path("shared-link")
    plain, wide = set_profile("local", shared), "{'allow': <['198.51.100.0/24', '2001:db8::/32']>}"
    with open(shared, "w", encoding="utf-8") as file:
        file.write("a program")
    os.symlink("shared", link)
    expect("result" in world.root(plain["method"], plain["args"]), "the one without allowances")
    expect("result" in world.root("SetProfile", set_profile("online", link, wide)["args"]), "the one with")
    before = world.root("Export")["result"]
    with tap.point("Not taken for a tightening: Offline with allowances, for a file that a Local application has"), \
            world.caller(w.ACTIVE2) as caller:
        reply = caller.do(**set_profile("offline", link))
        expect_equal(reply.get("error"), DENIED, f"the answer ({reply})")
        expect_equal(world.root("Export")["result"], before, "what is decided")
    with tap.point("Offline without allowances is a tightening, also for a file that another application has"), \
            world.caller(w.ACTIVE2) as caller:
        reply = caller.do(**set_profile("offline", link, "{'allow': <@as []>}"))
        expect("result" in reply, str(reply))


# --- answers ---------------------------------------------------------------------------------------------------------

def answers(tap, world):
    with tap.point("The right password: the change is in force, and the record says that somebody typed one"), \
            world.caller(w.ACTIVE2) as caller, w.TextAgent(w.ACTIVE2, caller.pid) as agent:
        reset(world, "offline")
        seq = last_seq(world)
        caller.send(**set_profile("online"), interactive=True)
        agent.wait_for("assword")
        expect("ngadmin" in agent.said, f"it asks for an administrator's: {agent.said!r}")
        expect_equal(profile_of(world), "offline", "while the question is open")
        agent.type(w.PASSWORD)
        reply = caller.answer()
        expect("'enforced': <true>" in reply.get("result", ""), str(reply))
        expect_equal(profile_of(world), "online", "what is decided")
        record = next(record for record in audit_since(world, seq) if record["action"] == "set")
        expect_equal((record["uid"], record["auth"]), (w.ACTIVE2[1], "polkit-password"), "the record")
    with tap.point("The wrong password: refused, nothing changed, recorded"), \
            world.caller(w.ACTIVE2) as caller, w.TextAgent(w.ACTIVE2, caller.pid) as agent:
        reset(world, "offline")
        seq = last_seq(world)
        caller.send(**set_profile("online"), interactive=True)
        agent.wait_for("assword")
        agent.type("not " + w.PASSWORD)
        reply = caller.answer()
        expect_equal(reply.get("error"), DENIED, str(reply))
        expect_equal(profile_of(world), "offline", "what is decided")
        expect("polkit did not permit it" in str(audit_since(world, seq)), str(audit_since(world, seq)))
    with tap.point("The question is closed: Cancelled, nothing changed"), world.caller(w.ACTIVE2) as caller, \
            world.caller(w.ACTIVE2) as agent:
        reset(world, "offline")
        agent.do(agent=caller.pid, answer="cancel")
        reply = caller.ask("SetProfile", f"('{EXE}', 'online', {NONE})", interactive=True)
        expect_equal(reply.get("error"), ERROR + "Cancelled", str(reply))
        expect_equal(profile_of(world), "offline", "what is decided")
    with tap.point("The caller leaves while it is asked: the question is withdrawn and nothing is changed"), \
            world.caller(w.ACTIVE2) as agent:
        caller = world.caller(w.ACTIVE2)
        seq = last_seq(world)
        agent.do(agent=caller.pid, answer="hang")
        caller.send(**set_profile("online"), interactive=True)
        w.wait_for(lambda: "BeginAuthentication" in str(agent.do(heard=True)), 20, "the question is put")
        caller.kill()
        w.wait_for(lambda: "CancelAuthentication" in str(agent.do(heard=True)), 20, "the question is withdrawn")
        w.wait_for(lambda: "the caller has gone" in str(audit_since(world, seq)), 20, "the record says so")
        expect_equal(profile_of(world), "offline", "what is decided")


def state_changes_meanwhile(tap, world):
    with tap.point("What was a tightening when it was asked about and is a loosening when it is answered is asked about again"), \
            world.caller(w.OTHER) as caller, w.TextAgent(w.OTHER, caller.pid) as agent:
        reset(world, "online")
        caller.send(**set_profile("local"), interactive=True)
        agent.wait_for("assword")
        expect("guard1.tighten" in agent.said, agent.said)
        reset(world, "offline")
        agent.type(w.PASSWORD)
        agent.wait_for("guard1.loosen")
        agent.wait_for("assword")
        expect_equal(profile_of(world), "offline", "what is decided")
        agent.type("not " + w.PASSWORD)
        expect_equal(caller.answer().get("error"), DENIED, "the answer")
        expect_equal(profile_of(world), "offline", "what is decided")
    with tap.point("An application that the administrator took over meanwhile is not changed"), \
            world.caller(w.ACTIVE3) as caller, w.TextAgent(w.ACTIVE3, caller.pid) as agent:
        caller.send(**set_profile("online"), interactive=True)
        agent.wait_for("assword")
        managed = world.path("etc/apps.d/true.app")
        w.write(managed, f"[Application]\nExecutable={EXE}\n[Network]\nProfile=offline\n")
        expect("result" in world.root("Reload"), "reload")
        agent.type(w.PASSWORD)
        expect_equal(caller.answer().get("error"), ERROR + "Managed", "the answer")
        os.unlink(managed)
        expect("result" in world.root("Reload"), "reload")
        expect_equal(profile_of(world), "offline", "what is decided")


def many_questions(tap, world):
    with tap.point("One account has at most three questions open; a fourth is refused, other accounts and other calls go on"), \
            world.caller(w.OTHER) as other, contextlib.ExitStack() as stack:
        callers = [stack.enter_context(world.caller(w.ACTIVE3)) for _ in range(4)]
        for caller in callers[:3]:
            agent = stack.enter_context(world.caller(w.ACTIVE3))
            expect_equal(agent.do(agent=caller.pid, answer="hang").get("result"), "registered", "the agent")
            caller.send(**set_profile("online"), interactive=True)
            w.wait_for(lambda agent=agent: "BeginAuthentication" in str(agent.do(heard=True)), 20, "the question is put")
        reply = callers[3].do(**set_profile("online"), interactive=True)
        expect_equal(reply.get("error"), ERROR + "Limit", str(reply))
        expect("result" in other.ask("GetStatus"), "another account is not served")
        expect("result" in callers[3].do(**set_profile("offline")), "what takes no question is refused")
    with tap.point("After that a question can be put again"), world.caller(w.ACTIVE3) as caller, world.caller(w.ACTIVE3) as agent:
        agent.do(agent=caller.pid, answer="cancel")
        w.wait_for(lambda: caller.ask("SetProfile", f"('{EXE}', 'online', {NONE})", interactive=True)["error"] == ERROR + "Cancelled",
                   20, "the places are free")


def others(tap, world):
    with tap.point("Observing: GetAttempts with everyone, GetAllConnections and SubscribeAll are asked about, their own are not"), \
            world.caller(w.ACTIVE) as caller:
        expect("result" in caller.ask("GetAttempts", "(@a{sv} {},)"), "own attempts")
        expect("result" in caller.ask("Subscribe"), "own signals")
        for method, args in (("GetAttempts", "({'everyone': <true>},)"), ("GetAllConnections", "()"), ("SubscribeAll", "()")):
            expect_equal(caller.ask(method, args).get("error"), DENIED, method)
    with tap.point("Who may observe hears of other people's programs, and without SubscribeAll does not"), \
            world.caller(w.ACTIVE) as caller, world.caller(w.ACTIVE) as deaf, w.TextAgent(w.ACTIVE, caller.pid) as agent:
        caller.do(listen=True)
        deaf.do(listen=True)
        expect("result" in deaf.ask("Subscribe"), "subscribe")
        caller.send(method="SubscribeAll", args="()", interactive=True)
        agent.wait_for("assword")
        agent.type(w.PASSWORD)
        expect("result" in caller.answer(), "subscribe to all")
        w.write(world.path("bin/events.new"), f"{w.OTHER[1]} true 0 1\n")
        os.rename(world.path("bin/events.new"), world.path("bin/events"))
        w.wait_for(lambda: "Attempt" in str(caller.do(heard=True)), 20, "the attempt is heard of")
        expect("result" in deaf.ask("GetStatus"), "it is served")
        expect("Attempt" not in str(deaf.do(heard=True)), "the other hears of it too")


# --- polkit goes and comes -------------------------------------------------------------------------------------------

def without_polkit(tap, world):
    with tap.point("polkit is killed while it asks: refused, and it says why"), world.caller(w.ACTIVE4) as caller, \
            world.caller(w.ACTIVE4) as agent:
        reset(world, "offline")
        agent.do(agent=caller.pid, answer="hang")
        caller.send(**set_profile("online"), interactive=True)
        w.wait_for(lambda: "BeginAuthentication" in str(agent.do(heard=True)), 20, "the question is put")
        world.end(world.polkit, signal.SIGKILL)
        reply = caller.answer()
        expect_equal(reply.get("error"), DENIED, str(reply))
        expect("polkit" in reply["text"] and "sudo" in reply["text"], reply["text"])
        expect_equal(profile_of(world), "offline", "what is decided")
    with tap.point("Without polkit it is root only, tightening too, and everybody is told so with the next step"), \
            world.caller(w.ACTIVE4) as caller, world.caller(("root", 0)) as root:
        reply = caller.do(**set_profile("offline"), interactive=True)
        expect_equal(reply.get("error"), DENIED, str(reply))
        expect("root alone" in reply["text"] and "sudo" in reply["text"], reply["text"])
        says = permissions(caller)
        expect_equal((says["authority"], says["tighten"], says["loosen"]), ("root-only", "no", "no"), "permissions")
        expect("polkit does not run" in says["text"], says["text"])
        expect("result" in root.do(**set_profile("online")), "root is refused")
        expect("result" in caller.ask("GetStatus"), "reading takes no polkit")
    with tap.point("When polkit is back everything is as before, without a restart of the guard"), world.caller(w.ACTIVE4) as caller:
        world.start_polkit()
        expect("result" in caller.do(**set_profile("offline")), "refused")
        expect_equal(permissions(caller)["authority"], "polkit", "permissions")
    with tap.point("polkit without our policy file: root only, and it says what polkit said"), world.caller(w.ACTIVE4) as caller:
        policy = "/usr/share/polkit-1/actions/org.networkguard.guard1.policy"
        os.rename(policy, policy + ".away")
        world.end(world.polkit)
        world.start_polkit()
        reply = caller.do(**set_profile("offline"))
        expect_equal(reply.get("error"), DENIED, str(reply))
        expect("could not tell who may (" in reply["text"] and "install" in reply["text"], reply["text"])
        os.rename(policy + ".away", policy)
        world.end(world.polkit)
        world.start_polkit()
        expect("result" in caller.do(**set_profile("offline")), "refused")
    with tap.point("Without the owner in the policy file polkit would not answer the service's user: the annotation is needed"), \
            world.caller(w.ACTIVE4) as caller:
        policy = "/usr/share/polkit-1/actions/org.networkguard.guard1.policy"
        with open(policy, encoding="utf-8") as file:
            text = file.read()
        w.write(policy, text.replace("unix-user:netguard", "unix-user:nobody"))
        world.end(world.polkit)
        world.start_polkit()
        reply = caller.do(**set_profile("offline"))
        expect_equal(reply.get("error"), DENIED, str(reply))
        w.write(policy, text)
        world.end(world.polkit)
        world.start_polkit()
        expect("result" in caller.do(**set_profile("offline")), "refused")
    with tap.point("On the socket it is root only, polkit or not"), world.caller(w.ACTIVE4, socket=True) as caller:
        reply = caller.do(**set_profile("offline"))
        expect_equal(reply.get("error"), DENIED, str(reply))
        expect_equal(permissions(caller)["authority"], "root-only", "permissions")
    with tap.point("The system bus is restarted, polkit with it: the guard comes back to it by itself and asks again"):
        world.end(world.polkit)
        world.end(world.bus)
        world.start_bus()
        world.start_polkit()
        w.wait_for(lambda: world.has_owner("org.networkguard.Guard1"), 90, "the guard is on the new bus")
        with world.caller(w.ACTIVE4) as caller:
            expect("result" in caller.do(**set_profile("offline")), "refused")


def main():
    w.enter()
    tap = Tap()
    world = w.World()
    try:
        world.start_bus()
        world.start_polkit()
        world.start_guard()
        for part in (at_the_desk, loosening_in_disguise, loosening_by_sharing, answers, state_changes_meanwhile, many_questions, others, without_polkit):
            part(tap, world)
        with tap.point("The service lives, complained of nothing, and its chain of records fits together"):
            expect(world.guard.poll() is None, "it ended")
            expect("CRITICAL" not in world.log("guard") and "WARNING" not in world.log("guard"), world.log("guard"))
            expect("'intact': <true>" in world.root("VerifyAudit")["result"], "the chain")
    finally:
        world.close()
    return tap.finish()


sys.exit(main())

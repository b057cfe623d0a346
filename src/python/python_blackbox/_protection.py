# SPDX-License-Identifier: MIT
"""What is covered in this process at this moment, and what is not.

Nothing here is taken for granted: whether the hook answers, which doors are open and whether the filter is in force is tried
when protection() is called (protection.c). What is not in force is not in "covered"; each line of "covered", and each of
"not_covered", is a way that tests/python/ways.py goes.
"""

import os

from . import _core

_NAME_DOORS = ("getaddrinfo", "gethostbyname", "gethostbyname_ex")
_ADDRESS_DOORS = ("socket.connect", "socket.connect_ex", "socket.bind", "socket.sendto", "socket.sendmsg")
_ARRIVAL_DOORS = ("socket.accept", "socket.recvfrom", "socket.recvfrom_into", "socket.recvmsg", "socket.recvmsg_into")
_CHILD_DOORS = ("fork_exec", "posix_spawn", "posix_spawnp", "execv", "execve", "system")

# id -> what it is. Those of the hook, in all threads and interpreters, also through functions taken before.
_COVERED = {
    "sockets": "connecting, binding and sending to an address with Python's sockets",
    "kinds": "sockets that confined programs have no use for: raw, packet, VSOCK, MPTCP, SCTP",
    "lookups": "looking up names and addresses with the socket module",
    "names": "names in the address of connect(), bind(), sendto() and sendmsg(), before they are looked up",
    "arrivals": "connections and datagrams from where nothing may be reached: accept(), recvfrom(), recvmsg() hand out none",
    "descriptors": "sockets made of a descriptor that is connected to somebody",
    "clients": "http.client, urllib, ftplib, smtplib, imaplib, poplib; ssl over a socket from before",
}
_CHILDREN = {
    "launcher": "programs that are started: they run under `netguard run` with the same rules",
    "filter": "programs that are started: a system call filter lets them use no Internet socket (the launcher is not installed, "
              "so not the whitelist either)",
    "refuse": "programs that are started: refused",
    "strict": "programs that are started: they inherit the filter of this process",
}
_SUPERVISED = ("unix", "daemons of this machine over AF_UNIX, such as docker, D-Bus, a resolver: the launcher cuts them off")
_STRICT = {
    "native": "machine code in this process, in all its threads: C libraries, ctypes, raw system calls, io_uring",
    "sockets-from-before": "the sockets that were open when strict began: ended",
}

# id -> (what it is, what closes it).
_NOT_COVERED = {
    "native": ("libraries in C that make their own system calls, such as pycurl, psycopg2, pyzmq, grpc, and the Tcl of tkinter",
               "strict"),
    "ctypes": ("system calls and C functions called by ctypes or cffi", "strict"),
    "io_uring": ("io_uring, driven by ctypes or a C library", "strict"),
    "memory": ("code that changes this interpreter's memory (ctypes, /proc/self/mem) can switch the hook off", "strict"),
    "existing": ("sockets from before: data on connections that were open already, and the kernel's answers for sockets that "
                 "listened; of any socket datagrams read by recv(), and the kernel's answers after listen() without bind()",
                 "existing=\"shutdown\" for those from before, or strict"),
    "options": ("what a socket's options make the kernel do, where anything may be reached at all: source routes, the joining of "
                "multicast groups", "strict"),
}
_NEVER_COVERED = {
    "received": ("sockets that another process hands in over AF_UNIX, used past Python's methods (os.write, os.dup2)",
                 "netguard run"),
    "processes": ("processes that were started before, and what they are asked to do", "netguard run"),
    "unix": ("what daemons of this machine do when asked over AF_UNIX: docker, D-Bus, a resolver, a proxy", "netguard run"),
    "outside": ("other processes of this user (of all users, for root) that are made to act: by debugging, by the files they run",
                "netguard run"),
}
_ROOT = ("what root can do besides: devices such as /dev/net/tun, interfaces, routes, modules of the kernel", "not being root")
_MULTIPROCESSING = ("processes of multiprocessing are interpreters that block themselves in their first statement: what runs "
                    "before it (sitecustomize, PYTHONPATH), and what is not covered here, is not covered there", "strict")
_NOTHING = ("everything: nothing is blocked", "block_network()")


class Protection(dict):
    """What protection() returns; str() says it in words."""

    def __str__(self):
        return "\n".join(_words(self))


def _open(doors, names):
    return all(doors.get(name) for name in names)


def _children(facts):
    """(id of covered or None, entry of not_covered or None)."""
    if facts["strict"]:
        return "strict", None
    if facts["children"] == "allow":
        return None, ("programs that are started: allowed by subprocess=\"allow\", and recorded", "subprocess=\"confine\"")
    if not _open(facts["doors"], _CHILD_DOORS):
        closed = ", ".join(name for name in _CHILD_DOORS if not facts["doors"].get(name))
        return None, (f"programs that are started: no door could be put before {closed}", "strict")
    if facts["children"] == "refuse":
        return "refuse", None
    return ("launcher" if facts["launcher"] else "filter"), None


def _entry(name, what, closed_by=None):
    entry = {"id": name, "what": what}
    if closed_by:
        entry["closed_by"] = closed_by
    return entry


def _by_hook(facts):
    """What the hook and the doors cover: ids of _COVERED, and what is missing."""
    doors, missing = facts["doors"], []
    if not facts["hook"]:
        return [], [_entry("hook", "everything Python does: the audit hook does not answer in this interpreter", "a new process")]
    ids = ["sockets", "kinds", "clients"]
    for name, wanted in (("lookups", _NAME_DOORS), ("names", _ADDRESS_DOORS), ("arrivals", _ARRIVAL_DOORS)):
        if _open(doors, wanted):
            ids.append(name)
        else:
            closed = ", ".join(door for door in wanted if not doors.get(door))
            missing.append(_entry(name, f"{_COVERED[name]}: no door could be put before {closed}", "strict"))
    if _core.has_descriptor_door():
        ids.append("descriptors")
    else:
        missing.append(_entry("descriptors", _COVERED["descriptors"], "existing=\"shutdown\" or strict"))
    return ids, missing


def _coverage(facts):
    ids, not_covered = _by_hook(facts)
    covered = [_entry(name, _COVERED[name]) for name in ids]
    children, missing = _children(facts)
    if missing:
        not_covered.append(_entry("children", *missing))
    elif facts["hook"] or facts["strict"]:
        covered.append(_entry("children", _CHILDREN[children]))
    if facts["strict"] and facts["filter"]:
        covered += [_entry(name, what) for name, what in _STRICT.items()]
    else:
        not_covered += [_entry(name, *what) for name, what in _NOT_COVERED.items()]
        if children in ("launcher", "filter"):
            not_covered.append(_entry("multiprocessing", *_MULTIPROCESSING))
    supervised = facts["strict"] and facts["supervisor"]
    if supervised:
        covered.append(_entry(*_SUPERVISED))
    not_covered += [_entry(name, *what) for name, what in _NEVER_COVERED.items() if name != "unix" or not supervised]
    if os.geteuid() == 0:
        not_covered.append(_entry("root", *_ROOT))
    return covered, not_covered


def protection():
    """What is covered in this process at this moment, and what is not."""
    facts = _core.facts()
    blocked = _core.is_blocked()
    covered, not_covered = _coverage(facts) if blocked else ([], [_entry("all", *_NOTHING)])
    return Protection(profile=_core.profile(), blocked=blocked, strict=facts["strict"], whitelist=_core.whitelist(),
                      hook=facts["hook"], filter=facts["filter"], supervisor=facts["supervisor"] or None, doors=facts["doors"],
                      launcher=facts["launcher"], children=facts["children"], covered=covered, not_covered=not_covered,
                      existing=_core.existing_sockets())


# --- in words ---

def _socket_words(one):
    where = one["peer"] or one["local"] or ""
    told = " (permitted)" if one["permitted"] else ""
    return f"  descriptor {one['fd']}: {one['family']} {one['type']}, {one['state']} {where}".rstrip() + told


def _words(state):
    if not state["blocked"]:
        yield "Nothing is blocked: the profile is online."
        return
    allowed = ", ".join(state["whitelist"]) or "nothing"
    yield f"The profile is {state['profile']}. Allowed besides: {allowed}."
    supervisor = f", supervised by the launcher, process {state['supervisor']}" if state["supervisor"] else ""
    yield "Strict: " + (f"yes, for good{supervisor}." if state["strict"] else "no.")
    yield f"The launcher: {state['launcher'] or 'not installed'}."
    yield "The hook: " + ("it answers." if state["hook"] else "IT DOES NOT ANSWER.")
    closed = [name for name, is_open in state["doors"].items() if not is_open]
    told = f", not {', '.join(closed)}" if closed else ""
    yield f"Doors: {len(state['doors']) - len(closed)} of {len(state['doors'])} open{told}."
    yield ""
    yield "Covered:"
    for one in state["covered"]:
        yield f"  {one['what']}"
    yield ""
    yield "Not covered:"
    for one in state["not_covered"]:
        yield f"  {one['what']} [closed by {one['closed_by']}]"
    if state["existing"]:
        yield ""
        yield "Sockets that are open now:"
        yield from map(_socket_words, state["existing"])

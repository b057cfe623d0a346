# SPDX-License-Identifier: MIT
"""One caller on the system bus or the socket: whoever runs it. Reads one JSON object a line, answers each with one.

{"method": NAME, "args": GVariant text, "interactive": bool, "to": well-known name, "interface", "path"}  -> {"result"} or {"error", "text"}
{"listen": true}         collect the guard's signals from now on; {"heard": true} -> {"signals": [[name, text]]}
{"own": NAME} -> {"result": the bus's number}; {"emit": NAME} sends a signal as the guard would
{"agent": PID, "answer": "cancel" | "hang"} registers an authentication agent for that process, which closes each question, or lets it wait
The first line it writes is {"name": its unique name, "pid": its pid}.
"""

import json
import os
import sys

from gi.repository import Gio, GLib

NAME = INTERFACE = "org.networkguard.Guard1"
PATH = "/org/networkguard/Guard1"
AGENT_XML = """<node><interface name="org.freedesktop.PolicyKit1.AuthenticationAgent">
<method name="BeginAuthentication"><arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="s" direction="in"/>
<arg type="a{ss}" direction="in"/><arg type="s" direction="in"/><arg type="a(sa{sv})" direction="in"/></method>
<method name="CancelAuthentication"><arg type="s" direction="in"/></method></interface></node>"""
heard = []
keep = []


def say(answer):
    print(json.dumps(answer), flush=True)


def agent(bus, pid, answer):
    def called(connection, sender, path, interface, method, parameters, invocation):
        heard.append([method, parameters.print_(True)])
        if method == "BeginAuthentication" and answer == "hang":
            keep.append(invocation)
        elif method == "BeginAuthentication":
            invocation.return_dbus_error("org.freedesktop.PolicyKit1.Error.Cancelled", "closed")
        else:
            invocation.return_value(None)
    info = Gio.DBusNodeInfo.new_for_xml(AGENT_XML).interfaces[0]
    bus.register_object("/agent", info, called, None, None)
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        started = int(file.read().rpartition(")")[2].split()[19])
    subject = ("unix-process", {"pid": GLib.Variant("u", pid), "start-time": GLib.Variant("t", started),
                                "uid": GLib.Variant("i", os.getuid())})
    bus.call_sync("org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
                  "org.freedesktop.PolicyKit1.Authority", "RegisterAuthenticationAgent",
                  GLib.Variant("((sa{sv})ss)", (subject, "C", "/agent")), None, Gio.DBusCallFlags.NONE, 10000, None)
    return {"result": "registered"}


def error_of(error):
    name = Gio.DBusError.get_remote_error(error) if Gio.DBusError.is_remote_error(error) else error.domain
    return {"error": name, "text": error.message.split(": ", 1)[1] if name in error.message else error.message}


def call(bus, peer, ask):
    """Answers when the reply is there; the loop goes on meanwhile (signals, the agent)."""
    flags = Gio.DBusCallFlags.ALLOW_INTERACTIVE_AUTHORIZATION if ask.get("interactive") else Gio.DBusCallFlags.NONE

    def done(connection, result):
        try:
            reply = connection.call_finish(result)
            say({"result": reply.print_(True), "id": ask.get("id")})
        except GLib.Error as error:
            say({**error_of(error), "id": ask.get("id")})
    args = GLib.Variant.parse(None, ask.get("args", "()"), None, None)
    if "types" in ask:
        args = GLib.Variant.parse(GLib.VariantType.new(ask["types"]), ask["args"], None, None)
    bus.call(None if peer else ask.get("to", NAME), ask.get("path", PATH), ask.get("interface", INTERFACE), ask["method"], args,
             None, flags, 60000, None, done)


def obey(bus, peer, ask):
    if "method" in ask:
        call(bus, peer, ask)
    elif "listen" in ask:
        bus.signal_subscribe(None, INTERFACE, None, None, None, Gio.DBusSignalFlags.NONE,
                             lambda c, s, p, i, name, body: heard.append([name, body.print_(False)]))
        say({"result": "listening"})
    elif "heard" in ask:
        say({"signals": heard})
    elif "own" in ask:
        reply = bus.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName",
                              GLib.Variant("(su)", (ask["own"], 4)), None, Gio.DBusCallFlags.NONE, 10000, None)
        say({"result": reply.unpack()[0]})
    elif "emit" in ask:
        bus.emit_signal(ask.get("to"), PATH, INTERFACE, ask["emit"], GLib.Variant("(s)", ("policy",)))
        bus.flush_sync(None)
        say({"result": "sent"})
    elif "agent" in ask:
        say(agent(bus, ask["agent"], ask["answer"]))


def main():
    peer = sys.argv[1] if len(sys.argv) > 1 else None
    flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
    address = f"unix:path={peer}" if peer else Gio.dbus_address_get_for_bus_sync(Gio.BusType.SYSTEM, None)
    if not peer:
        flags |= Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
    bus = Gio.DBusConnection.new_for_address_sync(address, flags, None, None)
    bus.set_exit_on_close(False)
    loop = GLib.MainLoop()

    def readable(channel, condition):
        line = sys.stdin.readline()
        if not line:
            loop.quit()
            return False
        try:
            obey(bus, peer, json.loads(line))
        except GLib.Error as error:
            say(error_of(error))
        return True
    GLib.io_add_watch(GLib.IOChannel.unix_new(0), GLib.PRIORITY_DEFAULT, GLib.IOCondition.IN | GLib.IOCondition.HUP, readable)
    say({"name": bus.get_unique_name(), "pid": os.getpid()})
    loop.run()


main()

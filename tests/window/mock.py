#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A guard that only looks like one, for trying and testing the window.

    mock.py DIR [--scene NAME] [--apps N] [--rate ATTEMPTS_PER_SECOND] [--xml FILE]

Serves org.networkguard.Guard1 on DIR/guard.sock (`netguard-window --runtime DIR`) until standard input ends or, with --stay, until
it is terminated. The interface is registered from the XML, so GDBus itself refuses calls and answers of another shape. Commands
are JSON objects, one a line; each is answered by one line of JSON:

    {"do": "scene", "name": NAME, "count": N}        another world (mockworld.SCENES)
    {"do": "set", "values": {...}}                   attributes of the World
    {"do": "app", "id": ID, "values": {...}}         fields of an application; answers with it
    {"do": "fail", "method": M, "error": E, "text": T, "times": N}     the next N calls of M fail (0: all from now on)
    {"do": "hold", "method": M} {"do": "release"}    do not answer calls of M; answer them now
    {"do": "heal"}                                   forget fail and hold
    {"do": "attempt", "app": ID, "remote": INDEX, "count": N}          one Attempt to every subscriber
    {"do": "rate", "per_second": N}                  Attempt signals without end
    {"do": "drop"} {"do": "down"} {"do": "up"}       close connections; besides stop listening; listen again
    {"do": "calls"}                                  the calls since the last time: [[METHOD, ARGUMENTS], ...]
"""

import argparse
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from gi.repository import Gio, GLib  # noqa: E402

import mockdata  # noqa: E402
from mockworld import SCENES, TYPES, Refusal, World  # noqa: E402

PATH, INTERFACE = "/org/networkguard/Guard1", "org.networkguard.Guard1"
TICKS = 50  # batches of Attempt signals a second


def pack(value):
    """A dictionary as a{sv}; a value is a pair (type, value) where the table does not say its type."""
    items = {}
    for key, item in value.items():
        kind, item = item if isinstance(item, tuple) else (TYPES[key], item)
        items[key] = GLib.Variant("aa{sv}", [pack_plain(one) for one in item]) if kind == "aa{sv}" else GLib.Variant(kind, item)
    return GLib.Variant("a{sv}", items)


def pack_plain(value):
    return {key: GLib.Variant(TYPES[key], item) for key, item in value.items()}


class Mock:
    def __init__(self, folder, xml, world):
        self.folder, self.world = folder, world
        with open(xml, encoding="utf-8") as file:
            self.interface = Gio.DBusNodeInfo.new_for_xml(file.read()).lookup_interface(INTERFACE)
        self.connections, self.listening, self.calls, self.failing, self.held, self.holding = [], [], [], {}, [], set()
        self.server, self.rate, self.owed, self.number = None, 0, 0.0, 0
        self.packed = {}  # id -> (the dictionary's text, variant): ListApps of 2,000 is asked for often
        self.up()
        GLib.timeout_add(1000 // TICKS, self.tick)

    # -- the connection ---------------------------------------------------------------------------------------------------

    def up(self):
        if not self.server:
            self.server = Gio.DBusServer.new_sync(f"unix:path={self.folder}/guard.sock", Gio.DBusServerFlags.NONE, Gio.dbus_generate_guid(), None, None)
            os.chmod(f"{self.folder}/guard.sock", 0o666)
            self.server.connect("new-connection", self.on_connection)
            self.server.start()

    def down(self):
        self.server.stop()
        self.server = None
        self.drop()

    def drop(self):
        for connection in list(self.connections):
            connection.close_sync(None)

    def on_connection(self, _server, connection):
        self.connections.append(connection)
        connection.connect("closed", self.on_closed)
        connection.register_object(PATH, self.interface, self.on_call, None, None)
        return True

    def on_closed(self, connection, _by_peer, _error):
        for some in (self.connections, self.listening):
            if connection in some:
                some.remove(connection)

    # -- calls ----------------------------------------------------------------------------------------------------------

    def on_call(self, connection, _sender, _path, _interface, method, parameters, invocation):
        arguments = parameters.unpack()
        self.calls.append([method, arguments])
        if method in self.holding:
            self.held.append((connection, method, arguments, invocation))
            return
        self.answer(connection, method, arguments, invocation)

    def answer(self, connection, method, arguments, invocation):
        try:
            self.fail_if_told(method)
            if method in ("Subscribe", "SubscribeAll", "Unsubscribe"):
                if method == "Unsubscribe" and connection in self.listening:
                    self.listening.remove(connection)
                elif method != "Unsubscribe" and connection not in self.listening:
                    self.listening.append(connection)
                result = None
            else:
                result = getattr(self.world, method)(*arguments)
        except Refusal as refusal:
            invocation.return_dbus_error(refusal.name, str(refusal))
            return
        invocation.return_value(self.tuple_of(method, result))
        self.tell_changes()

    def fail_if_told(self, method):
        told = self.failing.get(method)
        if told:
            name, text, times = told
            if times == 1:
                del self.failing[method]
            elif times:
                self.failing[method] = (name, text, times - 1)
            raise Refusal(name, text)

    def tuple_of(self, method, result):
        if result is None:
            return None
        if method == "ListApps":
            return GLib.Variant.new_tuple(GLib.Variant.new_array(GLib.VariantType("a{sv}"), [self.pack_app(app) for app in result]))
        if isinstance(result, list):
            return GLib.Variant.new_tuple(GLib.Variant.new_array(GLib.VariantType("a{sv}"), [pack(item) for item in result]))
        if isinstance(result, str):
            return GLib.Variant("(s)", (result,))
        return GLib.Variant.new_tuple(pack(result))

    def pack_app(self, app):
        text = repr(app)
        known = self.packed.get(app["id"])
        if not known or known[0] != text:
            known = self.packed[app["id"]] = (text, pack(app))
        return known[1]

    # -- signals ----------------------------------------------------------------------------------------------------------

    def emit(self, name, value):
        for connection in self.listening:
            connection.emit_signal(None, PATH, INTERFACE, name, value)

    def tell_changes(self):
        for what in dict.fromkeys(self.world.due):
            self.emit("Changed", GLib.Variant("(s)", (what,)))
        self.world.due.clear()

    def tell_attempt(self, app, remote, count=1):
        verdict = "would-be-denied" if self.world.state == "simulation" else "denied"
        item = self.world.blocked(app, remote, int(time.time()), count, verdict)
        self.emit("Attempt", GLib.Variant.new_tuple(pack(item)))
        del self.world.attempts[:-20000]

    def tick(self):
        self.owed += self.rate / TICKS
        apps = list(self.world.apps.values()) if self.owed >= 1 else ()
        while self.owed >= 1:
            self.owed -= 1
            self.number += 1
            if apps:
                self.tell_attempt(apps[self.number * 7 % len(apps)], mockdata.REMOTE[self.number % len(mockdata.REMOTE)])
        return True

    # -- commands ---------------------------------------------------------------------------------------------------------

    def obey(self, command):
        answer = getattr(self, "do_" + command.pop("do"))(**command)
        self.tell_changes()
        for connection in self.connections:
            if not connection.is_closed():  # what "down" and "drop" closed is forgotten a moment later
                connection.flush_sync(None)
        return answer

    def do_scene(self, name, count=None):
        self.world.load(name, count)
        self.packed.clear()

    def do_set(self, values):
        vars(self.world).update(values)
        self.world.due += ["policy", "state", "problems", "settings", "lock"]

    def do_app(self, id, values=None):  # noqa: A002 - the interface's own word
        app = self.world.apps[id]
        if values:
            app |= values
            self.world.due.append("policy")
        return app

    def do_fail(self, method, error, text, times=1):
        self.failing[method] = (error, text, times)

    def do_hold(self, method):
        self.holding.add(method)

    def do_release(self):
        self.holding.clear()
        held, self.held = self.held, []
        for call in held:
            self.answer(*call)

    def do_heal(self):
        self.failing.clear()
        self.do_release()

    def do_attempt(self, app, remote=0, count=1):
        self.tell_attempt(self.world.apps[app], mockdata.REMOTE[remote], count)

    def do_rate(self, per_second):
        self.rate, self.owed = per_second, 0.0

    def do_drop(self):
        self.drop()

    def do_down(self):
        self.down()

    def do_up(self):
        self.up()

    def do_calls(self):
        calls, self.calls = self.calls, []
        return calls


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--scene", default="busy", choices=sorted(SCENES))
    parser.add_argument("--apps", type=int)
    parser.add_argument("--rate", type=int, default=0)
    parser.add_argument("--xml", default=os.path.join(here, "..", "..", "src", "api", "org.networkguard.Guard1.xml"))
    parser.add_argument("--stay", action="store_true")
    arguments = parser.parse_args()
    os.makedirs(arguments.folder, exist_ok=True)
    mock = Mock(arguments.folder, arguments.xml, World(arguments.scene, arguments.apps))
    mock.rate = arguments.rate
    loop = GLib.MainLoop()
    buffer = b""

    def on_input(descriptor, _condition):
        nonlocal buffer
        data = os.read(descriptor, 65536)
        if not data:
            if not arguments.stay:
                loop.quit()
            return arguments.stay and False
        buffer += data
        while b"\n" in buffer:
            line, _, buffer = buffer.partition(b"\n")
            print(json.dumps({"answer": mock.obey(json.loads(line))}), flush=True)
        return True

    GLib.unix_fd_add_full(GLib.PRIORITY_DEFAULT, 0, GLib.IOCondition.IN | GLib.IOCondition.HUP, on_input)
    print(json.dumps({"answer": "ready"}), flush=True)
    loop.run()
    mock.server and mock.down()


if __name__ == "__main__":
    main()

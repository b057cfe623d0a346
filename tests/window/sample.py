#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A window with faults, for test_driver.py: what the judgements of atspi.py must find, and what they must not."""

import gi

gi.require_version("Adw", "1")
from gi.repository import Adw, Gtk  # noqa: E402


def activate(app):
    stack, box = Gtk.Stack(vexpand=True), Gtk.Box(orientation=Gtk.Orientation.VERTICAL)
    named, unnamed = Gtk.Button(icon_name="list-add-symbolic"), Gtk.Button(icon_name="list-remove-symbolic", tooltip_text="Remove")
    named.update_property([Gtk.AccessibleProperty.LABEL], ["Add"])
    toggle, entry, lamp = Gtk.ToggleButton(label="Light"), Gtk.Entry(), Gtk.Label(label="it is dark")
    entry.update_property([Gtk.AccessibleProperty.LABEL], ["Name"])
    toggle.connect("toggled", lambda _toggle: lamp.set_label("it is light" if toggle.get_active() else "it is dark"))
    wide = Gtk.Button(label="too wide", width_request=2000)
    scroller = Gtk.ScrolledWindow(child=wide, vscrollbar_policy=Gtk.PolicyType.NEVER, hscrollbar_policy=Gtk.PolicyType.EXTERNAL)
    for widget in (Gtk.StackSwitcher(stack=stack), named, unnamed, toggle, lamp, entry, scroller):
        box.append(widget)
    stack.add_titled(box, "first", "First")
    stack.add_titled(Gtk.Button(label="of the other page"), "second", "Second")
    window = Adw.ApplicationWindow(application=app, title="Sample", content=stack)
    window.present()


application = Adw.Application(application_id="org.networkguard.Sample")
application.connect("activate", activate)
application.run([])

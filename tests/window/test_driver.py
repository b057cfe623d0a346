#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The test of the window's tests: a sample with known faults (sample.py) is driven and judged; what must be found is found, what is well
is left alone, and what never comes is waited for with an end."""

import os
import sys
import time

import atspi
import desk
from tap import Tap, expect, expect_equal, skip_all


def main():
    desk.require(window=False)
    try:
        import gi  # pylint: disable=import-outside-toplevel
        gi.require_version("Adw", "1")
    except ValueError:
        skip_all("not installed: gir1.2-adw-1")
    tap, session = Tap(), desk.Session()
    screen = desk.Screen(session, 640, 480)
    program = screen.run(["/usr/bin/python3", os.path.join(desk.HERE, "sample.py")])
    app = atspi.App(session, program)
    with tap.point("what is pressed is pressed, and what follows is seen"):
        app.find("label", "it is dark")
        app.find("button", "Light").press()
        app.find("label", "it is light")
        app.find("button", "Light", pressed=True)
    with tap.point("what is written is in the entry"):
        app.find("text", "Name").write("Ada")
        expect_equal(app.find("text", "Name").text(), "Ada", "the text")
    with tap.point("an icon button that has only a tooltip is found to have no name, one with a label is not"):
        expect_equal([node.description for node in atspi.unnamed(app.tree())], ["Remove"], "without a name")
    with tap.point("what sticks out of the window is found"):
        expect("too wide" in [node.name for node in atspi.out_of_sight(app.tree())], f"found: {atspi.out_of_sight(app.tree())}")
    with tap.point("what lies on a page that is not shown is not seen until it is"):
        expect(not app.tree().first("button", "of the other page"), "the other page is seen")
        app.find("page tab", "Second").press()
        app.find("button", "of the other page")
        app.gone("button", "Add")
    with tap.point("what never comes is waited for with an end"):
        started = time.monotonic()
        try:
            app.find("button", "there is none", seconds=1)
            raise RuntimeError("it found what is not there")
        except AssertionError as error:
            expect("of the other page" in str(error), "the failure says what was there instead")
        expect(time.monotonic() - started < 8, f"it took {time.monotonic() - started:.1f} s")
    with tap.point("a complaint of the toolkit is noticed"):
        with open(program.log_path, "ab") as file:
            file.write(b"(sample:1): Gtk-WARNING **: 10:00:00.000: something is wrong\n")
        expect_equal(len(program.complaints()), 1, "complaints")
    with tap.point("nothing that was started is left when it ends"):
        marked = session._marked()  # pylint: disable=protected-access
        expect(len(marked) > 4, f"only {len(marked)} processes carry the mark")
        session.close()
        left = [pid for pid in marked if os.path.exists(f"/proc/{pid}/exe") and session.mark.encode() in open(f"/proc/{pid}/environ", "rb").read()]
        expect_equal(left, [], "left")
    return tap.finish()


sys.exit(main())

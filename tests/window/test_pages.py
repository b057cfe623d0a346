#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every page of the table in pages.py, at 1024 and at 360 pixels: it can be reached, everything that can be operated has a name, nothing
sticks out of the window, GTK complains of nothing. And the same with large text and at 4K."""

import sys

import atspi
from pages import PAGES
from suite import Suite
from tap import expect_equal


def check_page(tap, page, size, **look):
    words = " ".join([size, *look])
    with tap.against("busy", size, **look) as (window, mock):
        with tap.point(f"{page} ({words}) can be reached"):
            window.app.wait(window.names, 15, "applications are listed")
            PAGES[page](window, mock)
        with tap.point(f"{page} ({words}): everything that can be operated has a name"):
            expect_equal([f"{node!r} ({node.raw_name}, {node.description}) in {node.window()!r}" for node in atspi.unnamed(window.tree())], [], "without a name")
        with tap.point(f"{page} ({words}): nothing is wider than the window or sticks out of it"):
            found = atspi.out_of_sight(window.tree())
            expect_equal([f"{node!r} at {node.extents()} in {node.window()!r} {node.window().extents()}" for node in found], [], "out of sight")


def main():
    tap = Suite()
    wanted = [name for name in PAGES if len(sys.argv) < 3 or name in sys.argv[2:]]
    sizes = sys.argv[1].split(",") if len(sys.argv) > 1 else ["wide", "narrow"]
    for size in sizes:
        for page in wanted:
            if size == "large-text":
                check_page(tap, page, "wide", text_scale=1.5)
            elif size == "uhd":
                check_page(tap, page, "uhd", scale=2)
            else:
                check_page(tap, page, size)
    return tap.finish()


sys.exit(main())

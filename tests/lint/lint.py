# SPDX-License-Identifier: MIT
"""What the lint checks share: the list of the tree's files, and TAP.

A check is a program `check-NAME` here. It calls `points()` with (sentence, function) pairs; a function yields or returns
the faults it finds, one sentence each, and none means well. Skip raised with a reason skips the point.
"""

import os
import subprocess
import sys
import traceback

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
SKIPPED_FOLDERS = {".git", "__pycache__"}


class Skip(Exception):
    pass


def _git_files():
    """Tracked, and new but not ignored. None where this is no checkout or git is missing."""
    try:
        done = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return sorted(set(done.stdout.decode().split("\0")) - {""})


def _walked_files():
    found = []
    for folder, folders, names in os.walk(ROOT):
        at_top = folder == ROOT
        folders[:] = [f for f in folders if f not in SKIPPED_FOLDERS and not (at_top and f.startswith("build"))]
        found += [os.path.relpath(os.path.join(folder, name), ROOT) for name in names]
    return sorted(found)


def files(*suffixes, under=""):
    """The tree's own files as paths from its top, those that end with one of `suffixes` (none: all)."""
    names = _git_files()
    names = _walked_files() if names is None else names
    return [name for name in names if name.startswith(under) and (not suffixes or name.endswith(suffixes))
            and os.path.isfile(os.path.join(ROOT, name))]


def scripts(interpreter):
    """Files whose first line names the interpreter ("sh", "python3"), or that have its suffix."""
    suffix = {"python3": ".py", "sh": ".sh"}[interpreter]
    return [name for name in files() if name.endswith(suffix) or first_line(name).rstrip().endswith((
        "/" + interpreter, "env " + interpreter))]


def first_line(name):
    with open(os.path.join(ROOT, name), "rb") as file:
        line = file.readline(200)
    return line.decode(errors="replace") if line.startswith(b"#!") else ""


def read(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as file:
        return file.read()


def section(name, mark):
    """The text between <!-- mark --> and <!-- /mark --> in a document, or None."""
    if not os.path.exists(os.path.join(ROOT, name)):
        return None
    text = read(name)
    begin, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    if begin not in text or end not in text.split(begin, 1)[1]:
        return None
    return text.split(begin, 1)[1].split(end, 1)[0]


def table_rows(text):
    """The cells of a Markdown table, without its head and rule."""
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in text.splitlines()
            if line.strip().startswith("|")]
    return [row for row in rows[1:] if set("".join(row)) - set("-: ")]


def points(*pairs):
    """Run the points, print TAP, end the process."""
    failed = 0
    print(f"1..{len(pairs)}", flush=True)
    for number, (sentence, function) in enumerate(pairs, 1):
        try:
            faults = list(function() or [])
        except Skip as skip:
            print(f"ok {number} - {sentence} # SKIP {skip}", flush=True)
            continue
        except Exception:  # a broken check is a failed one, and the next still runs
            faults = traceback.format_exc().splitlines()
        for fault in faults:
            print(f"# {fault}")
        print(f"{'not ok' if faults else 'ok'} {number} - {sentence}", flush=True)
        failed += bool(faults)
    sys.exit(1 if failed else 0)

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`pip install` from the source tree with every Python that is found here, in a network namespace without a network: an isolated
build needs nothing from elsewhere. Installed it is imported and blocks, and removed nothing of it is left.

    install.py [PYTHON...]
"""

import ast
import ctypes
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "netns"))

# pylint: disable=wrong-import-position
from tap import Skip, Tap, expect, expect_equal, skip_all  # noqa: E402

TREE = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
PYTHON = "/usr/bin/python3"
CLONE_NEWNET = 0x40000000
LOOK = """
import json, os, socket, sys
import python_blackbox
said = {"blocked": python_blackbox.is_blocked(), "where": python_blackbox.__file__, "version": list(sys.version_info[:2])}
try:
    socket.create_connection(("127.0.0.1", 9), timeout=5)
except python_blackbox.NetworkBlockedError as error:
    said["refused"] = str(error)
from importlib import metadata
said["entry"] = [point.value for point in metadata.distribution("python-blackbox").entry_points]
said["parts"] = sorted(os.listdir(os.path.dirname(python_blackbox.__file__)))
print(json.dumps(said))
"""


def run(*command, **options):
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP_"))}
    env.update(PYTHONDONTWRITEBYTECODE="1", LD_BIND_NOW="1", PIP_NO_INDEX="1", PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_CONFIG_FILE=os.devnull,
               PIP_NO_CACHE_DIR="1")
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                          timeout=200, env=env, **{"cwd": "/", **options})
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)} ended with {done.returncode}: {done.stdout[-3000:]}")
    return done.stdout


def files_below(folder):
    return {os.path.join(at, name) for at, _, names in os.walk(folder) for name in names}


class Place:
    """A virtual environment of one interpreter."""

    def __init__(self, python, folder):
        self.version = run(python, "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])").strip()
        if tuple(int(part) for part in self.version.split(".")) < (3, 9):
            raise Skip("older than 3.9")
        try:
            run(python, "-c", "import ensurepip, venv, sysconfig, os; os.stat(sysconfig.get_path('platinclude') + '/Python.h')")
        except AssertionError as error:
            raise Skip("it has no pip of its own, or no headers: " + str(error).splitlines()[-1]) from None
        self.folder = tempfile.mkdtemp(dir=folder)
        run(python, "-m", "venv", self.folder)
        self.python = os.path.join(self.folder, "bin", "python")
        self.before = files_below(self.folder)

    def pip(self, *args, **options):
        return run(self.python, "-m", "pip", *args, **options)

    def look(self):
        return json.loads(run(self.python, "-c", LOOK).splitlines()[-1])

    def check_installed(self, where=None):
        said = self.look()
        expect(said["blocked"], "importing blocks")
        expect("Network Guard" in said.get("refused", ""), f"a connection is refused: {said}")
        expect_equal(said["entry"], ["pytest_netguard"], "pytest's entry point")
        expect(said["where"].startswith(where or self.folder), f"it is imported from {said['where']}")
        for name in ("py.typed", "__init__.pyi"):
            expect(name in said["parts"], f"{name} is there: {said['parts']}")
        script = os.path.join(self.folder, "script.py")
        with open(script, "w", encoding="utf-8") as file:
            file.write("import python_blackbox, sys; print(python_blackbox.profile(), sys.argv[1:])")
        said = run(self.python, "-m", "python_blackbox", "--", script, "a", "b", cwd=self.folder)
        os.unlink(script)
        for path in glob.glob(os.path.join(self.folder, "net_restrict_*.json")):
            os.unlink(path)
        expect("offline ['a', 'b']" in said, f"the wrapper: {said}")

    def check_gone(self):
        self.pip("uninstall", "-y", "python-blackbox")
        expect_equal(sorted(files_below(self.folder) - self.before), [], "what is left")
        try:
            self.look()
        except AssertionError as error:
            expect("ModuleNotFoundError" in str(error), f"importing it now: {error}")
        else:
            raise AssertionError("it can still be imported")


def check_wheel(python, folder):
    place = Place(python, folder)
    place.pip("install", TREE)
    place.check_installed()
    place.check_gone()


def copy_of_tree(folder):
    copy = os.path.join(folder, "tree")
    if not os.path.exists(copy):
        os.makedirs(copy)
        for name in ("src", "tools"):
            shutil.copytree(os.path.join(TREE, name), os.path.join(copy, name), ignore=shutil.ignore_patterns("__pycache__", "window"))
        for name in ("pyproject.toml", "meson.build", "LICENSE"):
            shutil.copy(os.path.join(TREE, name), copy)
    return copy


def check_editable(folder):
    copy = copy_of_tree(folder)
    place = Place(PYTHON, folder)
    place.pip("install", "--editable", copy)
    place.check_installed(where=copy)
    with open(os.path.join(copy, "src/python/python_blackbox/__init__.py"), "a", encoding="utf-8") as file:
        file.write("\nEDITED = True\n")
    expect_equal(run(place.python, "-c", "import python_blackbox; print(python_blackbox.EDITED)").strip(), "True", "what was edited")
    place.check_gone()


def check_sdist(folder):
    """What the archive holds is enough to build from, and it holds no more than that."""
    made = os.path.join(folder, "sdist")
    os.makedirs(made, exist_ok=True)
    name = run(PYTHON, "-c", f"import sys; sys.path.insert(0, 'tools'); import python_build; print(python_build.build_sdist({made!r}))",
               cwd=copy_of_tree(folder)).strip()
    place = Place(PYTHON, folder)
    place.pip("install", os.path.join(made, name))
    place.check_installed()
    place.check_gone()


def check_same_wheel(folder):
    """Twice built, the same bytes."""
    wheels = []
    for number in (1, 2):
        made = os.path.join(folder, f"wheel{number}")
        os.makedirs(made)
        name = run(PYTHON, "-c", f"import sys; sys.path.insert(0, 'tools'); import python_build; print(python_build.build_wheel({made!r}))",
                   cwd=copy_of_tree(folder)).splitlines()[-1]
        with open(os.path.join(made, name), "rb") as file:
            wheels.append(file.read())
    expect(wheels[0] == wheels[1], "the two wheels differ")


def check_stubs():
    """What an editor and a type checker are told is what there is: names, and arguments where Python can tell them."""
    package = os.path.join(os.environ.get("NETGUARD_BUILD") or os.path.join(TREE, "build"), "src", "python", "import")
    tell = ("import json, inspect, python_blackbox as p; names = [n for n in dir(p) if not n.startswith('_') and not inspect.ismodule(getattr(p, n))];"
            "print(json.dumps([sorted(names), sorted(p.__all__), {n: list(inspect.signature(getattr(p, n)).parameters) for n in names"
            " if inspect.isfunction(getattr(p, n))}]))")
    names, listed, parameters = json.loads(run(PYTHON, "-c", f"import sys; sys.path.insert(0, {package!r}); {tell}"))
    with open(os.path.join(TREE, "src/python/python_blackbox/__init__.pyi"), encoding="utf-8") as file:
        stubs = {node.name: node for node in ast.parse(file.read()).body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    expect_equal(sorted(stubs), names, "the names in __init__.pyi")
    expect_equal(listed, names, "the names in __all__")
    for name, wanted in parameters.items():
        args = stubs[name].args
        expect_equal([one.arg for one in args.args + args.kwonlyargs], wanted, f"the arguments of {name}() in __init__.pyi")


def pythons():
    found = {}
    for path in [PYTHON, *sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/3.*/bin/python3"))), *sorted(glob.glob("/usr/local/bin/python3.[0-9]*"))]:
        if os.access(path, os.X_OK) and not path.endswith("-config"):
            found.setdefault(os.path.realpath(path), path)
    return list(found.values())


def main():
    if os.geteuid() != 0:
        skip_all("needs root: a network namespace without a network")
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        skip_all(f"unshare: {os.strerror(ctypes.get_errno())}")
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="ng-install-") as folder:
        for python in sys.argv[1:] or pythons():
            with tap.point(f"pip install from the tree, without a network, with {python}: imported it blocks; removed, nothing is left"):
                check_wheel(python, folder)
        with tap.point("the stubs have the names and arguments of the module"):
            check_stubs()
        with tap.point("pip install --editable: what is edited is in force at once"):
            check_editable(folder)
        with tap.point("the source archive is enough to install from"):
            check_sdist(folder)
        with tap.point("the same tree gives the same wheel"):
            check_same_wheel(folder)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: MIT
"""The interpreters that are found, and the package built for each: into the build folder, once, and again when a source is newer."""

import fcntl
import glob
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
SYSTEM = "/usr/bin/python3"
DEBUG = "/usr/bin/python3-dbg"
_ASK = ("import os, sys, sysconfig; print(*sys.version_info[:3], sep='.'); print(sysconfig.get_config_var('EXT_SUFFIX'));"
        "print(os.path.exists(os.path.join(sysconfig.get_path('platinclude'), 'Python.h')))")
_BUILD = "import sys; sys.path.insert(0, sys.argv[1]); import python_build; print(python_build.compile_extension(sys.argv[2]))"


def _ask(path):
    """(version, suffix) of a CPython from 3.9 on with its headers, or None."""
    try:
        said = subprocess.run([path, "-I", "-c", _ASK], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                              timeout=20, check=True).stdout.decode().split()
    except (OSError, subprocess.SubprocessError):
        return None
    version, suffix, has_headers = said
    new = tuple(int(part) for part in version.split(".")[:2]) >= (3, 9)
    return (version, suffix) if new and has_headers == "True" and "cpython" in suffix else None


def interpreters(debug=False):
    """[(version, path)], the system's first; of those that share a minor version the first."""
    paths = [SYSTEM, *([DEBUG] if debug else []), *sorted(glob.glob("/usr/bin/python3.[0-9]*")),
             *sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/*/bin/python3"))), *sorted(glob.glob("/usr/local/bin/python3.[0-9]*"))]
    found, suffixes = [], set()
    for path in paths:
        about = _ask(path) if os.access(path, os.X_OK) else None
        if about and about[1] not in suffixes:
            suffixes.add(about[1])
            found.append((about[0] + (" debug" if path == DEBUG else ""), path))
    return found


def _newest(folder):
    return max(os.path.getmtime(path) for path in glob.glob(os.path.join(folder, "**"), recursive=True) if os.path.isfile(path))


def package(path, flags=""):
    """A folder for PYTHONPATH with the package for this interpreter. `flags` for compiler and linker make it another build."""
    build = os.environ["NETGUARD_BUILD"]
    if path == SYSTEM and not flags:
        return os.path.join(build, "src", "python", "import")
    _, suffix = _ask(path)
    name = suffix.strip(".") + (f".{abs(hash_of(flags))}" if flags else "")
    folder = os.path.join(build, "python-others", name)
    inside = os.path.join(folder, "python_blackbox")
    os.makedirs(inside, exist_ok=True)
    with open(os.path.join(folder, "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        extension = os.path.join(inside, "_core" + suffix)
        sources = [os.path.join(ROOT, "src", part) for part in ("python", "run", "verdict")]
        if not os.path.exists(extension) or os.path.getmtime(extension) < max(map(_newest, sources)):
            objects = os.path.join(folder, "objects")
            os.makedirs(objects, exist_ok=True)
            env = {**os.environ, "CFLAGS": f"-Werror=implicit-function-declaration {flags}", "LDFLAGS": flags}
            made = subprocess.run([path, "-I", "-c", _BUILD, os.path.join(ROOT, "tools"), objects], env=env, check=True,
                                  stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=250).stdout.decode().split()[-1]
            os.replace(made, extension)
        for source in glob.glob(os.path.join(ROOT, "src", "python", "python_blackbox", "*")):
            target = os.path.join(inside, os.path.basename(source))
            if os.path.isfile(source) and not os.path.lexists(target):
                os.symlink(source, target)
    return folder


def hash_of(text):
    """The same in every process, unlike hash()."""
    value = 5381
    for byte in text.encode():
        value = (value * 33 + byte) & 0xFFFFFFFF
    return value


def environment(folder, **more):
    """For a program that imports the package."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**env, "PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1", **more}

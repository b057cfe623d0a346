#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds the Python package python_blackbox, for meson and for pip.

meson asks what it must know of an interpreter, and for the package's metadata:

    PYTHON tools/python_build.py describe PREFIX     four lines: folder of headers, suffix of extensions, folder the package is
                                                     installed in (relative to PREFIX), folder of its metadata
    PYTHON tools/python_build.py metadata NAME       prints METADATA, WHEEL or entry_points.txt
    PYTHON tools/python_build.py link FOLDER EXTENSION FILE...      makes FOLDER importable: links to what is built and written
"""

import os
import re
import sys
import sysconfig

TOP = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
NAME = "python_blackbox"

METADATA = """\
Metadata-Version: 2.1
Name: python-blackbox
Version: {version}
Summary: Block the interpreter's own network use, from C
License: MIT
Requires-Python: >=3.9
Classifier: Framework :: Pytest
Classifier: License :: OSI Approved :: MIT License
Classifier: Operating System :: POSIX :: Linux
Classifier: Programming Language :: Python :: Implementation :: CPython
"""
WHEEL = """\
Wheel-Version: 1.0
Generator: network-guard
Root-Is-Purelib: false
Tag: {tag}
"""
ENTRY_POINTS = """\
[pytest11]
netguard = python_blackbox.pytest_plugin
"""


def version():
    """meson.build's: there is one place for it."""
    with open(os.path.join(TOP, "meson.build"), encoding="utf-8") as file:
        return re.search(r"^  version: '([^']+)'", file.read(), re.M)[1]


def tag():
    """Of the wheel: this interpreter and this machine's kind, with its C library as it is."""
    python = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    abi = python + (sys.abiflags if sys.abiflags in ("d", "t") else "")
    return f"{python}-{abi}-{re.sub('[-.]', '_', sysconfig.get_platform())}"


def metadata():
    """What a folder python_blackbox-VERSION.dist-info holds: {name: text}."""
    return {"METADATA": METADATA.format(version=version()), "WHEEL": WHEEL.format(tag=tag()), "entry_points.txt": ENTRY_POINTS}


# --- for meson ---

def install_folder(prefix):
    """Where this interpreter looks for packages below `prefix`, relative to it: on Debian dist-packages."""
    schemes = sysconfig.get_scheme_names()
    bases = {"base": prefix, "platbase": prefix, "installed_base": prefix, "installed_platbase": prefix}
    if "deb_system" in schemes:
        if os.path.basename(prefix) == "local":  # posix_local says itself: below /usr, local
            parent = os.path.dirname(prefix)
            path = sysconfig.get_path("platlib", "posix_local", {**bases, "base": parent, "platbase": parent})
        else:
            path = sysconfig.get_path("platlib", "deb_system", bases)
    else:
        path = sysconfig.get_path("platlib", "posix_prefix", bases)
    return os.path.relpath(path, prefix)


def describe(prefix):
    headers = sysconfig.get_path("platinclude")
    if sys.version_info < (3, 9) or not os.path.exists(os.path.join(headers, "Python.h")):
        sys.exit(f"{sys.executable}: needs Python 3.9 with its headers")
    folder = install_folder(prefix)
    print(headers, sysconfig.get_config_var("EXT_SUFFIX"), folder, f"{folder}/{NAME}-{version()}.dist-info", sep="\n")


def print_metadata(name):
    print(metadata()[name], end="")


def link(folder, *paths):
    os.makedirs(folder, exist_ok=True)
    for path in paths:
        name = os.path.join(folder, os.path.basename(path))
        wanted = os.path.realpath(path)
        if not os.path.islink(name) or os.readlink(name) != wanted:
            if os.path.lexists(name):
                os.unlink(name)
            os.symlink(wanted, name)


if __name__ == "__main__":
    {"describe": describe, "metadata": print_metadata, "link": link}[sys.argv[1]](*sys.argv[2:])

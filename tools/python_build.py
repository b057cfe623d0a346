#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds the Python package python_blackbox, for meson and for pip.

meson asks what it must know of an interpreter, and for the package's metadata:

    PYTHON tools/python_build.py describe PREFIX     four lines: folder of headers, suffix of extensions, folder the package is
                                                     installed in (relative to PREFIX), folder of its metadata
    PYTHON tools/python_build.py metadata NAME       prints METADATA, WHEEL or entry_points.txt
    PYTHON tools/python_build.py link FOLDER FILE... links files into a folder

For pip it is the back end that pyproject.toml names (PEP 517, PEP 660): it needs the compiler that the interpreter was built
with, or $CC, and nothing besides, so that an isolated build without a network works. What is compiled is listed in
src/python/meson.build alone.
"""

import base64
import concurrent.futures
import hashlib
import io
import os
import re
import shlex
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile

TOP = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
NAME = "python_blackbox"
PLUGIN = "pytest_netguard"
PACKAGE = os.path.join(TOP, "src", "python", NAME)
# What the extension needs of the launcher; meson links its library instead.
RUN_PARTS = ("allow.c", "attach.c", "filter.c", "name-files.c", "name-text.c", "names.c", "onlink.c", "options.c", "record-words.c",
             "say.c")
IN_SDIST = ("LICENSE", "pyproject.toml", "meson.build", "tools/python_build.py", "src/python", "src/run", "src/verdict", "src/base")

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
pytest_netguard = pytest_netguard
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


def listed(variable):
    """The files of a list in src/python/meson.build."""
    with open(os.path.join(TOP, "src", "python", "meson.build"), encoding="utf-8") as file:
        return re.findall(r"'([^']+)'", re.search(rf"^{variable} = \[(.*?)\]", file.read(), re.M | re.S)[1])


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


# --- compiling ---

def words(variable):
    return shlex.split(sysconfig.get_config_var(variable) or "")


def compile_one(source, target, folders):
    compiler = shlex.split(os.environ.get("CC", "")) or words("CC")
    # Without what only debuggers read: it has the name of the temporary folder in it.
    flags = [*words("CFLAGS"), *words("CCSHARED"), "-g0", *shlex.split(os.environ.get("CFLAGS", ""))]
    subprocess.run([*compiler, *flags, "-std=gnu11", "-D_GNU_SOURCE", "-fvisibility=hidden", *(f"-I{folder}" for folder in folders), "-c",
                    source, "-o", target], check=True, stdin=subprocess.DEVNULL)


def compile_extension(folder):
    """Compiles into a folder; gives the extension's path."""
    sources = [os.path.join(TOP, "src", "python", name) for name in listed("python_parts")]
    sources += [os.path.join(TOP, "src", "run", name) for name in RUN_PARTS]
    objects = [os.path.join(folder, f"{number}.o") for number in range(len(sources))]
    prefix = next((prefix for prefix in ("/usr", "/usr/local") if os.path.exists(f"{prefix}/lib/netguard/netguard-run")), "/usr")
    with open(os.path.join(folder, "config.h"), "w", encoding="utf-8") as file:
        file.write(f'#define NG_VERSION "{version()}"\n#define NG_LIBEXEC_DIR "{prefix}/lib/netguard"\n')
    folders = [folder, os.path.join(TOP, "src"), sysconfig.get_path("include"), sysconfig.get_path("platinclude")]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda pair: compile_one(*pair, folders), zip(sources, objects)))
    extension = os.path.join(folder, "_core" + sysconfig.get_config_var("EXT_SUFFIX"))
    linker = words("LDSHARED")
    if os.environ.get("CC"):
        linker = [*shlex.split(os.environ["CC"]), *linker[1:]]
    subprocess.run([*linker, *shlex.split(os.environ.get("LDFLAGS", "")), *objects, "-o", extension], check=True, stdin=subprocess.DEVNULL)
    return extension


# --- for pip ---

class Wheel:
    """A wheel while it is written: each file with its hash in RECORD."""

    def __init__(self, folder):
        self.name = f"{NAME}-{version()}-{tag()}.whl"
        self.zip = zipfile.ZipFile(os.path.join(folder, self.name), "w", zipfile.ZIP_DEFLATED)
        self.record = []

    def add(self, name, data, mode=0o644):
        entry = zipfile.ZipInfo(name)  # of 1980: the same tree gives the same wheel
        entry.external_attr = (0o100000 | mode) << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        self.zip.writestr(entry, data)
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        self.record.append(f"{name},sha256={digest},{len(data)}\n")

    def finish(self):
        info = f"{NAME}-{version()}.dist-info"
        for name, text in metadata().items():
            self.add(f"{info}/{name}", text.encode())
        self.add(f"{info}/LICENSE", read(os.path.join(TOP, "LICENSE")))
        self.add(f"{info}/RECORD", "".join([*self.record, f"{info}/RECORD,,\n"]).encode())
        self.zip.close()
        return self.name


def read(path):
    with open(path, "rb") as file:
        return file.read()


def package_files():
    return [os.path.join(PACKAGE, name) for name in listed("python_files")]


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    info = f"{NAME}-{version()}.dist-info"
    os.makedirs(os.path.join(metadata_directory, info), exist_ok=True)
    for name, text in metadata().items():
        with open(os.path.join(metadata_directory, info, name), "w", encoding="utf-8") as file:
            file.write(text)
    return info


prepare_metadata_for_build_editable = prepare_metadata_for_build_wheel


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    wheel = Wheel(wheel_directory)
    wheel.add(f"{PLUGIN}.py", read(os.path.join(TOP, "src", "python", f"{PLUGIN}.py")))
    for path in package_files():
        wheel.add(f"{NAME}/{os.path.basename(path)}", read(path))
    with tempfile.TemporaryDirectory() as folder:
        extension = compile_extension(folder)
        wheel.add(f"{NAME}/{os.path.basename(extension)}", read(extension), 0o755)
    return wheel.finish()


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    """The package's files stay where they are, linked beside an extension that is compiled now, in the tree's build-python."""
    place = os.path.join(TOP, "build-python", tag())
    os.makedirs(place, exist_ok=True)
    link(place, os.path.join(TOP, "src", "python", f"{PLUGIN}.py"))
    link(os.path.join(place, NAME), *package_files(), compile_extension(place))
    wheel = Wheel(wheel_directory)
    wheel.add(f"{NAME}.pth", f"{place}\n".encode())
    return wheel.finish()


def tree_files(name):
    path = os.path.join(TOP, name)
    if os.path.isfile(path):
        return [name]
    return sorted(os.path.relpath(os.path.join(folder, file), TOP) for folder, _, files in os.walk(path) for file in files
                  if not file.endswith((".pyc", ".so")))


def build_sdist(sdist_directory, config_settings=None):
    top = f"{NAME}-{version()}"
    with tarfile.open(os.path.join(sdist_directory, f"{top}.tar.gz"), "w:gz", format=tarfile.PAX_FORMAT) as archive:
        for name in [name for part in IN_SDIST for name in tree_files(part)]:
            archive.add(os.path.join(TOP, name), f"{top}/{name}", recursive=False)
        data = metadata()["METADATA"].encode()
        entry = tarfile.TarInfo(f"{top}/PKG-INFO")
        entry.size, entry.mode = len(data), 0o644
        archive.addfile(entry, io.BytesIO(data))
    return f"{top}.tar.gz"


if __name__ == "__main__":
    {"describe": describe, "metadata": print_metadata, "link": link}[sys.argv[1]](*sys.argv[2:])

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The pytest plug-in, with real pytest on small test files: what a run says, test by test. Everything that is tried goes to servers
of this test's own on loopback.
"""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "netns"))

# pylint: disable=wrong-import-position
from lab import build_file  # noqa: E402
from tap import Skip, Tap, expect, expect_equal, skip_all  # noqa: E402

PYTHON = "/usr/bin/python3"
IMPORT = build_file("src", "python", "import")
HEAD = """
import socket, subprocess, sys, threading, unittest
import pytest
PORT, OTHER = {port}, {other}
def reach(port=PORT, host="127.0.0.1"):
    with socket.create_connection((host, port), timeout=10) as peer:
        return peer.recv(9)
def refused(port=PORT, host="127.0.0.1"):
    with pytest.raises(PermissionError) as caught:
        reach(port, host)
    assert type(caught.value).__name__ == "NetworkBlockedError"
"""


class Server(threading.Thread):
    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port, self.accepted = self.socket.getsockname()[1], 0
        self.start()

    def run(self):
        while True:
            peer, _ = self.socket.accept()
            self.accepted += 1
            with contextlib.suppress(OSError), peer:
                peer.sendall(b"here")


class Run:
    """pytest on some files: its exit status, what it said, and what became of each test."""

    def __init__(self, world, files, *options, env=None):
        self.folder = tempfile.mkdtemp(dir=world.folder)
        for name, text in files.items():
            head = HEAD.format(port=world.server.port, other=world.other.port) if name.endswith(".py") else ""
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
                file.write(head + textwrap.dedent(text))
        done = subprocess.run([PYTHON, "-m", "pytest", "-p", "no:cacheprovider", "-rA", "--color=no", *options], cwd=self.folder,
                              env={**os.environ, "PYTHONPATH": IMPORT, "COLUMNS": "200", "PYTEST_ADDOPTS": "", **(env or {})},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120,
                              check=False)
        self.status, self.text = done.returncode, done.stdout
        self.results = {}
        for word, name in re.findall(r"^(PASSED|FAILED|ERROR) (?:[^:\s]+::)?(\S+)", self.text.split("short test summary info")[-1], re.M):
            self.results[name] = word

    def expect_results(self, **wanted):
        found = {name: self.results.get(name) for name in wanted}
        if found != wanted:
            raise AssertionError(f"wanted {wanted}, found {found}:\n{self.text[-6000:]}")

    def expect_says(self, *words):
        for word in words:
            expect(word in self.text, f"it does not say {word!r}:\n{self.text[-6000:]}")


class World:
    def __init__(self, folder):
        self.folder, self.server, self.other = folder, Server(), Server()

    def run(self, text, *options, conftest=None, ini="", env=None):
        files = {"test_it.py": text, "pytest.ini": "[pytest]\n" + textwrap.dedent(ini)}
        if conftest:
            files["conftest.py"] = conftest
        return Run(self, files, *options, env=env)


PLAIN = """
    def test_reach():
        assert reach() == b"here"
    @pytest.mark.network(allow=["127.0.0.1"])
    def test_marked():
        assert reach() == b"here"
"""


def check_off(world):
    run = world.run(PLAIN + """
    def test_absent():
        assert "python_blackbox" not in sys.modules
    """, "--strict-markers")
    run.expect_results(test_reach="PASSED", test_marked="PASSED", test_absent="PASSED")
    expect("netguard" not in run.text, "it does not speak of it")


def check_import_blocks(world):
    run = world.run("""
    def test_import():
        assert reach() == b"here"
        import python_blackbox
        refused()
    """)
    run.expect_results(test_import="PASSED")


def check_offline(world):
    run = world.run(PLAIN + """
    def test_pair():
        one, two = socket.socketpair()
        one.send(b"x"); assert two.recv(1) == b"x"
    """, "--netguard=offline", "--strict-markers")
    run.expect_results(test_reach="FAILED", test_marked="PASSED", test_pair="PASSED")
    expect_equal(run.status, 1, "pytest's status")
    run.expect_says("netguard: offline")


def check_local(world):
    run = world.run(PLAIN + """
    def test_away():
        import python_blackbox
        assert python_blackbox.profile() == "local"  # the laboratory's tests know what that means
    """, "--netguard=local")
    run.expect_results(test_reach="PASSED", test_marked="PASSED", test_away="PASSED")


def check_text(world):
    run = world.run(PLAIN, "--netguard=offline")
    port = world.server.port
    section = run.text.split("refused by netguard")[1].split("=====")[0]
    for word in ("test_it.py::test_reach: socket.connect to", f"127.0.0.1:{port}", "was refused: the profile is Offline",
                 f'@pytest.mark.network(allow=["127.0.0.1:{port}"])'):
        expect(word in section, f"{word!r} is not in the section: {section}")
    run.expect_says("python_blackbox.NetworkBlockedError: ")


def check_section_of_swallowed(world):
    """A test that fails of something else says what was refused meanwhile; one that passes says nothing."""
    run = world.run("""
    def quietly():
        for _ in range(3):
            try: reach()
            except OSError: pass
    def test_wrong():
        quietly()
        assert 1 == 2
    def test_right():
        quietly()
    def test_other():
        assert 1 == 2
    """, "--netguard=offline")
    run.expect_results(test_wrong="FAILED", test_right="PASSED", test_other="FAILED")
    expect_equal(run.text.count("- refused by netguard -"), 1, "sections")
    run.expect_says("test_it.py::test_wrong: socket.connect", "was refused 3 times")


def check_tip_works(world):
    """What the section advises makes the test pass."""
    serve = """
    def test_reach():
        with socket.create_server(("127.0.0.1", 0)) as server:
            with socket.create_connection(server.getsockname(), timeout=10):
                server.accept()
    """
    for text in (PLAIN, PLAIN.replace('"127.0.0.1"', '"localhost"').replace("reach() ==", "reach(host='localhost') =="), serve):
        first = world.run(text, "--netguard=offline")
        first.expect_results(test_reach="FAILED")
        advice = re.search(r"@pytest\.mark\.network\(.*\)$", first.text, re.M)[0]
        run = world.run(text.replace("    def test_reach", f"    {advice}\n    def test_reach"), "--netguard=offline")
        run.expect_results(test_reach="PASSED")


def check_markers(world):
    run = world.run("""
    pytestmark = pytest.mark.network(allow=[f"127.0.0.1:{OTHER}"])
    def test_module():
        assert reach(OTHER) == b"here"; refused(PORT)
    @pytest.mark.network(allow=[f"127.0.0.0/8:{PORT}"])
    class TestClass:
        def test_class(self):
            assert reach(PORT) == b"here" and reach(OTHER) == b"here"
        @pytest.mark.network(allow=["localhost"])
        def test_name(self):
            assert reach(host="localhost") == b"here"
    class TestOld(unittest.TestCase):
        @pytest.mark.network(allow=[f"127.0.0.1:{PORT}/tcp"])
        def test_unittest(self):
            assert reach(PORT) == b"here"
        def test_unittest_plain(self):
            refused(PORT)
    """, "--netguard=offline")
    expect_equal(sorted(run.results.values()), ["PASSED"] * 5, f"results: {run.results}: {run.text[-4000:]}")


def check_bad_markers(world):
    run = world.run("""
    @pytest.mark.network(allow=["not a host"])
    def test_entry(): pass
    @pytest.mark.network
    def test_bare(): pass
    @pytest.mark.network("127.0.0.1")
    def test_argument(): pass
    @pytest.mark.network(allow="127.0.0.1")
    def test_text(): pass
    @pytest.mark.network(allow=[7])
    def test_number(): pass
    def test_after(): refused()
    """, "--netguard=offline")
    run.expect_results(test_entry="ERROR", test_bare="ERROR", test_argument="ERROR", test_text="ERROR", test_number="ERROR",
                       test_after="PASSED")
    run.expect_says("@pytest.mark.network(allow=[...]) of test_it.py::test_entry: ", "not a host", "7 is not text",
                    "test_it.py::test_bare: it needs allow= with a list")


RUDE = """
    def test_1_allow():
        import python_blackbox
        python_blackbox.allow_network()
        assert reach() == b"here"
        assert 1 == 2
    def test_2_blocked(): refused()
    def test_3_whitelist():
        import python_blackbox
        python_blackbox.add_whitelist("127.0.0.1")
        python_blackbox.block_network(subprocess="allow")
        assert reach() == b"here"
    def test_4_blocked(): refused()
    def test_5_block():
        import python_blackbox
        python_blackbox.profile("local")
        assert reach() == b"here"
    def test_6_blocked(): refused()
    @pytest.fixture
    def opened():
        import python_blackbox
        yield
        python_blackbox.allow_network()
        raise RuntimeError("the fixture's end")
    def test_7_fixture(opened): refused()
    def test_8_blocked(): refused()
    def test_9_permission():
        import python_blackbox
        python_blackbox.allow_temporary().__enter__()
        assert reach() == b"here"
"""


def check_restored(world):
    run = world.run(RUDE, "--netguard=offline")
    run.expect_results(test_1_allow="FAILED", test_2_blocked="PASSED", test_3_whitelist="PASSED", test_4_blocked="PASSED",
                       test_5_block="PASSED", test_6_blocked="PASSED", test_7_fixture="ERROR", test_8_blocked="PASSED",
                       test_9_permission="PASSED")


def check_conftest(world):
    run = world.run("def test_nothing(): pass", "--netguard=offline", conftest="TRIED = reach()")
    expect(run.status != 0 and "NetworkBlockedError" in run.text, f"a conftest that connects: {run.text[-3000:]}")
    run = world.run("TRIED = reach()\ndef test_nothing(): pass", "--netguard=offline")
    expect_equal(run.status, 2, "a test file that connects while it is collected")
    run.expect_says("NetworkBlockedError", "refused by netguard", "test_it.py: socket.connect to 127.0.0.1:")
    run = world.run("def test_nothing(): pass", conftest="assert reach() == b'here'")
    expect_equal(run.status, 0, f"control: without the option: {run.text[-3000:]}")


def check_ini(world):
    run = world.run(PLAIN, ini=f"""
        netguard = offline
        netguard_allow =
            127.0.0.1:{world.other.port}
    """)
    run.expect_results(test_reach="FAILED", test_marked="PASSED")
    run.expect_says(f"netguard: offline, allowed: 127.0.0.1:{world.other.port}")
    run = world.run("def test_other(): assert reach(OTHER) == b'here'", ini=f"netguard=offline\nnetguard_allow=127.0.0.1:{world.other.port}")
    run.expect_results(test_other="PASSED")
    run = world.run(PLAIN, "--netguard=local", ini="netguard=offline")
    run.expect_results(test_reach="PASSED")
    for ini, words in (("netguard=closed", "netguard = closed: must be offline or local"), ("netguard=offline\nnetguard_allow=not a host", "netguard_allow: ")):
        run = world.run(PLAIN, ini=ini)
        expect_equal(run.status, 4, f"{ini}: a usage error: {run.text[-1000:]}")
        run.expect_says(words)


def check_fixture_of_session(world):
    """It goes by the rules of the test that makes it: said in the manual."""
    run = world.run("""
    @pytest.fixture(scope="session")
    def wide():
        return reach()
    @pytest.mark.network(allow=["127.0.0.1"])
    def test_1(wide): assert wide == b"here"
    def test_2(wide): assert wide == b"here"; refused()
    """, "--netguard=offline")
    run.expect_results(test_1="PASSED", test_2="PASSED")


def check_threads(world):
    """A thread that a test leaves behind is under the rules of whatever test runs."""
    run = world.run("""
    go, said = threading.Event(), []
    def late():
        go.wait(20)
        try: said.append(reach())
        except OSError as error: said.append(type(error).__name__)
    thread = threading.Thread(target=late)
    @pytest.mark.network(allow=["127.0.0.1"])
    def test_1(): thread.start()
    def test_2():
        go.set(); thread.join(); assert said == ["NetworkBlockedError"]
    """, "--netguard=offline")
    run.expect_results(test_1="PASSED", test_2="PASSED")


def check_children(world):
    run = world.run("""
    TEXT = f"import socket; socket.create_connection(('127.0.0.1', {PORT}), timeout=10)"
    def test_child():
        assert subprocess.run([sys.executable, "-c", TEXT]).returncode != 0
    def test_echo():
        assert subprocess.run(["echo", "x"], stdout=subprocess.PIPE).stdout == b"x\\n"
    """, "--netguard=offline")
    run.expect_results(test_child="PASSED", test_echo="PASSED")


def check_xdist(world):
    if subprocess.run([PYTHON, "-c", "import xdist"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        raise Skip("python3-pytest-xdist is not installed")
    run = world.run(RUDE, "--netguard=offline", "-n", "2")
    run.expect_results(test_1_allow="FAILED", test_2_blocked="PASSED", test_4_blocked="PASSED", test_6_blocked="PASSED", test_8_blocked="PASSED")
    run = world.run(PLAIN + """
    def test_child():
        text = f"import socket; socket.create_connection(('127.0.0.1', {PORT}), timeout=10)"
        assert subprocess.run([sys.executable, "-c", text]).returncode != 0
    @pytest.mark.network
    def test_bad(): pass
    """, "--netguard=offline", "-n", "2")
    run.expect_results(test_reach="FAILED", test_marked="PASSED", test_child="PASSED", test_bad="ERROR")
    run.expect_says("refused by netguard", "test_it.py::test_reach: socket.connect to 127.0.0.1:")
    run = world.run(PLAIN, "--netguard=offline", "-n", "1", conftest="import os\nif os.environ.get('PYTEST_XDIST_WORKER'): refused()")
    run.expect_results(test_reach="FAILED", test_marked="PASSED")


def check_by_name(world):
    """Where no entry point is found, as in a source tree: pytest -p; both names, together with the entry point, too."""
    bare = os.path.join(world.folder, "bare")
    os.makedirs(bare, exist_ok=True)
    for name in ("python_blackbox", "pytest_netguard.py"):
        if not os.path.exists(os.path.join(bare, name)):
            os.symlink(os.path.join(IMPORT, name), os.path.join(bare, name))
    for path in (bare, IMPORT):
        for plugin in ("pytest_netguard", "python_blackbox.pytest_plugin"):
            run = world.run(PLAIN, "-p", plugin, "--netguard=offline", env={"PYTHONPATH": path})
            run.expect_results(test_reach="FAILED", test_marked="PASSED")
            run = world.run(PLAIN, "-p", plugin, env={"PYTHONPATH": path})
            run.expect_results(test_reach="PASSED", test_marked="PASSED")


def check_strict(world):
    """What cannot be taken back: said where a marker asks for it, and else nothing breaks."""
    run = world.run("""
    def test_1():
        import python_blackbox
        python_blackbox.block_network(strict=True)
    def test_2():
        with pytest.raises(PermissionError): reach()  # by the kernel now
    @pytest.mark.network(allow=["127.0.0.1"])
    def test_3(): pass
    def test_4():
        with pytest.raises(PermissionError): reach()
    """, "--netguard=offline")
    run.expect_results(test_1="PASSED", test_2="PASSED", test_3="ERROR", test_4="PASSED")
    run.expect_says("test_it.py::test_3: add_whitelist() is not possible any more")


def check_inside_a_program(world):
    """pytest.main(): the program has its own rules before and after."""
    run = world.run("""
    TEXT = '''if 1:
        import pytest, python_blackbox
        python_blackbox.profile("local"); python_blackbox.add_whitelist("example.org")
        pytest.main(["-q", "--netguard=offline", "-p", "no:cacheprovider", "test_inner.py"])
        print(python_blackbox.profile(), python_blackbox.whitelist())
    '''
    def test_inner(tmp_path):
        (tmp_path / "test_inner.py").write_text("def test_one(): pass")
        said = subprocess.run([sys.executable, "-c", TEXT], cwd=tmp_path, stdout=subprocess.PIPE, text=True).stdout
        assert said.splitlines()[-1] == "local ['example.org']", said
    """)
    run.expect_results(test_inner="PASSED")


POINTS = (
    ("without the option nothing is refused, the package is not even imported, and the marker is known", check_off),
    ("without the option, importing python_blackbox in a test blocks as it does elsewhere", check_import_blocks),
    ("--netguard=offline refuses this machine, too, but for what is marked; pairs of sockets work", check_offline),
    ("--netguard=local is the profile Local: this machine can be reached", check_local),
    ("a test that fails names itself, the call, the address, why and what would allow it", check_text),
    ("what was refused and swallowed is told where a test fails, and only there", check_section_of_swallowed),
    ("a failed test passes with the marker that its report advises", check_tip_works),
    ("markers of module, class and test add up, for unittest's classes as well", check_markers),
    ("a marker with a bad entry or without a list is an error of that test, which says so", check_bad_markers),
    ("whatever a test does to the rules, the next has those of the run", check_restored),
    ("conftest and collection are blocked as well", check_conftest),
    ("options in the ini file: the profile, what all tests may; wrong ones are usage errors", check_ini),
    ("a fixture of the session goes by the rules of the test that makes it", check_fixture_of_session),
    ("a thread left behind has no more than the test that runs", check_threads),
    ("programs that a test starts are confined", check_children),
    ("under xdist each worker keeps the rules, and reports are as without", check_xdist),
    ("pytest -p loads it under both its names, with and without the entry point", check_by_name),
    ("after a test that was strict, a marker is an error that says so, and the rest runs on", check_strict),
    ("a program that calls pytest.main() has its own rules again afterwards", check_inside_a_program),
)


def main():
    if subprocess.run([PYTHON, "-c", "import pytest"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        skip_all("python3-pytest is not installed")
    wanted = sys.argv[1:]
    tap = Tap()
    folder = tempfile.mkdtemp(prefix="ng-plugin-")
    try:
        world = World(folder)
        for sentence, check in POINTS:
            if not wanted or any(word in check.__name__ for word in wanted):
                with tap.point(sentence):
                    check(world)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())

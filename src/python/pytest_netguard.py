# SPDX-License-Identifier: MIT
"""What pytest loads by itself: the options and the marker of python_blackbox.

It is not in the package because importing the package blocks, and a run without --netguard must not notice that this is
installed. With the option it loads python_blackbox.pytest_plugin, before any conftest is read.
"""

import pytest

PROFILES = ("offline", "local")
MARKER = ("network(allow=[...]): what this test, class or module may reach under --netguard: hosts, domains, addresses, CIDR blocks, "
          "each with or without :port and /tcp or /udp")


def pytest_addoption(parser):
    group = parser.getgroup("netguard", "network use (python_blackbox)")
    group.addoption("--netguard", choices=PROFILES, default=None,
                    help="refuse tests the network: offline, or local (this machine and the local network)")
    parser.addini("netguard", "the profile where --netguard is not given: offline or local", default="")
    parser.addini("netguard_allow", "what every test may reach, and conftest and collection, too: one entry a line", type="linelist",
                  default=[])


def start(config):
    """Registers the plug-in if the options ask for it and it is not there yet."""
    name = getattr(config.known_args_namespace, "netguard", None) or config.getini("netguard")
    if not name or config.pluginmanager.has_plugin("netguard-rules"):
        return
    if name not in PROFILES:
        raise pytest.UsageError(f"netguard = {name}: must be {' or '.join(PROFILES)}")
    from python_blackbox.pytest_plugin import Rules  # pylint: disable=import-outside-toplevel
    try:
        rules = Rules(name, config.getini("netguard_allow"))
    except ValueError as error:
        raise pytest.UsageError(f"netguard_allow: {error}") from None
    config.pluginmanager.register(rules, "netguard-rules")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config):
    start(early_config)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    config.addinivalue_line("markers", MARKER)
    start(config)  # where a conftest or a worker loaded this too late for the hook before

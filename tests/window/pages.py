# SPDX-License-Identifier: MIT
"""Every page and state of the window, and how to get there: one table for pictures (shots), for the audit of names and for the narrow
window. A page is reached by what a person would press, a state by what the mock guard is told (a scene of mockworld.py)."""


def apps(window, mock):
    window.sees("Needs Attention")


def apps_search(window, mock):
    window.search("ca")
    window.sees("curl|calibre|Calculator")


def apps_nothing_found(window, mock):
    window.search("no such program")
    window.sees("Nothing Found")


def apps_several(window, mock):
    if window.tree().first("button", "Choose several"):
        window.press("Choose several")
    else:  # there is no room for the button
        window.main_menu("Choose Several")
    window.press("Choose all that are listed")
    window.sees(r"\d\d+ chosen")


def apps_menu(window, mock):
    window.press("More for curl")
    window.find("menu item", "Details")


def apps_applied(window, mock):
    window.choose("Avahi", "offline")
    window.sees("Avahi is now Offline.*")


def apps_refused(window, mock):
    mock("fail", method="SetProfile", error="Cancelled", text="The question was closed.")
    window.choose("Avahi", "online")
    window.sees(".*cancelled.*")


def main_menu(window, mock):
    window.press("Menu")
    window.find("menu item", "Preferences")


def app_page(window, mock):
    window.open("curl")
    window.sees("Which program it is|Why it is so")


def app_page_temporary(window, mock):
    window.search("VLC")
    window.open("VLC media player")
    window.sees("Which program it is|Why it is so")


def activity(window, mock):
    window.go("Activity")
    window.sees("Last hour.*|Nothing.*")


def log(window, mock):
    window.go("Log")
    window.sees(r"\d+ records.*|.*[Nn]othing.*|.*[Mm]ay [Nn]ot.*")


def run_idle(window, mock):
    window.go("Run")
    window.sees("Run Confined")


def run_wrong(window, mock):
    window.go("Run")
    window.command("make 'test")
    window.sees("A quotation mark is not closed.*")


def run_busy(window, mock):
    window.go("Run")
    window.command("npm install")
    window.sees("21 attempts were refused.*")


def run_allowed(window, mock):
    run_busy(window, mock)
    for what in (r"203\.0\.113\.10.*", ".*ssh agent.*"):
        window.press("Allow in the next run: .*" + what, role=None)
    window.sees("Allowed in the Next Run")


def run_ended(window, mock):
    window.go("Run")
    window.command("make test")
    window.sees("Ended with status 2")


def run_not(window, mock):
    window.go("Run")
    window.command("unconfined")
    window.sees("Nothing was run")


def preferences(window, mock):
    window.main_menu("Preferences")
    window.sees("Second Lock")


def enforced(window, mock):
    window.main_menu("What Is Enforced")
    window.sees("In Force|Not in Force|Problems.*")


def add_installed(window, mock):
    window.main_menu("Add Application…")
    window.find("frame", "Add Application")


def add_running(window, mock):
    add_installed(window, mock)
    window.press("Running", role="page tab")
    window.find("page tab", "Running", selected=True)


def add_file(window, mock):
    add_installed(window, mock)
    window.press("A File", role="page tab")
    window.find("page tab", "A File", selected=True)


def welcome(window, mock):
    window.main_menu("First Steps")
    window.sees("Step 1 of 3")


def welcome_default(window, mock):
    welcome(window, mock)
    window.press("Next")
    window.sees("Step 2 of 3")


def welcome_running(window, mock):
    welcome_default(window, mock)
    window.press("Next")
    window.sees("Step 3 of 3")


def passphrase(window, mock):
    mock("set", values={"passphrase": "correct horse battery"})
    window.choose("Avahi", "online")
    window.find("dialog", "Passphrase Needed")


def set_passphrase(window, mock):
    preferences(window, mock)
    window.press("Set a passphrase…")
    window.find(None, ".*[Pp]assphrase.*", editable=True)


def shortcuts(window, mock):
    window.main_menu("Keyboard Shortcuts")
    window.find(None, "Shortcuts|Keyboard Shortcuts|.*hortcut.*")


def about(window, mock):
    window.main_menu("About Network Guard")
    window.sees("Network Guard")


PAGES = {
    "apps": apps, "apps-search": apps_search, "apps-nothing-found": apps_nothing_found, "apps-several": apps_several, "apps-menu": apps_menu,
    "apps-applied": apps_applied, "apps-refused": apps_refused, "menu": main_menu, "app": app_page, "app-temporary": app_page_temporary,
    "activity": activity, "log": log, "run-idle": run_idle, "run-wrong": run_wrong, "run-busy": run_busy, "run-allowed": run_allowed,
    "run-ended": run_ended, "run-not": run_not, "preferences": preferences, "enforced": enforced, "add-installed": add_installed, "add-running": add_running,
    "add-file": add_file, "welcome": welcome, "welcome-default": welcome_default, "welcome-running": welcome_running, "passphrase": passphrase,
    "set-passphrase": set_passphrase, "shortcuts": shortcuts, "about": about,
}

# State: the scene, the header's words, what the strip says (None: there is no strip).
STATES = {
    "calm": ("calm", "Protecting", None),
    "few": ("few", "Protecting", None),
    "empty": ("empty", "Protecting", None),
    "paused": ("paused", r"Paused until \d\d:\d\d", r"Paused until \d\d:\d\d: every program can reach the Internet."),
    "panic": ("panic", "All Offline", "Everything is Offline until you resume."),
    "simulation": ("simulation", "Simulation", "This is a simulation: it shows what would be blocked, and blocks nothing."),
    "not-protecting": ("not-protecting", "Not protecting", "Not protecting: .*"),
    "missing": ("missing", "Protecting", "When a profile is tightened, open connections are silent.*"),
    "problems": ("problems", "Protecting", "2 problems need a look"),
    "managed": ("managed", "Protecting", None),
    "changed": ("changed", "Protecting", None),
    "root-only": ("root-only", "Protecting", ".*(root|[Rr]ead).*"),
    "sick-history": ("sick-history", "Protecting", ".*no space left.*"),
}
# Pages that look different in a state.
PAGES_IN_STATES = {
    ("enforced", "not-protecting"), ("enforced", "problems"), ("enforced", "missing"), ("preferences", "root-only"), ("preferences", "managed"),
    ("preferences", "locked"), ("activity", "lost-events"), ("activity", "empty"), ("activity", "simulation"), ("log", "empty"), ("log", "root-only"),
    ("app", "changed"), ("app", "root-only"), ("welcome", "not-protecting"),
}

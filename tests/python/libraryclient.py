# SPDX-License-Identifier: MIT
"""The program under test of libraries.py: uses each library once, or does what one point asks for, and prints one line of JSON.

    libraryclient.py WHAT RULE HOST PORTS      WHAT: all, storm, tasks, executors, unchanged; RULE: blocked, whitelisted, free
"""

import asyncio
import contextvars
import json
import sys
import time

WHAT, RULE, HOST, PORTS = sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
if RULE == "free":
    python_blackbox = None
else:
    import python_blackbox
    if RULE == "whitelisted":
        python_blackbox.add_whitelist(HOST)

HTTP = f"http://{HOST}:{PORTS['http']}/"
SECONDS = 10


def use_urllib3():
    import urllib3
    return urllib3.PoolManager().request("GET", HTTP).data


def use_requests():
    import requests
    return requests.get(HTTP, timeout=SECONDS).content


def use_httpx():
    import httpx
    return httpx.get(HTTP, timeout=SECONDS).content


async def fetch_httpx(url=HTTP):
    import httpx
    async with httpx.AsyncClient(timeout=SECONDS) as client:
        return (await client.get(url)).content


async def fetch_aiohttp(url=HTTP):
    import aiohttp
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return await answer.read()


async def talk_websockets():
    import websockets
    async with websockets.connect(f"ws://{HOST}:{PORTS['websockets']}/", open_timeout=SECONDS) as peer:
        await peer.send("here")
        return (await peer.recv()).encode()


def use_urllib_request():
    import urllib.request
    return urllib.request.urlopen(HTTP, timeout=SECONDS).read()


def use_http_client():
    import http.client
    connection = http.client.HTTPConnection(HOST, PORTS["http"], timeout=SECONDS)
    connection.request("GET", "/")
    return connection.getresponse().read()


def use_smtplib():
    import smtplib
    # Without local_hostname it looks up this machine's own name, which is a name like any other.
    return smtplib.SMTP(HOST, PORTS["smtplib"], local_hostname="localhost", timeout=SECONDS).noop()[1]


def use_ftplib():
    import ftplib
    ftp = ftplib.FTP(timeout=SECONDS)
    return ftp.connect(HOST, PORTS["ftplib"]).encode()


def use_imaplib():
    import imaplib
    return imaplib.IMAP4(HOST, PORTS["imaplib"]).welcome


def use_poplib():
    import poplib
    return poplib.POP3(HOST, PORTS["poplib"], timeout=SECONDS).getwelcome()


USES = {
    "urllib3": use_urllib3, "requests": use_requests, "httpx": use_httpx, "httpx, asynchronous": lambda: asyncio.run(fetch_httpx()),
    "aiohttp": lambda: asyncio.run(fetch_aiohttp()), "websockets": lambda: asyncio.run(talk_websockets()),
    "urllib.request": use_urllib_request, "http.client": use_http_client, "smtplib": use_smtplib, "ftplib": use_ftplib,
    "imaplib": use_imaplib, "poplib": use_poplib,
}


def chain(error):
    """Names of what is raised and of what led to it; the texts."""
    seen, waiting = [], [error]
    while waiting:
        error = waiting.pop(0)
        if isinstance(error, BaseException) and not any(error is one for one in seen):
            seen.append(error)
            waiting += [error.__cause__, error.__context__, getattr(error, "reason", None), *error.args]
    return [type(error).__name__ for error in seen], [str(error) for error in seen]


def attempt(use):
    if python_blackbox:
        python_blackbox.clear_attempts()
    started = time.monotonic()
    said = {"ok": True}
    try:
        said["answer"] = use().decode()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the result
        names, texts = chain(error)
        said = {"ok": False, "chain": names, "texts": texts}
    said["seconds"] = time.monotonic() - started
    if python_blackbox:
        said["attempts"] = [(one["api"], one["count"]) for one in python_blackbox.attempts() if one["verdict"] != "allow"]
    return said


def all_of_them():
    said = {}
    for name, use in USES.items():
        try:
            __import__(name.split(",")[0])
        except ImportError as error:
            said[name] = {"missing": str(error)}
        else:
            said[name] = attempt(use)
    return said


def storm():
    """urllib3 and requests that were told to try again and again, before and after the first refusal."""
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3 import PoolManager
    from urllib3.util.retry import Retry

    def by_requests():
        session = requests.Session()
        session.mount("http://", HTTPAdapter(max_retries=Retry(8, backoff_factor=0.2)))
        return session.get(HTTP, timeout=SECONDS).content

    return {"urllib3": attempt(lambda: PoolManager(retries=Retry(8, backoff_factor=0.2)).request("GET", HTTP).data),
            "requests": attempt(by_requests)}


def unchanged():
    """What urllib3 tries again without a refusal in it: a server that is busy, a port that nobody has."""
    from urllib3 import PoolManager
    from urllib3.util.retry import Retry
    if python_blackbox:
        python_blackbox.remove_whitelist(HOST)
        attempt(use_urllib3)  # now the shim is there
        python_blackbox.add_whitelist(HOST)
    pool = PoolManager(retries=Retry(3, status_forcelist=[503], backoff_factor=0))
    return {"busy": attempt(lambda: pool.request("GET", HTTP + "busy").data),
            "nobody": attempt(lambda: pool.request("GET", f"http://{HOST}:{PORTS['nobody']}/").data)}


async def tasks():
    """Tasks inside and outside allow_temporary(), at the same time, by name: the lookup runs in a thread."""
    async def one(fetch, may):
        async def go():
            return (await fetch(f"http://localhost:{PORTS['http']}/")).decode()
        try:
            if not may:
                return await go()
            with python_blackbox.allow_temporary():
                return await go()
        except Exception as error:  # noqa: BLE001
            return chain(error)[0]

    plan = [(fetch, may) for _ in range(8) for fetch in (fetch_httpx, fetch_aiohttp) for may in (True, False)]
    results = await asyncio.gather(*(one(fetch, may) for fetch, may in plan))
    return [[fetch.__name__, may, result] for (fetch, may), result in zip(plan, results)]


variable = contextvars.ContextVar("variable", default="nothing")


def look():
    import socket
    try:
        socket.create_connection(("127.0.0.1", PORTS["http"]), timeout=SECONDS).close()
        return [variable.get(), "reached"]
    except OSError as error:
        return [variable.get(), type(error).__name__]


async def executors():
    """run_in_executor() by threads and by processes, outside, inside and after the block."""
    from concurrent.futures import ThreadPoolExecutor
    loop = asyncio.get_running_loop()
    variable.set("the task's")
    said = {"before": await loop.run_in_executor(None, look)}
    with ThreadPoolExecutor(1) as pool:
        with python_blackbox.allow_temporary():
            said["inside"] = await loop.run_in_executor(None, look)
            said["inside, own pool"] = await loop.run_in_executor(pool, look)
            said["to_thread"] = await asyncio.to_thread(look)
        said["after"] = await loop.run_in_executor(None, look)
        said["after, own pool"] = await loop.run_in_executor(pool, look)
    return said


if __name__ == "__main__":
    work = {"all": all_of_them, "storm": storm, "unchanged": unchanged, "tasks": lambda: asyncio.run(tasks()),
            "executors": lambda: asyncio.run(executors())}
    print(json.dumps(work[WHAT]()))

"""Headless Chromium, driven by its DevTools protocol through two pipes: no driver, no port and no package is needed."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import tempfile
import time
from pathlib import Path

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # whatever a page asks for, nothing leaves this computer
    "--remote-debugging-pipe",
]  # fmt: skip
HERE = ("file:", "data:", "blob:", "about:")
PATIENCE = 60.0


def find_chromium():
    """Give the path of Chromium, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Page:
    """A page that was opened: what it asked for, what it complained of, and what can be asked of it."""

    def __init__(self, browser, session):
        self.browser, self.session = browser, session
        self.requests, self.complaints = [], []

    def ask(self, method, **params):
        return self.browser.ask(method, self.session, **params)

    def run(self, script):
        """Run a script in the page and give its value."""
        done = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def resize(self, width):
        """Show the page as wide as a telephone or a desktop."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 600)

    def close(self):
        """Close the page."""
        self.ask("Page.close")

    def picture(self):
        """Give a picture of the whole page, as base64 of a PNG."""
        return self.ask("Page.captureScreenshot", captureBeyondViewport=True)["data"]

    @property
    def far_requests(self):
        """What the page asked for that is not on this computer."""
        return [url for url in self.requests if not url.startswith(HERE)]

    def note(self, method, params):
        """Keep what an event tells."""
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Network.loadingFailed":
            self.complaints.append(f"not loaded: {params['errorText']}")
        elif method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in {"error", "warning", "assert"}:
            self.complaints.append(" ".join(str(part.get("value")) for part in params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in {"error", "warning"}:
            self.complaints.append(params["entry"]["text"])


class Chromium:
    """One browser with an empty folder of its own; it ends with the `with` block."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        their_input, self.out = os.pipe()
        self.into, their_output = os.pipe()
        theirs = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (their_input, their_output)]
        nowhere = os.open(os.devnull, os.O_RDWR)
        self.process = os.posix_spawn(
            self.path,
            [self.path, *FLAGS, f"--user-data-dir={self.folder.name}", "about:blank"],
            {**os.environ, "HOME": self.folder.name, "DISPLAY": ""},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, nowhere, 1),
                (os.POSIX_SPAWN_DUP2, nowhere, 2),
                (os.POSIX_SPAWN_DUP2, theirs[0], 3),
                (os.POSIX_SPAWN_DUP2, theirs[1], 4),
            ],
            setsid=True,
        )
        for end in (their_input, their_output, *theirs, nowhere):
            os.close(end)
        self.number, self.buffer, self.pages, self.events = 0, b"", {}, []
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError, EOFError, TimeoutError):
            self.ask("Browser.close")
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process, signal.SIGKILL)  # its own group: what it started, too
        os.waitpid(self.process, 0)
        os.close(self.out)
        os.close(self.into)
        self.folder.cleanup()

    def ask(self, method, session=None, **params):
        """Send a command and give its answer; events before it are kept."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        text = json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0"
        while text:
            text = text[os.write(self.out, text) :]
        limit = time.monotonic() + PATIENCE
        while (answer := self.next(limit)).get("id") != self.number:
            pass
        if "error" in answer:
            raise OSError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def next(self, limit):
        """Give the next message, and hand an event to its page."""
        while b"\0" not in self.buffer:
            left = limit - time.monotonic()
            if left <= 0 or not select.select([self.into], [], [], left)[0]:
                raise TimeoutError("Chromium does not answer")
            part = os.read(self.into, 1 << 20)
            if not part:
                raise EOFError("Chromium has ended")
            self.buffer += part
        text, self.buffer = self.buffer.split(b"\0", 1)
        message = json.loads(text)
        page = self.pages.get(message.get("sessionId"))
        if page is not None and "method" in message:
            page.note(message["method"], message["params"])
            self.events.append(message)
        return message

    def open(self, file, width=1280, until="networkIdle"):
        """Open a file and wait until it has asked for nothing for half a second, or until it is loaded ("load")."""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self.pages[session] = Page(self, session)
        for domain in ("Page", "Network", "Runtime", "Log"):
            page.ask(f"{domain}.enable")
        page.resize(width)
        page.ask("Page.setLifecycleEventsEnabled", enabled=True)
        self.events.clear()
        loader = page.ask("Page.navigate", url=Path(file).resolve().as_uri())["loaderId"]
        limit = time.monotonic() + PATIENCE
        while not any(
            event["method"] == "Page.lifecycleEvent"
            and event["params"]["name"] == until
            and event["params"]["loaderId"] == loader
            for event in self.events
        ):
            self.next(limit)
        return page

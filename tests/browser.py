"""Chromium without a screen, driven by its DevTools protocol over a pair of pipes: no package beside it is needed."""

import base64
import fcntl
import json
import os
import shutil
import signal
import tempfile
import time

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe"),
)
# Seconds that any answer may take on a machine under load.
PATIENCE = 60.0
# Elements whose right edge is beyond the window's, and that no ancestor scrolls or cuts off.
STICKING_OUT = """(() => {
  const out = [];
  for (const one of (document.querySelector('article') ?? document.body).querySelectorAll('*')) {
    const box = one.getBoundingClientRect();
    if (!box.width || box.right + scrollX <= innerWidth + 1) continue;
    let held = false;
    for (let up = one.parentElement; up && up !== document.body; up = up.parentElement)
      held ||= getComputedStyle(up).overflowX !== 'visible';
    if (!held) out.push(one.outerHTML.slice(0, 120));
  }
  return out;
})()"""


class Browser:
    """One page at a time. What it asks for and what goes wrong in it is kept: `requests` and `complaints`."""

    def __init__(self):
        self._folder = tempfile.mkdtemp(prefix="chromium-")
        ours_out, ours_in = self._spawn()
        self._out, self._in = os.fdopen(ours_out, "wb", buffering=0), os.fdopen(ours_in, "rb", buffering=0)
        self._number, self._rest, self._session = 0, b"", None
        self.requests, self.complaints = [], []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def _spawn(self):
        pipes = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for pair in (os.pipe(), os.pipe()) for end in pair]
        its_in, ours_out, ours_in, its_out = pipes
        null = os.open(os.devnull, os.O_RDWR)
        at = [(os.POSIX_SPAWN_DUP2, end, fd) for end, fd in ((null, 1), (null, 2), (its_in, 3), (its_out, 4))]
        command = [CHROMIUM, *FLAGS, f"--user-data-dir={self._folder}"]
        self._process = os.posix_spawn(CHROMIUM, command, os.environ, file_actions=at, setpgroup=0)
        for end in (null, its_in, its_out):
            os.close(end)
        return ours_out, ours_in

    def call(self, method, **params):
        """The result of one command of the protocol."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        answer = self._read(lambda one: one.get("id") == message["id"])
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def _read(self, is_wanted):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            while b"\0" not in self._rest:
                part = self._in.read(1 << 16)
                if not part:
                    raise RuntimeError("the browser has ended")
                self._rest += part
            line, self._rest = self._rest.split(b"\0", 1)
            message = json.loads(line)
            self._note(message)
            if is_wanted(message):
                return message
        raise TimeoutError("the browser gave no answer")

    def _note(self, message):
        params, method = message.get("params", {}), message.get("method")
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(params["exceptionDetails"]["text"])
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.complaints.append(str(params["args"]))

    def open(self, url, *, width=1200, is_dark=False):
        """Loads a page, in a window so many pixels wide."""
        self.requests, self.complaints = [], []
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=url)
        self._read(lambda one: one.get("method") == "Page.loadEventFired")

    def ask(self, expression):
        """The value of some JavaScript, waited for if it is a promise."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"]["description"])
        return answer["result"].get("value")

    def overflow(self):
        """How many pixels of the page are beyond the window, and what sticks out."""
        return self.ask("document.documentElement.scrollWidth - innerWidth"), self.ask(STICKING_OUT)

    def screenshot(self, path, *, whole=True):
        """The page as PNG, all of it or what the window shows."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def close(self):
        os.killpg(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        self._out.close()
        self._in.close()
        shutil.rmtree(self._folder, ignore_errors=True)

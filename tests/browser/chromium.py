"""Where a browser of the Chromium family is on Linux, macOS and Windows, and how tests start it."""

import os
import shutil
import sys
from pathlib import Path

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # no page may leave this machine
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
COMMANDS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge", "msedge"]
MAC = ["Chromium", "Google Chrome", "Microsoft Edge"]
WINDOWS = [
    "Chromium/Application/chrome.exe",
    "Google/Chrome/Application/chrome.exe",
    "Microsoft/Edge/Application/msedge.exe",
]


def find() -> str | None:
    """Return the path of the browser: ``$COURSE_CHROMIUM``, or the first one that is installed, or None."""
    if chosen := os.environ.get("COURSE_CHROMIUM"):
        return chosen
    if sys.platform == "darwin":
        places = [Path(f"/Applications/{name}.app/Contents/MacOS/{name}") for name in MAC]
    elif os.name == "nt":
        roots = [os.environ.get(name) for name in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")]
        places = [Path(root) / name for name in WINDOWS for root in roots if root]
    else:
        places = []
    installed = [str(place) for place in places if place.is_file()]
    return next(iter([*installed, *filter(None, map(shutil.which, COMMANDS))]), None)


if __name__ == "__main__":
    print(find() or "")

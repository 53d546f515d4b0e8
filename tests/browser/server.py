"""JupyterLab as ``course lab`` starts it, in a process and folders of its own, and an end without orphans."""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import psutil

# Every cell is drawn, also those below the window: only so can a test look at all of them.
SETTINGS = {"@jupyterlab/notebook-extension:tracker": {"windowingMode": "none", "scrollPastEnd": False}}

# The command itself: python3 -m course_utils would look for, and make, the environment of the README.
COURSE = "import sys; from course_utils.cli import main; sys.exit(main())"


@dataclass(frozen=True)
class Server:
    url: str
    token: str
    process: subprocess.Popen
    log: Path

    def address(self, notebook: str) -> str:
        """Return the address of a notebook on a page that remembers nothing."""
        return f"{self.url}/lab/tree/{notebook}?token={self.token}&reset"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def answers(url: str, seconds: float, alive=lambda: True) -> bool:
    """Wait until an address answers with status 200; return False if it does not, or if ``alive`` ends."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and alive():
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as reply:
            return reply.status == 200
        time.sleep(0.2)
    return False


@contextlib.contextmanager
def jupyterlab(folder: Path, state: Path, **environment: str) -> Generator[Server]:
    """Run ``course lab FOLDER`` and yield it; ``state`` takes everything that JupyterLab writes for itself."""
    config, token, port = state / "config", secrets.token_hex(16), free_port()
    (config / "labconfig").mkdir(parents=True)
    (config / "labconfig/default_setting_overrides.json").write_text(json.dumps(SETTINGS))
    known = {"LabApp": {"expose_app_in_browser": True}, "IdentityProvider": {"token": token}}
    (config / "jupyter_lab_config.json").write_text(json.dumps(known))
    kinds = {f"JUPYTER_{kind.upper()}_DIR": str(state / kind) for kind in ("config", "data", "runtime")}
    workspaces = {f"JUPYTERLAB_{kind.upper()}_DIR": str(state / kind) for kind in ("settings", "workspaces")}
    command = [sys.executable, "-c", COURSE, "lab", str(folder), "--no-browser", "--port", str(port)]
    log = state / "jupyterlab.log"
    with log.open("wb") as output:
        whole = {**os.environ, **kinds, **workspaces, **environment}
        process = subprocess.Popen(command, env=whole, stdout=output, stderr=output)
    server = Server(f"http://127.0.0.1:{port}", token, process, log)
    try:
        if not answers(f"{server.url}/api/status?token={token}", 60, lambda: process.poll() is None):
            raise RuntimeError(f"JupyterLab did not answer:\n{log.read_text()[-2000:]}")
        yield server
    finally:
        orphans = stop(process)
    assert not orphans, f"JupyterLab left behind {orphans}"


def stop(process: subprocess.Popen, how: int = signal.SIGTERM, patience: float = 30) -> list[str]:
    """End a process as Ctrl-C (SIGINT) or a shutdown would; return what of it and its children outlives that."""
    family = []
    with contextlib.suppress(psutil.NoSuchProcess):
        family = [parent := psutil.Process(process.pid), *parent.children(recursive=True)]
    if process.poll() is None:
        process.send_signal(how)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(patience)
    left = psutil.wait_procs(family, timeout=5)[1]
    names = [f"{child.pid} {child.name()}" for child in left]
    for child in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    process.wait(5)
    return names

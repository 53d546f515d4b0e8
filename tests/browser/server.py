"""A real JupyterLab in a process of its own: its folders, a free port, a token, and an end without orphans."""

import contextlib
import json
import os
import secrets
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

SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none", "scrollPastEnd": False},
}


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
def jupyterlab(folder: Path, state: Path) -> Generator[Server]:
    """Run JupyterLab on ``folder`` and yield it; ``state`` takes everything that it writes for itself."""
    config = state / "config"
    (config / "labconfig").mkdir(parents=True)
    (config / "labconfig/default_setting_overrides.json").write_text(json.dumps(SETTINGS))
    kinds = {f"JUPYTER_{kind.upper()}_DIR": str(state / kind) for kind in ("config", "data", "runtime")}
    workspaces = {f"JUPYTERLAB_{kind.upper()}_DIR": str(state / kind) for kind in ("settings", "workspaces")}
    token, port = secrets.token_hex(16), free_port()
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": folder,
        "ServerApp.allow_root": True,
        "IdentityProvider.token": token,
        "LabApp.expose_app_in_browser": True,
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", *(f"--{k}={v}" for k, v in options.items())]
    log = state / "jupyterlab.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, env={**os.environ, **kinds, **workspaces}, stdout=output, stderr=output)
    server = Server(f"http://127.0.0.1:{port}", token, process, log)
    try:
        if not answers(f"{server.url}/api/status?token={token}", 60, lambda: process.poll() is None):
            raise RuntimeError(f"JupyterLab did not answer:\n{log.read_text()[-2000:]}")
        yield server
    finally:
        orphans = stop(process)
    assert not orphans, f"JupyterLab left behind {orphans}"


def stop(process: subprocess.Popen, patience: float = 20) -> list[str]:
    """End a process as Ctrl-C or a shutdown would, and return those of its children that outlive it."""
    with contextlib.suppress(psutil.NoSuchProcess):
        children = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
        alive = psutil.wait_procs(
            [*children, psutil.Process(process.pid)] if process.poll() is None else children, timeout=5
        )[1]
        names = [f"{child.pid} {child.name()}" for child in alive]
        for child in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        process.wait(5)
        return names
    return []

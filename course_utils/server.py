"""JupyterLab on a working folder: with the course's Python, no news, no questions, and tabs kept for each folder."""

import errno
import os
import secrets
import socket
import subprocess
import sys
from pathlib import Path

from course_utils import places

FIRST_PORT = 8888
FIRST_LESSON = "00_start_here.ipynb"


def is_free(port: int) -> bool:
    """Tell whether JupyterLab could listen on a port of this machine."""
    for family, _, _, _, address in socket.getaddrinfo("localhost", port, type=socket.SOCK_STREAM):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                if os.name != "nt":  # where it would let two programs share a port
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
        except PermissionError:
            raise
        except OSError as error:
            if family == socket.AF_INET or error.errno == errno.EADDRINUSE:  # else a machine that only names ::1
                return False
    return True


def choose_port(wanted: int | None = None, tries: int = 100) -> int:
    """Return the port that was asked for, or the first free one from 8888 on.

    Raises:
        ValueError: the port is taken or kept for the system, or none is free; with the remedy.
    """
    if wanted is not None:
        try:
            if is_free(wanted):
                return wanted
            reason = "is taken by another program"
        except PermissionError:
            reason = "is kept for the system"
        raise ValueError(f"port {wanted} {reason}; choose another, or leave --port out for a free one")
    for port in range(FIRST_PORT, FIRST_PORT + tries):
        if is_free(port):
            return port
    raise ValueError(f"no port from {FIRST_PORT} to {FIRST_PORT + tries - 1} is free; choose one with --port")


def serve(folder: Path, port: int, browser: bool = True) -> int:
    """Run JupyterLab on FOLDER, opened at the first lesson, until Ctrl-C; return its exit status."""
    folder = folder.resolve()
    token = os.environ.get("JUPYTER_TOKEN") or secrets.token_hex(16)
    address = f"http://localhost:{port}/lab/tree/{FIRST_LESSON}?token={token}"
    print(f"{'If no browser opens' if browser else 'In a browser'}, go to {address}")
    print("To stop JupyterLab, press Ctrl-C here.", flush=True)
    command, environment = _command(folder, port, browser), _environment(token)
    if os.name != "nt":  # JupyterLab takes this process's place, so that every signal reaches it
        os.execve(command[0], command, environment)
    lab = subprocess.Popen(command, env=environment)
    while True:
        try:
            return lab.wait()
        except KeyboardInterrupt:  # the console sends it to JupyterLab, too
            continue


def _command(folder: Path, port: int, browser: bool) -> list[str]:
    import zmq

    options = {
        "ServerApp.root_dir": folder,
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.open_browser": browser,
        "ServerApp.answer_yes": True,  # one Ctrl-C ends it
        "Application.log_level": "ERROR",
        "LabApp.default_url": f"/lab/tree/{FIRST_LESSON}",
        "LabApp.news_url": None,
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    }
    if (folder / ".course").is_dir():  # the tabs of other work stay out of the course, and the course's out of it
        options["LabApp.workspaces_dir"] = folder / ".course" / "workspaces"
    if zmq.has("curve"):  # on a machine with other users, what runs here stays ours; and no kernel warns of it
        options["KernelManager.transport_encryption"] = "auto"
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # as in a container
        options["ServerApp.allow_root"] = True
    return [sys.executable, "-m", "jupyterlab", *(f"--{name}={value}" for name, value in options.items())]


def _environment(token: str) -> dict[str, str]:
    settings = [str(places.PACKAGE / "jupyter"), *filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")])]
    return {
        **os.environ,
        "JUPYTER_TOKEN": token,  # not an option: those can be read in the list of processes
        "JUPYTER_CONFIG_PATH": os.pathsep.join(settings),
        "JUPYTER_PREFER_ENV_PATH": "1",  # this Python's kernel, not one that the user has elsewhere
    }

"""``python3 -m course_utils COMMAND``: the ``course`` command, from a clone on which nothing is installed yet.

The first call makes ``.venv`` inside the clone and installs the course into it; every call then hands COMMAND to the
``course`` command there. Only the standard library is imported here, and the syntax is kept old enough for an old
Python to read the sentence that says it is too old.
"""

import hashlib
import os
import subprocess
import sys

OLDEST = (3, 11)
USAGE = """usage: python3 -m course_utils install [--cpu] [--test]

Install the course into .venv; every other command does so by itself on its first call.

  --cpu   on Linux, take the build of torch without CUDA: far less to download, no GPU
  --test  install what the tests need, too"""


def _run(*command, **options):
    command = [str(part) for part in command]
    if subprocess.run(command, **options).returncode:
        raise SystemExit(
            "course: this step failed: {}\nIts own message is above. Mend what it names (network, disk space, "
            "permissions) and run the same line again; what is already there is kept.".format(" ".join(command))
        )


def _python_of(environment):
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _works(python):
    """Tell whether the environment is whole: not stopped half way, nor left behind by the Python that made it."""
    try:
        return subprocess.run([str(python), "-c", "import uv"], stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def _make_environment(environment):
    import importlib.util

    # Debian's bare python3 has venv but not ensurepip: then the pip that runs beside it installs from outside.
    bare = importlib.util.find_spec("ensurepip") is None
    _run(sys.executable, "-m", "venv", "--clear", *(["--without-pip"] if bare else []), environment)
    pip = [sys.executable, "-m", "pip", "--python", _python_of(environment)] if bare else None
    _run(*(pip or [_python_of(environment), "-m", "pip"]), "install", "--quiet", "uv")


def ensure_installed(root, wanted, force=False):
    """Return the Python of ROOT's environment, with the course and the WANTED extras ("cpu", "test") installed."""
    environment = root / ".venv"
    python, stamp = _python_of(environment), environment / "course-installed.txt"
    # The stamp is written last: an install that was stopped half way is taken up again at the next call.
    digest = hashlib.sha256((root / "pyproject.toml").read_bytes()).hexdigest()
    lines = stamp.read_text().split() if stamp.is_file() else []
    have = set(lines[1:])
    if not force and lines[:1] == [digest] and set(wanted) <= have and _works(python):
        return python
    wanted = sorted(set(wanted) | have)
    print(f"course: installing into {environment}; a minute or two, once ...", file=sys.stderr, flush=True)
    if not _works(python):
        _make_environment(environment)
    groups = ["--group", "test"] if "test" in wanted else []
    backend = ["--torch-backend", "cpu"] if "cpu" in wanted else []
    uv = [python, "-m", "uv", "pip", "install", "--python", python]
    _run(*uv, *groups, *backend, "--editable", ".", cwd=str(root))
    stamp.write_text("\n".join([digest, *wanted]))
    return python


def _install(root, arguments):
    unknown = [word for word in arguments if word not in ("--cpu", "--test")]
    if unknown:
        print(USAGE)
        return 0 if unknown[0] in ("-h", "--help") else 2
    print(f"course: ready in {ensure_installed(root, [word[2:] for word in arguments], force=True)}")
    return 0


def main():
    """Run ``course`` with this process's arguments, installing it first where that is needed."""
    if sys.version_info < OLDEST:
        raise SystemExit(
            "course: this is Python {}.{}; the course needs Python {}.{} or newer. Install one and start the same "
            "line with it, for instance: python3.12 -m course_utils lab".format(*sys.version_info[:2] + OLDEST)
        )
    from course_utils.places import clone_folder

    root, arguments = clone_folder(), sys.argv[1:]
    if root is not None and arguments[:1] == ["install"]:
        return _install(root, arguments[1:])
    if root is not None and os.path.realpath(sys.prefix) != os.path.realpath(str(root / ".venv")):
        python = ensure_installed(root, ["test"] if arguments[:1] == ["test"] else [])
        command = [str(python), "-m", "course_utils", *arguments]
        if os.name != "nt":
            os.execv(command[0], command)
        return subprocess.run(command).returncode
    from course_utils.cli import main as course

    return course()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("course: stopped; the same line takes it up again")

"""What the repository holds: the top level, sizes, licences, nothing that ties it to one machine or one host."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from .lessons.notebooks import PATHS, ROOT, Lesson

TOP = {"README.md", "CONTRIBUTING.md", "LICENSE", "pyproject.toml", "lessons", "course_utils", "data", "tests"}
COMMANDS = ["python3 -m course_utils lab", "python3 -m course_utils test"]
LOCKS = {"uv.lock", "poetry.lock", "pdm.lock", "pylock.toml", "package-lock.json", "Pipfile.lock"}
CHECKPOINTS = {".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".npy", ".bin"}
FOREIGN = {
    "a package registry": r"(?i)\b(pypi|pythonhosted|npmjs|anaconda|debian)[.](org|com|io)\b|\bwhl/cpu\b",
    "a path of one machine": r"(?<![\w.:)}$~/-])/(home|root|work|Users|tmp(?=/\w/))/\w",
    "a folder outside the repository": r"\.\./shared\b",
    "a conflict": r"(?m)^(<{7}|>{7}) ",
}


def listed(*options: str) -> list[str]:
    """Return the files that git keeps or would keep: what it ignores is nobody's business."""
    if not (ROOT / ".git").exists():
        pytest.skip("this copy of the course is not a clone")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *options]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in names.split("\0") if name and (ROOT / name).is_file()]


def texts() -> list[tuple[str, str]]:
    found = []
    for name in listed():
        content = (ROOT / name).read_bytes()
        if b"\0" not in content:
            found.append((name, content.decode("utf-8")))
    return found


def foreign(text: str) -> list[str]:
    return [f"{what}: {found[0]}" for what, pattern in FOREIGN.items() if (found := re.search(pattern, text))]


def test_top_level():
    assert {name.partition("/")[0] for name in listed() if not name.startswith(".")} - TOP == set()


def test_files_are_small():
    assert [name for name in listed() if (ROOT / name).stat().st_size > 2_000_000] == []


def test_data_is_at_most_20_megabytes():
    assert sum((ROOT / name).stat().st_size for name in listed("data")) <= 20_000_000


def test_modules_are_short():
    lengths = {
        name: len((ROOT / name).read_text(encoding="utf-8").splitlines()) for name in listed("course_utils/*.py")
    }
    longest = {True: 490, False: 300}  # a lesson's checks are mostly sentences: hints and diagnoses
    assert {name: n for name, n in lengths.items() if n > longest["/checks/lesson_" in name]} == {}


def test_no_lock_file_and_no_pickle():
    paths = [Path(name) for name in listed()]
    assert [path for path in paths if path.name in LOCKS or path.suffix in CHECKPOINTS] == []


def test_the_package_never_unpickles():
    for name in listed("course_utils/*.py"):
        nodes = list(ast.walk(ast.parse((ROOT / name).read_text(encoding="utf-8"))))
        calls = [ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)]
        modules = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
        assert {"torch.load", "torch.save"} & set(calls) == set(), name
        assert {"pickle", "dill", "joblib", "shelve"} & set(modules) == set(), name


def test_nothing_foreign():
    assert {name: found for name, text in texts() if (found := foreign(text))} == {}


@pytest.mark.parametrize(
    "text",
    [
        "see https://" + "pypi" + ".org/simple",
        "cd /" + "work/main",
        "open('/" + "tmp/x/y')",
        "speech in .." + "/shared",
        "<" * 7 + " HEAD",
    ],
)
def test_something_foreign_is_seen(text):
    assert len(foreign(text)) == 1


@pytest.mark.parametrize("text", ["a/tmp/b", "/usr/bin/chromium", "~/work/x", "$HOME/work/x", "https://a.b/work/c"])
def test_what_is_no_machines_path(text):
    assert foreign(text) == []


def test_licences():
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in licence
    assert "Version 2.0, January 2004" in licence
    assert re.search(r"CC.BY.4\.0|Creative Commons Attribution 4\.0", licence)
    assert "LICENSE" in readme()


def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_two_commands_are_the_ones_tested():
    """The README's first block of commands is what the fresh-clone test, .ci/run and the hosted CI call."""
    block = re.search(r"^```\w*\n(.*?)^```", readme(), re.DOTALL | re.MULTILINE)
    assert block
    assert [line.partition("#")[0].strip() for line in block[1].strip().splitlines()] == COMMANDS
    assert COMMANDS[1] in (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert "-m course_utils test" in (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", PATHS, ids=[path.stem for path in PATHS])
def test_the_table_says_what_the_lesson_says(path):
    row = re.search(rf"^\|.*\(lessons/{path.name}\).*\| *(\d+) min *\| *(\d+) s *\|$", readme(), re.MULTILINE)
    assert row, "the README's table lists the lesson with its minutes and seconds"
    opening = "\n".join(cell.source for cell in Lesson.read(path).cells[:3])
    assert (f"{row[1]} minutes" in opening, f"{row[2]} seconds" in opening) == (True, True)


def test_links_of_the_documents_lead_somewhere():
    for name in listed("*.md"):
        text = re.sub(r"(?ms)^```.*?^```", "", (ROOT / name).read_text(encoding="utf-8"))
        targets = [target for target in re.findall(r"\]\(([^)#\s]+)", text) if ":" not in target]
        missing = [target for target in targets if not ((ROOT / name).parent / target).exists()]
        assert not missing, f"{name} links to {missing}"

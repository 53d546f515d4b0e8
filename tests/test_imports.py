"""Who may import whom: five rooms whose imports point down, read from the syntax tree of every module."""

import ast
import contextlib
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "course_utils"
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if "_course" not in path.parts
}

LEAVES = {"files", "places"}  # small helpers below every room that touches the disk
BELOW = {  # a room or module of the package, and those of ours that it may import; any other may import all
    "algorithms": {"algorithms"},
    "files": set(),
    "places": set(),
    "data": {"algorithms", "data", *LEAVES},
    "training": {"algorithms", "data"},
    "recogniser": {"algorithms", "data", "training", *LEAVES},
    "visuals": {"data", "visuals", *LEAVES},  # handed numbers, it computes none that a lesson is about
    "experiments": {"algorithms", "data", "evaluation", "experiments", "recogniser", "training", "visuals", *LEAVES},
    "teaching": {"algorithms", "data", "recogniser", "teaching", "training", "visuals", *LEAVES},
}
ONLY_IN = {  # a library, and the places that it stays in
    "matplotlib": ("visuals",),
    "ipywidgets": ("visuals.widgets",),
    "anywidget": ("visuals.widgets",),
    "IPython": ("visuals", "teaching"),
    "torchaudio": ("data.audio",),
    "jiwer": ("algorithms.metrics",),
    "sacrebleu": ("algorithms.metrics",),
    "rouge_score": ("algorithms.metrics",),
}
ALGORITHMS_STAND_ON = {"torch", "jiwer", "sacrebleu", "rouge_score"}
STARTS_BARE = ("__init__", "__main__", "places")  # loaded before any package is installed, or by thirty kernels at once


def imports(source: str, module: str = "") -> list[tuple[str, bool]]:
    """Return each imported name, relative ones spelt out, and whether the module's loading imports it."""
    tree = ast.parse(source)
    later = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or _for_types(node)
        for inner in ast.walk(node)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ["course_utils", *module.split(".")][: -node.level] if node.level else []
            prefix = ".".join([*base, *filter(None, [node.module])])
            names = [f"{prefix}.{alias.name}" for alias in node.names]
        else:
            continue
        found += [(name, id(node) not in later) for name in names]
    return found


def _for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def _within(module: str, places) -> bool:
    return any(module == place or module.startswith(place + ".") for place in places)


def problems(module: str, source: str) -> list[str]:
    """Return what a module imports and should not, one sentence each."""
    room = module.partition(".")[0]
    found = []
    for name, at_load in imports(source, module):
        library, _, inside = name.partition(".")
        ours, standard = library == "course_utils", library in sys.stdlib_module_names
        if room in STARTS_BARE and at_load and not (standard or ours):
            found.append(f"{module} imports {library} as it is loaded")
        if ours and room in BELOW and inside.partition(".")[0] not in BELOW[room]:
            found.append(f"{room} never imports {name}")
        if room not in STARTS_BARE and not _within(module, ONLY_IN.get(library, (module,))):
            found.append(f"{library} is imported in {' and '.join(ONLY_IN[library])} only, not in {module}")
        if room == "algorithms" and not (ours or standard or library in ALGORITHMS_STAND_ON):
            found.append(f"algorithms stand on torch alone, and {module} imports {library}")
    return found


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module):
    assert problems(module, MODULES[module].read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("algorithms.ctc", "from course_utils.data import text"),
        ("algorithms.ctc", "from ..visuals import plots"),
        ("algorithms.ctc", "from course_utils import plots"),
        ("algorithms.ctc", "def late():\n    import numpy"),
        ("algorithms.ctc", "import jiwer"),
        ("visuals.plots", "import course_utils.recogniser"),
        ("visuals.plots", "from course_utils.algorithms.ctc import collapse"),
        ("visuals.plots", "import anywidget"),
        ("data.corpora", "import matplotlib.pyplot as plt"),
        ("data.corpora", "import torchaudio"),
        ("training", "from . import recogniser"),
        ("recogniser", "from course_utils.teaching.lesson import claim"),
        ("cli", "from matplotlib import pyplot"),
        ("cli", "if condition:\n    from IPython.display import Audio"),
        ("__main__", "import typer"),
        ("__init__", "import torch"),
        ("places", "import platformdirs"),
        ("places", "from course_utils.files import write_whole"),
    ],
)
def test_a_wrong_import_is_seen(module, source):
    assert len(problems(module, source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("algorithms.metrics", "import math, torch, jiwer\nfrom .ctc import collapse"),
        ("data.audio", "import soundfile, torchaudio\nfrom course_utils.algorithms import features"),
        ("visuals.widgets.__init__", "import ipywidgets\nfrom .stepper import Stepper"),
        ("visuals.widgets.stepper", "import anywidget\nfrom course_utils.visuals import plots"),
        ("teaching.lesson", "from IPython.display import display\nfrom course_utils.visuals import plots"),
        ("__init__", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch"),
        ("__main__", "import sys\ndef main():\n    from course_utils.cli import main"),
    ],
)
def test_a_right_import_passes(module, source):
    assert problems(module, source) == []


def brought_by(requirements: list[str]) -> set[str]:
    """Return the distributions that requirements bring along, those of their own requirements included."""
    found, waiting = set(), list(requirements)
    while waiting:
        name = canonical(re.split(r"[^\w.-]", waiting.pop(), maxsplit=1)[0])
        if name not in found:
            found.add(name)
            with contextlib.suppress(metadata.PackageNotFoundError):  # wanted on other systems only
                waiting += [line for line in metadata.requires(name) or () if "extra ==" not in line]
    return found


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_import_is_a_dependency():
    """Nothing works only because something else happens to be installed."""
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    brought, owners = brought_by(project["dependencies"]), metadata.packages_distributions()
    assert "torch" in brought
    assert "tornado" in brought
    assert "pytest" not in brought
    for module, path in MODULES.items():
        for name, _ in imports(path.read_text(encoding="utf-8"), module):
            library = name.partition(".")[0]
            if library != "course_utils" and library not in sys.stdlib_module_names:
                owner = {canonical(owner) for owner in owners.get(library, ())}
                assert owner & brought, f"{module} imports {library}, which no dependency brings"


def test_importing_the_package_is_light():
    listing = "import sys, course_utils; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True)
    heavy = {"torch", "torchaudio", "numpy", "matplotlib", "IPython", "ipywidgets", "anywidget", "soundfile"}
    assert heavy & set(done.stdout.split()) == set()

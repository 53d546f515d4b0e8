"""What every lesson begins with and leans on: ``setup``, ``claim`` and ``show_source``."""

import html
import inspect
import os
import random
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from course_utils.places import PACKAGE
from course_utils.teaching import progress

SEEDS = 2**31

# Pygments' families of tokens, and the part of JupyterLab's editor whose colour they take.
SYNTAX = {
    "Keyword": "keyword",
    "Operator.Word": "keyword",
    "Operator": "operator",
    "Literal.String": "string",
    "Literal.Number": "number",
    "Comment": "comment",
    "Name.Function": "def",
    "Name.Class": "def",
    "Name.Builtin": "builtin",
    "Name.Decorator": "meta",
}
SOURCE_STYLE = (
    "font-family:var(--jp-code-font-family, monospace);font-size:var(--jp-code-font-size, 13px);line-height:1.4;"
    "color:var(--jp-content-font-color1, inherit);background:none;margin:.3em 0;white-space:pre;overflow-x:auto"
)


class ClaimError(AssertionError):
    """A sentence of the lesson did not hold."""

    def _render_traceback_(self) -> list[str]:  # what IPython shows: the sentence, not our frames
        return str(self).splitlines()


@dataclass(frozen=True)
class Lesson:
    """What ``setup`` decided.

    Args:
        name: the lesson's number, "01".
        seed: what every source of randomness was seeded with.
        device: where to compute.
        generator: a seeded generator on the CPU, for everything that draws numbers.
    """

    name: str
    seed: int
    device: torch.device
    generator: torch.Generator

    def seeds(self, count: int) -> list[int]:
        """Return seeds for an experiment that is repeated: the first ``count`` of a row that belongs to the seed."""
        if not 0 < count <= 1000:
            raise ValueError(f"an experiment has 1 to 1,000 seeds; {count} were asked for")
        return [(self.seed * 1000 + k) % SEEDS for k in range(count)]

    def predict(self, name: str, question: str, choices: Sequence[str]) -> None:
        """Ask what an experiment will show, and keep the answer, in this notebook and beyond it.

        Args:
            name: what :meth:`outcome` calls the question.
            choices: two to six answers, one of which will come true.
        """
        from course_utils.teaching import predictions

        predictions.ask(self.name, name, question, choices)

    def outcome(self, name: str, result: str) -> None:
        """Show what the run found beside what the learner had predicted.

        Raises:
            ValueError: nothing of this name was asked, or the result is none of the choices.
        """
        from course_utils.teaching import predictions

        predictions.show(self.name, name, result)


def setup(lesson: str | int, seed: int = 0) -> Lesson:
    """Prepare a lesson, print one line that says how, and return its seed, device and generator.

    Args:
        lesson: its number, "01".
        seed: the lesson's own seed; the environment variable ``COURSE_SEED`` overrides it.

    The environment variable ``COURSE_DEVICE`` (cpu or cuda) chooses the device; without it, a GPU if there is one.

    Raises:
        ValueError: no such number, seed or device.
    """
    if not re.fullmatch(r"[0-9]{1,2}", str(lesson)):
        raise ValueError(f'a lesson is named by its number, setup("01"); got {lesson!r}')
    name = str(lesson).zfill(2)
    seed, device = _seed(seed), _device()
    random.seed(seed)
    torch.manual_seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)  # notebooks that mix in NumPy's old global generator repeat as well
    # The lessons' models are small: two threads spend longer waiting for each other than computing, up to 20 times.
    torch.set_num_threads(1)

    from course_utils.visuals import plots

    plots.install_style()
    progress.record(name, "opened")
    print(f"Lesson {name} · seed {seed} · {device} · torch {version('torch')}")
    problem = pair_problem()
    if problem:
        print(f"⚠ {problem}")
    return Lesson(name, seed, device, torch.Generator().manual_seed(seed))


def _seed(chosen: int) -> int:
    text = os.environ.get("COURSE_SEED", "").strip()
    if text:
        if not text.isdecimal() or int(text) >= SEEDS:
            raise ValueError(f"COURSE_SEED must be a whole number from 0 to {SEEDS - 1:,}; it is {text!r}")
        return int(text)
    if isinstance(chosen, bool) or not isinstance(chosen, int) or not 0 <= chosen < SEEDS:
        raise ValueError(f"a seed is a whole number from 0 to {SEEDS - 1:,}; got {chosen!r}")
    return chosen


def _device() -> torch.device:
    chosen = os.environ.get("COURSE_DEVICE", "").strip()
    if chosen not in ("", "cpu", "cuda"):
        raise ValueError(f"COURSE_DEVICE must be cpu or cuda; it is {chosen!r}")
    if chosen == "cuda" and not torch.cuda.is_available():
        raise ValueError("COURSE_DEVICE is cuda, and torch sees no GPU here; set it to cpu, or unset it")
    return torch.device(chosen or ("cuda" if torch.cuda.is_available() else "cpu"))


def pair_problem() -> str | None:
    """Return what is wrong with torch and torchaudio, which must be of one release, or None. Imports neither."""
    torch_version = version("torch")
    release = ".".join(torch_version.split(".")[:2])
    remedy = f'remedy: python -m pip install "torch=={release}.*" "torchaudio=={release}.*", then restart the kernel'
    try:
        audio_version = version("torchaudio")
    except PackageNotFoundError:
        return f"torchaudio is missing; {remedy}"
    if audio_version.split(".")[:2] == torch_version.split(".")[:2]:
        return None
    return f"torch {torch_version} and torchaudio {audio_version} are of different releases; {remedy}"


def claim(sentence: str, holds: Any) -> None:
    """Print what the lesson says happens, or fail the cell where it did not happen.

    Args:
        sentence: what is true, in plain words.
        holds: a truth value: a bool, NumPy's bool, or a boolean tensor with one element and no dimensions.

    Raises:
        ClaimError: it does not hold.
        TypeError: ``holds`` is no truth value; the message says what it is.
    """
    if not _truth(holds):
        raise ClaimError(
            f"✗ {sentence}\n"
            "  The lesson checks this sentence in every run, and in this run it does not hold. If you changed\n"
            "  something above, that may be why, and worth understanding; if not, restart the kernel and run all."
        )
    print(f"✓ {sentence}")


def _truth(holds: Any) -> bool:
    if isinstance(holds, bool):
        return holds
    if isinstance(holds, torch.Tensor):
        if holds.ndim == 0 and holds.dtype == torch.bool:
            return bool(holds)
        what = f"a tensor of shape {tuple(holds.shape)} and {holds.dtype}"
        raise TypeError(f"a claim holds or does not; got {what}. Say which: `.all()`, `.any()`, or a comparison")
    if type(holds).__module__ == "numpy" and str(getattr(holds, "dtype", "")) == "bool" and holds.ndim == 0:
        return bool(holds)
    raise TypeError(
        f"a claim holds or does not; got {type(holds).__name__} {holds!r:.80}. Write a comparison, as in `a < b`"
    )


def show_source(obj: Any) -> None:
    """Show the source of a function, class or module, coloured as the theme has it, and where it stands.

    Raises:
        TypeError: the object has no Python source, as what is written in C.
    """
    obj = inspect.unwrap(obj) if callable(obj) else obj
    has_source = inspect.isroutine(obj) or inspect.isclass(obj) or inspect.ismodule(obj)
    obj = obj if has_source else type(obj)
    try:
        lines, start = inspect.getsourcelines(obj)
        path = Path(inspect.getsourcefile(obj) or "")
    except (TypeError, OSError) as error:
        name = getattr(obj, "__qualname__", None) or repr(obj)
        raise TypeError(f"{name} has no Python source to show (is it built in, or typed at a prompt?)") from error
    source = inspect.cleandoc("\n" + "".join(lines)).rstrip()
    _show_code(source, f"{_place(path)}, line {max(start, 1)}")


def _place(path: Path) -> str:
    root = PACKAGE.parent
    if path.is_relative_to(root):
        return path.relative_to(root).as_posix()
    return "this notebook" if "ipykernel" in str(path) or not path.exists() else path.name


def _show_code(source: str, place: str) -> None:
    from IPython.core.getipython import get_ipython
    from IPython.display import display

    text = f"{source}\n\n# {place}"
    if get_ipython() is None:
        print(text)
        return
    page = (
        f'<pre style="{SOURCE_STYLE}">{_coloured(source)}</pre>'
        f'<div style="font-size:.9em;opacity:.8">{html.escape(place)}</div>'
    )
    display({"text/plain": text, "text/html": page}, raw=True)


def _coloured(source: str) -> str:
    """Return the source as HTML in the editor's own colours, which follow JupyterLab's theme and nbconvert's."""
    from pygments.lexers.python import PythonLexer

    spans = []
    for token, text in PythonLexer(stripnl=False).get_tokens(source):
        kind = next((kind for family, kind in SYNTAX.items() if str(token).startswith(f"Token.{family}")), None)
        style = f' style="color:var(--jp-mirror-editor-{kind}-color, inherit)"' if kind else ""
        spans.append(f"<span{style}>{html.escape(text)}</span>" if kind else html.escape(text))
    return "".join(spans).rstrip()

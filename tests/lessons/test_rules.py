"""What a lesson must be, rule by rule. Each rule carries an example of what it refuses, and is tried on that too."""

import ast
import re
import statistics
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from course_utils.teaching.checks.registry import exercise_names, find

from .notebooks import FOLDER, PATHS, ROOT, Cell, Lesson

LESSONS = [Lesson.read(path) for path in PATHS]
RULES: dict[Callable[[Lesson], Iterator[str]], Callable[[dict], object]] = {}
PACKAGE, SOLUTIONS = ROOT / "course_utils", FOLDER / "solutions"
TAGS = {"exercise", "widget"}
INSTRUMENTS = {"SelfTest", "Microphone"}  # they measure the learner's machine: no default state to print
WIDGETS = {
    node.name
    for path in (PACKAGE / "visuals/widgets").glob("*.py")
    for node in ast.parse(path.read_text(encoding="utf-8")).body
    if isinstance(node, ast.ClassDef) and "CourseWidget" in map(ast.unparse, node.bases)
} - INSTRUMENTS


def rule(spoil: Callable[[dict], object]):
    """Register a rule: from a lesson to what is wrong with it. ``spoil`` makes a good lesson break it."""

    def register(function):
        RULES[function] = spoil
        return function

    return register


def put(content: dict, number: int, source: str) -> None:
    content["cells"][number]["source"] = [source]


def blank(source: str, **metadata) -> dict:
    return {"cell_type": "code", "id": "extra", "metadata": metadata, "source": [source], "outputs": []}


@rule(lambda content: content["cells"][1].update(execution_count=3))
def no_outputs(lesson):
    """Plain notebooks: what a run leaves behind is not stored."""
    for cell in lesson.code:
        if cell.raw.get("outputs") or cell.raw.get("execution_count") is not None:
            yield f"{cell.id} stores an output or an execution count"


@rule(lambda content: content["cells"][4].update(id="8f14e45f"))
def readable_ids(lesson):
    ids = [cell.id for cell in lesson.cells]
    for name in ids:
        if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or re.match(r"[0-9a-f]{8}(-|$)", name):
            yield f"the cell id {name!r} is not a few small words with hyphens"
    yield from (f"the cell id {name!r} stands twice" for name in set(ids) if ids.count(name) > 1)


@rule(lambda content: content["cells"][4]["metadata"].update(collapsed=True))
def only_our_metadata(lesson):
    kept = {"kernelspec": {"display_name", "language", "name"}, "language_info": {"name"}}
    for key, value in lesson.content["metadata"].items():
        if key not in kept or set(value) - kept[key]:
            yield f"the notebook's metadata {key!r} is not ours"
    if (lesson.content["nbformat"], lesson.content["nbformat_minor"]) != (4, 5):
        yield "the notebook's format is not 4.5"
    for cell in lesson.cells:
        metadata = cell.raw["metadata"]
        if set(metadata) - {"tags"} or set(metadata.get("tags", ())) - TAGS or cell.raw.get("attachments"):
            yield f"{cell.id} carries metadata that we do not use: {metadata}"


@rule(lambda content: content["cells"].extend([blank("1")] * 60))
def cell_count(lesson):
    least = 20 if lesson.number == "00" else 40
    if not least <= len(lesson.cells) <= 70:
        yield f"{len(lesson.cells)} cells; a lesson has {least} to 70"


@rule(lambda content: put(content, 2, "word " * 3000))
def word_count(lesson):
    least, words = 600 if lesson.number == "00" else 1500, len(lesson.prose.split())
    if not least <= words <= 2500:
        yield f"{words} words; a lesson has {least} to 2,500"


@rule(lambda content: put(content, 3, "a = 1\n" * 31))
def code_cell_lengths(lesson):
    """Median at most 6 lines, nine in ten at most 20, never over 30; blank lines and comments are free."""
    lengths = [len(cell.code_lines) for cell in lesson.code]
    if statistics.median(lengths) > 6:
        yield f"the median code cell has {statistics.median(lengths)} lines, over 6"
    if sum(length > 20 for length in lengths) > len(lengths) / 10:
        yield f"{sum(length > 20 for length in lengths)} of {len(lengths)} code cells have over 20 lines"
    yield from (f"{cell.id} has over 30 lines" for cell in lesson.code if len(cell.code_lines) > 30)


@rule(lambda content: [put(content, number, "no heading") for number in range(5, 15)])
def headings(lesson):
    """A heading every 3 to 6 cells."""
    has = [bool(not cell.is_code and re.search(r"(?m)^#{1,4} ", cell.source)) for cell in lesson.cells]
    spots = [number for number, heading in enumerate(has) if heading]
    for spot, after in zip(spots, [*spots[1:], len(has)], strict=True):
        if after - spot > 6:
            yield f"{after - spot} cells from {lesson.cells[spot].id} to the next heading, over 6"
    if spots and len(has) / len(spots) < 2.5:
        yield f"{len(spots)} headings in {len(has)} cells are too many"


@rule(lambda content: content["cells"].__setitem__(slice(4, 4), [blank("1"), blank("2")]))
def two_code_cells_in_a_row(lesson):
    triples = zip(lesson.cells, lesson.cells[1:], lesson.cells[2:], strict=False)
    for first, *others in triples:
        if first.is_code and all(cell.is_code for cell in others):
            yield f"three code cells in a row from {first.id}"


@rule(lambda content: put(content, 3, "x = " + "1 + " * 20 + "1"))
def seventy_five_columns(lesson):
    for cell in lesson.code:
        if wide := [line for line in cell.source.splitlines() if len(line) > 75]:
            yield f"{cell.id} has a line of {len(wide[0])} columns, over 75"


@rule(lambda content: put(content, 2, "The rest is obviously clear."))
def no_belittling(lesson):
    for cell in lesson.cells:
        if found := re.search(r"(?i)\b(simply|obviously|as you can see)\b", cell.source):
            yield f"{cell.id} says {found[0]!r}"


@rule(lambda content: put(content, 3, 'setup("01")'))
def one_setup(lesson):
    cells = [cell for cell in lesson.code if cell.calls("setup")]
    if [cell.id for cell in cells] != [lesson.code[0].id]:
        yield "not exactly the first code cell calls setup"
    for call in (call for cell in cells for call in cell.calls("setup")):
        told = [*call.args[:1], *(word.value for word in call.keywords if word.arg == "lesson")]
        if [ast.unparse(argument) for argument in told] != [repr(lesson.number)]:
            yield f"setup is told another lesson: {ast.unparse(call)}"


@rule(lambda content: put(content, 0, "# Lesson 1"))
def opening(lesson):
    """Title, question, what you will be able to do, prerequisites, minutes and seconds."""
    start = "\n".join(cell.source for cell in lesson.cells[:3] if not cell.is_code)
    if not start.startswith(f"# {lesson.number} "):
        yield f"the title does not begin with '# {lesson.number} '"
    for words in (
        r"^# ",
        r"\?",
        r"(?i)you will be able to",
        r"(?i)prerequisite|before this|you need",
        r"\d+ minutes",
        r"\d+ seconds",
    ):
        if not re.search(words, start, re.MULTILINE):
            yield f"the opening has no {words!r}"


@rule(lambda content: content["cells"].pop())
def ending(lesson):
    """Summary, roads not taken, further reading with citations that name a year."""
    if lesson.number == "00":
        return
    spots = [
        re.search(rf"(?im)^#+ .*{title}", lesson.prose) for title in ("summary", "roads not taken", "further reading")
    ]
    places = [spot.start() for spot in spots if spot]
    if len(places) < 3 or places != sorted(places):
        yield "it does not end in Summary, Roads not taken, Further reading"
    elif len(re.findall(r"\b(?:19|20)\d\d\b", lesson.prose[places[2] :])) < 2:
        yield "further reading cites fewer than two works with their years"


@rule(lambda content: put(content, 2, "![](figures/missing.svg)"))
def pictures_have_words(lesson):
    for alt, target in re.findall(r"!\[(.*?)\]\((.*?)\)", lesson.prose):
        if not alt.strip():
            yield f"the picture {target} has no alt text"
        if "://" in target or not (FOLDER / target).is_file():
            yield f"the picture {target} is not in lessons/"
    for tag in re.findall(r"<img\b[^>]*>", lesson.prose):
        if not re.search(r"""\balt=["'] *[^"' ]""", tag):
            yield f"no alt text: {tag}"


@rule(lambda content: put(content, 2, "[there](nowhere.ipynb)"))
def links_lead_somewhere(lesson):
    for target in re.findall(r"(?<!!)\[[^\]]*\]\(([^)#\s]+)", re.sub(r"`[^`]*`", "", lesson.prose)):
        if ":" not in target and not (FOLDER / target).is_file():
            yield f"the link to {target} leads nowhere"


@rule(
    lambda content: [put(content, n, "1") for n, cell in enumerate(content["cells"]) if "claim(" in cell["source"][0]]
)
def claims(lesson):
    """What a lesson says happens, it checks, in a sentence."""
    calls = [call for cell in lesson.code for call in cell.calls("claim")]
    if len(calls) < (1 if lesson.number == "00" else 3):
        yield f"it makes {len(calls)} claims"
    for call in calls:
        sentence = call.args[0] if call.args else None
        if isinstance(sentence, ast.Constant) and (
            not isinstance(sentence.value, str) or len(sentence.value.split()) < 3
        ):
            yield f"not a sentence: {ast.unparse(call)[:60]}"


@rule(lambda content: put(content, 3, "from course_utils import widgets\nwidgets.RecurrentStepper()"))
def widgets_have_twins(lesson):
    """Beside each widget, in its cell or one of the three around it, a static figure of its default state."""
    for number, cell in enumerate(lesson.cells):
        shown = [name for name in WIDGETS if cell.calls(name)]
        near = lesson.cells[max(0, number - 3) : number + 4]
        if shown and not any(other.calls("static") for other in near):
            yield f"{cell.id} shows {shown[0]} without its static twin"


def plain_lines(code: ast.AST) -> list[str]:
    """Return code without comments, docstrings and ways to break lines."""
    tree = ast.parse(ast.unparse(code))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [part for part in node.body if not is_text(part)] or [ast.Pass()]
    return [line.strip() for line in ast.unparse(tree).splitlines() if line.strip()]


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def runs_of_six(lines: list[str]) -> set[tuple[str, ...]]:
    return {tuple(lines[start : start + 6]) for start in range(len(lines) - 5)}


@cache
def known_runs(folder: Path) -> dict[tuple[str, ...], str]:
    """Return every six lines in a row of a folder's modules, and where they stand."""
    return {
        run: path.relative_to(ROOT).as_posix()
        for path in folder.rglob("*.py")
        for run in runs_of_six(plain_lines(ast.parse(path.read_text(encoding="utf-8"))))
    }


def a_piece_of_the_package(content: dict) -> None:
    tree = ast.parse((PACKAGE / "places.py").read_text(encoding="utf-8"))
    put(content, 3, "\n".join(ast.unparse(node) for node in tree.body))


@rule(a_piece_of_the_package)
def no_code_in_two_places(lesson):
    known = known_runs(PACKAGE) | known_runs(SOLUTIONS)
    for cell in lesson.code:
        if shared := {known[run] for run in runs_of_six(plain_lines(cell.tree)) if run in known}:
            yield f"{cell.id} repeats six lines of {', '.join(sorted(shared))}"


def is_stub(cell: Cell, name: str) -> bool:
    """Tell whether a cell leaves ``name`` to the learner: it raises NotImplementedError, or is ``name = ...``."""
    for node in cell.tree.body if cell.is_code else ():
        if isinstance(node, ast.FunctionDef) and node.name == name:
            left = [part for part in node.body if not is_text(part)]
            return len(left) == 1 and ast.unparse(left[0]).startswith("raise NotImplementedError")
        if isinstance(node, ast.Assign) and ast.unparse(node) == f"{name} = ...":
            return True
    return False


@rule(lambda content: content["cells"].append(blank('check("no_such_exercise", 1)')))
def exercises(lesson):
    """Each declared exercise is a stub, then its check, in the order of the declarations; and no other."""
    declared = exercise_names().get(lesson.number, [])
    checked = [ast.literal_eval(call.args[0]) for cell in lesson.code for call in cell.calls("check")]
    if checked != declared:
        yield f"the lesson checks {checked}, and declared are {declared}"
    for name in declared:
        stubs = [cell for cell in lesson.code if is_stub(cell, name)]
        if len(stubs) != 1:
            yield f"{name} has {len(stubs)} stubs"
            continue
        after = lesson.code[lesson.code.index(stubs[0]) + 1]
        if not any(ast.literal_eval(call.args[0]) == name for call in after.calls("check")):
            yield f"the code cell after {name}'s stub is not its check"
        if f'hint("{name}")' not in "".join(cell.source for cell in lesson.cells):
            yield f"nothing says how to open {name}'s hints"


def sample() -> dict:
    """Return a lesson that keeps every rule."""
    cells = []

    def add(kind, source):
        raw = {"cell_type": kind, "id": f"cell-{len(cells)}", "metadata": {}, "source": [source]}
        cells.append(raw | ({"outputs": [], "execution_count": None} if kind == "code" else {}))

    add("markdown", "# 97 Sample\nWhy? You will be able to read. Prerequisites: none. 5 minutes, 6 seconds.")
    add("code", 'setup("97")')
    for number in range(13):
        add("markdown", f"## Part {number}\n" + "We read one more sentence of this lesson. " * 15)
        add("code", f'claim("part {number} holds what it says", True)')
        add("markdown", "And so it is.")
    add("markdown", "## Summary\n" + "word " * 30 + "\n## Roads not taken\n\n## Further reading\nA (1990). B (2006).")
    metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


SAMPLE = Path("97_sample.ipynb")
NAMES = [getattr(function, "__name__", "") for function in RULES]


@pytest.mark.parametrize("check", RULES, ids=NAMES)
@pytest.mark.parametrize("lesson", LESSONS, ids=[lesson.path.stem for lesson in LESSONS])
def test_lesson(lesson, check):
    found = list(check(lesson))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("check", RULES, ids=NAMES)
def test_a_good_lesson_passes(check):
    assert list(check(Lesson(SAMPLE, sample()))) == []


@pytest.mark.parametrize("check", RULES, ids=NAMES)
def test_a_bad_lesson_is_refused(check):
    content = sample()
    RULES[check](content)
    assert list(check(Lesson(SAMPLE, content))) != []


def test_a_solution_lives_once():
    """In lessons/solutions/, or as the package's own function."""
    twice = known_runs(SOLUTIONS).keys() & known_runs(PACKAGE).keys()
    assert not {known_runs(SOLUTIONS)[run] for run in twice}


def test_lessons_are_numbered():
    numbers = [int(lesson.number) for lesson in LESSONS]
    assert numbers == sorted({*numbers})
    assert set(numbers) <= set(range(13))


NEIGHBOURS = [(before, here) for before, here in pairwise(LESSONS) if int(here.number) == int(before.number) + 1]


@pytest.mark.parametrize(("before", "here"), NEIGHBOURS, ids=[here.number for _, here in NEIGHBOURS])
def test_lessons_are_linked(before, here):
    assert f"({here.path.name})" in before.cells[-1].source, "the last cell leads to the next lesson"
    assert f"({before.path.name})" in here.prose, "a lesson leads back to the one before"


@pytest.mark.parametrize(
    ("lesson", "name"), [(number, name) for number, some in exercise_names().items() for name in some]
)
def test_exercises_are_whole(lesson, name):
    """That solutions pass and mistakes are named, tests/teaching proves; here, that they are there at all."""
    exercise = find(name)
    assert len(exercise.hints) >= 2
    assert len(exercise.misconceptions) >= 2
    wrong_answers = (ROOT / f"tests/teaching/test_lesson_{lesson}.py").read_text(encoding="utf-8")
    assert f'"{name}"' in wrong_answers, "no wrong answers to it are tried"

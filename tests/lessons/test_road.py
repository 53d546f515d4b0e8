"""The road through the lessons: links lead to headings that are there, terms and citations to entries of their own.

JupyterLab 4 gives a heading an anchor: its text with hyphens for spaces, case kept. In a notebook that is not yet drawn
it finds only ``#heading=ANCHOR`` and ``#cell-id=ID``. What is not ASCII reaches it encoded, and then it finds nothing.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .notebooks import FOLDER, PATHS, Lesson

YEAR = r"(?<![–\d:.])(?:19|20)\d\d(?![–\d])"
ENTRY = re.compile(
    r"^\*\*(?P<chinese>.+?)\*\* · (?P<said>.+)\n\[Lesson \d\d, \*(?P<heading>.+)\*\]\((?P<file>[^#]+)#\S+\)$", re.S
)
WORK = re.compile(r"^- \*\*(?P<name>\S+) (?P<year>\d{4}|draft)[a-z]?\.\*\* .+ \*Lessons? (?P<lessons>.+)\.\*$", re.M)


@dataclass(frozen=True)
class Road:
    lessons: tuple[Lesson, ...]
    glossary: str
    bibliography: str

    @property
    def texts(self) -> dict[str, str]:
        named = {lesson.path.name: lesson.prose for lesson in self.lessons}
        return named | {"glossary.md": self.glossary, "bibliography.md": self.bibliography}

    @property
    def entries(self) -> dict[str, str]:
        """The glossary's entries by their terms."""
        parts = re.split(r"(?m)^### ", re.sub(r"(?m)^## .*\n", "", self.glossary))[1:]
        return {term: body.strip() for term, _, body in (part.partition("\n") for part in parts)}


def plain(heading: str) -> str:
    """Return a heading's text without its marks."""
    return re.sub(r"[`*]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)).strip()


def headings(text: str) -> list[str]:
    return [plain(found) for found in re.findall(r"(?m)^#{1,6} (.+)$", re.sub(r"(?ms)^```.*?^```", "", text))]


def anchors(road: Road) -> dict[str, set[str]]:
    """Return what a link may name behind the #, for each document."""
    found = {name: {one.replace(" ", "-") for one in headings(text)} for name, text in road.texts.items()}
    for lesson in road.lessons:
        ids = {f"cell-id={cell.id}" for cell in lesson.cells}
        found[lesson.path.name] = ids | {f"heading={anchor}" for anchor in found[lesson.path.name]}
    return found


def links(text: str) -> list[str]:
    return re.findall(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", text))


RULES: dict[Callable[[Road], Iterator[str]], list[tuple[str, str, str]]] = {}


def rule(*spoils: tuple[str, str, str]):
    """Register a rule; each spoil is a document of the sample, a text in it, and one that breaks the rule."""

    def register(function):
        RULES[function] = list(spoils)
        return function

    return register


@rule(
    ("lesson", "glossary.md#state", "glossary.md#State"),
    ("lesson", "glossary.md#state", "nowhere.md#state"),
    ("glossary", "heading=The-state", "The-state"),
    ("glossary", "heading=The-state", "cell-id=the-step"),
    ("glossary", "#S)", "#Σ)"),
    ("bibliography", "heading=Further-reading", "heading=Further_reading"),
)
def links_lead_to_headings(road):
    there = anchors(road)
    for name, text in road.texts.items():
        for link in links(text):
            file, _, anchor = link.partition("#")
            if ":" in file:
                continue
            if (file or name) not in there and not (FOLDER / file).is_file():
                yield f"{name} links to {file}, which is not there"
            elif anchor and (anchor not in there.get(file or name, ()) or re.search(r'[^!-~]|["<>`]', anchor)):
                yield f"{name} links to {link}; no heading or cell there is found by it"


@rule(
    ("glossary", "状态", "Zustand"),
    ("glossary", " · What a network carries", " What a network carries"),
    ("glossary", "carries on.", "carries on. " + "And so on. " * 20),
    ("glossary", "### state", "### zero state"),
)
def entries_are_whole(road):
    """A Chinese term, a sentence or two, the lesson and heading of the definition; in the order of the alphabet."""
    for term, body in road.entries.items():
        found = ENTRY.match(body)
        if not found or not re.search("[\u4e00-\u9fff]", found["chinese"]):
            yield f"{term} lacks its Chinese term, its definition or its lesson: {body[:80]}"
        elif len(found["said"].split()) > 45:
            yield f"{term} takes {len(found['said'].split())} words"
    terms = [term.lower() for term in road.entries]
    yield from (
        f"{term} stands in the wrong place" for term, right in zip(terms, sorted(terms), strict=True) if term != right
    )


@rule(
    ("lesson", "*[state](glossary.md#state)*", "*state*"),
    ("lesson", "## The state", "## The state\n\n[States](glossary.md#state) again.\n\n## More"),
    ("lesson", "## The state", "## The state\n\nA sentence.\n\n## The step"),
)
def terms_are_linked_where_they_are_defined(road):
    """Each entry from one place, which stands under the heading that the entry names."""
    for term, body in road.entries.items():
        link, found = f"](glossary.md#{term.replace(' ', '-')})", ENTRY.match(body)
        places = [
            (name, headings(text[: spot.start()])[-1:])
            for name, text in road.texts.items()
            for spot in re.finditer(re.escape(link), text)
        ]
        if not found or places != [(found["file"], [found["heading"]])]:
            yield f"{term} is linked from {places}"


def works(road: Road) -> list[tuple[str, str, list[str]]]:
    """Return first author, year and lessons' files of each work in the bibliography."""
    found = [(work["name"], work["year"], links(work["lessons"])) for work in WORK.finditer(road.bibliography)]
    return [(name, year, [link.partition("#")[0] for link in to]) for name, year, to in found]


def cited(lesson: Lesson) -> Iterator[tuple[str, str]]:
    """Yield each year that a lesson cites, and the words in which the author must stand."""
    body, _, reading = lesson.prose.partition("## Further reading")
    for spot in re.finditer(rf"\([^()]*?{YEAR}\)", body):
        for year in re.findall(YEAR, spot[0]):
            yield year, body[max(0, spot.start() - 60) : spot.end()]
    for item in re.split(r"(?m)^- ", reading)[1:]:
        for year in re.findall(YEAR, item):
            yield year, item


@rule(
    ("bibliography", "**Elman 1990.**", "**Elmann 1990.**"),
    ("bibliography", "**Elman 1990.**", "**Elman 1991.**"),
    ("lesson", "Elman (1990)", "Jordan (1986)"),
    ("lesson", "- J. L. Elman", "- M. I. Jordan, *Serial Order*, 1986.\n- J. L. Elman"),
    ("bibliography", "- **Elman", "- **Zipf 1949.** G. Zipf, 1949. *Lesson [97](97_sample.ipynb).*\n- **Elman"),
)
def citations_are_in_the_bibliography(road):
    """And the other way round: each work there is named, with its year, by each lesson that it names."""
    listed = works(road)
    if len(listed) != road.bibliography.count("\n- "):
        yield "a work of the bibliography does not say its name, its year or its lessons"
    for lesson in road.lessons:
        file = lesson.path.name
        known = [(name, year) for name, year, files in listed if file in files]
        for year, words in cited(lesson):
            if not any(name in words and year == its for name, its in known):
                yield f"{file} cites {' '.join(words.split())[-90:]!r}; the bibliography does not say so"
        for name, year in known:
            if not re.search(rf"(?s){name}.{{0,400}}{year}", lesson.prose):
                yield f"{name} {year} is said to be cited by {file}"


GLOSSARY = """# Glossary

[S](#S)

## S

### state

**状态** · What a network carries on.
[Lesson 97, *The state*](97_sample.ipynb#heading=The-state)

### step

**步** · A time.
[Lesson 97, *The state*](97_sample.ipynb#cell-id=sample)
"""
BIBLIOGRAPHY = """# Bibliography

- **Elman 1990.** J. L. Elman, "Finding structure", 1990. *Lesson [97](97_sample.ipynb#heading=Further-reading).*
- **Jurafsky draft.** D. Jurafsky, *Speech*, draft. *Lesson [97](97_sample.ipynb).*
"""
LESSON = """# 97 Sample

## The state

A *[state](glossary.md#state)*, by Elman (1990), at each *[step](glossary.md#step)*.

## Further reading

- J. L. Elman, "Finding structure in time", *Cognitive Science*, 1990–2004, 1990.
- D. Jurafsky, *Speech*, draft.
"""
TEXTS = {"lesson": LESSON, "glossary": GLOSSARY, "bibliography": BIBLIOGRAPHY}


def sample(texts: dict[str, str]) -> Road:
    cell = {"cell_type": "markdown", "id": "sample", "metadata": {}, "source": [texts["lesson"]]}
    return Road((Lesson(Path("97_sample.ipynb"), {"cells": [cell]}),), texts["glossary"], texts["bibliography"])


def course() -> Road:
    documents = [(FOLDER / name).read_text(encoding="utf-8") for name in ("glossary.md", "bibliography.md")]
    return Road(tuple(Lesson.read(path) for path in PATHS), *documents)


NAMES = [getattr(function, "__name__", "") for function in RULES]
SPOILS = [(check, *spoil) for check, spoils in RULES.items() for spoil in spoils]


@pytest.mark.parametrize("check", RULES, ids=NAMES)
def test_the_course(check):
    found = list(check(course()))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("check", RULES, ids=NAMES)
def test_a_good_road_passes(check):
    assert list(check(sample(TEXTS))) == []


@pytest.mark.parametrize(("check", "where", "text", "wrong"), SPOILS)
def test_a_bad_road_is_refused(check, where, text, wrong):
    assert text in TEXTS[where]
    assert list(check(sample(TEXTS | {where: TEXTS[where].replace(text, wrong, 1)}))) != []


def test_the_glossary_and_the_bibliography_are_found():
    """From the first lesson, and from each other."""
    first = course().lessons[0].prose
    assert {"glossary.md", "bibliography.md"} <= set(links(first))
    assert len(course().entries) > 80
    assert len(works(course())) > 40


def test_the_map_leads_to_every_lesson():
    """In the first lesson: a row for each, with the way there."""
    first, *others = course().lessons
    for lesson in others:
        assert re.search(rf"(?m)^\| {lesson.number} \| \[[^\]]+\]\({lesson.path.name}\) \|", first.prose), (
            lesson.path.name
        )

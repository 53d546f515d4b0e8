"""The table of all recognisers: what this run measured, beside what was measured before and kept with the course.

A lesson calls ``show("04", {"recurrent network": {"unseen voices": 0.04, …}})``. The figures kept are in
``recognisers.json``; ``python tests/benchmarks/recogniser_table.py 04`` runs the lesson under many seeds, headless,
collects what its ``show`` is given, and rewrites that lesson's rows. So a figure is computed in one place, the lesson.
"""

import html
import json
import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import SupportsFloat

KEPT = Path(__file__).with_name("recognisers.json")
COLLECT = "COURSE_RECOGNISERS"  # the environment variable that names a file to which each `show` appends its figures
Errors = Mapping[str, SupportsFloat]  # test set -> the share of words that are wrong


@dataclass(frozen=True)
class Row:
    """A recogniser's errors. ``kept`` is (median, lowest, highest) over ``seeds`` seeds; ``now`` is this run's."""

    lesson: str
    name: str
    seeds: int
    kept: Mapping[str, tuple[float, float, float]]
    now: Errors


@dataclass(frozen=True)
class Table:
    """Rows in the order of the lessons; shown by a notebook as a table, elsewhere as text."""

    rows: Sequence[Row]

    @property
    def tests(self) -> list[str]:
        """The test sets, in the order in which they first appear."""
        return list(dict.fromkeys(test for row in self.rows for test in [*row.now, *row.kept]))

    def _cells(self, row: Row) -> list[str]:
        texts = []
        for test in self.tests:
            now = f"{100 * float(row.now[test]):.1f}" if test in row.now else ""
            middle, low, high = (100 * x for x in row.kept.get(test, (0, 0, 0)))
            spread = f" ({low:.1f}–{high:.1f})" if low < high else ""
            kept = f"{middle:.1f}{spread}" if test in row.kept else ""
            texts.append(" · ".join(filter(None, [now and f"now {now}", kept])) or "–")
        return texts

    def __repr__(self) -> str:
        lines = [["lesson", "recogniser", *self.tests]]
        lines += [[row.lesson, row.name, *self._cells(row)] for row in self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        said = ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in lines]
        return "\n".join(["Words wrong, in per cent", *(line.rstrip() for line in said)])

    def _repr_html_(self) -> str:
        def cells(tag: str, texts: Sequence[str], style: str = "text-align:left") -> str:
            return "".join(f'<{tag} style="{style}">{html.escape(text)}</{tag}>' for text in texts)

        head = f"<tr>{cells('th', ['lesson', 'recogniser', *self.tests])}</tr>"
        body = "".join(f"<tr>{cells('td', [row.lesson, row.name, *self._cells(row)])}</tr>" for row in self.rows)
        seeds = "; ".join(f"{row.name}: {row.seeds}" for row in self.rows if row.kept)
        note = "now: this run. Others: the median of earlier runs (lowest–highest), seeds: " + (seeds or "none yet")
        return (
            f'<table><caption style="text-align:left">Words wrong, in per cent</caption><thead>{head}</thead>'
            f"<tbody>{body}</tbody></table><p>{html.escape(note)}.</p>"
        )


def show(lesson: str, now: Mapping[str, Errors]) -> Table:
    """Return the table up to this lesson, with this run's figures in its own rows.

    Args:
        lesson: its number, "04"; rows of later lessons are left out.
        now: recogniser -> test set -> the share of words that are wrong, from 0 on.

    Raises:
        ValueError: a figure that is no share.
    """
    for name, errors in now.items():
        for test, share in errors.items():
            if not 0 <= float(share) < 100:
                raise ValueError(f"{name}, {test}: {share} is no share of words; give errors over words, 0.05 for 5 %")
    figures = {name: {test: float(share) for test, share in errors.items()} for name, errors in now.items()}
    if path := os.environ.get(COLLECT):
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps({"lesson": lesson, "figures": figures}) + "\n")
    rows = [row for row in _kept() if row.lesson < lesson or (row.lesson == lesson and row.name not in figures)]
    before = {(row.lesson, row.name): row for row in _kept()}
    for name, errors in figures.items():
        old = before.get((lesson, name))
        rows.append(Row(lesson, name, old.seeds if old else 0, old.kept if old else {}, errors))
    return Table(sorted(rows, key=lambda row: row.lesson))


def summarise(runs: Sequence[Mapping[str, Errors]]) -> dict[str, dict]:
    """Return each recogniser's {"seeds": n, "errors": {test: [median, lowest, highest]}} over a lesson's runs."""
    found: dict[str, dict[str, list[float]]] = {}
    for figures in runs:
        for name, errors in figures.items():
            for test, share in errors.items():
                found.setdefault(name, {}).setdefault(test, []).append(float(share))
    return {
        name: {
            "seeds": max(map(len, tests.values())),
            "errors": {
                test: [round(x, 4) for x in (statistics.median(shares), min(shares), max(shares))]
                for test, shares in tests.items()
            },
        }
        for name, tests in found.items()
    }


def _kept() -> list[Row]:
    if not KEPT.is_file():
        return []
    lessons = json.loads(KEPT.read_text(encoding="utf-8"))
    return [
        Row(lesson, name, kept["seeds"], {test: tuple(three) for test, three in kept["errors"].items()}, {})
        for lesson, recognisers in lessons.items()
        for name, kept in recognisers.items()
    ]

"""Edit distance against jiwer, which counts by rapidfuzz's C++; ours is Python, from the table on."""

import random

import jiwer
from pairs import Curve, Row, against, curve, ratio

from course_utils.algorithms.metrics import align, edit_distance, edit_table

GOALS = {10: (0.74, 0.39), 20: (1.7, 0.52), 200: (19, 0.93)}  # words: for the table, for the bits


def rows() -> list[Row]:
    """Return (what, ratio, goal)."""
    found = []
    for words, (table, bits) in GOALS.items():
        for what, ours, theirs, goal in [
            ("edit table", edit_table, jiwer.wer, table),
            ("edit distance by bits", edit_distance, jiwer.wer, bits),
            ("alignment", align, jiwer.process_words, None),
        ]:
            found.append((f"{what}, {words} words / jiwer", *against(ratio(*_pair(words, ours, theirs)), goal)))
    return found


def growth() -> list[Curve]:
    """Return how the table, quadratic, and the bits, nearly linear while a column fits few machine words, grow."""
    return [
        curve("edit table", "words", (50, 100, 200, 400, 800), lambda n: _work(edit_table, n), theory=2.0),
        curve("edit distance by bits", "words", (25, 50, 100, 200, 400), lambda n: _work(edit_distance, n)),
    ]


def _pair(words: int, ours, theirs):
    """Return both as they are called on texts, which have to be split into words first."""
    said, heard = _texts(words)
    return lambda: ours(said.split(), heard.split()), lambda: theirs(said, heard)


def _texts(words: int) -> tuple[str, str]:
    """Return a text and one with a fifth of its words changed and a tenth left out."""
    source = random.Random(0)
    vocabulary = [f"word{k}" for k in range(50)]
    said = [source.choice(vocabulary) for _ in range(words)]
    heard = [word if source.random() < 0.8 else source.choice(vocabulary) for word in said if source.random() < 0.9]
    return " ".join(said), " ".join(heard)


def _work(algorithm, words: int):
    said, heard = (text.split() for text in _texts(words))
    return lambda: algorithm(said, heard)

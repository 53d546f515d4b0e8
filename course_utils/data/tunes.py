"""A few old tunes as text, and text as sound.

A tune is a sentence whose words are notes: ``g4`` is the G above middle C for one beat, ``g4:1.5`` for one and a
half. All melodies are folk tunes or older than 1860, written down by ourselves in C major; ``|`` only helps to read
them.
"""

import math
import re
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

STOP = "||"  # the double bar that begins and ends a tune in training

_SCORES = {
    "Ah! vous dirai-je, maman": """
        c4 c4 g4 g4 | a4 a4 g4:2 | f4 f4 e4 e4 | d4 d4 c4:2 | g4 g4 f4 f4 | e4 e4 d4:2 |
        g4 g4 f4 f4 | e4 e4 d4:2 | c4 c4 g4 g4 | a4 a4 g4:2 | f4 f4 e4 e4 | d4 d4 c4:2""",
    "Ode to Joy": """
        e4 e4 f4 g4 | g4 f4 e4 d4 | c4 c4 d4 e4 | e4:1.5 d4:0.5 d4:2 |
        e4 e4 f4 g4 | g4 f4 e4 d4 | c4 c4 d4 e4 | d4:1.5 c4:0.5 c4:2 |
        d4 d4 e4 c4 | d4 e4:0.5 f4:0.5 e4 c4 | d4 e4:0.5 f4:0.5 e4 d4 | c4 d4 g3:2 |
        e4 e4 f4 g4 | g4 f4 e4 d4 | c4 c4 d4 e4 | d4:1.5 c4:0.5 c4:2""",
    "Frère Jacques": """
        c4 d4 e4 c4 | c4 d4 e4 c4 | e4 f4 g4:2 | e4 f4 g4:2 |
        g4:0.5 a4:0.5 g4:0.5 f4:0.5 e4 c4 | g4:0.5 a4:0.5 g4:0.5 f4:0.5 e4 c4 | c4 g3 c4:2 | c4 g3 c4:2""",
    "Mary Had a Little Lamb": """
        e4 d4 c4 d4 | e4 e4 e4:2 | d4 d4 d4:2 | e4 g4 g4:2 |
        e4 d4 c4 d4 | e4 e4 e4 e4 | d4 d4 e4 d4 | c4:4""",
    "Au clair de la lune": """
        c4 c4 c4 d4 | e4:2 d4:2 | c4 e4 d4 d4 | c4:4 | c4 c4 c4 d4 | e4:2 d4:2 | c4 e4 d4 d4 | c4:4 |
        d4 d4 d4 d4 | a3:2 a3:2 | d4 c4 b3 a3 | g3:4 | c4 c4 c4 d4 | e4:2 d4:2 | c4 e4 d4 d4 | c4:4""",
    "London Bridge": """
        g4:1.5 a4:0.5 g4 f4 | e4 f4 g4:2 | d4 e4 f4:2 | e4 f4 g4:2 |
        g4:1.5 a4:0.5 g4 f4 | e4 f4 g4:2 | d4:2 g4:2 | e4 c4:3""",
    "Jingle Bells": """
        e4 e4 e4:2 | e4 e4 e4:2 | e4 g4 c4:1.5 d4:0.5 | e4:4 |
        f4 f4 f4:1.5 f4:0.5 | f4 e4 e4 e4:0.5 e4:0.5 | e4 d4 d4 e4 | d4:2 g4:2 |
        e4 e4 e4:2 | e4 e4 e4:2 | e4 g4 c4:1.5 d4:0.5 | e4:4 |
        f4 f4 f4:1.5 f4:0.5 | f4 e4 e4 e4:0.5 e4:0.5 | g4 g4 f4 d4 | c4:4""",
    "Hänschen klein": """
        g4 e4 e4:2 | f4 d4 d4:2 | c4 d4 e4 f4 | g4 g4 g4:2 | g4 e4 e4:2 | f4 d4 d4:2 | c4 e4 g4 g4 | c4:4 |
        d4 d4 d4 d4 | d4 e4 f4:2 | e4 e4 e4 e4 | e4 f4 g4:2 | g4 e4 e4:2 | f4 d4 d4:2 | c4 e4 g4 g4 | c4:4""",
    "Alle meine Entchen": """
        c4 d4 e4 f4 | g4:2 g4:2 | a4 a4 a4 a4 | g4:4 | a4 a4 a4 a4 | g4:4 | f4 f4 f4 f4 | e4:2 e4:2 |
        d4 d4 d4 d4 | c4:4""",
    "Good King Wenceslas": """
        c4 c4 c4 d4 | c4 c4 g3:2 | a3 g3 a3 b3 | c4:2 c4:2 | c4 c4 c4 d4 | c4 c4 g3:2 | a3 g3 a3 b3 | c4:2 c4:2 |
        g4 f4 e4 d4 | e4 d4 c4:2 | a3 g3 a3 b3 | c4:2 c4:2 | g3 g3 a3 b3 | c4 c4 d4:2 |
        g4 f4 e4 d4 | c4:2 f4:2 | c4:4""",
    "Oh! Susanna": """
        c4:0.5 d4:0.5 | e4 g4 g4:1.5 a4:0.5 | g4 e4 c4:1.5 d4:0.5 | e4 e4 d4 c4 | d4:3 c4:0.5 d4:0.5 |
        e4 g4 g4:1.5 a4:0.5 | g4 e4 c4:1.5 d4:0.5 | e4 e4 d4 d4 | c4:4 |
        f4:2 f4:2 | a4 a4:2 a4 | g4 g4 e4 c4 | d4:3 c4:0.5 d4:0.5 |
        e4 g4 g4:1.5 a4:0.5 | g4 e4 c4:1.5 d4:0.5 | e4 e4 d4 d4 | c4:3""",
    "Row, Row, Row Your Boat": """
        c4:1.5 c4:1.5 | c4 d4:0.5 e4:1.5 | e4 d4:0.5 e4 f4:0.5 | g4:3 |
        c5:0.5 c5:0.5 c5:0.5 g4:0.5 g4:0.5 g4:0.5 | e4:0.5 e4:0.5 e4:0.5 c4:0.5 c4:0.5 c4:0.5 |
        g4 f4:0.5 e4 d4:0.5 | c4:3""",
}

TUNES: dict[str, list[str]] = {name: [word for word in score.split() if word != "|"] for name, score in _SCORES.items()}

_NOTE = re.compile(r"([a-g])([0-8])(?::(\d+(?:\.\d+)?))?")
_SEMITONES = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_OVERTONES = [(1, 1.0), (2, 0.45), (3, 0.22), (4, 0.1)]  # (multiple of the pitch, loudness)


def notes(tokens: Iterable[str]) -> list[tuple[int, float]]:
    """Return (pitch, beats) for each note; the pitch is a MIDI number, 60 is middle C. Double bars are left out.

    >>> notes(["c4", "g4:1.5"])
    [(60, 1.0), (67, 1.5)]
    """
    found = []
    for token in tokens:
        if token == STOP:
            continue
        note = _NOTE.fullmatch(token)
        if note is None or float(note[3] or 1) == 0:
            raise ValueError(
                f"{token!r} is no note; write a letter from a to g, an octave and the beats: g4, or g4:1.5"
            )
        found.append((12 * (int(note[2]) + 1) + _SEMITONES[note[1]], float(note[3] or 1)))
    return found


def sound(tune: Sequence[tuple[int, float]], sample_rate: int = 8000, beats_per_minute: float = 132) -> Tensor:
    """Return a tune, played by something between a harp and a music box: samples (N,) in [-1, 1].

    Args:
        tune: (pitch, beats) for each note, as ``notes`` gives them.
        sample_rate: in hertz.
    """
    if not tune:
        raise ValueError("the tune has no notes; there is nothing to play")
    if sample_rate < 3000 or not 20 <= beats_per_minute <= 600:
        raise ValueError(
            f"sample_rate {sample_rate} must be at least 3000 Hz, and {beats_per_minute} beats a minute 20 to 600"
        )
    played = []
    for pitch, beats in tune:
        hertz = 440 * 2 ** ((pitch - 69) / 12)
        seconds = torch.arange(round(beats * 60 / beats_per_minute * sample_rate)) / sample_rate
        wave = sum(
            loud * torch.sin(2 * math.pi * times * hertz * seconds)
            for times, loud in _OVERTONES
            if times * hertz < sample_rate / 2  # what lies above half the sample rate would come back as a wrong note
        )
        attack, release = (seconds / 0.01).clamp(max=1), ((seconds[-1] - seconds) / 0.03).clamp(max=1)
        played.append(wave * attack * release * torch.exp(-2.5 * seconds))
    samples = torch.cat(played)
    return 0.8 * samples / samples.abs().max()

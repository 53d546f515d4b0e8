"""On what a recogniser of digits is judged: the same sets for the command line, the lessons and the benchmarks."""

from collections.abc import Callable

from course_utils.data import corpora
from course_utils.data.corpora import Utterance
from course_utils.recogniser import Recogniser, Score, evaluate

REAL_STRINGS = 400  # strings of real digits to be judged on
NOISE = 10  # decibels of signal over noise


def real_strings(part: str, held_out: tuple[str, ...] = (), count: int | None = None) -> list[Utterance]:
    """Return strings of real spoken digits.

    Args:
        part: "train" or "test".
        held_out: speakers who are in the test and not in the training; without any, the official split, whose
            speakers are in both.
        count: how many strings; some for each of the recordings if None.

    Raises:
        MissingCorpus: there is no real speech on this machine.
    """
    recordings = corpora.fsdd_recordings()
    split = corpora.fsdd_held_out(recordings, held_out) if held_out else corpora.fsdd_official(recordings)
    chosen = split[("train", "test").index(part)]
    return corpora.fsdd_strings(chosen, count or (len(chosen) if part == "train" else REAL_STRINGS), seed=0)


def test_sets() -> dict[str, Callable[[Recogniser], Score]]:
    """Return how to score a recogniser on each test set; real speech raises MissingCorpus where there is none."""
    return {
        "synthetic": lambda model: evaluate(model, corpora.load("digits", "test")),
        "noise": lambda model: evaluate(model, corpora.load("digits", "test"), snr=NOISE),
        "unseen": lambda model: evaluate(model, corpora.load("digits", "test_unseen")),
        "real": lambda model: evaluate(model, real_strings("test")),
    }

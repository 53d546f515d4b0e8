"""How well the recogniser does, over seeds: ``python tests/benchmarks/recognisers.py [--seeds 0 1 2 3 4]``.

Synthetic speech: voices, noise and a synthesiser that training never had. Real speech (where FSDD is present): every
speaker, once with synthetic speech alone to learn from, once with the other speakers' recordings beside it. Half an
hour on a machine that does nothing else, as the seconds want it.
"""

import argparse
import statistics
import sys
from collections.abc import Iterable, Sequence

from pairs import Row

from course_utils import corpora, evaluation, metrics, recogniser

STRINGS = 100  # strings of 1 to 7 digits for each real speaker


def rows(seeds: Iterable[int] = range(5), held_out_seeds: Iterable[int] = (0,)) -> list[Row]:
    """Return (figure, measured, goal) for the recogniser of `course train`."""
    people = _people()
    found: dict[str, list[float]] = {}
    for seed in seeds:
        model, history = recogniser.train(seed=seed, progress=False)
        test = corpora.load("digits", "test")
        scores = {
            "unseen synthetic voices": recogniser.evaluate(model, test).wer,
            "the same in noise": recogniser.evaluate(model, test, snr=evaluation.NOISE).wer,
            "unseen synthesiser": recogniser.evaluate(model, corpora.load("digits", "test_unseen")).wer,
            **{voice: recogniser.evaluate(model, strings).wer for voice, strings in people.items()},
        }
        scores["seconds"], scores["CPU seconds"] = history.seconds, history.cpu_seconds
        scores["MiB"] = history.peak_memory / 2**20
        print(f"seed {seed}: {history}", {name: round(value, 3) for name, value in scores.items()}, file=sys.stderr)
        for name, value in scores.items():
            found.setdefault(name, []).append(value)
    return [*_synthetic(found), *_real(found, people), *_held_out(people, held_out_seeds), *_quick()]


def _people() -> dict[str, list[corpora.Utterance]]:
    """Return the test strings of each real speaker, none if there is no real speech here."""
    try:
        recordings = corpora.fsdd_recordings()
    except corpora.MissingCorpus:
        return {}
    voices = sorted({recording.voice for recording in recordings})
    return {voice: corpora.fsdd_strings([r for r in recordings if r.voice == voice], STRINGS, 1) for voice in voices}


def _range(values: Sequence[float], unit: str = " %", factor: float = 100.0) -> str:
    """Return the median of some seeds, and their extremes."""
    middle, low, high = (factor * value for value in (statistics.median(values), min(values), max(values)))
    return f"{middle:.1f}{unit} ({low:.1f} to {high:.1f}, {len(values)} seeds)"


def _synthetic(found: dict[str, list[float]]) -> list[Row]:
    goals = {"unseen synthetic voices": "2.5 %", "the same in noise": "5 %", "unseen synthesiser": "15 %"}
    names = {"the same in noise": f"the same at {evaluation.NOISE} dB signal to noise"}
    return [
        ("`course train`", _range(found["seconds"], " s", 1.0), "120 s on two cores"),
        ("`course train`, processor time", _range(found["CPU seconds"], " s", 1.0), "—"),
        ("`course train`, peak memory", _range(found["MiB"], " MiB", 1.0), "—"),
        *((f"WER, {names.get(name, name)}", _range(found[name]), goal) for name, goal in goals.items()),
    ]


def _real(found: dict[str, list[float]], people: dict) -> list[Row]:
    if not people:
        return [("WER, real speech", "not measured: FSDD is not here", "20 %")]
    together = [statistics.mean(values) for values in zip(*(found[voice] for voice in people), strict=True)]
    return [
        ("WER, real speakers, learned from synthetic speech only", _range(together), "20 %"),
        *((f"— of which {voice}", _range(found[voice]), "—") for voice in people),
    ]


def _held_out(people: dict[str, list[corpora.Utterance]], seeds: Iterable[int]) -> list[Row]:
    """Train on synthetic speech and all speakers but one, test on that one."""
    rows = []
    for seed in seeds if len(people) > 1 else ():
        said: list[str] = []
        heard: list[str] = []
        for voice, strings in people.items():
            others = evaluation.real_strings("train", held_out=(voice,))
            model, history = recogniser.train(seed=seed, real=others, progress=False)
            score = recogniser.evaluate(model, strings)
            print(f"without {voice}, seed {seed}: {history}: {score}", file=sys.stderr)
            rows.append((f"— of which {voice}, seed {seed}", f"{100 * score.wer:.1f} % ({_interval(score)})", "—"))
            said += [string.text for string in strings]
            heard += recogniser.transcribe(model, [string.samples for string in strings])
        low, high = metrics.bootstrap_interval(said, heard)
        found = f"{100 * metrics.wer(said, heard):.1f} % ({100 * low:.1f} to {100 * high:.1f} over utterances)"
        rows.insert(-len(people), (f"WER, real speaker held out, others learned from, seed {seed}", found, "5 %"))
    return rows


def _interval(score: recogniser.Score) -> str:
    return f"{100 * score.low:.1f} to {100 * score.high:.1f} over utterances"


def _quick() -> list[Row]:
    model, history = recogniser.train(quick=True, progress=False)
    score = recogniser.evaluate(model, corpora.load("digits", "test"))
    return [("quick training of lesson 00", f"{score}, {history.cpu_seconds:.0f} CPU s", "8 %, 30 s")]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(5)))
    parser.add_argument("--held-out-seeds", type=int, nargs="*", default=[0])
    chosen = parser.parse_args()
    for row in rows(chosen.seeds, chosen.held_out_seeds):
        print("| " + " | ".join(row) + " |")

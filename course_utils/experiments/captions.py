"""Captions: when each word of an utterance is said, found from the text by forced alignment, and heard to be so.

CTC's likeliest path says in which frames each word's label stands, and a network that may wait puts it into a frame or
two somewhere in the word, often near its end. Where a word begins and ends, the sound says: two neighbours part at the
quietest moment between their labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from course_utils.algorithms import alignment, decoding, features, metrics
from course_utils.data.batches import EDGE
from course_utils.data.corpora import Utterance
from course_utils.recogniser import Recogniser, posteriors
from course_utils.visuals.widgets import Captions

WINDOW = 0.04  # seconds over which loudness is measured
SILENT = 35.0  # decibels below the loudest moment: there the first word has not begun, or the last is over


@dataclass(frozen=True)
class Caption:
    """One word with its seconds, and the mean log-probability of its label where it stands, 0 at best."""

    word: str
    start: float
    end: float
    score: float


def words(model: Recogniser, utterance: Utterance, text: str | None = None) -> list[Caption]:
    """Return when each word is said.

    Args:
        model: the recogniser whose posteriors are aligned.
        utterance: the sound, and its words where `text` is None.
        text: other words to find, such as what a recogniser heard.

    Raises:
        ValueError: a word that the model does not know, or more words than the sound has frames for.
    """
    said = utterance.text if text is None else text
    log_probs = posteriors(model, [utterance.samples])[0]
    return timed(utterance, said.split(), model.encode(said), log_probs, model.frame_seconds)


def timed(
    utterance: Utterance,
    said: Sequence[str],
    labels: Sequence[int],
    log_probs: Tensor,
    frame_seconds: float = Recogniser.frame_seconds,
) -> list[Caption]:
    """Return captions from log-probabilities (T, C) that begin and end with the recogniser's silence."""
    if not labels:
        return []
    path, _ = alignment.forced_align(log_probs, labels)
    spans = alignment.token_spans(log_probs, labels, path)
    before = EDGE * features.HOP / features.SAMPLE_RATE  # silence that the recogniser put before the sound
    peaks = [(span.start * frame_seconds - before, span.end * frame_seconds - before) for span in spans]
    edges = boundaries(utterance.samples, utterance.sample_rate, peaks)
    return [Caption(word, start, end, span.score) for word, (start, end), span in zip(said, edges, spans, strict=True)]


def boundaries(samples: Tensor, sample_rate: int, peaks: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return (start, end) in seconds of each word, from where its label stands.

    Two words part at the quietest moment between the middles of their labels. The first begins where the sound first
    comes within ``SILENT`` decibels of its loudest moment, the last ends where it last does.
    """
    length, hop = round(WINDOW * sample_rate), round(WINDOW * sample_rate / 4)
    if samples.dim() != 1 or len(samples) < length:
        raise ValueError(f"samples have the shape {tuple(samples.shape)}; give (N,), at least {length} of them")
    power = samples.unfold(0, length, hop).square().mean(1)
    seconds = (torch.arange(len(power)) * hop + length / 2) / sample_rate  # the middle of each window
    whole = len(samples) / sample_rate
    loud = (power >= power.max() * 10 ** (-SILENT / 10)).nonzero()[:, 0]
    middles = [min(max((start + end) / 2, 0.0), whole) for start, end in peaks]
    first = min(float(seconds[loud[0]]) - WINDOW / 2, middles[0])
    last = max(float(seconds[loud[-1]]) + WINDOW / 2, middles[-1])
    cuts = [max(0.0, first)]
    for left, right in pairwise(middles):
        between = ((seconds > left) & (seconds < right)).nonzero()[:, 0]
        cuts.append(float(seconds[between[power[between].argmin()]]) if len(between) else (left + right) / 2)
    cuts.append(min(whole, last))
    return list(pairwise(cuts))


def player(model: Recogniser, utterance: Utterance, hypothesis: str | None = None) -> Captions:
    """Return the player of an utterance: its words lit as they are said, and what was heard below, with its errors.

    Args:
        model: gives the times.
        utterance: the sound and the truth.
        hypothesis: what a recogniser heard; what `model` hears by greedy decoding, if None.
    """
    log_probs = posteriors(model, [utterance.samples])[0]
    if hypothesis is None:
        hypothesis = " ".join(model.vocabulary[label] for label in decoding.greedy(log_probs[None])[0])
    truth, heard = (
        timed(utterance, said.split(), model.encode(said), log_probs, model.frame_seconds)
        for said in (utterance.text, hypothesis)
    )
    rows, left, right = [], iter(truth), iter(heard)
    for operation, reference, found in metrics.align(utterance.text.split(), hypothesis.split()):
        spoken = next(left) if reference is not None else None
        written = next(right) if found is not None else None
        rows.append((operation, *(cell and (cell.word, cell.start, cell.end) for cell in (spoken, written))))
    return Captions(utterance.samples, utterance.sample_rate, rows)


def to_webvtt(captions: Sequence[Caption], most_words: int = 7) -> str:
    """Return captions as WebVTT text: a cue for every `most_words` words, in which each word has its own time.

    Raises:
        ValueError: no words in a cue, or times that run backwards.

    Source: WebVTT: The Web Video Text Tracks Format (W3C 2019), sections 4.1 and 4.2.2 (timestamps within a cue).
    """
    if most_words < 1:
        raise ValueError(f"most_words is {most_words}; a cue needs at least 1")
    for before, after in pairwise(captions):
        if not 0 <= before.start <= before.end <= after.start + 1e-6 <= after.end + 1e-6:
            raise ValueError(
                f"{after.word!r} at {after.start:.2f} s comes before {before.word!r} has ended, {before.end:.2f} s"
            )
    blocks = ["WEBVTT"]
    for start in range(0, len(captions), most_words):
        cue = captions[start : start + most_words]
        text = " ".join(f"<{_clock(caption.start)}><c>{_escaped(caption.word)}</c>" for caption in cue)
        blocks.append(f"{_clock(cue[0].start)} --> {_clock(cue[-1].end)}\n{text}")
    return "\n\n".join(blocks) + "\n"


def _clock(seconds: float) -> str:
    """Return a time as WebVTT writes it: hours, minutes, seconds and thousandths."""
    thousandths = round(1000 * seconds)
    minutes, rest = divmod(thousandths, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"


def _escaped(word: str) -> str:
    return word.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

"""Decoding: from log-probabilities for each frame to the labels that they spell.

Many paths collapse to one labelling (``ctc.collapse``), and its probability is the sum of theirs. `greedy` takes the
best path, `beam_search` the best few, `prefix_beam_search` adds up the paths of each labelling as it goes and can ask
a language model what it thinks of it.
"""

import heapq
import math
from collections.abc import Sequence, Sized
from dataclasses import dataclass

import torch
from torch import Tensor

from course_utils.algorithms.ctc import collapse
from course_utils.algorithms.ctc_inputs import Whole
from course_utils.algorithms.fusion import Fusion, Said
from course_utils.algorithms.language_model import LanguageModel

NEVER = -math.inf


@dataclass(frozen=True)
class Hypothesis:
    """A labelling that a search proposes: score = acoustic + alpha · language + beta · length."""

    labels: tuple[int, ...]
    score: float  # what the search ranks by
    acoustic: float  # log-probability of the labels given the sound, as far as the search kept its paths
    language: float = 0.0  # log-probability of the labels in the language model, the end of the sentence included
    frames: tuple[int, ...] = ()  # for each label, the last frame in which more of its mass began than there was before
    text: str = ""  # the labels' tokens, joined, where the search was given tokens


def greedy(log_probs: Tensor, lengths: Whole | None = None, blank: int = 0) -> list[list[int]]:
    """Return the labels of the best path: the likeliest symbol of every frame, collapsed.

    Args:
        log_probs: (B, T, C), of each symbol in each frame; larger is likelier.
        lengths: (B,), the frames that are not padding; all of them if None.

    Returns:
        One list of labels for each utterance.
    """
    lengths = checked_batch(log_probs, lengths, blank)
    best = log_probs.argmax(dim=2).tolist()  # B lists of T symbols
    return [collapse(path[:length], blank) for path, length in zip(best, lengths.tolist(), strict=True)]


def beam_search(log_probs: Tensor, beam: int = 16, blank: int = 0) -> list[Hypothesis]:
    """Return the likeliest paths, best first, each collapsed; for teaching, since it does *not* merge paths.

    Several hypotheses may hold the same labels, reached by different paths, and each has its own path's probability
    alone. So the beam fills with variants of one labelling, where `prefix_beam_search` would add them up.

    Args:
        log_probs: (T, C), of each symbol in each frame.
        beam: how many paths are kept after each frame.
    """
    paths: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    for frame, row in enumerate(_checked(log_probs, beam, blank)):
        possible = [(c, log_prob) for c, log_prob in enumerate(row) if log_prob > NEVER]
        longer = [(score + log_prob, (*path, c)) for score, path in paths for c, log_prob in possible]
        paths = heapq.nlargest(beam, longer)
        _check_left(paths, frame)
    return [_of_path(path, score, blank) for score, path in paths]


def prefix_beam_search(
    log_probs: Tensor,
    beam: int = 16,
    language_model: LanguageModel | None = None,
    alpha: float = 1.0,
    beta: float = 0.0,
    *,
    tokens: Sequence[str] | None = None,
    between: str = "",
    counted: str | None = None,
    floor: float = NEVER,
    blank: int = 0,
) -> list[Hypothesis]:
    """Return the best labellings Y, by log P(Y | X) + alpha log P(Y) + beta · length, best first (Hannun et al. 2014).

    After each frame the search keeps `beam` prefixes, each with the mass of its paths so far: those that end in the
    blank and those that end in its last label, since only the former can repeat that label. Within the beam nothing
    is approximated: symbols are left untried only where they could not have reached it. With a beam that holds every
    prefix the scores are those of enumeration. What a narrower beam has dropped, `dropped_mass` tells. A labelling
    that the language model lets nobody end with comes last, with the score -inf.

    Args:
        log_probs: (T, C), of each symbol in each frame; probabilities of each frame that sum to one.
        beam: how many prefixes are kept after each frame. A wider beam usually finds a better score, but need not:
            a prefix that is good for now may push out one whose time was to come.
        language_model: scores each token as it comes, and the end; None for the sound alone.
        alpha: weight of the language model's log-probability, at least 0.
        beta: added for each label; above 0 it makes up for the language model's dislike of length.
        tokens: the C symbols' names, as the language model knows them; the blank's is never used.
        between: what parts two tokens in a hypothesis's text: nothing for characters, " " for words.
        counted: the token that beta counts, such as " " for the words of a spelling; every label if None.
        floor: symbols with a lower log-probability than this begin no new prefix in that frame: faster, and no longer
            exact.

    Raises:
        ValueError: wrong shapes, NaN, a frame in which nothing is possible, or a weight out of its range.
    """
    rows = _checked(log_probs, beam, blank)
    if not floor <= 0:
        raise ValueError(f"floor is {floor}; it is a log-probability, at most 0: math.log(0.001) for one in a thousand")
    fusion = Fusion(language_model, alpha, beta, _names(tokens, language_model, log_probs.shape[1]), counted)
    orders = log_probs.argsort(dim=1, descending=True).tolist()  # of each frame's symbols, the likeliest first
    prefixes: Prefixes = {(): _Prefix(0.0, NEVER, 0.0, fusion.start(), ())}
    for frame, (row, order) in enumerate(zip(rows, orders, strict=True)):
        symbols = [symbol for symbol in order if symbol != blank and row[symbol] >= floor]
        prefixes = _advance(prefixes, frame, row, symbols, beam, fusion, blank)
        _check_left(prefixes, frame)
    found = []
    for labels, prefix in prefixes.items():
        bonus, language = fusion.finish(prefix.said)
        text = between.join(fusion.tokens[label] for label in labels) if tokens else ""
        found.append(Hypothesis(labels, prefix.total + bonus, prefix.total, language, prefix.frames, text))
    return sorted(found, key=lambda hypothesis: hypothesis.score, reverse=True)


def dropped_mass(hypotheses: Sequence[Hypothesis]) -> float:
    """Return the probability of all paths that a prefix beam search let fall, from 0 to 1.

    The probabilities of all labellings sum to one, so what the hypotheses lack of it was dropped on the way. Without
    a language model, a hypothesis whose probability leads the next by more than this is the best of all labellings.
    """
    return max(0.0, 1.0 - sum(math.exp(hypothesis.acoustic) for hypothesis in hypotheses))


@dataclass(slots=True)
class _Prefix:
    """What the search knows of one sequence of labels; masses are logarithms."""

    ends_blank: float  # mass of its paths that end in the blank
    ends_label: float  # mass of those that end in its last label
    total: float  # mass of both
    said: Said  # what the language model thinks of it
    frames: tuple[int, ...]


Prefixes = dict[tuple[int, ...], _Prefix]


def _advance(
    prefixes: Prefixes, frame: int, row: list[float], symbols: list[int], beam: int, fusion: Fusion, blank: int
) -> Prefixes:
    """Return the best `beam` prefixes after one more frame, best first; `symbols` come in falling order."""
    best = []  # a heap of (score, labels, prefix): first comes the worst that still has a place
    for labels, prefix in prefixes.items():
        stays = _stay(labels, prefix, prefixes.get(labels[:-1]), frame, row, blank)
        if stays.total + stays.said.bonus > NEVER:
            best.append((stays.total + stays.said.bonus, labels, stays))
    heapq.heapify(best)
    worst = best[0][0] if len(best) == beam else NEVER
    for labels, prefix in prefixes.items():
        most, last = prefix.total + prefix.said.bonus + fusion.most, labels[-1] if labels else blank
        for symbol in symbols:
            if most + row[symbol] <= worst:
                break  # neither this symbol nor one after it can have a place
            mass = (prefix.ends_blank if symbol == last else prefix.total) + row[symbol]
            said = fusion.follow(prefix.said, symbol)
            if mass + said.bonus > worst and (longer := (*labels, symbol)) not in prefixes:  # whose mass has it already
                new = _Prefix(NEVER, mass, mass, said, (*prefix.frames, frame))
                (heapq.heapreplace if len(best) == beam else heapq.heappush)(best, (mass + said.bonus, longer, new))
                worst = best[0][0] if len(best) == beam else NEVER
    return {labels: prefix for _, labels, prefix in sorted(best, reverse=True)}


def _stay(
    labels: tuple[int, ...], prefix: _Prefix, parent: _Prefix | None, frame: int, row: list[float], blank: int
) -> _Prefix:
    """Return a prefix after a frame that adds no label to it, joined by the paths that only now reach its last."""
    ends_blank = prefix.total + row[blank]
    if not labels:
        return _Prefix(ends_blank, NEVER, ends_blank, prefix.said, ())
    ends_label, frames = prefix.ends_label + row[labels[-1]], prefix.frames
    if parent:
        repeats = labels[-2:-1] == labels[-1:]  # then only a blank keeps the two apart
        arriving = (parent.ends_blank if repeats else parent.total) + row[labels[-1]]
        if arriving > log_add(ends_label, ends_blank):
            frames = (*parent.frames, frame)
        ends_label = log_add(ends_label, arriving)
    return _Prefix(ends_blank, ends_label, log_add(ends_blank, ends_label), prefix.said, frames)


def log_add(x: float, y: float) -> float:
    """Return log(exp(x) + exp(y)) without leaving the range of floats."""
    if x < y:
        x, y = y, x
    return x + math.log1p(math.exp(y - x)) if y > NEVER else x


def _of_path(path: tuple[int, ...], score: float, blank: int) -> Hypothesis:
    starts = [t for t, c in enumerate(path) if c != blank and (t == 0 or path[t - 1] != c)]
    return Hypothesis(tuple(path[t] for t in starts), score, score, frames=tuple(starts))


def checked_batch(log_probs: Tensor, lengths: Whole | None, blank: int, beam: int = 1) -> Tensor:
    """Return the lengths of a batch, (B,), whose numbers are in order; what stands in the padding may be anything."""
    if log_probs.dim() != 3 or not log_probs.shape[2]:
        raise ValueError(
            f"log_probs have the shape {tuple(log_probs.shape)}; give (B, T, C): batch, frames, at least one symbol"
        )
    (B, T, C), device = log_probs.shape, log_probs.device
    given = torch.as_tensor([T] * B if lengths is None else lengths, device=device)
    whole = given.long()
    if whole.shape != (B,) or not bool(((whole >= 0) & (whole <= T) & (whole == given)).all()):
        raise ValueError(f"lengths {given.tolist()} must be {B} whole numbers between 0 and {T} (frames)")
    _check_numbers(log_probs[torch.arange(T, device=device) < whole[:, None]])
    _check_beam(beam, blank, C)
    return whole


def _check_beam(beam: int, blank: int, C: int) -> None:
    if beam < 1:
        raise ValueError(f"beam is {beam}; it must be at least 1")
    if not 0 <= blank < C:
        raise ValueError(f"blank is {blank}; the symbols run from 0 to {C - 1}")


def _checked(log_probs: Tensor, beam: int, blank: int) -> list[list[float]]:
    if log_probs.dim() != 2 or not log_probs.shape[1]:
        raise ValueError(
            f"log_probs have the shape {tuple(log_probs.shape)}; give one utterance, (T, C): frames, symbols"
        )
    _check_numbers(log_probs)
    _check_beam(beam, blank, log_probs.shape[1])
    return log_probs.tolist()


def _check_left(kept: Sized, frame: int) -> None:
    if not kept:
        raise ValueError(f"frame {frame} leaves no path: whatever could follow has log-probability -inf")


def _check_numbers(log_probs: Tensor) -> None:
    if bool(log_probs.isnan().any()):
        raise ValueError("log_probs hold NaN; the network that made them has probably diverged")
    if bool((log_probs == math.inf).any()):
        raise ValueError("log_probs hold +inf; a log-probability is at most 0")


def _names(tokens: Sequence[str] | None, model: LanguageModel | None, C: int) -> Sequence[str]:
    if model is not None and tokens is None:
        raise ValueError("a language model knows tokens by name; give tokens, the names of the C symbols")
    if tokens is not None and len(tokens) != C:
        raise ValueError(f"there are {len(tokens)} tokens for {C} symbols; give one name for each, the blank included")
    return [""] * C if tokens is None else tokens

"""What a decoder writes when nobody tells it the truth: the likeliest token each time, or several drafts side by side.

Both work on any *step*, a function from the last tokens (N,) and a state to log-probabilities (N, C) of the next ones,
attention weights (N, T) or None, and the new state; ``Decoder.step`` is one.

A search stops after ``longest`` tokens. What it may answer, the texts that ended by then and the unfinished ones of
just that many tokens, has a total probability of 1.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

Step = Callable[[Tensor, Any], tuple[Tensor, Tensor | None, Any]]


class State(Protocol):
    """What a step carries along: one row for each text that is being written."""

    @property
    def device(self) -> torch.device: ...
    def __len__(self) -> int: ...
    def select(self, rows: Tensor) -> "State": ...


@dataclass(frozen=True)
class Hypothesis:
    """A text that a decoder wrote.

    ``tokens`` (U,) stand without ``<sos>`` and ``<eos>``; ``ended`` tells whether ``<eos>`` came. ``log_prob`` is the
    sum over all steps, that of ``<eos>`` included, ``score`` what it is ranked by, and ``weights`` (steps, T) where
    each step looked, or None.
    """

    tokens: Tensor
    log_prob: float
    score: float
    ended: bool
    weights: Tensor | None = None


@dataclass(frozen=True)
class Drafts:
    """K drafts for each of B inputs, best first, as they stand between two steps of a search.

    ``tokens`` (B, K, u), with <eos> repeated behind the first; ``log_probs`` (B, K), -inf in a place without a draft;
    ``steps`` (B, K), how many tokens each has, <eos> included; ``ended`` (B, K); ``parents`` (B, K), the place of the
    draft that each was made from; ``weights`` (B, K, u, T) or None; ``state``, the decoder's, of B·K rows.
    """

    tokens: Tensor
    log_probs: Tensor
    steps: Tensor
    ended: Tensor
    parents: Tensor
    weights: Tensor | None
    state: State


def length_penalty(steps: Tensor, alpha: float) -> Tensor:
    """Return ((5 + steps) / 6)^alpha, what a log-probability is divided by (Wu et al. 2016, equation 14).

    Every token makes a text less likely, so that the likeliest text tends to be too short. With alpha 0 it may be; the
    larger alpha, the more a long text is forgiven.
    """
    return ((5 + steps) / 6) ** alpha


@torch.no_grad()
def greedy(step: Step, state: State, sos: int, eos: int, longest: int) -> list[Hypothesis]:
    """Return one text for each row of the state: at each step the likeliest token, until ``<eos>``.

    Args:
        step: the decoder's.
        state: before the first token.
        sos, eos: the tokens before the first and behind the last.
        longest: how many tokens to write at most, ``<eos>`` included.
    """
    _check(longest)
    tokens = torch.full((len(state),), sos, device=state.device)
    ended = torch.zeros_like(tokens, dtype=torch.bool)
    written, gained, looked = [], [], []
    for _ in range(longest):
        log_probs, weights, state = step(tokens, state)
        gain, tokens = (best[:, 0] for best in log_probs.topk(1))  # not max: a tie ends as in a beam of one
        written.append(tokens)
        gained.append(gain)
        looked.append(weights)
        ended = ended | (tokens == eos)
        if ended.all():
            break
    texts, gains = torch.stack(written, 1), torch.stack(gained, 1)  # (B, u)
    weights = None if looked[0] is None else torch.stack(looked, 1)  # (B, u, T)
    over = (texts == eos).cumsum(1) - (texts == eos).long() > 0  # behind the first <eos>
    steps, totals = (~over).sum(1), gains.masked_fill(over, 0.0).sum(1)
    return [
        _hypothesis(texts[b], steps[b], totals[b], totals[b], None if weights is None else weights[b], eos)
        for b in range(len(texts))
    ]


@torch.no_grad()
def beam_search(
    step: Step, state: State, width: int, sos: int, eos: int, longest: int, alpha: float = 0.0
) -> list[list[Hypothesis]]:
    """Return for each row of the state the drafts that a search of this width ends with, best first.

    A width of 1 is `greedy`; one that keeps every text finds the best of all. In between, a wider beam mostly finds a
    better text, and sometimes a worse one: what crowds out the later winner may come in by the added place.

    Args:
        step, state, sos, eos, longest: as for `greedy`.
        width: K, how many drafts to keep for each input.
        alpha: of the `length_penalty` by which drafts are ranked.
    """
    _check(longest, width)
    drafts = first_drafts(state, width)
    for _ in range(longest):
        drafts = advance(step, drafts, sos, eos, alpha)
        if drafts.ended.all():
            break
    return hypotheses(drafts, eos, alpha)


def first_drafts(state: State, width: int) -> Drafts:
    """Return the drafts before the first step: an empty one for each row of the state, and width - 1 places without."""
    B, device = len(state), state.device
    rows = torch.arange(B, device=device).repeat_interleave(width)
    none = torch.zeros(B, width, dtype=torch.long, device=device)
    log_probs = torch.full((B, width), -torch.inf, device=device)
    log_probs[:, 0] = 0
    return Drafts(none.new_zeros(B, width, 0), log_probs, none, none > 0, none, None, state.select(rows))


def advance(step: Step, drafts: Drafts, sos: int, eos: int, alpha: float = 0.0) -> Drafts:
    """Return the best K drafts with one token more: every draft goes on with any token, and the best K stay.

    One that has ended offers itself as it is, and keeps its place as long as it is among the best.
    """
    B, K, u = drafts.tokens.shape
    last = drafts.tokens[..., -1] if u else torch.full_like(drafts.steps, sos)
    log_probs, looks, state = step(last.reshape(-1), drafts.state)
    C = log_probs.shape[-1]
    log_probs = torch.where(drafts.ended[..., None], _only(eos, log_probs), log_probs.reshape(B, K, C))

    totals = drafts.log_probs[..., None] + log_probs  # (B, K, C)
    steps = drafts.steps + ~drafts.ended
    ranked = totals / length_penalty(steps.to(totals.dtype), alpha)[..., None]
    best = ranked.reshape(B, K * C).topk(K).indices
    parents, tokens = best // C, best % C  # (B, K)

    def inherited(what: Tensor) -> Tensor:
        return what[torch.arange(B, device=best.device)[:, None], parents]

    weights = None
    if looks is not None:
        look = looks.reshape(B, K, 1, looks.shape[-1])
        weights = inherited(look if drafts.weights is None else torch.cat([drafts.weights, look], 2))
    return Drafts(
        torch.cat([inherited(drafts.tokens), tokens[..., None]], 2),
        totals.reshape(B, K * C).gather(1, best),
        inherited(steps),
        tokens == eos,
        parents,
        weights,
        state.select((parents + K * torch.arange(B, device=best.device)[:, None]).reshape(-1)),
    )


def hypotheses(drafts: Drafts, eos: int, alpha: float = 0.0) -> list[list[Hypothesis]]:
    """Return the drafts as texts, best first, for each input; places without a draft are left out."""
    B, K, _ = drafts.tokens.shape
    scores = drafts.log_probs / length_penalty(drafts.steps.to(drafts.log_probs.dtype), alpha)

    def text(b: int, k: int) -> Hypothesis:
        weights = None if drafts.weights is None else drafts.weights[b, k]
        return _hypothesis(drafts.tokens[b, k], drafts.steps[b, k], drafts.log_probs[b, k], scores[b, k], weights, eos)

    return [[text(b, k) for k in range(K) if drafts.log_probs[b, k] > -torch.inf] for b in range(B)]


def _hypothesis(
    tokens: Tensor, steps: Tensor, log_prob: Tensor, score: Tensor, weights: Tensor | None, eos: int
) -> Hypothesis:
    text, weights = tokens[:steps], None if weights is None else weights[:steps]
    ended = bool((text[-1:] == eos).any())
    return Hypothesis(text[: len(text) - ended], log_prob.item(), score.item(), ended, weights)


def _only(eos: int, like: Tensor) -> Tensor:
    """Return log-probabilities (C,) that leave ``<eos>`` as the only token."""
    certain = like.new_full(like.shape[-1:], -torch.inf)
    certain[eos] = 0.0
    return certain


def _check(longest: int, width: int = 1) -> None:
    if longest < 1 or width < 1:
        raise ValueError(f"longest {longest} and width {width} must both be at least 1")

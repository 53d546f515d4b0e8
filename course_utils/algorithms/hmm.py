"""Hidden Markov models: hidden states that follow each other, and what they let us see.

One sentence for each algorithm. The *forward* pass sums the probability of all paths that lead to a state; the
*backward* pass sums that of all paths that go on from it; their product says where the model probably was; *Viterbi*
keeps the best path instead of the sum; *Baum-Welch* counts with these probabilities and re-estimates the model.

All that comes in and goes out are natural logarithms, against underflow. The notation is that of L. R. Rabiner, "A
tutorial on hidden Markov models", Proc. IEEE 77 (2), 1989. A compiled loop is up to twice as fast with few states.
"""

from dataclasses import dataclass
from itertools import product
from math import log
from typing import Any

import torch
from torch import Tensor

from course_utils.algorithms.emissions import Discrete as Discrete
from course_utils.algorithms.emissions import Emission, normalised
from course_utils.algorithms.emissions import Gaussian as Gaussian

RESCALE = 4  # frames between two scalings of a sweep


@dataclass(frozen=True)
class HMM:
    """A hidden Markov model. S is the number of its states; -inf stands for what cannot happen.

    Args:
        log_initial: (S,), log P(first state).
        log_transition: (S, S), log P(next state | state): from the row, to the column.
        emission: what the states show; None if the log-likelihoods of frames come from elsewhere, as in the hybrid.
        log_final: (S,), added where a sequence ends: -inf for a state it must not end in. None: it may end anywhere.
    """

    log_initial: Tensor
    log_transition: Tensor
    emission: Any = None  # an Emission: Discrete, Gaussian, or one of your own
    log_final: Tensor | None = None

    def __post_init__(self):
        S = len(self.log_initial)
        for name, found, asked in [
            ("log_initial", self.log_initial, (S,)),
            ("log_transition", self.log_transition, (S, S)),
            ("log_final", self.log_final, (S,)),
        ]:
            if found is not None and found.shape != asked:
                raise ValueError(f"{name} has shape {tuple(found.shape)}; {S} states need {asked}")
        for name, row in [("log_initial", self.log_initial), ("a row of log_transition", self.log_transition)]:
            total = row.exp().sum(-1)
            if not bool((total - 1).abs().le(1e-4).all()):
                raise ValueError(f"{name} holds probabilities that sum to {total.tolist()}; they must sum to 1")


@dataclass(frozen=True)
class Posteriors:
    """What a model believes about the states after it has seen the whole of each sequence.

    Args:
        log_states: (B, T, S), log P(state at t | observations); -inf on padding.
        transitions: (S, S), the expected number of each transition, summed over frames and sequences.
        log_likelihood: (B,), log P(observations).
    """

    log_states: Tensor
    transitions: Tensor
    log_likelihood: Tensor


@dataclass(frozen=True)
class Fit:
    """The model that Baum-Welch found, and the log-likelihood of all sequences before each update and at the end."""

    model: HMM
    log_likelihoods: list[float]


def left_to_right(emission: Emission | None, n_states: int, stay: float = 0.5, dtype=torch.float64) -> HMM:
    """Return a word model: it starts in the first state, stays or moves on by one, and ends in the last."""
    if n_states < 1 or not 0 < stay < 1:
        raise ValueError(f"n_states is {n_states} and stay {stay}; a word has at least 1 state and 0 < stay < 1")
    transition = torch.diag(torch.full((n_states,), stay, dtype=dtype))
    transition += torch.diag(torch.full((n_states - 1,), 1 - stay, dtype=dtype), 1)
    transition[-1, -1] = 1.0
    ends = torch.eye(n_states, dtype=dtype).log()
    return HMM(ends[0], transition.log(), emission, ends[-1])


def forward(model: HMM, log_emissions: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return the forward variables and the log-likelihood of each sequence (Rabiner, equations 19 to 21).

    alpha_1(j) = pi_j b_j(o_1),  alpha_t(j) = [sum over i of alpha_{t-1}(i) a_ij] b_j(o_t),  P(O) = sum of alpha_T.

    Args:
        log_emissions: (B, T, S), log P(o_t | state): `model.emission.log_likelihood(observations)`.
        lengths: (B,), the frames of each sequence that are not padding; T if None.

    Returns:
        (B, T, S), log P(o_1 .. o_t, state j at t), -inf on padding; and (B,), log P(O), -inf if O is impossible.
    """
    log_emissions, lengths, padding = _check(model, log_emissions, lengths)
    predicted, _ = _sweep(model.log_initial[None], model.log_transition[None], log_emissions[None])
    log_alpha = predicted[0] + log_emissions
    return log_alpha.masked_fill(padding, -torch.inf), _log_likelihood(model, log_alpha, lengths)


def backward(model: HMM, log_emissions: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Return the backward variables (B, T, S): log P(o_{t+1} .. o_T | state i at t), -inf on padding.

    beta_T(i) = 1,  beta_t(i) = sum over j of a_ij b_j(o_{t+1}) beta_{t+1}(j)  (Rabiner, equations 24 and 25): the
    recursion of the forward pass, read from the end, with the transitions turned round.
    """
    log_emissions, lengths, padding = _check(model, log_emissions, lengths)
    turned = _reverse(log_emissions, lengths)
    predicted, _ = _sweep(_final(model)[None], model.log_transition.T[None], turned[None])
    return _reverse(predicted[0], lengths).masked_fill(padding, -torch.inf)


def posteriors(model: HMM, log_emissions: Tensor, lengths: Tensor | None = None) -> Posteriors:
    """Return what the whole of each sequence tells about the state at each frame, by forward and backward passes.

    P(j at t | O) = alpha_t(j) beta_t(j) / P(O), and of all that reaches j at t the share alpha_{t-1}(i) a_ij comes
    from i (Rabiner, equations 27 and 37). An impossible sequence has no posteriors: -inf and no transitions.
    """
    log_emissions, lengths, padding = _check(model, log_emissions, lengths)
    both = torch.stack([log_emissions, _reverse(log_emissions, lengths)])  # (2, B, T, S), passed over in one loop
    first = torch.stack([model.log_initial, _final(model)])
    (predicted, turned), exact = _sweep(first, torch.stack([model.log_transition, model.log_transition.T]), both)
    log_alpha, log_beta = predicted + log_emissions, _reverse(turned, lengths)
    log_likelihood = _log_likelihood(model, log_alpha, lengths)
    certain = log_likelihood.masked_fill(log_likelihood == -torch.inf, torch.inf)[:, None, None]
    log_states = (log_alpha + log_beta - certain).masked_fill(padding, -torch.inf)
    left, arrived = log_alpha[:, :-1], log_states[:, 1:] - _finite(predicted[:, 1:])
    if exact:
        top = _finite(left.amax(-1, keepdim=True))
        shares = torch.einsum("bti,btj->ij", (left - top).exp(), (arrived + top).exp())
        return Posteriors(log_states, model.log_transition.exp() * shares, log_likelihood)
    pairs = left[..., :, None] + model.log_transition + arrived[..., None, :]
    return Posteriors(log_states, pairs.exp().sum((0, 1)), log_likelihood)


def viterbi(model: HMM, log_emissions: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return each sequence's most probable path and its log-probability (Viterbi 1967; Rabiner, equations 32 to 35).

    Args:
        log_emissions, lengths: as in `forward`.

    Returns:
        (B, T), the states, -1 on padding; which of several equally probable paths comes back is left open.
        (B,), log P(path, O): -inf if no path is possible, and then the path means nothing.
    """
    log_emissions, lengths, padding = _check(model, log_emissions, lengths)
    frames, from_all = log_emissions.unbind(1), model.log_transition.T  # (S, S): to the row, from the column
    scores = [model.log_initial + frames[0]]
    came_from = [torch.zeros_like(scores[0], dtype=torch.long)]  # nothing comes before the first frame
    for frame in frames[1:]:
        best, state_before = (scores[-1][:, None, :] + from_all).max(2)  # (B, S)
        scores.append(best + frame)
        came_from.append(state_before)
    log_prob, state = (_last(torch.stack(scores, 1), lengths) + _final(model)).max(1, keepdim=True)
    waiting = torch.arange(scores[0].shape[1], device=state.device)  # a short sequence waits for the others at its end
    pointers = torch.where(padding, waiting, torch.stack(came_from, 1))  # (B, T, S)
    path = [state]  # (B, 1), from the last frame to the first
    for before in reversed(pointers.unbind(1)[1:]):
        path.append(before.gather(1, path[-1]))
    return torch.cat(path[::-1], 1).masked_fill(padding[..., 0], -1), log_prob[:, 0]


def baum_welch(
    model: HMM,
    observations: Tensor,
    lengths: Tensor | None = None,
    iterations: int = 20,
    tolerance: float = 0.0,
) -> Fit:
    """Return the model after some rounds of expectation and maximisation (Baum et al. 1970; Rabiner, III.C).

    Each round computes the posteriors under the model, then takes the parameters that are best if these are true. The
    log-likelihood never falls, and it climbs to a peak near the start, not always the highest. What is impossible
    in the model stays so, and a state that is never visited keeps its parameters. log_final is left as it is.

    Args:
        observations: (B, T) or (B, T, D), what `model.emission` reads; the padding must be valid, and counts nothing.
        lengths: (B,), the frames that are not padding; T if None.
        iterations: rounds at most.
        tolerance: stop when a round gains less than this many nats in all.
    """
    emission: Emission | None = model.emission
    if emission is None:
        raise ValueError("the model has no emission, so there is nothing to read the observations with")
    history: list[float] = []
    for _ in range(iterations + 1):
        found = posteriors(model, emission.log_likelihood(observations), lengths)
        if impossible := (found.log_likelihood == -torch.inf).nonzero().flatten().tolist():
            raise ValueError(f"sequences {impossible} cannot come from the model: give it states that can emit them")
        history.append(float(found.log_likelihood.sum()))
        if len(history) > iterations or (len(history) > 1 and history[-1] - history[-2] < tolerance):
            break
        visits = found.log_states.exp()  # (B, T, S)
        log_initial = normalised(visits[:, 0].sum(0), model.log_initial)
        log_transition = normalised(found.transitions, model.log_transition)
        emission = emission.refit(observations, visits)
        model = HMM(log_initial, log_transition, emission, model.log_final)
    return Fit(model, history)


def all_paths(model: HMM, log_emissions: Tensor) -> tuple[Tensor, Tensor]:
    """Return every path of one sequence and its log P(path, O), by enumeration: the definition, for tiny models.

    Args:
        log_emissions: (T, S), with at most a million paths.

    Returns:
        (S^T, T), the paths, and (S^T,), whose exponentials sum to P(O).
    """
    T, S = log_emissions.shape
    if S**T > 1_000_000:
        raise ValueError(f"{S} states and {T} frames have {S}^{T} paths; enumerate a million at most")
    paths = torch.tensor(list(product(range(S), repeat=T)), device=log_emissions.device)
    moves = model.log_transition[paths[:, :-1], paths[:, 1:]].sum(1)
    shown = log_emissions[torch.arange(T, device=paths.device), paths].sum(1)
    return paths, model.log_initial[paths[:, 0]] + moves + shown + _final(model)[paths[:, -1]]


def _sweep(first: Tensor, log_transition: Tensor, log_emissions: Tensor) -> tuple[Tensor, bool]:
    """Return log P(o_1 .. o_{t-1}, j at t) for K passes at once (K, B, T, S), and whether the quick way was exact.

    The quick way takes a matrix product of probabilities, scaled in each frame so that the largest is 1 (Rabiner, V.A).
    It would lose a state hundreds of nats below the best of its frame, which may still win in the end; where there is
    one, the sweep is done again in logarithms throughout, about four times as slow.

    Args:
        first: (K, S); log_transition: (K, S, S); log_emissions: (K, B, T, S).
    """
    K, B, _, S = log_emissions.shape
    top = _finite(log_emissions.amax(-1, keepdim=True))  # (K, B, T, 1)
    A, one = log_transition.exp(), torch.ones_like(top[:, :, 0])
    predicted, scales = [first.exp()[:, None].expand(K, B, S)], []
    for t, shown in enumerate((log_emissions - top).exp().unbind(2)):
        joint = predicted[-1] * shown
        scales.append(joint.amax(-1, keepdim=True) if t % RESCALE == 0 else one)
        predicted.append(torch.bmm(joint / scales[-1] if t % RESCALE == 0 else joint, A))
    inside = torch.stack(predicted[:-1], 2).log()
    lowest = _lowest(inside + log_emissions - top) + _lowest(log_transition) - log(S)
    if min(lowest, _lowest(first)) > log(torch.finfo(inside.dtype).tiny):
        taken_out = (torch.stack(scales, 2).log() + top).cumsum(2)  # (K, B, T, 1), up to and with frame t
        outside = torch.cat([torch.zeros_like(top[:, :, :1]), taken_out[:, :, :-1]], 2)
        return torch.where(inside.isnan(), -torch.inf, inside + outside), True
    careful = [first[:, None].expand(K, B, S)]
    for frame in log_emissions.unbind(2)[:-1]:
        careful.append(torch.logsumexp((careful[-1] + frame)[..., None] + log_transition[:, None], 2))
    return torch.stack(careful, 2), False


def _lowest(x: Tensor) -> float:
    """Return the smallest finite number of x, at most 0."""
    return min(0.0, float(x.detach().where(x > -torch.inf, 0.0).amin())) if x.numel() else 0.0


def _finite(x: Tensor) -> Tensor:
    """Return x with the lowest number that there is for -inf, so that it can be subtracted."""
    return x.clamp(min=torch.finfo(x.dtype).min)


def _last(values: Tensor, lengths: Tensor) -> Tensor:
    """Return (B, S), the values at each sequence's last frame."""
    return values[torch.arange(len(values), device=values.device), lengths - 1]


def _final(model: HMM) -> Tensor:
    return torch.zeros_like(model.log_initial) if model.log_final is None else model.log_final


def _log_likelihood(model: HMM, log_alpha: Tensor, lengths: Tensor) -> Tensor:
    return torch.logsumexp(_last(log_alpha, lengths) + _final(model), 1)


def _reverse(values: Tensor, lengths: Tensor) -> Tensor:
    """Return each sequence (B, T, S) back to front, its padding left at the end; twice is as before."""
    B, T, _ = values.shape
    order = (lengths[:, None] - 1 - torch.arange(T, device=values.device)) % T
    return values[torch.arange(B, device=values.device)[:, None], order]


def _check(model: HMM, log_emissions: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Return log_emissions with zeros on padding, the lengths (B,), and (B, T, 1) that is true on padding."""
    S = len(model.log_initial)
    if log_emissions.dim() != 3 or log_emissions.shape[1] == 0 or log_emissions.shape[2] != S:
        raise ValueError(f"log_emissions have shape {tuple(log_emissions.shape)}; the model reads (B, T, {S}), T > 0")
    B, T, _ = log_emissions.shape
    lengths = torch.full((B,), T, device=log_emissions.device) if lengths is None else lengths
    if lengths.shape != (B,) or lengths.is_floating_point() or not bool(((lengths >= 1) & (lengths <= T)).all()):
        raise ValueError(f"lengths {lengths.tolist()} must be {B} whole numbers between 1 and {T} (frames)")
    padding = (torch.arange(T, device=lengths.device) >= lengths[:, None])[..., None]
    log_emissions = log_emissions.masked_fill(padding, 0.0)
    if not bool((log_emissions < torch.inf).all()):
        raise ValueError("log_emissions hold NaN or +inf; look at how they were computed")
    return log_emissions, lengths, padding

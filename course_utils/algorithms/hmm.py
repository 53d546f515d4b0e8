"""Hidden Markov models: hidden states that follow each other, and what they let us see.

One sentence for each algorithm. The *forward* pass sums the probability of all paths that lead to a state; the
*backward* pass sums that of all paths that go on from it; their product says where the model probably was; *Viterbi*
keeps the best path instead of the sum; *Baum-Welch* counts with these probabilities and re-estimates the model.

All that comes in and goes out are natural logarithms, against underflow. The notation is that of L. R. Rabiner, "A
tutorial on hidden Markov models", Proc. IEEE 77 (2), 1989. With few states a compiled loop is a little faster.
"""

from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor

from course_utils.algorithms.emissions import Discrete as Discrete
from course_utils.algorithms.emissions import Emission, normalised
from course_utils.algorithms.emissions import Gaussian as Gaussian
from course_utils.algorithms.hmm_recursion import Scaled, in_logarithms, log_sum, predictions, scaled


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
    before = predictions(model.log_initial[None], model.log_transition[None], log_emissions[None])
    log_alpha = before[0] + log_emissions
    return log_alpha.masked_fill(padding, -torch.inf), _log_likelihood(model, log_alpha, lengths)


def backward(model: HMM, log_emissions: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Return the backward variables (B, T, S): log P(o_{t+1} .. o_T | state i at t), -inf on padding.

    beta_T(i) = 1,  beta_t(i) = sum over j of a_ij b_j(o_{t+1}) beta_{t+1}(j)  (Rabiner, equations 24 and 25): the
    recursion of the forward pass, read from the end, with the transitions turned round.
    """
    log_emissions, lengths, padding = _check(model, log_emissions, lengths)
    order = _backwards(lengths, log_emissions.shape[1])
    turned = _turned(log_emissions, order)
    after = predictions(_final(model)[None], model.log_transition.T[None], turned[None])
    return _turned(after[0], order).masked_fill(padding, -torch.inf)


def posteriors(model: HMM, log_emissions: Tensor, lengths: Tensor | None = None) -> Posteriors:
    """Return what the whole of each sequence tells about the state at each frame, by forward and backward passes.

    P(j at t | O) = alpha_t(j) beta_t(j) / P(O), and of all that reaches j at t the share alpha_{t-1}(i) a_ij comes
    from i (Rabiner, equations 27 and 37). An impossible sequence has no posteriors: -inf and no transitions.
    """
    log_emissions, lengths, padding = _check(model, log_emissions, lengths)
    order = _backwards(lengths, log_emissions.shape[1])
    first = torch.stack([model.log_initial, _final(model)])
    moves = torch.stack([model.log_transition, model.log_transition.T])
    both = torch.stack([log_emissions, _turned(log_emissions, order)])  # (2, B, T, S), passed over in one loop
    quick = scaled(first, moves, both)
    found = _by_probabilities(model, quick, order, lengths, ~padding) if quick else None
    return found or _by_logarithms(model, log_emissions, in_logarithms(first, moves, both), order, lengths)


def viterbi(model: HMM, log_emissions: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return each sequence's most probable path and its log-probability (Viterbi 1967; Rabiner, equations 32 to 35).

    Args:
        log_emissions, lengths: as in `forward`.

    Returns:
        (B, T), the states, -1 on padding; which of several equally probable paths comes back is left open.
        (B,), log P(path, O), without a gradient: -inf if no path is possible, and then the path means nothing.
    """
    log_emissions, lengths, padding = _check(model, log_emissions, lengths)
    B, T, S = log_emissions.shape
    given = model.log_initial, model.log_transition, _final(model), log_emissions
    first, moves, final, frames = (x.detach().to("cpu", log_emissions.dtype) for x in given)
    # For many small steps no GPU is as quick as the processor, and torch not as quick as NumPy's view of its memory.
    shown, moves, waits = frames.permute(1, 2, 0).contiguous().numpy(), moves.numpy(), padding[..., 0].T.cpu().numpy()
    scores = first.new_empty(T, S, B)
    scores[0] = (first + frames[:, 0]).T
    score = scores.numpy()  # the same memory
    for t in range(1, T):
        score[t] = (score[t - 1][:, None] + moves[..., None]).max(0) + shown[t]
    log_prob, end = (scores[lengths.cpu() - 1, :, torch.arange(B)] + final).max(1)
    shortest = min(lengths.tolist(), default=T)
    paths = end.repeat(T, 1)
    state = paths.numpy()  # (T, B)
    for t in reversed(range(1, T)):
        state[t - 1] = (score[t - 1] + moves.take(state[t], 1)).argmax(0)
        if t >= shortest:  # a short sequence waits for the others at its end
            state[t - 1][waits[t]] = state[t][waits[t]]
    return paths.T.to(padding.device).masked_fill(padding[..., 0], -1), log_prob.to(padding.device)


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


def _by_probabilities(model: HMM, passes: Scaled, order: Tensor, lengths: Tensor, real: Tensor) -> Posteriors | None:
    """Return the posteriors from scaled passes, or None where alpha times beta would underflow."""
    alpha, beta = passes.kept[0], _turned(passes.predicted[1], order)
    product, tiny = alpha * beta, torch.finfo(alpha.dtype).tiny
    if product.amin() < tiny and bool(((product < tiny) & (alpha > 0) & (beta > 0)).any()):
        return None
    total = product @ product.new_ones(product.shape[2], 1)  # (B, T, 1): a sum over the states, but quicker
    states = product / total.clamp(min=tiny) * real
    arrived = states[:, 1:] / passes.predicted[0, :, 1:].clamp(min=tiny)
    shares = alpha[:, :-1].flatten(0, 1).T @ arrived.flatten(0, 1)
    log_likelihood = _last(total, lengths).log() + _last(passes.taken_out[0], lengths)
    return Posteriors(states.log(), model.log_transition.exp() * shares, log_likelihood[:, 0])


def _by_logarithms(model: HMM, log_emissions: Tensor, passes: Tensor, order: Tensor, lengths: Tensor) -> Posteriors:
    """Return the posteriors from passes in logarithms, (2, B, T, S): alpha before its own emission, and beta turned."""
    log_alpha, log_beta = passes[0] + log_emissions, _turned(passes[1], order)
    log_likelihood = _log_likelihood(model, log_alpha, lengths)
    certain = log_likelihood.masked_fill(log_likelihood == -torch.inf, torch.inf)[:, None, None]
    padding = torch.arange(order.shape[1], device=order.device) >= lengths[:, None]
    log_states = (log_alpha + log_beta - certain).masked_fill(padding[..., None], -torch.inf)
    arrived = log_states[:, 1:] - passes[0, :, 1:].clamp(min=torch.finfo(passes.dtype).min)
    pairs = log_alpha[:, :-1, :, None] + model.log_transition + arrived[..., None, :]
    return Posteriors(log_states, pairs.exp().sum((0, 1)), log_likelihood)


def _last(values: Tensor, lengths: Tensor) -> Tensor:
    """Return (B, S), the values at each sequence's last frame."""
    return values[torch.arange(len(values), device=values.device), lengths - 1]


def _final(model: HMM) -> Tensor:
    return torch.zeros_like(model.log_initial) if model.log_final is None else model.log_final


def _log_likelihood(model: HMM, log_alpha: Tensor, lengths: Tensor) -> Tensor:
    return log_sum(_last(log_alpha, lengths) + _final(model), 1)


def _backwards(lengths: Tensor, T: int) -> Tensor:
    """Return (B, T, 1), the frames of each sequence from its last to its first, its padding left at the end."""
    return ((lengths[:, None] - 1 - torch.arange(T, device=lengths.device)) % T)[..., None]


def _turned(values: Tensor, order: Tensor) -> Tensor:
    """Return the frames of values (B, T, S) in an order of `_backwards`; twice is as before."""
    return values.gather(1, order.expand_as(values))


def _check(model: HMM, log_emissions: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Return log_emissions with zeros on padding, the lengths (B,), and (B, T, 1) that is true on padding.

    What is computed takes the wider type of model and log_emissions, and single precision at least.
    """
    S = len(model.log_initial)
    if log_emissions.dim() != 3 or log_emissions.shape[1] == 0 or log_emissions.shape[2] != S:
        raise ValueError(f"log_emissions have shape {tuple(log_emissions.shape)}; the model reads (B, T, {S}), T > 0")
    B, T, _ = log_emissions.shape
    whole = torch.full((B,), T, device=log_emissions.device)
    lengths = whole if lengths is None else lengths.to(whole.device)
    if lengths.shape != (B,) or lengths.is_floating_point() or not bool(((lengths >= 1) & (lengths <= T)).all()):
        raise ValueError(f"lengths {lengths.tolist()} must be {B} whole numbers between 1 and {T} (frames)")
    padding = (torch.arange(T, device=lengths.device) >= lengths[:, None])[..., None]
    for narrow in (model.log_transition.dtype, torch.float32):
        log_emissions = log_emissions.to(torch.promote_types(log_emissions.dtype, narrow))
    if B and int(lengths.min()) < T:
        log_emissions = log_emissions.masked_fill(padding, 0.0)
    if B and not log_emissions.amax() < torch.inf:  # NaN is less than nothing
        raise ValueError("log_emissions hold NaN or +inf; look at how they were computed")
    return log_emissions, lengths, padding

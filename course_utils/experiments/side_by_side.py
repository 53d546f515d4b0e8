"""Small networks trained side by side on the same batches, so that ten seeds cost little more time than one.

Each network keeps its own parameters, gradients and norm; only the arithmetic is shared. Networks that differ in one
thing, the rule that clips their gradients, say, start from the same first weights and see the same batches.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, ctc_loss
from tqdm import tqdm

from course_utils.algorithms import decoding, features, gradients, metrics
from course_utils.data import corpora, isolated, tasks, text

FRAMES, MELS = 4, 32  # frames that make one input of 128 numbers
Example = tuple[Tensor, list[int]]  # inputs (T, 128) and labels
Batch = tuple[Tensor, Tensor, list[list[int]]]  # inputs (B, T, 128), their lengths (B,), labels
Rule = Callable[[Any], Tensor]  # clips the gradients of some parameters, and returns their norm before, or norms


KINDS: dict[str, Callable[[int, int], nn.Module]] = {
    "RNN": lambda D, H: nn.RNN(D, H, batch_first=True),
    "RNN with ReLU": lambda D, H: nn.RNN(D, H, nonlinearity="relu", batch_first=True),
    "LSTM": lambda D, H: nn.LSTM(D, H, batch_first=True),
    "plain network": lambda D, H: nn.Sequential(nn.Linear(D, H), nn.ReLU()),  # sees one input at a time
}


class Listener(nn.Module):
    """A layer that reads, and C scores for each of its states.

    Args:
        kind: of the layer, one of ``KINDS``.
        D, H, C: the sizes of an input, of a state and of the output.
    """

    def __init__(self, kind: str, D: int, H: int, C: int):
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"kind is {kind!r}; choose one of {', '.join(map(repr, KINDS))}")
        self.layer, self.output = KINDS[kind](D, H), nn.Linear(H, C)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores (B, T, C) for inputs (B, T, D)."""
        states = self.layer(x)
        return self.output(states[0] if isinstance(states, tuple) else states)


def scores(models: Sequence[Listener], x: Tensor) -> Tensor:
    """Return what N networks of one kind say of the same inputs: (N, B, T, C) for (B, T, D).

    Plain recurrent ones take each step together: one product of stacked matrices for all N.
    """
    if not all(type(model.layer) is nn.RNN and model.layer.num_layers == 1 for model in models):
        return torch.stack([model(x) for model in models])
    # The two biases are added network by network: stacked first, they would share the memory of one gradient, and what
    # is clipped in place would be clipped twice.
    parts = [(*p[:2], p[2] + p[3], *p[4:]) for p in (list(model.parameters()) for model in models)]
    W_ax, W_aa, b, W_ya, b_y = map(torch.stack, zip(*parts, strict=True))
    g = torch.relu if models[0].layer.nonlinearity == "relu" else torch.tanh
    (B, T, D), N = x.shape, len(models)
    from_x = x.transpose(0, 1).reshape(T * B, D) @ W_ax.mT + b[:, None]  # (N, T B, H)
    from_x = from_x.view(N, T, B, -1)
    a, states = torch.zeros_like(from_x[:, 0]), []
    for z in from_x.unbind(1):
        a = g(torch.baddbmm(z, a, W_aa.mT))  # one step of all N
        states.append(a)
    said = torch.stack(states, 1).flatten(1, 2) @ W_ya.mT + b_y[:, None]  # (N, T B, C)
    return said.view(N, T, B, -1).transpose(1, 2)


@dataclass(frozen=True)
class Run:
    """Networks trained by one rule: the models, and for each update and model the loss and the norm, (updates, S).

    Both are NaN from the update on at which a model was lost.
    """

    models: list
    losses: Tensor
    norms: Tensor

    @property
    def ends(self) -> Tensor:
        """The mean of each model's last ten losses, (S,); infinite where it was lost."""
        return self.losses[-10:].mean(0).nan_to_num(torch.inf, torch.inf)

    def band(self, highest: float = 1000.0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return updates, median loss, best and worst, for a figure; what is higher, or lost, is put at ``highest``."""
        seen = self.losses.nan_to_num(highest).clamp(max=highest)
        return torch.arange(1, len(seen) + 1), seen.median(1).values, seen.amin(1), seen.amax(1)


def compare(
    rules: Mapping[str, Rule],
    build: Callable[[], nn.Module],
    seeds: Sequence[int],
    batches: Sequence[Any],
    losses_of: Callable[[list, Any], Tensor],
    optimizer: Callable[..., torch.optim.Optimizer],
    updates: int = 80,
) -> dict[str, Run]:
    """Train a network of each seed by each rule, all side by side, and return a run for each rule.

    Args:
        rules: by name, what to do to the gradients between ``backward`` and the step.
        build: makes a network; it is called after seeding, so that each rule starts from the same ones.
        batches: taken in turn.
        losses_of: from N networks and a batch to N losses, (N,).
        optimizer: from parameters to the optimiser; it has to treat each number by itself, as SGD and Adam do.
    """
    if not rules or not seeds or not batches or updates < 10:
        raise ValueError(f"{len(rules)} rules, {len(seeds)} seeds, {len(batches)} batches, {updates} updates: too few")
    models, clips = [], [rule for rule in rules.values() for _ in seeds]
    with torch.random.fork_rng(devices=[]):
        for seed in [*seeds] * len(rules):
            torch.manual_seed(seed)
            models.append(build())
    step = optimizer([parameter for model in models for parameter in model.parameters()])
    losses, norms = torch.full((2, updates, len(models)), torch.nan)
    alive = list(range(len(models)))
    for k in tqdm(range(updates), file=sys.stdout, mininterval=1, unit="update"):
        values = losses_of([models[n] for n in alive], batches[k % len(batches)])
        step.zero_grad()
        values.sum().backward()
        for n, value in zip(alive, values.tolist(), strict=True):
            losses[k, n] = value
            norms[k, n] = clips[n](models[n].parameters()).norm()  # clipping, before the step
        step.step()
        alive = [n for n in alive if losses[k, n].isfinite()]
        if not alive:
            break
    S = len(seeds)
    parts = [slice(start, start + S) for start in range(0, len(models), S)]
    return {name: Run(models[part], losses[:, part], norms[:, part]) for name, part in zip(rules, parts, strict=True)}


def by_norm(limit: float) -> Rule:
    """Return the rule that clips by norm at a limit; an infinite one clips nothing."""
    return partial(gradients.clip_by_norm, max_norm=limit)


def drop_small(parameters: Any, share: float = 0.9) -> Tensor:
    """Set that share of the gradients' numbers, the smallest, to 0, in place, and return the norm before."""
    parameters = list(parameters)
    sizes = gradient_of(parameters).abs()
    least = sizes.kthvalue(max(1, int(share * len(sizes)))).values
    for parameter in parameters:
        parameter.grad[parameter.grad.abs() <= least] = 0.0
    return sizes.norm()


def gradient_of(parameters: Any) -> Tensor:
    """Return the gradients of some parameters as one vector, a copy."""
    return torch.cat([parameter.grad.flatten() for parameter in parameters])


def inputs(samples: Tensor) -> Tensor:
    """Return (T, 128) for a sound (N,) of 8,000 Hz: log-mels, normalised, four frames in one."""
    mels = features.normalise(features.log_mel(samples, n_mels=MELS))
    return mels[: len(mels) // FRAMES * FRAMES].reshape(-1, FRAMES * MELS)


def strings(split: str, count: int, longest: int = 3) -> list[Example]:
    """Return strings of one to ``longest`` spoken digits, with labels 1 to 10: 0 is left for CTC's blank."""
    short = [u for u in corpora.load("digits", split) if len(u.text.split()) <= longest]
    some = [short[k * len(short) // count] for k in range(count)]
    return [(inputs(u.samples), [1 + corpora.DIGITS.index(word) for word in u.text.split()]) for u in some]


def words(split: str, count: int) -> list[Example]:
    """Return spoken digits cut out of strings, with labels 0 to 9."""
    cut = isolated.cut(corpora.load("digits", split, limit=3 * count))
    if len(cut) < count:
        raise ValueError(f"{3 * count} strings of {split!r} gave {len(cut)} single words; ask for fewer than {count}")
    cut = [cut[k * len(cut) // count] for k in range(count)]
    return [(inputs(u.samples), [corpora.DIGITS.index(u.text)]) for u in cut]


def batched(examples: Sequence[Example], size: int, generator: torch.Generator | None = None) -> list[Batch]:
    """Return batches of like lengths, which makes little padding, in an order that the generator draws."""
    order, batches = sorted(examples, key=lambda example: len(example[0])), []
    for start in range(0, len(order), size):
        sounds, labels = zip(*order[start : start + size], strict=True)
        batches.append((*text.pad(list(sounds)), list(labels)))
    return [batches[k] for k in torch.randperm(len(batches), generator=generator)]


def ctc_losses(models: list, batch: Batch) -> Tensor:
    """Return each network's CTC loss, in nats per utterance, (N,)."""
    x, lengths, labels = batch
    log_probs, N = scores(models, x).log_softmax(-1), len(models)  # (N, B, T, C)
    sizes = torch.tensor([len(said) for said in labels])
    losses = ctc_loss(
        log_probs.flatten(0, 1).transpose(0, 1),  # torch wants time first: (T, N B, C)
        torch.tensor(list(chain(*labels))).repeat(N),
        lengths.repeat(N),
        sizes.repeat(N),
        reduction="none",
    )
    return losses.view(N, -1).mean(1)


def word_scores(models: list, batch: Batch) -> Tensor:
    """Return (N, B, C): the scores of each network after the last frame of each word."""
    x, lengths, _ = batch
    return scores(models, x)[:, torch.arange(len(x)), lengths - 1]


def word_losses(models: list, batch: Batch) -> Tensor:
    """Return each network's cross-entropy, in nats per word, (N,)."""
    said, N = word_scores(models, batch), len(models)
    losses = cross_entropy(said.flatten(0, 1), torch.tensor(batch[2])[:, 0].repeat(N), reduction="none")
    return losses.view(N, -1).mean(1)


def end_losses(models: list, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Return each network's cross-entropy, in nats, where one class is asked for at the end of equal lengths, (N,)."""
    x, y = batch
    return torch.stack([cross_entropy(said, y) for said in scores(models, x)[:, :, -1]])


def tunes(longest: int = 32) -> tuple[Tensor, Tensor]:
    """Return tunes as indices of notes (B, T), 0 for padding, and which are to be guessed, (B, T - 1)."""
    songs = [[tasks.STOP, *tune[:longest]] for tune in tasks.TUNES.values()]
    notes = text.Vocabulary(note for song in songs for note in song)
    ids, lengths = text.pad([notes.encode(song) for song in songs])
    return ids, text.mask(lengths - 1, ids.shape[1] - 1)


def next_losses(models: list, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Return each network's cross-entropy at guessing the next note from those before, in nats, (N,)."""
    ids, real = batch
    said = scores(models, text.one_hot(ids[:, :-1], int(ids.max()) + 1))
    return torch.stack([cross_entropy(some[real], ids[:, 1:][real]) for some in said])


@torch.no_grad()
def share_right(models: list, batch: Batch) -> Tensor:
    """Return the share of words that each network gets right, (N,)."""
    return (word_scores(models, batch).argmax(-1) == torch.tensor(batch[2])[:, 0]).double().mean(1)


@torch.no_grad()
def written(models: list, x: Tensor, lengths: Tensor) -> list[list[list[int]]]:
    """Return what each network writes for strings (B, T, 128): labels; none where its weights are not finite."""
    return [
        decoding.greedy(said, lengths) if bool(said.isfinite().all()) else [[] for _ in x] for said in scores(models, x)
    ]


def error_rates(models: list, batch: Batch) -> Tensor:
    """Return each network's error rate on strings, (N,): wrong, missing and added labels for each that was spoken.

    One that is lost writes nothing, and gets 1.
    """
    x, lengths, labels = batch
    errors = [sum(map(metrics.edit_distance, labels, heard)) for heard in written(models, x, lengths)]
    return torch.tensor(errors) / sum(map(len, labels))


def transcribe(models: list, samples: Tensor) -> list[str]:
    """Return what each network writes for a sound (N,) of 8,000 Hz."""
    x = inputs(samples)[None]
    return [
        " ".join(corpora.DIGITS[label - 1] for label in heard)
        for [heard] in written(models, x, torch.tensor([x.shape[1]]))
    ]

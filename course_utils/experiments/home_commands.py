"""Commands to a house, spelt by a small network: what lesson 11 decodes.

The network is made to be quick, not good: convolutions over frames of 40 ms, trained for a few hundred updates on clean
and on noisy speech. What it gets wrong is what a decoder and a language model are there for.
"""

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import ctc_loss

from course_utils.algorithms import decoding, features, metrics
from course_utils.algorithms.language_model import BEGIN, END, UNKNOWN, LanguageModel, NgramModel
from course_utils.data import augmentation, text
from course_utils.data.corpora import Utterance

BLANK = "ε"
SYMBOLS = [BLANK, " ", *"abcdefghijklmnopqrstuvwxyz"]  # the blank first, then the one between two words
STACK = 4  # frames of 10 ms in one
LOUDEST, QUIETEST = -2.0, 18.0  # decibels of speech over noise, in training
Batch = tuple[Tensor, Tensor, Tensor, Tensor]  # inputs (B, T, 160), their lengths, targets (B, U), their lengths


class Block(nn.Module):
    """A convolution over time beside a way past it (He and others 2016)."""

    def __init__(self, hidden: int, width: int):
        super().__init__()
        self.convolution = nn.Conv1d(hidden, hidden, width, padding=width // 2)
        self.norm = nn.BatchNorm1d(hidden)

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.relu(self.norm(self.convolution(x)))


class Speller(nn.Module):
    """Log-probabilities of letters (B, T, 28) for stacked frames (B, T, 160); it hears 0.4 s to both sides."""

    def __init__(self, hidden: int = 96, blocks: int = 3, width: int = 7):
        super().__init__()
        self.first = nn.Sequential(nn.Linear(STACK * features.N_MELS, hidden), nn.ReLU())
        self.norm = nn.BatchNorm1d(hidden)
        self.blocks = nn.Sequential(*[Block(hidden, width) for _ in range(blocks)])
        self.output = nn.Linear(hidden, len(SYMBOLS))

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.blocks(self.norm(self.first(x).transpose(1, 2)))  # (B, H, T)
        return self.output(hidden.transpose(1, 2)).log_softmax(2)


def encode(words: str) -> list[int]:
    """Return the numbers of a text's letters."""
    if strange := sorted(set(words) - set(SYMBOLS[1:])):
        raise ValueError(f"{words!r} has {strange[0]!r}, which is no letter from a to z and no blank between words")
    return [SYMBOLS.index(letter) for letter in words]


def inputs(samples: Tensor) -> Tensor:
    """Return (T, 160) for a sound (N,) of 8,000 Hz: log-mels at one level, four frames in one."""
    mels = features.level(features.log_mel(samples))
    return mels[: len(mels) // STACK * STACK].reshape(-1, STACK * features.N_MELS)


def noisy(utterances: Sequence[Utterance], snr: float | None, generator: Generator) -> list[Tensor]:
    """Return their sounds in white noise, `snr` decibels below the speech; each by chance louder or softer if None."""
    sounds = []
    for one in utterances:
        level = QUIETEST + (LOUDEST - QUIETEST) * float(torch.rand((), generator=generator)) if snr is None else snr
        sounds.append(augmentation.add_noise(one.samples, level, generator))
    return sounds


def batches(utterances: Sequence[Utterance], generator: Generator, size: int = 8) -> list[Batch]:
    """Return batches of like lengths, in an order by chance: each utterance once clean, once in noise."""
    made = []
    for sounds in ([one.samples for one in utterances], noisy(utterances, None, generator)):
        x = [inputs(sound) for sound in sounds]
        order = sorted(range(len(x)), key=lambda number: len(x[number]))
        for start in range(0, len(order), size):
            some = order[start : start + size]
            targets = [torch.tensor(encode(utterances[number].text)) for number in some]
            made.append((*text.pad([x[number] for number in some]), *text.pad(targets)))
    return [made[place] for place in torch.randperm(len(made), generator=generator)]


def loss(model: Speller, batch: Batch) -> Tensor:
    """Return the CTC loss of a batch, in nats per letter."""
    x, lengths, targets, target_lengths = batch
    # A hasty voice may need more frames for its letters than it has: such an utterance counts nothing.
    return ctc_loss(model(x).transpose(0, 1), targets, lengths, target_lengths, zero_infinity=True)


@torch.no_grad()
def hear(model: Speller, utterances: Sequence[Utterance], snr: float, generator: Generator) -> list[Tensor]:
    """Return the log-probabilities (T, 28) of each utterance in noise, `snr` decibels below the speech."""
    return [model(inputs(sound)[None])[0] for sound in noisy(utterances, snr, generator)]


def spell(labels: Iterable[int]) -> str:
    """Return the text of some letters' numbers."""
    return "".join(SYMBOLS[label] for label in labels)


def greedy(heard: Sequence[Tensor]) -> list[str]:
    """Return the text of each utterance's best path."""
    return [spell(decoding.greedy(log_probs[None])[0]) for log_probs in heard]


def search(
    heard: Sequence[Tensor], model: LanguageModel | None = None, alpha: float = 1.0, beta: float = 0.0, beam: int = 8
) -> list[str]:
    """Return the best text that a prefix beam search finds for each utterance; beta counts the blanks between words."""
    found = []
    for log_probs in heard:
        hypotheses = decoding.prefix_beam_search(log_probs, beam, model, alpha, beta, tokens=SYMBOLS, counted=" ")
        found.append(hypotheses[0].text)
    return found


def errors(utterances: Sequence[Utterance], found: Sequence[str]) -> tuple[float, float, float]:
    """Return the word error rate and its 95 % interval, in percent."""
    said = [one.text for one in utterances]
    low, high = metrics.bootstrap_interval(said, found)
    return 100 * metrics.wer(said, found), 100 * low, 100 * high


def tuned(
    utterances: Sequence[Utterance],
    heard: Sequence[Tensor],
    model: LanguageModel,
    alphas: Iterable[float] = (0.2, 0.4, 0.8),
    betas: Iterable[float] = (0.0, 2.0),
) -> tuple[float, float]:
    """Return the (alpha, beta) with which the fewest words of these utterances are wrong."""
    grid = {pair: errors(utterances, search(heard, model, *pair))[0] for pair in product(alphas, betas)}
    return min(grid, key=lambda pair: grid[pair])


class AtWordEnds(LanguageModel):
    """A model of words that is asked about a spelling only where a word ends; inside one it has nothing to say."""

    def __init__(self, words: LanguageModel):
        self.words = words

    def start(self) -> tuple[Any, str]:
        return self.words.start(), ""

    def score(self, state: tuple[Any, str], token: str) -> tuple[tuple[Any, str], float]:
        history, begun = state
        if token != " ":
            return (history, begun + token), 0.0
        after, log_prob = self.words.score(history, begun or UNKNOWN)
        return (after, ""), log_prob

    def finish(self, state: tuple[Any, str]) -> float:
        after, log_prob = self.score(state, " ")
        return log_prob + self.words.finish(after[0])


def bigram_table(model: NgramModel) -> list[list[float]]:
    """Return log P(column after row) of a bigram over letters; the first row is the beginning, column 0 the end."""
    rows, columns = (BEGIN, *SYMBOLS[1:]), (END, *SYMBOLS[1:])
    return [[model.log_prob((before,), letter) for letter in columns] for before in rows]

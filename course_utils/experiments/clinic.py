"""The failure clinic: five training runs that went wrong, each in its own way, and the same runs mended.

Every run is a real one, and small: single spoken digits of a few voices, one recurrent layer of 64, CTC, a hundred
updates, a second or so. `run` gives the curves from which a doctor of networks reads what is the matter: the loss, the
share of frames in which the blank is the likeliest, the norm of the gradient, and the share of wrong words among those
for training, validation and test.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import chain
from math import inf, log

import torch
from torch import Tensor, nn
from torch.nn.functional import ctc_loss

from course_utils.algorithms import ctc, decoding, features
from course_utils.data import corpora, isolated, text
from course_utils.training import fit

MELS, HIDDEN, BATCH = 32, 64, 16
EVERY = 20  # updates from one count of wrong words to the next
SAME_VOICES = 4  # voices to learn from where it matters whose they are
LETTERS = "".join(sorted(set(chain(*corpora.DIGITS))))
Example = tuple[Tensor, list[int]]  # inputs (T, D) and labels
SCORES_TO_LOG_PROBS: dict[str, Callable[[Tensor], Tensor]] = {
    "log-softmax": lambda scores: scores.log_softmax(-1),
    "log-softmax twice": lambda scores: scores.log_softmax(-1).log_softmax(-1),
    "log-softmax of softmax": lambda scores: scores.softmax(-1).log_softmax(-1),
    "none": lambda scores: scores,
}


@dataclass(frozen=True)
class Setting:
    """How a run is set up.

    Attributes:
        loudness: what each sound is multiplied by before it is heard.
        frames: of 10 ms, that make one input, and so one output.
        letters: whether the network writes letters instead of whole words.
        log_probs: how scores become log-probabilities, one of ``SCORES_TO_LOG_PROBS``.
        zero_infinity: whether words without a path count nothing, instead of making the loss infinite.
        plain: whether the layer is a plain one with ReLU instead of LSTMs.
        learning_rate, momentum: of stochastic gradient descent.
        clip: the largest norm of the gradient.
        voices: "many" to learn from all training voices; "few, shared" and "few" to learn from four of them, and to
            validate on other words of the same four, or on other people's.
    """

    loudness: float = 1.0
    frames: int = 4
    letters: bool = False
    log_probs: str = "log-softmax"
    zero_infinity: bool = False
    plain: bool = False
    learning_rate: float = 2.0
    momentum: float = 0.0
    clip: float = 0.7
    voices: str = "many"
    updates: int = 100


_SPELLING = partial(Setting, letters=True, learning_rate=0.1, momentum=0.9, clip=2.0, updates=240)
_PLAIN = partial(Setting, plain=True, learning_rate=0.6, momentum=0.9, updates=120)
CASES: dict[str, dict[str, Setting]] = {
    "only blanks": {
        "broken": Setting(learning_rate=0.03),
        "deaf": Setting(loudness=2**-15),  # 16-bit samples, divided by their range a second time
        "mended": Setting(),
    },
    "too long": {
        "broken": _SPELLING(frames=12),
        "hushed": _SPELLING(frames=12, zero_infinity=True),
        "mended": _SPELLING(),
    },
    "softmax": {
        "broken": Setting(log_probs="log-softmax of softmax"),
        "none": Setting(log_probs="none"),
        "twice": Setting(log_probs="log-softmax twice"),
        "mended": Setting(),
    },
    "explosion": {"broken": _PLAIN(clip=inf), "mended": _PLAIN(clip=0.125)},
    "voices": {"broken": Setting(voices="few, shared"), "mended": Setting(voices="few")},
}


@dataclass
class Record:
    """The curves of one run.

    Attributes:
        setting: how it was set up.
        losses: the loss of each update, in nats per word; the last is the one that was not finite, if `stopped`.
        blanks: the share of real frames in which the blank is the likeliest, at each update.
        norms: the norm of the gradient at each update, before clipping.
        checks: the updates after which words were counted.
        wrong: "training", "validation" and "test" to the share of wrong words at each of `checks`.
        impossible: the share of training words that have no path: more labels than frames.
        stopped: empty if every update was made, otherwise why not.
    """

    setting: Setting
    losses: list[float] = field(default_factory=list)
    blanks: list[float] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)
    checks: list[int] = field(default_factory=list)
    wrong: dict[str, list[float]] = field(default_factory=lambda: {"training": [], "validation": [], "test": []})
    impossible: float = 0.0
    stopped: str = ""


class Patient(nn.Module):
    """One recurrent layer and C scores for each of its states."""

    def __init__(self, D: int, C: int, plain: bool = False):
        super().__init__()
        kind = partial(nn.RNN, nonlinearity="relu") if plain else nn.LSTM
        self.layer: nn.Module = kind(D, HIDDEN, batch_first=True)  # forwards only, so that padding changes nothing
        self.output = nn.Linear(HIDDEN, C)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores (B, T, C) for inputs (B, T, D)."""
        return self.output(self.layer(x)[0])


def run(name: str, how: str = "broken", seed: int = 0) -> Record:
    """Train one network of the clinic, and return its curves.

    Args:
        name: of the case, one of ``CASES``.
        how: which of the case's settings, "broken" and "mended" among them.
        seed: of the first weights and of the order of the words.
    """
    if name not in CASES or how not in CASES[name]:
        known = "; ".join(f"{case}: {', '.join(settings)}" for case, settings in CASES.items())
        raise ValueError(f"there is no {how!r} of {name!r} in the clinic; there are {known}")
    return train(CASES[name][how], seed)


def train(setting: Setting, seed: int = 0) -> Record:
    """Train a network by any setting, and return its curves; other random numbers are left as they were."""
    sets = examples(setting.loudness, setting.frames, setting.letters, setting.voices)
    record = Record(setting)
    tight = [len(x) < ctc.minimum_frames(labels) for x, labels in sets["training"]]
    record.impossible = sum(tight) / len(tight)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        C = 1 + len(LETTERS if setting.letters else corpora.DIGITS)
        model = Patient(sets["training"][0][0].shape[1], C, setting.plain)
        optimizer = torch.optim.SGD(model.parameters(), setting.learning_rate, setting.momentum)
        history = fit(
            model,
            Batches(sets["training"], seed),
            partial(_loss, record=record),
            updates=setting.updates,
            optimizer=optimizer,
            one_cycle=False,
            clip=setting.clip,
            progress=False,
            on_update=lambda update, _: _count(record, update, model, sets),
        )
    record.norms, record.stopped = history.norms, history.stopped
    return record


class Batches:
    """Batches of examples in a new order at each pass, all of one size."""

    def __init__(self, examples: Sequence[Example], seed: int):
        self.examples, self.generator = examples, torch.Generator().manual_seed(seed)

    def __iter__(self):
        order = torch.randperm(len(self.examples), generator=self.generator).tolist()
        for start in range(0, len(order) - BATCH + 1, BATCH):
            yield padded([self.examples[k] for k in order[start : start + BATCH]])


def padded(examples: Sequence[Example]) -> tuple[Tensor, Tensor, list[list[int]]]:
    """Return inputs (B, T, D), their lengths (B,), and the labels."""
    sounds, labels = zip(*examples, strict=True)
    return *text.pad(list(sounds)), list(labels)


def _loss(model: nn.Module, batch: tuple[Tensor, Tensor, list[list[int]]], record: Record) -> Tensor:
    x, lengths, labels = batch
    scores = model(x)
    real = text.mask(lengths, x.shape[1])
    record.blanks.append(float((scores.argmax(-1) == 0)[real].float().mean()))
    losses = ctc_loss(
        SCORES_TO_LOG_PROBS[record.setting.log_probs](scores).transpose(0, 1),
        torch.tensor(list(chain(*labels))),
        lengths,
        torch.tensor([len(said) for said in labels]),
        reduction="none",
        zero_infinity=record.setting.zero_infinity,
    )
    record.losses.append(float(losses.detach().mean()))
    return losses.mean()


@torch.no_grad()
def _count(record: Record, update: int, model: nn.Module, sets: dict[str, list[Example]]) -> None:
    if update % EVERY:
        return
    record.checks.append(update)
    for name, some in sets.items():
        x, lengths, labels = padded(some)
        scores = model(x)
        heard = decoding.greedy(scores, lengths) if bool(scores.isfinite().all()) else [None] * len(labels)
        wrong = sum(found != said for found, said in zip(heard, labels, strict=True))
        record.wrong[name].append(wrong / len(some))


@lru_cache(maxsize=8)
def examples(
    loudness: float, frames: int, letters: bool, voices: str, dtype: torch.dtype = torch.float32
) -> dict[str, list[Example]]:
    """Return the words for training, validation and test; arguments as `Setting`'s, and the type to compute in.

    The voices of the corpus's validation split are learned from; those of its test split are validated on and tested
    on, half and half. Where voices are shared, the words for validation are other words of the training voices.
    """
    known, others = (isolated.cut(corpora.load("digits", split)) for split in ("valid", "test"))
    people = sorted({word.voice for word in others})
    chosen = {voice for place, voice in enumerate(people) if place % 4 in (0, 3)}  # dealt out: one, two, two, one
    validation = [word for word in others if word.voice in chosen]
    test = [word for word in others if word.voice not in chosen]
    if voices != "many":
        spoken = [word.voice for word in known]
        few = sorted(set(spoken), key=lambda voice: (-spoken.count(voice), voice))[:SAME_VOICES]
        known = [word for word in known if word.voice in few]
        validation = known[::4] if voices == "few, shared" else validation
        known = [word for place, word in enumerate(known) if place % 4]
    parts = {"training": known, "validation": validation, "test": test}
    return {
        name: [_example(word, word.samples.to(dtype) * loudness, frames, letters) for word in words]
        for name, words in parts.items()
    }


def _example(word: corpora.Utterance, samples: Tensor, frames: int, letters: bool) -> Example:
    mels = features.normalise(features.log_mel(samples, n_mels=MELS))
    x = mels[: len(mels) // frames * frames].reshape(-1, frames * MELS)
    said = [LETTERS.index(c) for c in word.text] if letters else [corpora.DIGITS.index(word.text)]
    return x, [1 + label for label in said]


def least_loss(setting: Setting) -> float:
    """Return a loss, in nats per word, below which no training gets the mean of the training words by this setting.

    Softmax of softmax leaves each score between 0 and 1, so that of C classes two, the blank and the word, have at
    most the share 2e / (2e + C - 2) of a frame together, and all paths of a word no more than this to the power T.
    A network that hears nothing knows only that it is one of ten digits: log 10. Otherwise 0.
    """
    T = [len(x) for x, _ in examples(setting.loudness, setting.frames, setting.letters, setting.voices)["training"]]
    if setting.log_probs == "log-softmax of softmax":
        two, C = 2 * torch.e, 1 + len(corpora.DIGITS)
        return sum(T) / len(T) * log((two + C - 2) / two)
    return log(len(corpora.DIGITS)) if setting.loudness < 2**-10 else 0.0

"""English to Chinese, character by character: what the lesson on teacher forcing trains, and the mistakes it forces.

English words and Chinese characters are tokens; each target ends in ``<eos>``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from course_utils import training
from course_utils.algorithms import attention, metrics, teacher_forcing
from course_utils.algorithms.encoders import RecurrentEncoder
from course_utils.algorithms.recurrent import GRU
from course_utils.algorithms.seq2seq import Decoder, Seq2Seq
from course_utils.data import pairs, text
from course_utils.data.chinese import PINYIN, POLITE, Sentence, polite_sentences, sentences
from course_utils.data.pairs import Pairs
from course_utils.visuals.widgets import ForcedTranslator

PAD, SOS, EOS = 0, 1, 2
LONGEST = 16  # characters that are written at most, <eos> included
CHARACTERS = ["<PAD>", "<sos>", "<eos>", *PINYIN]
WORDS = text.Vocabulary(word for one in [*sentences(), *polite_sentences()] for word in one.english.split())


def encoded(some: Sequence[Sentence]) -> tuple[list[Tensor], list[Tensor]]:
    """Return English words and Chinese characters as numbers, ``<eos>`` behind each translation."""
    targets = [torch.tensor([*map(CHARACTERS.index, one.chinese), EOS]) for one in some]
    return [WORDS.encode(one.english.split()) for one in some], targets


def batch(some: Sequence[Sentence]) -> Pairs:
    """Return all of these sentences as one batch."""
    return pairs.padded(*encoded(some))


def translator(units: int = 64, size: int = 32) -> Seq2Seq:
    """Return an encoder of English words, and a decoder of Chinese characters that looks back at them."""
    decoder = Decoder(len(CHARACTERS), size, units, units, GRU, attention.scaled_dot)
    return Seq2Seq(RecurrentEncoder(size, units // 2, GRU), decoder, nn.Embedding(len(WORDS), size))


@dataclass(frozen=True)
class Run:
    """A trained translator; and the updates at which it was asked on the way, with its share of sentences right."""

    model: Seq2Seq
    updates: list[int]
    right: list[float]


def train(
    ratio: float | Callable[[int], float],
    seed: int,
    some: Sequence[Sentence],
    test: Sequence[Sentence] = (),
    updates: int = 120,
    every: int = 20,
) -> Run:
    """Return a translator trained with this share of truth; all of one seed meet the same batches in the same order.

    Args:
        ratio: of truth among what the decoder reads, from 0 to 1, or a function of the update, from 0 on.
        some: what it learns from.
        test: what it is asked after every ``every``-th update; it then reads its own characters.
    """
    generator = torch.manual_seed(seed)
    batches = pairs.batches(*encoded(some), updates, generator)
    model, asked, times, right = translator(), batch(test) if test else None, [], []
    done = 0

    def loss(model: Seq2Seq, one: Pairs) -> Tensor:
        share = ratio if isinstance(ratio, int | float) else ratio(done)
        state = model.start(one.inputs, one.lengths)
        logits, _ = teacher_forcing.write(model.decoder, state, one.targets, SOS, share, generator)
        return teacher_forcing.cross_entropy(logits, one.targets, one.target_lengths)

    def look_in(update: int, _: float) -> None:
        nonlocal done
        done = update
        if asked is not None and update % every == 0:
            times.append(update)
            right.append(share_right(model, asked, whole=True))

    training.fit(
        model, batches, loss, updates=updates, learning_rate=0.015, clip=1.0, progress=False, on_update=look_in
    )
    return Run(model, times, right)


@torch.no_grad()
def share_right(model: Seq2Seq, asked: Pairs, ratio: float = 0.0, whole: bool = False) -> float:
    """Return the share of characters right, or of sentences right as a ``whole``.

    Args:
        ratio: 1 lets the decoder read the truth, 0 its own characters, as in use.
    """
    state = model.start(asked.inputs, asked.lengths)
    logits, _ = teacher_forcing.write(model.decoder, state, asked.targets, SOS, ratio)
    real = text.mask(asked.target_lengths)
    right = logits.argmax(-1) == asked.targets
    return float((right | ~real).all(1).float().mean() if whole else right[real].float().mean())


@torch.no_grad()
def write(model: Seq2Seq, asked: Pairs, forced: Tensor | None = None, place: int = -1) -> Tensor:
    """Return the characters (B, U) that a model writes, of which those at ``place`` may be forced on it (B,)."""
    state, last, written = model.start(asked.inputs, asked.lengths), torch.full_like(asked.lengths, SOS), []
    for u in range(asked.targets.shape[1]):
        log_probs, _, state = model.decoder.step(last, state)
        last = forced if forced is not None and u == place else log_probs.argmax(-1)
        written.append(last)
    return torch.stack(written, 1)


@dataclass(frozen=True)
class Aftermath:
    """What follows a forced mistake.

    Attributes:
        lost: (most,), the share of characters 1, 2, … places behind it that are wrong now, of those that were right.
        edits: by how many edits what stands behind it is farther from the truth than before, for each character there.
    """

    lost: Tensor
    edits: float


def after_a_mistake(
    model: Seq2Seq, asked: Pairs, seed: int, places: Sequence[int] = range(4), most: int = 6
) -> Aftermath:
    """Return what follows a wrong character, drawn at random, over all ``places`` to force it.

    Each sentence is also written without a mistake, and what is wrong there already does not count.
    """
    generator, targets = torch.Generator().manual_seed(seed), asked.targets
    alone, real = write(model, asked), text.mask(asked.target_lengths, targets.shape[1])
    right, lost, count, edits, characters = (alone == targets) & real, torch.zeros(most), torch.zeros(most), 0, 0
    for place in places:
        step = torch.randint(1, len(PINYIN), (len(targets),), generator=generator)  # on by 1 or more: never the truth
        wrong = EOS + 1 + (targets[:, place] - EOS - 1 + step) % len(PINYIN)
        forced, behind = write(model, asked, wrong, place), slice(place + 1, None)
        lost += ((forced != targets) & right)[:, behind][:, :most].sum(0)
        count += right[:, behind][:, :most].sum(0)
        edits += _edits(forced[:, behind], targets[:, behind]) - _edits(alone[:, behind], targets[:, behind])
        characters += int(real[:, behind].sum())
    return Aftermath(lost / count.clamp(min=1), edits / characters)


def _edits(written: Tensor, targets: Tensor) -> int:
    """Return the edits between texts (B, U), each up to its first ``<eos>``."""
    texts = [[row[: row.index(EOS)] if EOS in row else row for row in some.tolist()] for some in (written, targets)]
    return sum(metrics.edit_distance(one, other) for one, other in zip(*texts, strict=True))


@dataclass(frozen=True)
class Written:
    """A translation: its characters, ``<eos>`` included, and the probability that the model gave to each."""

    characters: list[str]
    probabilities: list[float]

    def __str__(self) -> str:
        return "".join(one for one in self.characters if one in PINYIN)


@torch.no_grad()
def translate(model: Seq2Seq, english: str, forced: dict[int, str] | None = None) -> Written:
    """Return what a model writes for an English text, of which some positions may be forced.

    Args:
        forced: position, from 0, to the character that is written there, whatever the model would write.
    """
    forced = forced or {}
    if unknown := [word for word in english.split() if word not in WORDS]:
        raise ValueError(f"the translator does not know {unknown[0]!r}; it knows the words in translating.WORDS")
    if strange := [one for one in forced.values() if one not in CHARACTERS]:
        raise ValueError(f"the translator cannot write {strange[0]!r}; it writes what is in translating.CHARACTERS")
    tokens = WORDS.encode(english.split())[None]
    state, last, found = model.start(tokens, torch.tensor([tokens.shape[1]])), SOS, Written([], [])
    for place in range(LONGEST):
        log_probs, _, state = model.decoder.step(torch.tensor([last]), state)
        last = CHARACTERS.index(forced[place]) if place in forced else int(log_probs[0].argmax())
        found.characters.append(CHARACTERS[last])
        found.probabilities.append(float(log_probs[0, last].exp()))
        if last == EOS:
            break
    return found


@torch.no_grad()
def agreement(model: Seq2Seq, some: Sequence[Sentence]) -> float:
    """Return how likely the second "you" is the first one again, of the two that there are, where both are allowed.

    The decoder reads each true translation up to there; one that does not care what it wrote finds a half.
    """
    asked = batch(some)
    log_probs = model(asked.inputs, asked.lengths, asked.targets, SOS)[0].log_softmax(-1)
    found = []
    for one, scores in zip(some, log_probs, strict=True):
        you = one.chinese[0]
        other = POLITE if you != POLITE else "你"
        second = one.chinese.index(you, 1)
        pair = scores[second, [CHARACTERS.index(you), CHARACTERS.index(other)]]
        found.append(pair.softmax(0)[0])
    return float(torch.stack(found).mean())


def desk(models: Mapping[str, Seq2Seq], some: Sequence[Sentence], **options: Any) -> ForcedTranslator:
    """Return the models as a widget, in which any character can be forced on any of these sentences."""
    listed = list(models.values())

    def follow(model: int, source: int, forced: dict[int, int]) -> tuple[list[int], list[float]]:
        known = {place: CHARACTERS[token] for place, token in forced.items()}
        found = translate(listed[model], some[source].english, known)
        return [*map(CHARACTERS.index, found.characters)], found.probabilities

    asked = batch(some)
    with torch.no_grad():
        trained = {name: (model.decoder.state_dict(), _memories(model, asked)) for name, model in models.items()}
    sources, truths = [one.english for one in some], [[*map(CHARACTERS.index, one.chinese)] for one in some]
    return ForcedTranslator(
        trained, sources, truths, CHARACTERS, PINYIN, follow, sos=SOS, eos=EOS, longest=LONGEST, **options
    )


def _memories(model: Seq2Seq, asked: Pairs) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Return for each sentence the decoder's first state (H,), and its keys (T, H) and values (T, V)."""
    state = model.start(asked.inputs, asked.lengths)
    if state.keys is None or state.values is None or isinstance(state.hidden, tuple):
        raise ValueError("the widget computes a GRU with attention; this decoder is another")
    rows = zip(state.hidden, state.keys, state.values, asked.lengths.tolist(), strict=True)
    return [(hidden, keys[:T], values[:T]) for hidden, keys, values, T in rows]

"""Speech in, digits out, by attention: the small recogniser of the lesson on attention, its looks, and what upsets it.

Inputs are log-mels, targets the tokens of ``readers``; a batch is always a `Pairs`.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain

import torch
from torch import Tensor

from course_utils import training
from course_utils.algorithms import attention, beam, features, teacher_forcing
from course_utils.algorithms.encoders import RecurrentEncoder
from course_utils.algorithms.recurrent import GRU
from course_utils.algorithms.seq2seq import Decoder, Seq2Seq
from course_utils.data import pairs, text
from course_utils.data.corpora import Utterance
from course_utils.data.pairs import Pairs
from course_utils.experiments.readers import EOS, LONGEST, SOS, TOKENS, Lists, Score, SwiftLSTM, digits, sounds, words


def one_batch(utterances: Sequence[Utterance]) -> Pairs:
    """Return log-mels and the digits that were said."""
    return pairs.padded(*sounds(utterances))


def in_batches(utterances: Sequence[Utterance], size: int) -> list[Pairs]:
    """Return all utterances, the shortest first."""
    rows = sorted(utterances, key=lambda utterance: len(utterance.samples))
    return [one_batch(rows[first : first + size]) for first in range(0, len(rows), size)]


def model_with(score: Score, units: int = 96) -> Seq2Seq:
    """Return a model that reads four frames as one, and writes digits."""
    encoder = RecurrentEncoder(features.N_MELS, units, SwiftLSTM, joined=(4,))
    return Seq2Seq(encoder, Decoder(len(TOKENS), 32, units, 2 * units, GRU, score))


def loss(model: Seq2Seq, batch: Pairs, guide: float = 1.0) -> Tensor:
    """Return the mean loss of a token, and ``guide`` times the penalty for looks far from the diagonal."""
    heard = model.encoder(batch.inputs, batch.lengths)
    logits, weights = teacher_forcing.write(model.decoder, model.decoder.start(heard), batch.targets, SOS)
    loss = teacher_forcing.cross_entropy(logits, batch.targets, batch.target_lengths)
    if not guide or weights is None:
        return loss
    return loss + guide * attention.guided_penalty(weights, batch.target_lengths, heard.lengths)


def train(
    said: Lists,
    seed: int,
    guide: float = 1.0,
    updates: int = 300,
    watch: Callable[[Seq2Seq, int], object] | None = None,
) -> Seq2Seq:
    """Return a trained speech model; all models of one seed begin alike and meet the same batches.

    Args:
        said: log-mels and targets.
        watch: called as (model, update) after every 50th update.
    """
    generator = torch.manual_seed(seed)
    model = model_with(attention.scaled_dot)
    batches = pairs.batches(*said, updates, generator, size=16)

    def look_in(update: int, _: float) -> None:
        if watch is not None and update % 50 == 0:
            watch(model, update)

    training.fit(
        model,
        batches,
        lambda model, batch: loss(model, batch, guide),
        updates=updates,
        learning_rate=4e-3,
        on_update=look_in,
    )
    return model


@torch.no_grad()
def looks(model: Seq2Seq, batch: Pairs) -> list[Tensor]:
    """Return for each utterance its weights (U, T) while the decoder reads the true digits, ``<eos>`` left out."""
    heard = model.encoder(batch.inputs, batch.lengths)
    _, weights = teacher_forcing.write(model.decoder, model.decoder.start(heard), batch.targets, SOS)
    if weights is None:
        raise ValueError("this model does not look back: build it with a score")
    sizes = zip(weights, batch.target_lengths.tolist(), heard.lengths.tolist(), strict=True)
    return [table[: U - 1, :T] for table, U, T in sizes]


def straightness(tables: Sequence[Tensor]) -> Tensor:
    """Return the mean correlation of a look's number and its expected position, over tables of three rows or more.

    Looks that go forward at an even pace have 1; looks in no order have 0, and so has one that never moves.
    """
    found = []
    for table in tables:
        if len(table) >= 3:
            place = table @ torch.arange(table.shape[1], dtype=table.dtype)
            number = torch.arange(len(table), dtype=table.dtype)
            found.append(torch.corrcoef(torch.stack([place, number]))[0, 1].nan_to_num())
    if not found:
        raise ValueError("none of these tables has three rows or more: a correlation of two points says nothing")
    return torch.stack(found).mean()


def sharpness(tables: Sequence[Tensor]) -> Tensor:
    """Return the mean of the largest weight of each look."""
    return torch.cat([table.amax(1) for table in tables]).mean()


@torch.no_grad()
def transcripts(model: Seq2Seq, batches: Sequence[Pairs]) -> tuple[list[str], list[str]]:
    """Return what was said and what the model writes on its own."""
    said, found = [], []
    for batch in batches:
        start = model.start(batch.inputs, batch.lengths)
        found += [digits(one.tokens.tolist()) for one in beam.greedy(model.decoder.step, start, SOS, EOS, LONGEST)]
        said += [digits(row[: U - 1].tolist()) for row, U in zip(batch.targets, batch.target_lengths, strict=True)]
    return [*map(words, said)], [*map(words, found)]


@torch.no_grad()
def hear(model: Seq2Seq, utterance: Utterance) -> tuple[list[str], Tensor]:
    """Return the words that a model with the scaled dot product writes, ``<eos>`` last, and the scores (U, T)."""
    batch, decoder = one_batch([utterance]), model.decoder
    start = model.start(batch.inputs, batch.lengths)
    found = beam.greedy(decoder.step, start, SOS, EOS, LONGEST)[0].tokens.tolist()
    written = [token for token in found if token > EOS]  # a barely trained model may write <sos>
    queries, _ = decoder.cell(decoder.embedding(torch.tensor([[SOS, *written]])), start.hidden)
    assert start.keys is not None  # given by every decoder that has a score
    return [*words(digits(written)).split(), "<eos>"], attention.scaled_dot(queries, start.keys)[0]


@torch.no_grad()
def tokens_right(model: Seq2Seq, batches: Sequence[Pairs], ratio: float) -> float:
    """Return the share of tokens right, where the decoder reads the truth (ratio 1) or its own last token (0)."""
    right = total = 0
    for batch in batches:
        start = model.start(batch.inputs, batch.lengths)
        logits, _ = teacher_forcing.write(model.decoder, start, batch.targets, SOS, ratio)
        real = text.mask(batch.target_lengths, batch.targets.shape[1])
        right += int((logits.argmax(-1) == batch.targets)[real].sum())
        total += int(real.sum())
    return right / total


def strings(
    utterances: Sequence[Utterance], length: int, seed: int, pause: float = 0.1, repeat: bool = False, count: int = 60
) -> list[Pairs]:
    """Return batches of strings made of single words of one voice each, with pauses in seconds.

    Args:
        utterances: those of one word are used, of voices that have four different ones at least.
        repeat: say one word again and again, the same recording.
    """
    of_voice: dict[str, list[Utterance]] = {}
    for utterance in utterances:
        if " " not in utterance.text:
            of_voice.setdefault(utterance.voice, []).append(utterance)
    voices = [voice for voice, some in of_voice.items() if len({one.text for one in some}) > 3]
    if not voices:
        raise ValueError("no voice says four different single words; give more utterances")
    chance, made = random.Random(seed), []
    gap = torch.zeros(round(pause * features.SAMPLE_RATE))
    for _ in range(count):
        row = chance.choices(of_voice[chance.choice(voices)], k=length)
        row = row[:1] * length if repeat else row
        pieces = list(chain.from_iterable((one.samples, gap) for one in row))
        made.append(replace(row[0], samples=torch.cat(pieces[:-1]), text=" ".join(one.text for one in row)))
    return in_batches(made, 30)

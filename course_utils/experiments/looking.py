"""What the lesson on attention trains without sound: digits from letters, with and without a look; a bare look.

A batch of sequence pairs is always (inputs, input lengths, targets, target lengths); each target ends in ``<eos>``.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from course_utils import training
from course_utils.algorithms import attention, beam, hard_attention, teacher_forcing
from course_utils.algorithms.encoders import RecurrentEncoder
from course_utils.algorithms.recurrent import GRU
from course_utils.algorithms.seq2seq import Decoder, Seq2Seq
from course_utils.data import tasks, text
from course_utils.data.corpora import DIGITS
from course_utils.data.pairs import Pairs

Score = Callable[..., Tensor] | None

LETTERS = text.Vocabulary(sorted({*" ".join(DIGITS)}))
SOS, EOS, ZERO = 1, 2, 3  # of written digits: 0 is padding, and 3 stands for "0"


def text_batch(spelled: Sequence[str], written: Sequence[str]) -> Pairs:
    """Return "three one four" as letters, and "314" as digits."""
    rows = [torch.tensor([*(ZERO + int(digit) for digit in digits), EOS]) for digits in written]
    return Pairs(*text.pad([LETTERS.encode([*words]) for words in spelled]), *text.pad(rows))


def text_batches(generator: torch.Generator, count: int = 300, size: int = 32, longest: int = 7) -> list[Pairs]:
    """Return batches of new strings of 1 to ``longest`` digits, each batch of strings about as long, in any order."""
    spelled, written = tasks.spelled_digits(count * size, longest, generator)
    groups = []
    for start in range(0, len(spelled), 16 * size):  # pools of 16 batches are sorted: little padding
        pool = sorted(range(start, min(start + 16 * size, len(spelled))), key=lambda k: len(spelled[k]))
        groups += [pool[first : first + size] for first in range(0, len(pool), size)]
    order = torch.randperm(len(groups), generator=generator).tolist()
    return [text_batch([spelled[k] for k in groups[g]], [written[k] for k in groups[g]]) for g in order]


def text_model(units: int, score: Score = None) -> Seq2Seq:
    """Return an encoder and a decoder of this many units; without a score the decoder cannot look back."""
    decoder = Decoder(ZERO + 10, 16, units, units, GRU, score)
    return Seq2Seq(RecurrentEncoder(16, units // 2, GRU), decoder, nn.Embedding(len(LETTERS), 16))


def text_loss(model: Seq2Seq, batch: Pairs) -> Tensor:
    """Return the mean loss of a token, in nats; the decoder reads the truth."""
    logits, _ = model(batch.inputs, batch.lengths, batch.targets, SOS)
    return teacher_forcing.cross_entropy(logits, batch.targets, batch.target_lengths)


def trained_text_model(units: int, score: Score, seed: int) -> Seq2Seq:
    """Return a text model after 300 updates on new strings of 1 to 7 digits."""
    generator = torch.manual_seed(seed)
    model, batches = text_model(units, score), text_batches(generator)
    training.fit(model, batches, text_loss, updates=300, learning_rate=0.01, clip=1.0, progress=False)
    return model


@torch.no_grad()
def whole_strings(model: Seq2Seq, length: int, seed: int, count: int = 100) -> float:
    """Return the share of new strings of this length that come out right from the first digit to the last."""
    generator = torch.Generator().manual_seed(seed + 1_000_000)  # not the strings of training
    batch = text_batch(*tasks.spelled_digits(count, length, generator, length))
    found = beam.greedy(model.decoder.step, model.start(batch.inputs, batch.lengths), SOS, EOS, length + 3)
    truth = batch.targets[:, :-1].tolist()
    return sum(one.tokens.tolist() == row for one, row in zip(found, truth, strict=True)) / count


def lookup_batch(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return a name (B,), a table of names and numbers (B, 8), and the number beside that name (B,).

    Names are 0 to 19, numbers 0 to 9, and no name stands twice in a table.
    """
    names = torch.rand(count, 20, generator=generator).argsort(1)[:, :8]
    numbers = torch.randint(10, (count, 8), generator=generator)
    at = torch.randint(8, (count, 1), generator=generator)
    return names.gather(1, at)[:, 0], names, numbers, numbers.gather(1, at)[:, 0]


class Lookup(nn.Module):
    """Nothing but a look: names are asked for and found by, numbers are answered."""

    def __init__(self, size: int = 16):
        super().__init__()
        self.query, self.key = nn.Embedding(20, size), nn.Embedding(20, size)
        self.value, self.output = nn.Embedding(10, size), nn.Linear(size, 10)

    def forward(self, asked: Tensor, names: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return query (B, 1, D), keys (B, 8, D) and values (B, 8, D)."""
        return self.query(asked)[:, None], self.key(names), self.value(numbers)

    def losses(self, context: Tensor, answer: Tensor) -> Tensor:
        """Return the loss (B,) of each answer, given the contexts (B, 1, D)."""
        return cross_entropy(self.output(context[:, 0]), answer, reduction="none")


def learn_to_look(loss: Callable[[Lookup, tuple], Tensor], seed: int, hard: bool) -> Tensor:
    """Return the share of 1,000 new questions answered right after every 50 of 300 updates.

    Args:
        loss: of a model and a batch.
        hard: whether the test draws its looks, too, or mixes all values.
    """
    generator, curve = torch.manual_seed(seed), []
    model = Lookup()
    batches, (*table, answer) = [lookup_batch(32, generator) for _ in range(300)], lookup_batch(1000, generator)

    @torch.no_grad()
    def look_in(update: int, _: float) -> None:
        if update % 50 == 0:
            query, keys, values = model(*table)
            weights = attention.attend(query, keys, values)[1]
            chosen = hard_attention.draw(weights, generator) if hard else weights
            curve.append((model.output((chosen @ values)[:, 0]).argmax(1) == answer).float().mean())

    training.fit(model, batches, loss, updates=300, learning_rate=0.02, progress=False, on_update=look_in)
    return torch.stack(curve)


def noise_and_bias(estimates: Tensor, truth: Tensor) -> tuple[float, float]:
    """Return how far an estimate (N, D) lies from their mean, and their mean from the truth (D,), in its lengths.

    The mean of N estimates without bias is noise / √N away from the truth, by chance.
    """
    mean = estimates.mean(0)
    noise = (estimates - mean).square().sum(1).mean().sqrt()
    return float(noise / truth.norm()), float((mean - truth).norm() / truth.norm())

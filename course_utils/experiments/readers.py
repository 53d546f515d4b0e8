"""Digits from letters or from sound: what the lesson on sequence to sequence trains, asks, and lets one play with.

Inputs are tensors, letters (T,) or log-mels (T, D); targets are places in ``TOKENS``, each row with ``<eos>`` behind.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from course_utils.algorithms import beam, features
from course_utils.algorithms.seq2seq import Seq2Seq
from course_utils.data import corpora, pairs, text
from course_utils.visuals.widgets import DecoderStepper

PAD, SOS, EOS = 0, 1, 2
TOKENS = ["<PAD>", "<sos>", "<eos>", *"0123456789"]
LETTERS = text.Vocabulary(sorted({*" ".join(corpora.DIGITS)}))
LONGEST = 12  # tokens that are written at most


def letters(spelled: Sequence[str]) -> list[Tensor]:
    """Return the letters of each text, "three one four", as numbers."""
    return [LETTERS.encode([*words]) for words in spelled]


def figures(written: Sequence[str]) -> list[Tensor]:
    """Return the tokens of each string of digits, "314", and ``<eos>``."""
    return [torch.tensor([*map(TOKENS.index, digits), EOS]) for digits in written]


def spoken(split: str, most: int = 2) -> tuple[list[Tensor], list[Tensor]]:
    """Return log-mels and targets of the corpus's utterances of 1 to ``most`` digits."""
    some = [one for one in corpora.load("digits", split) if len(one.text.split()) <= most]
    said = ["".join(str(corpora.DIGITS.index(word)) for word in one.text.split()) for one in some]
    return [features.level(features.log_mel(one.samples)) for one in some], figures(said)


def only(digits: int, inputs: Sequence[Tensor], targets: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Return the inputs and targets of just so many digits."""
    found = [pair for pair in zip(inputs, targets, strict=True) if len(pair[1]) == digits + 1]
    return [x for x, _ in found], [y for _, y in found]


@torch.no_grad()
def drafts(model: Seq2Seq, inputs: Sequence[Tensor], width: int = 1) -> list[beam.Hypothesis]:
    """Return the best draft that a beam of this width ends with, for each input."""
    start = model.start(*text.pad(inputs))
    return [found[0] for found in beam.beam_search(model.decoder.step, start, width, SOS, EOS, LONGEST)]


def write(model: Seq2Seq, inputs: Sequence[Tensor], width: int = 1) -> list[str]:
    """Return the digits that a model writes for each input."""
    return ["".join(TOKENS[token] for token in draft.tokens) for draft in drafts(model, inputs, width)]


def share_right(model: Seq2Seq, inputs: Sequence[Tensor], targets: Sequence[Tensor], width: int = 1) -> float:
    """Return the share of inputs that are read right from the first token to the last."""
    found = zip(drafts(model, inputs, width), targets, strict=True)
    return sum(draft.tokens.equal(target[:-1]) for draft, target in found) / len(targets)


@torch.no_grad()
def share_missed(model: Seq2Seq, inputs: Sequence[Tensor], targets: Sequence[Tensor], width: int = 1) -> float:
    """Return the share of wrong answers whose truth the model finds likelier than its answer: errors of the search."""
    x, lengths, y, target_lengths = pairs.padded(inputs, targets)
    log_probs = model(x, lengths, y, SOS)[0].log_softmax(-1).gather(2, y[..., None])[..., 0]
    truth = (log_probs * text.mask(target_lengths)).sum(1)
    found = drafts(model, inputs, width)
    wrong = torch.tensor([not draft.tokens.equal(row[:-1]) for draft, row in zip(found, targets, strict=True)])
    likelier = truth > torch.tensor([draft.log_prob for draft in found]) + 1e-4
    return float((likelier & wrong).sum() / wrong.sum().clamp(min=1))


def desk(model: Seq2Seq, spelled: Sequence[str], source: int = 0, written: str = "", width: int = 3) -> DecoderStepper:
    """Return the decoder as a widget, to be stepped in the browser.

    Args:
        model: its decoder must have a GRU and no attention.
        spelled: what it may be asked to read.
        source: what it reads first; written: the digits forced on it.
    """
    decoder = model.decoder
    with torch.no_grad():
        starts = model.start(*text.pad(letters(spelled)))

    @torch.no_grad()
    def follow(source: int, written: list[int]) -> Tensor:
        logits, _, _ = decoder(torch.tensor([[SOS, *written]]), starts.select(torch.tensor([source])))
        return logits[0].softmax(-1)

    @torch.no_grad()
    def search(source: int, width: int) -> list[list[tuple[int, float, int]]]:
        kept, columns = beam.first_drafts(starts.select(torch.tensor([source])), width), []
        while len(columns) < LONGEST and not kept.ended.all():
            kept = beam.advance(decoder.step, kept, SOS, EOS)
            parts = kept.tokens[0, :, -1], kept.log_probs[0], kept.parents[0]
            columns.append(list(zip(*(part.tolist() for part in parts), strict=True)))
        return columns

    return DecoderStepper(
        spelled, starts.hidden, decoder.state_dict(), TOKENS, follow, search, hidden=[PAD, SOS], sos=SOS, eos=EOS,
        longest=LONGEST, source=source, written=[TOKENS.index(digit) for digit in written], width=width,
    )  # fmt: skip

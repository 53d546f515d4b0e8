"""Three recognisers in one network, by CTC, by attention, and by both: how they learn, and what they write.

Words have the numbers 1 to 10. The number 0 is no word: it is CTC's blank, and the decoder's beginning and end.
"""

import copy
import random
from collections.abc import Collection, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from course_utils import training
from course_utils.algorithms import attention, beam, ctc, decoding, features, teacher_forcing
from course_utils.algorithms.encoders import Encoded, RecurrentEncoder
from course_utils.algorithms.recurrent import GRU
from course_utils.algorithms.seq2seq import Decoder
from course_utils.data import augmentation, isolated, text
from course_utils.data.audio import SILENCE
from course_utils.data.corpora import DIGITS, Utterance
from course_utils.data.pairs import Pairs

NONE = 0  # no word
LABELS = ("·", *DIGITS)
CHANGES = ("speed", "noise", "masks")
WEIGHTS = {"CTC": 1.0, "attention": 0.0, "joint": 0.5}  # of CTC in the loss
NEVER = -1e9  # in place of log 0, so that a weight of 0 makes 0 of it
CLEAN = 0.4  # the share of batches that stay as they are
LONGEST = 14  # words that a decoder writes, at most

Texts = list[list[int]]


class ThreeWays(nn.Module):
    """An encoder that reads eight frames as one, and two heads: scores for CTC, and a decoder that looks back.

    Called with log-mels and their lengths it answers as `recogniser.Recogniser` does, so that whatever takes the one
    takes the other.
    """

    subsampling = 8
    frame_seconds = subsampling * features.HOP / features.SAMPLE_RATE
    vocabulary = LABELS

    def __init__(self, units: int = 96):
        super().__init__()
        self.encoder = RecurrentEncoder(features.N_MELS, units, GRU, joined=(self.subsampling,))
        self.frame = nn.Linear(2 * units, len(LABELS))
        self.decoder = Decoder(len(LABELS), 32, units, 2 * units, GRU, attention.scaled_dot)

    def log_probs(self, heard: Encoded) -> Tensor:
        """Return the log-probabilities (B, T, C) of CTC's symbols."""
        return self.frame(heard.outputs).log_softmax(2)

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return CTC's log-probabilities (B, T', C) for log-mels (B, T, D) at one level, and their lengths (B,)."""
        heard = self.encoder(inputs, lengths)
        return self.log_probs(heard), heard.lengths

    def encode(self, said: str) -> list[int]:
        """Return the numbers of words."""
        return encode(said)


def joint_loss(model: ThreeWays, batch: Pairs, weight: float) -> Tensor:
    """Return λ · CTC + (1 - λ) · attention, each in nats per word (Kim, Hori and Watanabe 2017, equation 9).

    Args:
        weight: λ; 1 trains CTC alone, 0 the decoder alone.
    """
    heard = model.encoder(batch.inputs, batch.lengths)
    loss = heard.outputs.new_zeros(())
    if weight > 0:
        frames = model.log_probs(heard)
        loss = loss + weight * ctc.ctc_loss(frames, batch.targets, heard.lengths, batch.target_lengths)
    if weight < 1:
        targets, start = pad(batch.targets, (0, 1), value=NONE), model.decoder.start(heard)
        logits, _ = teacher_forcing.write(model.decoder, start, targets, NONE)
        loss = loss + (1 - weight) * teacher_forcing.cross_entropy(logits, targets, batch.target_lengths + 1)
    return loss


class Batches:
    """Batches of speech that can be gone through again and again, changed by chance in each pass.

    Args:
        utterances: what is said.
        seed: of the order and of the changes.
        changes: "speed" (and voice), "noise", "masks"; a share of the batches stays as it is.
        size: utterances in a batch.
    """

    def __init__(self, utterances: Sequence[Utterance], seed: int, changes: Collection[str] = (), size: int = 16):
        if unknown := set(changes) - {*CHANGES}:
            raise ValueError(f"there is no change {', '.join(sorted(unknown))}; there are {', '.join(CHANGES)}")
        self.spectra = [features.log_mel(one.samples) for one in utterances]
        self.words = [torch.tensor(encode(one.text)) for one in utterances]
        self.changes, self.size = frozenset(changes), size
        self.chance, self.generator = random.Random(seed), torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        return len(self.words) // self.size

    def __iter__(self) -> Iterator[Pairs]:
        """Yield one pass: utterances of about one length together, the batches in any order."""
        order = self.chance.sample(range(len(self.words)), len(self) * self.size)
        for first in range(0, len(order), 16 * self.size):
            pool = sorted(order[first : first + 16 * self.size], key=lambda k: len(self.spectra[k]))
            groups = [pool[k : k + self.size] for k in range(0, len(pool), self.size)]
            yield from map(self._batch, self.chance.sample(groups, len(groups)))

    def _batch(self, rows: list[int]) -> Pairs:
        changes = self.changes if self.chance.random() >= CLEAN else ()
        spectra = text.pad([self.spectra[k] for k in rows])
        return Pairs(*changed(*spectra, changes, self.generator), *text.pad([self.words[k] for k in rows]))


def changed(
    spectra: Tensor, lengths: Tensor, changes: Collection[str], generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return log-mels (B, T, D) as others might have said them elsewhere, at one level, and their lengths."""

    def between(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(len(spectra), generator=generator)

    if "speed" in changes:  # and the pitch of the voice, apart from it
        spectra, lengths = augmentation.warp(spectra, lengths, between(0.85, 1.25), between(0.9, 1.12))
    if "noise" in changes:
        spectra = augmentation.mix_noise(spectra, lengths, between(5.0, 30.0), generator=generator)
    spectra = features.level(spectra, lengths)
    if "masks" in changes:
        spectra = augmentation.spec_augment(spectra, generator=generator)
    return spectra, lengths


def train(
    batches: Batches,
    weight: float,
    updates: int,
    seed: int = 0,
    begin: ThreeWays | None = None,
    learning_rate: float = 6e-3,
) -> tuple[ThreeWays, training.History]:
    """Return a recogniser trained by `joint_loss`, and what happened.

    Args:
        batches: what to learn from.
        weight: λ, of CTC in the loss.
        updates: how many steps.
        seed: of the first weights; the same for all ways.
        begin: a model to go on from; it stays as it is, and a copy learns.
        learning_rate: the highest of its cycle.
    """
    torch.manual_seed(seed)
    model = ThreeWays() if begin is None else copy.deepcopy(begin)

    def loss(model: ThreeWays, batch: Pairs) -> Tensor:
        return joint_loss(model, batch, weight)

    return model, training.fit(model, batches, loss, updates=updates, learning_rate=learning_rate)


def encode(said: str) -> list[int]:
    """Return the numbers of words."""
    if unknown := set(said.split()) - {*DIGITS}:
        raise ValueError(f"{', '.join(sorted(unknown))} in {said!r}: this recogniser knows {', '.join(DIGITS)}")
    return [LABELS.index(word) for word in said.split()]


def by_ctc(model: ThreeWays, heard: Encoded) -> Texts:
    """Return the text of CTC's best path, for each utterance."""
    return decoding.greedy(model.log_probs(heard), heard.lengths)


def drafts(model: ThreeWays, heard: Encoded, width: int = 4) -> list[Texts]:
    """Return the decoder's drafts for each utterance, the likeliest first."""
    start = model.decoder.start(heard)
    found = beam.beam_search(model.decoder.step, start, width, NONE, NONE, LONGEST)
    return [[draft.tokens.tolist() for draft in some] for some in found]


def by_attention(model: ThreeWays, heard: Encoded) -> Texts:
    """Return the decoder's likeliest draft, for each utterance."""
    return [some[0] for some in drafts(model, heard)]


def jointly(model: ThreeWays, heard: Encoded, weight: float = 0.5) -> Texts:
    """Return for each utterance the text that both heads together find likeliest (Watanabe et al. 2017, section II-C).

    The candidates are the decoder's drafts and CTC's text. Each head scores each of them; the largest
    λ log P_ctc + (1 - λ) log P_attention wins.
    """
    pairs = zip(drafts(model, heard), by_ctc(model, heard), strict=True)
    texts = [[*dict.fromkeys(map(tuple, [*some, path]))] for some, path in pairs]
    rows = [b for b, some in enumerate(texts) for _ in some]
    frames, words = scores(model, heard, rows, [one for some in texts for one in some])
    totals = (weight * frames.clamp(min=NEVER) + (1 - weight) * words).split([len(some) for some in texts])
    return [list(some[int(total.argmax())]) for some, total in zip(texts, totals, strict=True)]


def scores(
    model: ThreeWays, heard: Encoded, rows: Sequence[int], texts: Sequence[Sequence[int]]
) -> tuple[Tensor, Tensor]:
    """Return log P_ctc (N,) and log P_attention (N,) of N texts, each of the utterance in its row."""
    at = torch.tensor(rows, device=heard.outputs.device)
    targets, counts = (x.to(at.device) for x in text.pad([torch.tensor(one, dtype=torch.long) for one in texts]))
    frames = -ctc.ctc_loss(model.log_probs(heard)[at], targets, heard.lengths[at], counts, reduction="none")
    targets, start = pad(targets, (0, 1), value=NONE), model.decoder.start(heard).select(at)
    logits, _ = teacher_forcing.write(model.decoder, start, targets, NONE)
    each = logits.log_softmax(2).gather(2, targets[..., None])[..., 0]
    return frames, (each * text.mask(counts + 1, targets.shape[1])).sum(1)


WAYS = {"CTC": by_ctc, "attention": by_attention, "joint": jointly}


@torch.no_grad()
def hear(model: ThreeWays, samples: Sequence[Tensor], size: int = 40) -> Iterator[tuple[list[int], Encoded]]:
    """Yield what the encoder makes of waves (N,), a batch at a time: which waves they are, and that."""
    spectra = [features.log_mel(wave) for wave in samples]
    order = sorted(range(len(spectra)), key=lambda k: len(spectra[k]))
    for first in range(0, len(order), size):
        rows = order[first : first + size]
        frames, lengths = text.pad([spectra[k] for k in rows])
        yield rows, model.encoder(features.level(frames, lengths), lengths)


@torch.no_grad()
def transcribe(model: ThreeWays, samples: Sequence[Tensor], way: str) -> list[str]:
    """Return what is said in each wave (N,), decoded by one of `WAYS`."""
    found: dict[int, str] = {}
    for rows, heard in hear(model, samples):
        written = (" ".join(LABELS[word] for word in one) for one in WAYS[way](model, heard))
        found.update(zip(rows, written, strict=True))
    return [found[k] for k in range(len(samples))]


def trimmed(samples: Tensor, margin: float = 0.1) -> Tensor:
    """Return a recording from its first loud moment to its last, with `margin` seconds around; all of it if silent."""
    spans = isolated.spans(samples, features.SAMPLE_RATE) if bool((samples.abs() > SILENCE).any()) else []
    if not spans:
        return samples
    first, last = (round(features.SAMPLE_RATE * t) for t in (spans[0][0] - margin, spans[-1][1] + margin))
    return samples[max(first, 0) : last]

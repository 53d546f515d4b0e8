"""Digits from letters or from sound: what the lessons on sequence to sequence and on attention train and ask.

Inputs are tensors, letters (T,) or log-mels (T, D); targets are places in ``TOKENS``, each row with ``<eos>`` behind.
"""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

from course_utils import training
from course_utils.algorithms import beam, features, teacher_forcing
from course_utils.algorithms.encoders import RecurrentEncoder
from course_utils.algorithms.recurrent import GRU
from course_utils.algorithms.seq2seq import Decoder, Seq2Seq
from course_utils.data import corpora, pairs, tasks, text
from course_utils.visuals.widgets import DecoderStepper

Score = Callable[..., Tensor] | None
Lists = tuple[list[Tensor], list[Tensor]]  # inputs and targets, one of each for each string

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


def digits(tokens: Iterable[int]) -> str:
    """Return the tokens up to ``<eos>`` as they are written, "314"; an untrained model may write other tokens, too."""
    return "".join(TOKENS[token] for token in tokens if token != EOS)


def words(written: str) -> str:
    """Return digits as they are said: "three one four"; whatever is no digit is left out."""
    return " ".join(corpora.DIGITS[int(digit)] for digit in written if digit.isdecimal())


def numbers(count: int, shortest: int, longest: int, generator: torch.Generator) -> Lists:
    """Return random strings of so many digits, spelled in letters, and in figures."""
    spelled, written = tasks.spelled_digits(count, longest, generator, shortest)
    return letters(spelled), figures(written)


def sounds(utterances: Sequence[corpora.Utterance]) -> Lists:
    """Return log-mels, about 0 in the mean and 1 in size, and the digits that were said."""
    said = ["".join(str(corpora.DIGITS.index(word)) for word in one.text.split()) for one in utterances]
    mels = [features.level(features.log_mel(one.samples)) for one in utterances]
    return [(one + 0.8) / 1.3 for one in mels], figures(said)  # the training set's mean, and its deviation


def spoken(split: str, most: int = 2) -> Lists:
    """Return the sounds of the corpus's utterances of 1 to ``most`` digits."""
    return sounds([one for one in corpora.load("digits", split) if len(one.text.split()) <= most])


def only(count: int, inputs: Sequence[Tensor], targets: Sequence[Tensor]) -> Lists:
    """Return the inputs and targets of just so many digits."""
    found = [pair for pair in zip(inputs, targets, strict=True) if len(pair[1]) == count + 1]
    return [x for x, _ in found], [y for _, y in found]


class SwiftLSTM(nn.Module):
    """torch's own LSTM, called as those of ``recurrent`` are; its steps run as one piece, several times as fast.

    It takes no first state and gives no last one: an encoder needs neither.
    """

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__()
        self.layer = nn.LSTM(input_size, hidden_size, batch_first=True)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, None]:
        """Return the outputs (B, T, H), zeros where a sequence has ended: padding comes last and changes nothing."""
        outputs, _ = self.layer(x)
        return outputs * text.mask(lengths, x.shape[1])[..., None], None


def text_model(units: int, score: Score = None) -> Seq2Seq:
    """Return a reader of letters whose summary and state have this many units; without a score it cannot look back."""
    encoder = RecurrentEncoder(16, units // 2, SwiftLSTM)  # half of the units read forwards, half backwards
    decoder = Decoder(len(TOKENS), 16, units, units, GRU, score)
    return Seq2Seq(encoder, decoder, nn.Embedding(len(LETTERS), 16))


def loss(model: Seq2Seq, batch: pairs.Pairs) -> Tensor:
    """Return the mean loss of a real token, in nats; the decoder reads the truth."""
    logits, _ = model(batch.inputs, batch.lengths, batch.targets, SOS)
    return teacher_forcing.cross_entropy(logits, batch.targets, batch.target_lengths)


def trained_text_model(units: int, score: Score, seed: int, updates: int = 300) -> Seq2Seq:
    """Return a model that was trained on strings of 1 to 7 digits, each seen once."""
    generator, model = torch.manual_seed(seed), text_model(units, score)
    batches = pairs.batches(*numbers(32 * updates, 1, 7, generator), updates, generator)
    training.fit(model, batches, loss, updates=updates, learning_rate=0.01, clip=1.0, progress=False)
    return model


@torch.no_grad()
def drafts(model: Seq2Seq, inputs: Sequence[Tensor], width: int = 1) -> list[beam.Hypothesis]:
    """Return the best draft that a beam of this width ends with, for each input."""
    start = model.start(*text.pad(inputs))
    return [found[0] for found in beam.beam_search(model.decoder.step, start, width, SOS, EOS, LONGEST)]


def write(model: Seq2Seq, inputs: Sequence[Tensor], width: int = 1) -> list[str]:
    """Return the digits that a model writes for each input."""
    return [digits(draft.tokens.tolist()) for draft in drafts(model, inputs, width)]


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

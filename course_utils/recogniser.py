"""A speech recogniser: log-mels, two convolutions that take eight frames into one, a bidirectional LSTM, and CTC.

`train` makes one in about two minutes on two cores, `transcribe` and `evaluate` use it, `Recogniser.save` and
`from_checkpoint` keep it (weights and plain facts only, in the safetensors format: nothing in it can run).
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn.functional import ctc_loss, relu

from course_utils import places
from course_utils.algorithms import ctc, decoding, features, metrics
from course_utils.data import augmentation, corpora
from course_utils.data.batches import EDGE, Batch, SpeechBatches, check_rate, padded, with_silence
from course_utils.data.corpora import Utterance
from course_utils.files import write_whole
from course_utils.training import History, fit

BLANK = "·"
FORMAT = "speech-course recogniser 2"
BATCH = 16  # larger batches make fewer updates in the same time, and learn less
LEARNING_RATE = 3e-3
UPDATES = 2800
QUICK_UPDATES, QUICK_WORDS = 600, 4  # words in an utterance, at most


class CheckpointError(ValueError):
    """A checkpoint is missing, damaged, or not one of ours."""


class Recogniser(nn.Module):
    """Log-mel features in, log-probabilities of words (the blank first) for every eighth frame out."""

    subsampling = 8  # four frames into one would be no better, and take two thirds longer
    frame_seconds = subsampling * features.HOP / features.SAMPLE_RATE

    def __init__(self, vocabulary: Sequence[str], hidden: int = 192) -> None:
        """Build an untrained recogniser; `vocabulary` begins with the blank, "·"."""
        super().__init__()
        if len(vocabulary) < 2 or vocabulary[0] != BLANK or len(set(vocabulary)) != len(vocabulary):
            raise ValueError(f"vocabulary {list(vocabulary)} must be {BLANK!r} and at least one word, each once")
        self.vocabulary = list(vocabulary)
        self.hidden = hidden
        self.facts: dict[str, Any] = {}
        self.first = nn.Conv1d(features.N_MELS, 128, kernel_size=7, stride=4, padding=3)
        self.second = nn.Conv1d(128, 128, kernel_size=5, stride=2, padding=2)
        self.norms = nn.ModuleList([nn.LayerNorm(128), nn.LayerNorm(128)])
        self.onwards = nn.LSTM(128, hidden, batch_first=True)
        self.backwards = nn.LSTM(128, hidden, batch_first=True)
        self.dropout = nn.Dropout1d(0.1)  # of whole channels: a tenth of the cost of single numbers
        self.output = nn.Linear(2 * hidden, len(vocabulary))

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return the log-probabilities (B, T', C) for log-mels (B, T, D) at one level, and their lengths (B,)."""
        _check_batch(inputs, lengths)
        hidden = inputs.transpose(1, 2)  # (B, D, T)
        for convolution, norm in zip((self.first, self.second), self.norms, strict=True):
            real = torch.arange(hidden.shape[2], device=hidden.device) < lengths[:, None]
            hidden = convolution(hidden * real[:, None])  # a fourth of the frames, then half of those
            hidden = relu(norm(hidden.transpose(1, 2))).transpose(1, 2)
            lengths = (lengths - 1) // convolution.stride[0] + 1
        hidden = hidden.transpose(1, 2)  # (B, T', 128)
        past, _ = self.onwards(hidden)
        future, _ = self.backwards(_turned_round(hidden, lengths))
        both = torch.cat([past, _turned_round(future, lengths)], dim=2)  # (B, T', 2H)
        both = self.dropout(both.transpose(1, 2)).transpose(1, 2)
        return self.output(both).log_softmax(2), lengths

    def encode(self, text: str) -> list[int]:
        """Return the numbers of a text's words."""
        unknown = sorted(set(text.split()) - set(self.vocabulary[1:]))
        if unknown:
            raise ValueError(f"the words {unknown} are not in the vocabulary {self.vocabulary[1:]}")
        return [self.vocabulary.index(word) for word in text.split()]

    def save(self, path: Path | str) -> None:
        """Write weights, vocabulary and training facts to one file, whole or not at all."""
        about = {"format": FORMAT, "hidden": self.hidden, "vocabulary": self.vocabulary, "facts": self.facts}
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in self.state_dict().items()}
        write_whole(Path(path), safetensors.torch.save(weights, {"recogniser": json.dumps(about)}))

    @classmethod
    def from_checkpoint(cls, path: Path | str, device: str = "cpu") -> "Recogniser":
        """Return the recogniser that `save` wrote.

        Raises:
            CheckpointError: the file is missing, damaged or foreign; the message names it and the remedy.
        """
        path = Path(path)
        if not path.is_file():
            raise CheckpointError(f"there is no checkpoint at {path}; train one with: course train")
        try:
            with safe_open(path, framework="pt") as file:
                about = json.loads((file.metadata() or {})["recogniser"])
                weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if about["format"] != FORMAT:
                raise ValueError(f"its format is {about['format']!r}, and this course reads {FORMAT!r}")
            model = cls(about["vocabulary"], about["hidden"])
            model.load_state_dict(weights)
            if not all(bool(torch.isfinite(weight).all()) for weight in weights.values()):
                raise ValueError("it holds weights that are not finite")
            model.facts = about["facts"]
        except (SafetensorError, OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise CheckpointError(
                f"{path} is damaged or is no recogniser of this course ({type(error).__name__}: {reason}); "
                "remove it and train anew with: course train"
            ) from error
        return model.to(device).eval()


@dataclass(frozen=True)
class Score:
    """How well a recogniser does on a set: rates as fractions, a 95 % interval of the WER over utterances, seconds."""

    wer: float
    low: float
    high: float
    cer: float
    utterances: int
    seconds: float

    def __str__(self) -> str:
        interval = f"{100 * self.low:.1f} to {100 * self.high:.1f}"
        return f"WER {100 * self.wer:.1f} % ({interval}), CER {100 * self.cer:.1f} %, n = {self.utterances}"


def ctc_of(model: Recogniser, batch: Batch) -> Tensor:
    """Return the CTC loss of a batch, in nats per word."""
    log_probs, lengths = model(batch.inputs, batch.lengths)
    # An utterance that was made too fast for its words has no path, and counts nothing.
    return ctc_loss(
        log_probs.transpose(0, 1), batch.targets, lengths, batch.target_lengths, blank=0, zero_infinity=True
    )


def train(
    utterances: Sequence[Utterance] | None = None,
    *,
    seed: int = 0,
    quick: bool = False,
    updates: int | None = None,
    real: Sequence[Utterance] | None = None,
    augment: bool = True,
    progress: bool = True,
    device: str = "cpu",
) -> tuple[Recogniser, History]:
    """Return a trained recogniser, and what happened.

    Args:
        utterances: what to learn from; the embedded digits of the training voices if None.
        seed: of the first weights, the order and the perturbations.
        quick: a fifth of the updates, short utterances only, and voices as they are: all that is faster to learn from.
        updates: another number of them.
        real: recordings of people, to learn from as well.
        augment: join utterances and perturb them, anew in every pass.
        progress: show a bar with the loss.
        device: "cpu" or "cuda".

    Ctrl-C ends it early and keeps what is learned (`History.stopped`).
    """
    start, cpu_start = time.perf_counter(), time.process_time()
    utterances = [*(corpora.load("digits", "train") if utterances is None else utterances), *(real or [])]
    short = [utterance for utterance in utterances if len(utterance.text.split()) <= QUICK_WORDS]
    utterances = short if quick and short else utterances
    if not utterances:
        raise ValueError("there are no utterances to learn from")
    if mute := [utterance.name for utterance in utterances if not utterance.text.split()]:
        raise ValueError(f"the utterance {mute[0]!r} has no words to learn")
    words = {word for utterance in utterances for word in utterance.text.split()}
    words = [*filter(words.__contains__, corpora.DIGITS), *sorted(words - set(corpora.DIGITS))]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Recogniser([BLANK, *words]).to(device)
        perturb = augment and not quick
        batches = SpeechBatches(
            utterances, model.encode, size=BATCH, seed=seed, augment=perturb, shortest_first=perturb, device=device
        )
        _check_lengths(utterances, batches, model.subsampling)
        history = fit(
            model,
            batches,
            ctc_of,
            updates=updates or (QUICK_UPDATES if quick else UPDATES),
            learning_rate=LEARNING_RATE,
            clip=5.0,
            progress=progress,
        )
    history.seconds = time.perf_counter() - start  # with the features
    history.cpu_seconds = time.process_time() - cpu_start
    model.facts = {"updates": history.updates, "utterances": len(utterances), "seed": seed, "quick": quick}
    return model, history


def load_or_train(path: Path | str | None = None, quick: bool = True, **options: Any) -> Recogniser:
    """Return the recogniser at `path` (the learner's own if None); if there is none, train it and keep it there."""
    path = Path(path) if path is not None else default_path()
    device = options.get("device", "cpu")
    if path.is_file():
        return Recogniser.from_checkpoint(path, device)
    model, history = train(quick=quick, **options)
    if not history.stopped:
        model.save(path)
    return model


def default_path() -> Path:
    """Return where `course train` keeps its recogniser."""
    return places.home_folder() / "checkpoints" / "digits.safetensors"


@torch.no_grad()
def posteriors(model: Recogniser, samples: Sequence[Tensor] | Tensor, device: str = "cpu") -> list[Tensor]:
    """Return the log-probabilities (T', C) of each wave, in the order given, the silence at both ends included."""
    if isinstance(samples, Tensor):
        raise ValueError("samples is one tensor; put a single wave into a list: [samples]")
    model = model.to(device).eval()
    for wave in samples:
        if wave.dim() != 1:
            raise ValueError(f"a wave has the shape {tuple(wave.shape)}; give (N,): one channel, one utterance")
    spectra = [with_silence(features.log_mel(wave.to(device))) for wave in samples]
    order = sorted(range(len(spectra)), key=lambda number: len(spectra[number]))
    found: dict[int, Tensor] = {}
    for start in range(0, len(order), 32):
        chosen = order[start : start + 32]
        inputs, lengths = padded([spectra[number] for number in chosen], device)
        log_probs, lengths = model(features.level(inputs, lengths), lengths)
        for row, number in enumerate(chosen):
            found[number] = log_probs[row, : lengths[row]]
    return [found[number] for number in range(len(spectra))]


def frame_posteriors(model: Recogniser, samples: Tensor) -> Tensor:
    """Return the probability of each word (the blank first) in each output frame of one wave (N,): (T', C)."""
    first = ceil(EDGE / model.subsampling)
    frames = ceil(features.frame_count(len(samples)) / model.subsampling)
    return posteriors(model, [samples])[0][first : first + frames].exp()


def transcribe(model: Recogniser, samples: Sequence[Tensor] | Tensor, device: str = "cpu") -> list[str]:
    """Return what is said in each wave (N,), at 8,000 samples a second."""
    labels = [decoding.greedy(log_probs[None])[0] for log_probs in posteriors(model, samples, device)]
    return [" ".join(model.vocabulary[label] for label in found) for found in labels]


def evaluate(model: Recogniser, utterances: Sequence[Utterance], snr: float | None = None, seed: int = 0) -> Score:
    """Return the score on some utterances, with white noise at `snr` decibels if it is given."""
    start = time.perf_counter()
    if not utterances:
        raise ValueError("there are no utterances to score")
    generator = torch.Generator().manual_seed(seed)
    for utterance in utterances:
        check_rate(utterance)
    waves = [utterance.samples for utterance in utterances]
    if snr is not None:
        waves = [augmentation.add_noise(wave, snr, generator) for wave in waves]
    device = str(next(model.parameters()).device)
    references, hypotheses = [utterance.text for utterance in utterances], transcribe(model, waves, device)
    low, high = metrics.bootstrap_interval(references, hypotheses)
    wer, cer = metrics.wer(references, hypotheses), metrics.cer(references, hypotheses)
    seconds = time.perf_counter() - start
    return Score(wer=wer, low=low, high=high, cer=cer, utterances=len(utterances), seconds=seconds)


def _turned_round(sequences: Tensor, lengths: Tensor) -> Tensor:
    """Return (B, T, H) with each sequence turned round by itself: padding stays last, and changes nothing."""
    place = torch.arange(sequences.shape[1], device=sequences.device)
    order = torch.where(place < lengths[:, None], lengths[:, None] - 1 - place, place)  # (B, T)
    return sequences.gather(1, order[..., None].expand_as(sequences))


def _check_batch(inputs: Tensor, lengths: Tensor) -> None:
    if inputs.dim() != 3 or inputs.shape[2] != features.N_MELS or not inputs.numel():
        raise ValueError(
            f"inputs have the shape {tuple(inputs.shape)}; give (B, T, {features.N_MELS}): what features.level returns"
        )
    B, T, _ = inputs.shape
    if lengths.shape != (B,) or not bool(((lengths >= 1) & (lengths <= T)).all()):
        raise ValueError(f"lengths {lengths.tolist()} must be {B} numbers between 1 and {T} (frames)")


def _check_lengths(utterances: Sequence[Utterance], batches: SpeechBatches, subsampling: int) -> None:
    for utterance, spectrum, target in zip(utterances, batches.spectra, batches.targets, strict=True):
        frames, needed = ceil(len(spectrum) / subsampling), ctc.minimum_frames(target.tolist())
        if frames < needed:
            raise ValueError(
                f"{utterance.name!r}, {utterance.text!r}: {len(utterance.samples)} samples make {frames} output frames "
                f"and the text needs at least {needed}; is it the right text?"
            )

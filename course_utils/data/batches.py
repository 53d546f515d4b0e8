"""Batches of speech for training: utterances joined anew, perturbed anew and padded in every pass over them."""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import exp, log
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from course_utils.algorithms import features
from course_utils.data.augmentation import NATS, augment_features
from course_utils.data.corpora import Utterance

POOL = 16  # batches within which utterances are sorted by length, so that there is little padding

SLOWEST, FASTEST = 0.85, 1.35  # people who say digits alone say them faster than synthesisers do
TRIMMED = 0.4  # the share of pieces that are cut as tightly as many recordings are, weak first sounds and all
CLEAN = 0.4  # the share of batches whose voices, rooms and noise are left as they are
GAIN = 6.0  # decibels by which one piece may be louder or softer
EDGE = 20  # frames of silence that the recogniser adds at both ends


class Batch(NamedTuple):
    """Log-mels (B, T, D) at one level, their lengths (B,), all targets in one row, and their lengths (B,)."""

    inputs: Tensor
    lengths: Tensor
    targets: Tensor
    target_lengths: Tensor


class SpeechBatches:
    """Batches of utterances, which can be gone through again and again; no two passes are alike."""

    def __init__(
        self,
        utterances: Sequence[Utterance],
        encode: Callable[[str], list[int]],
        *,
        size: int = 16,
        seed: int = 0,
        join: float = 0.5,
        most_words: int = 7,
        augment: bool = True,
        shortest_first: bool = False,
        device: str = "cpu",
    ) -> None:
        """Compute the features of the utterances, once.

        Args:
            utterances: what is said.
            encode: text to numbers.
            size: utterances in a batch.
            seed: of the order, the joins and the perturbations.
            join: the share of utterances that are joined with others of the same voice into longer ones. People
                make pauses that synthesisers do not, and a word said alone sounds unlike the same word in a row.
            most_words: how long a joined utterance may become.
            augment: join utterances, and perturb voice, speed, room, microphone and noise
                (`augmentation.augment_features`).
            shortest_first: let the first pass go from the shortest to the longest (Amodei et al. 2016, section 3.3):
                what is a word, CTC finds out soonest where there are few of them.
            device: where the batches are needed.
        """
        for utterance in utterances:
            check_rate(utterance)
        self.spectra = [features.log_mel(utterance.samples) for utterance in utterances]
        self.targets = [torch.tensor(encode(utterance.text), dtype=torch.long) for utterance in utterances]
        self.voices = [utterance.voice for utterance in utterances]
        self.of_voice = defaultdict(list)
        for number, voice in enumerate(self.voices):
            self.of_voice[voice].append(number)
        self.size, self.most_words = min(size, max(1, len(self.spectra))), most_words
        self.join = join if augment else 0.0
        self.augment, self.device = augment, device
        self.sorted_pass = shortest_first
        self.chance = random.Random(seed)  # what goes into each batch
        # The second thread draws from its own, or its speed would decide who gets which number.
        self.changes, self.generator = random.Random(f"changes {seed}"), torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        return len(self.spectra) // self.size

    def __iter__(self) -> Iterator[Batch]:
        """Yield one pass. The next batch is made by a second thread while the model learns from this one."""
        # With torch's usual helpers of its own, that thread would keep the model's waiting: twice the time in all.
        with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,)) as worker:
            coming = None
            for group in self._groups():
                made, coming = coming, worker.submit(self._batch, group)
                if made is not None:
                    yield made.result()
            if coming is not None:
                yield coming.result()

    def _groups(self) -> Iterator[list[tuple[list[int], float]]]:
        """Yield what goes into each batch: utterances, each the numbers of its pieces, and their speeds."""
        order = list(range(len(self.spectra)))
        self.chance.shuffle(order)
        strings = [self._joined(number) for number in order[: len(self) * self.size]]
        strings = [(string, self._speed()) for string in strings]
        pool_size = len(strings) if self.sorted_pass else POOL * self.size
        for first in range(0, len(strings), pool_size):
            pool = sorted(strings[first : first + pool_size], key=self._frames)
            groups = [pool[start : start + self.size] for start in range(0, len(pool), self.size)]
            if not self.sorted_pass:
                self.chance.shuffle(groups)
            yield from groups
        self.sorted_pass = False

    def _speed(self) -> float:
        """Return how fast an utterance is to be; drawn before the sorting, so that it costs no padding."""
        return exp(self.chance.uniform(log(SLOWEST), log(FASTEST))) if self.augment else 1.0

    def _frames(self, drawn: tuple[list[int], float]) -> float:
        string, speed = drawn
        return sum(len(self.spectra[number]) for number in string) / speed

    def _joined(self, number: int) -> list[int]:
        """Return the utterance alone, or with others of its voice, up to a random number of words."""
        string, words = [number], len(self.targets[number])
        if self.chance.random() < self.join:
            wanted = self.chance.randint(1, self.most_words)
            while words < wanted:
                other = self.chance.choice(self.of_voice[self.voices[number]])
                words += len(self.targets[other])
                if words > self.most_words:
                    break
                string.append(other)
            self.chance.shuffle(string)
        return string

    def _spectrum(self, string: list[int]) -> Tensor:
        """Return the features (T, D) of utterances with 0.02 to 0.2 s of silence around each."""
        if not self.augment:
            return with_silence(self.spectra[string[0]])
        pieces = [silence(self.changes.randint(2, EDGE))]
        for number in string:
            spectrum = self.spectra[number] + NATS * self.changes.uniform(-GAIN, GAIN)
            pieces.append(self._trimmed(spectrum) if self.changes.random() < TRIMMED else spectrum)
            pieces.append(silence(self.changes.randint(2, EDGE)))
        return torch.cat(pieces)

    def _trimmed(self, spectrum: Tensor) -> Tensor:
        """Return the features from the first to the last loud frame: recordings are often cut as tight as that."""
        loudness = spectrum.exp().sum(1).log()
        threshold = loudness.max() - NATS * self.changes.uniform(8.0, 35.0)
        loud = (loudness > threshold).nonzero()[:, 0]
        return spectrum[int(loud[0]) : int(loud[-1]) + 1]

    def _batch(self, drawn: list[tuple[list[int], float]]) -> Batch:
        strings, speeds = zip(*drawn, strict=True)
        inputs, lengths = padded([self._spectrum(string) for string in strings])
        if self.augment and self.changes.random() >= CLEAN:
            inputs, lengths = augment_features(inputs, lengths, torch.tensor(speeds), self.generator)
        inputs = features.level(inputs, lengths)
        targets = [torch.cat([self.targets[number] for number in string]) for string in strings]
        target_lengths = torch.tensor([len(target) for target in targets])
        return Batch(inputs.to(self.device), lengths.to(self.device), torch.cat(targets), target_lengths)


def silence(frames: int) -> Tensor:
    """Return the log-mels (T, D) of silence."""
    return torch.full((frames, features.N_MELS), log(features.FLOOR))


def with_silence(spectrum: Tensor) -> Tensor:
    """Return the log-mels (T, D) with 0.2 s of silence at both ends: a word that begins at once is hard to hear."""
    edge = silence(EDGE).to(spectrum.device)
    return torch.cat([edge, spectrum, edge])


def check_rate(utterance: Utterance) -> None:
    """Raise ValueError for an utterance that is not at the features' sample rate."""
    if utterance.sample_rate != features.SAMPLE_RATE:
        raise ValueError(
            f"{utterance.name!r} has {utterance.sample_rate} samples a second, the recogniser hears "
            f"{features.SAMPLE_RATE}; resample it with audio.resample"
        )


def padded(spectra: Sequence[Tensor], device: str = "cpu") -> tuple[Tensor, Tensor]:
    """Return sequences (T, D) of different lengths as one tensor (B, T, D), zeros at the end, and the lengths (B,)."""
    lengths = torch.tensor([len(spectrum) for spectrum in spectra], device=device)
    return pad_sequence(list(spectra), batch_first=True).to(device), lengths

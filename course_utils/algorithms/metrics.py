"""How wrong a transcript is: word and character error rates, the edits behind them, and how sure we can be."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import jiwer
import torch


@dataclass(frozen=True)
class EditCounts:
    """The fewest edits that turn a hypothesis into its reference, and the length of the reference."""

    substitutions: int
    deletions: int
    insertions: int
    length: int

    @property
    def edits(self) -> int:
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Edits per reference word: 0 is perfect, and more than 1 is possible."""
        return self.edits / self.length


def normalise_text(text: str) -> str:
    """Return the text as it is compared: lower case, letters, digits and apostrophes only, single blanks.

    >>> normalise_text("Three,  ONE -- four!")
    'three one four'
    """
    plain = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    kept = (c if unicodedata.category(c)[0] in "LNM" or c == "'" else " " for c in plain)
    return " ".join("".join(kept).split())


def edit_counts(reference: str, hypothesis: str, characters: bool = False) -> EditCounts:
    """Return the edits between two texts, in words, or in characters (the blank among them)."""
    reference, hypothesis = normalise_text(reference), normalise_text(hypothesis)
    length = len(reference) if characters else len(reference.split())
    if not reference or not hypothesis:  # jiwer wants something on both sides
        inserted = len(hypothesis) if characters else len(hypothesis.split())
        return EditCounts(0, length, inserted, length)
    found = (jiwer.process_characters if characters else jiwer.process_words)(reference, hypothesis)
    return EditCounts(found.substitutions, found.deletions, found.insertions, length)


def wer(references: Sequence[str], hypotheses: Sequence[str]) -> float:
    """Return the word error rate, a fraction: all word edits over all reference words.

    >>> wer(["three one four", "one"], ["three four", "one"])
    0.25
    """
    return _rate(_all_counts(references, hypotheses))


def cer(references: Sequence[str], hypotheses: Sequence[str]) -> float:
    """Return the character error rate, a fraction: all character edits over all reference characters."""
    return _rate(_all_counts(references, hypotheses, characters=True))


def bootstrap_interval(
    references: Sequence[str], hypotheses: Sequence[str], level: float = 0.95, draws: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Return the interval in which the word error rate would probably lie with other utterances from the same source.

    Utterances, not words, are drawn again with replacement, since the words of one utterance stand or fall together
    (Bisani and Ney 2004). It says nothing of how the rate changes with another training run.
    """
    if not 0 < level < 1 or draws < 1:
        raise ValueError(f"level {level} must lie between 0 and 1, and draws {draws} be at least 1")
    counts = _all_counts(references, hypotheses)
    edits = torch.tensor([float(count.edits) for count in counts])
    lengths = torch.tensor([float(count.length) for count in counts])
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(len(counts), (draws, len(counts)), generator=generator)
    rates = edits[drawn].sum(1) / lengths[drawn].sum(1).clamp(min=1.0)  # (draws,)
    low, high = torch.quantile(rates, torch.tensor([(1 - level) / 2, (1 + level) / 2])).tolist()
    return low, high


def _all_counts(references: Sequence[str], hypotheses: Sequence[str], characters: bool = False) -> list[EditCounts]:
    if isinstance(references, str) or isinstance(hypotheses, str):
        raise ValueError("references and hypotheses are lists of texts; put a single text into a list: [text]")
    if len(references) != len(hypotheses):
        raise ValueError(f"{len(references)} references and {len(hypotheses)} hypotheses; each needs its partner")
    counts = [edit_counts(r, h, characters) for r, h in zip(references, hypotheses, strict=True)]
    if not sum(count.length for count in counts):
        raise ValueError("the references hold no words, so there is nothing to divide the errors by")
    return counts


def _rate(counts: Sequence[EditCounts]) -> float:
    return sum(count.edits for count in counts) / sum(count.length for count in counts)

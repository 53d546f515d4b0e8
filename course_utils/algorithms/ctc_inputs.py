"""What CTC refuses to read, and why: the checks that its losses and alignments share."""

from collections.abc import Sequence

import torch
from torch import Tensor

Whole = Tensor | Sequence[int]  # numbers: labels or lengths


def checked(
    log_probs: Tensor, targets: Whole, input_lengths: Whole, target_lengths: Whole, blank: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return log_probs (B, T, C) in single precision at least, targets (B, U), and both lengths (B,), on one device.

    Labels and log-probabilities in the padding may be anything: such labels come back as blanks.

    Raises:
        ValueError: shapes, lengths or labels that do not fit together, or log-probabilities that are NaN or +inf.
    """
    if log_probs.dim() != 3 or not log_probs.shape[2] or not log_probs.is_floating_point():
        raise ValueError(
            f"log_probs are {log_probs.dtype} of shape {tuple(log_probs.shape)}; give (B, T, C), batch first: "
            "log-probabilities of C symbols in T frames of B utterances"
        )
    (B, T, C), device = log_probs.shape, log_probs.device
    frames = _lengths("input_lengths", input_lengths, B)
    counts = _lengths("target_lengths", target_lengths, B)
    rows = _rows(torch.as_tensor(targets), counts)
    U = max(map(len, rows), default=0)
    _check_range("input_lengths", frames, T, "frames")
    _check_range("target_lengths", counts, U, "labels")
    labels = [row[:count] for row, count in zip(rows, counts, strict=True)]
    for b, row in enumerate(labels):
        _check_labels(row, C, blank, f"target {b}")
    _check_numbers(log_probs, frames)
    padded = [row + [blank] * (U - len(row)) for row in labels]
    whole = (torch.tensor(numbers, dtype=torch.long, device=device) for numbers in (padded, frames, counts))
    targets, input_lengths, target_lengths = whole
    return _wide(log_probs), targets.reshape(B, U), input_lengths, target_lengths


def one(log_probs: Tensor, target: Whole, blank: int) -> tuple[Tensor, list[int]]:
    """Return the checked log_probs (T, C) and target of one utterance, the target as a list of labels."""
    if log_probs.dim() != 2 or not log_probs.shape[1] or not log_probs.is_floating_point():
        raise ValueError(
            f"log_probs are {log_probs.dtype} of shape {tuple(log_probs.shape)}; give (T, C), of one utterance"
        )
    (T, C), labels = log_probs.shape, torch.as_tensor(target).tolist()
    _check_labels(labels, C, blank, "the target")
    _check_numbers(log_probs[None], [T])
    return _wide(log_probs), labels


def _lengths(name: str, lengths: Whole, B: int) -> list[int]:
    values = torch.as_tensor(lengths).tolist()
    if not isinstance(values, list) or len(values) != B or not all(map(_is_whole, values)):
        raise ValueError(f"{name} are {values}; give {B} whole numbers, one for each utterance")
    return values


def _rows(targets: Tensor, lengths: Sequence[int]) -> list[list[int]]:
    """Return the labels of each utterance, padding and all; labels in one dimension are parted by the lengths."""
    B, total = len(lengths), sum(lengths)
    if targets.dim() == 2 and len(targets) == B:
        return targets.tolist()
    if targets.dim() != 1:
        raise ValueError(
            f"targets have the shape {tuple(targets.shape)}; give ({B}, U), or all labels in one dimension"
        )
    if min(lengths, default=0) < 0 or total != len(targets):
        raise ValueError(f"target_lengths {list(lengths)} add up to {total}, and targets hold {len(targets)} labels")
    return [part.tolist() for part in targets.split(list(lengths))] if B else []


def _check_range(name: str, lengths: Sequence[int], most: int, unit: str) -> None:
    if not all(0 <= length <= most for length in lengths):
        raise ValueError(f"{name} {list(lengths)} must lie in 0 to {most} ({unit})")


def _check_labels(labels: Sequence[int], C: int, blank: int, whose: str) -> None:
    if not 0 <= blank < C:
        raise ValueError(f"blank is {blank}; with {C} symbols it must lie in 0 to {C - 1}")
    for place, label in enumerate(labels):
        if not _is_whole(label) or not 0 <= label < C or label == blank:
            rule = f"no target holds the blank, {blank}" if label == blank else f"give whole numbers in 0 to {C - 1}"
            raise ValueError(f"{whose} has the label {label} in place {place}; {rule}")


def _check_numbers(log_probs: Tensor, frames: Sequence[int]) -> None:
    if bool((log_probs < torch.inf).all()):  # the usual case, in one pass; NaN is less than nothing
        return
    for b, length in enumerate(frames):
        wrong = ~(log_probs[b, :length] < torch.inf).all(1)
        if bool(wrong.any()):
            raise ValueError(
                f"log_probs hold NaN or +inf, first in utterance {b}, frame {int(wrong.nonzero()[0])}; "
                "the network that made them has probably diverged"
            )


def _is_whole(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool)


def _wide(log_probs: Tensor) -> Tensor:
    return log_probs if log_probs.dtype in (torch.float32, torch.float64) else log_probs.float()

"""The CTC loss against torch's C++, forced alignment against torchaudio's, and how their time grows."""

import torch
from pairs import Curve, Row, against, curve, ratio
from torch.nn.functional import ctc_loss as torchs
from torchaudio.functional import forced_align as torchaudios

from course_utils.algorithms import alignment, ctc

LOSSES = {  # name: (T, B, C, U), goal
    "A": ((100, 16, 12, 7), 3.5),
    "B": ((200, 32, 30, 40), 1.0),
    "C": ((500, 32, 30, 80), 0.85),
    "D": ((1000, 8, 60, 150), 0.85),
}
ALIGNMENTS = {(100, 12, 7): 1.5, (200, 30, 40): 1.5, (1000, 60, 150): 4.0}  # (T, C, U): goal
SIZES = [100, 200, 400, 800]


def rows() -> list[Row]:
    """Return (what, measured, goal): time and exactness beside the peers'."""
    found: list[Row] = []
    for name, ((T, B, C, U), goal) in LOSSES.items():
        ours, theirs = (_steps(loss, T, B, C, U) for loss in (_ours, _theirs))
        what = f"CTC loss and gradient, {name} (T {T}, B {B}, C {C}, U {U}): time beside torch's"
        found.append((what, *against(ratio(ours, theirs, 7), goal)))
        errors = _gradient_errors(T, B, C, U)
        found.append((f"float32 gradient, {name}: mean error beside torch's", *against(errors[0] / errors[1], 0.25)))
    T, B, C, U = LOSSES["B"][0]
    found.append(("the same by the lattice of 2U + 1 states and autograd, B", *_lattice_ratio(T, B, C, U)))
    for (T, C, U), goal in ALIGNMENTS.items():
        log_probs, targets, _, _ = _problem(T, 1, C, U)
        measured = ratio(
            lambda x=log_probs[0], y=targets[0]: alignment.forced_align(x, y),
            lambda x=log_probs, y=targets: torchaudios(x, y),
            9,
        )
        found.append((f"forced alignment (T {T}, C {C}, U {U}): time beside torchaudio's", *against(measured, goal)))
    return found


def growth() -> list[Curve]:
    """Return the seconds of loss and gradient against T, U and B, and of alignment: the work is linear in each.

    What stays fixed is large enough for the work to outweigh the cost of starting each step.
    """
    utterances, labels = [16, 32, 64, 128], [50, 100, 200, 400]
    return [
        curve("CTC loss by T (B 8, U 40)", "T (frames)", SIZES, lambda T: _steps(_ours, T, 8, 30, 40)),
        curve("CTC loss by U (B 16, T 900)", "U (labels)", labels, lambda U: _steps(_ours, 900, 16, 30, U)),
        curve("CTC loss by B (T 200, U 80)", "B (utterances)", utterances, lambda B: _steps(_ours, 200, B, 30, 80)),
        curve("forced alignment by T (U 40)", "T (frames)", SIZES, _alignments),
    ]


def _problem(T: int, B: int, C: int, U: int, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(B, T, C, generator=generator, dtype=torch.float64)
    targets = torch.randint(1, C, (B, U), generator=generator)
    return logits.to(dtype).log_softmax(2), targets, torch.full((B,), T), torch.full((B,), U)


def _ours(log_probs, *rest):
    return ctc.ctc_loss(log_probs, *rest, reduction="sum")


def _theirs(log_probs, *rest):
    return torchs(log_probs.transpose(0, 1), *rest, reduction="sum")


def _by_lattice(log_probs, *rest):
    return ctc.loss_by_dynamic_programming(log_probs, *rest).sum()


def _steps(loss, T: int, B: int, C: int, U: int):
    log_probs, *rest = _problem(T, B, C, U)
    log_probs.requires_grad_()
    return lambda: torch.autograd.grad(loss(log_probs, *rest), log_probs)


def _lattice_ratio(T: int, B: int, C: int, U: int) -> tuple[str, str]:
    return against(ratio(_steps(_by_lattice, T, B, C, U), _steps(_theirs, T, B, C, U), 3))


def _gradient_errors(T: int, B: int, C: int, U: int) -> list[float]:
    """Return the mean error of the float32 gradients by the logits, ours and torch's, from torch's in float64."""

    def by_logits(loss, dtype):
        logits, *rest = _problem(T, B, C, U, torch.float32)
        logits = logits.to(dtype).requires_grad_()  # log-probabilities are logits too
        return torch.autograd.grad(loss(logits.log_softmax(2), *rest), logits)[0].double()

    exact = by_logits(_theirs, torch.float64)
    return [float((by_logits(loss, torch.float32) - exact).abs().mean()) for loss in (_ours, _theirs)]


def _alignments(T: int):
    log_probs, targets, _, _ = _problem(T, 1, 30, 40)
    return lambda: alignment.forced_align(log_probs[0], targets[0])

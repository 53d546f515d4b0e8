"""One training loop for every model of the course: it knows batches and a loss, and nothing of what is learned."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import psutil
import torch
from torch import Tensor, nn
from tqdm import tqdm


@dataclass
class History:
    """What happened in a training run.

    Attributes:
        losses: the loss of each update.
        norms: the gradient's norm at each update, before clipping.
        seconds: wall-clock time; cpu_seconds: the processor's time in this process, all threads together.
        peak_memory: the most memory that this process has held, in bytes.
        stopped: empty if every update was made, otherwise why not.
    """

    losses: list[float] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory: int = 0
    stopped: str = ""

    @property
    def updates(self) -> int:
        return len(self.losses)

    def __str__(self) -> str:
        last = sum(self.losses[-50:]) / max(1, len(self.losses[-50:]))
        line = (
            f"{self.updates} updates in {self.seconds:.0f} s ({self.cpu_seconds:.0f} CPU s), loss {last:.3f}, "
            f"peak memory {self.peak_memory / 2**20:.0f} MiB"
        )
        return line + (f"; {self.stopped}" if self.stopped else "")


def fit(
    model: nn.Module,
    batches: Iterable[Any],
    loss_fn: Callable[[Any, Any], Tensor],
    *,
    updates: int | None = None,
    epochs: int | None = None,
    optimizer: torch.optim.Optimizer | None = None,
    learning_rate: float = 3e-3,
    weight_decay: float = 0.01,
    one_cycle: bool = True,
    clip: float | None = 5.0,
    seconds: float | None = None,
    progress: bool = True,
    on_update: Callable[[int, float], None] | None = None,
) -> History:
    """Train a model in place, and return what happened.

    Args:
        model: anything with parameters; it is left in evaluation mode.
        batches: a list, or any object that can be gone through again and again; one pass is an epoch.
        loss_fn: (model, batch) -> a scalar to be made small.
        updates, epochs: how long to train; exactly one of them. `epochs` needs batches with a length.
        optimizer: AdamW with `learning_rate` and `weight_decay` if None.
        one_cycle: warm the learning rate up over the first tenth of the updates, then let it fall to nothing
            (Smith and Topin 2019).
        clip: the largest norm of the gradient over all parameters together; None does not clip.
        seconds: stop after this much wall-clock time, whatever is left.
        progress: show a bar with the loss.
        on_update: called as (update, loss) after each update, for curves and pictures.

    Ctrl-C (or "interrupt the kernel") ends training early and keeps the model as it is; a loss that is not finite
    ends it before the step that would spoil the weights. `History.stopped` says so.
    """
    total = _how_many(batches, updates, epochs)
    optimizer = optimizer or torch.optim.AdamW(
        model.parameters(), lr=learning_rate, weight_decay=weight_decay, fused=True
    )
    schedule = None
    if one_cycle:
        peak = [group["lr"] for group in optimizer.param_groups]
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, peak, total_steps=max(total, 2), pct_start=0.1)
    history, start, cpu_start = History(), time.perf_counter(), time.process_time()
    stream = sys.stderr if sys.stderr.isatty() else sys.stdout
    model.train()
    with tqdm(total=total, disable=not progress, file=stream, mininterval=0.5, unit="update") as bar:
        try:
            for batch in _forever(batches, total):
                loss = loss_fn(model, batch)
                value = float(loss.detach())
                if not isfinite(value):
                    history.stopped = f"stopped at update {history.updates + 1}, where the loss became {value}"
                    break
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                limit = float("inf") if clip is None else clip
                history.norms.append(float(nn.utils.clip_grad_norm_(model.parameters(), limit)))
                optimizer.step()
                if schedule is not None:
                    schedule.step()
                history.losses.append(value)
                bar.update()
                bar.set_postfix(loss=f"{value:.3f}", refresh=False)
                if on_update is not None:
                    on_update(history.updates, value)
                if seconds is not None and time.perf_counter() - start > seconds:
                    history.stopped = f"stopped after {seconds:g} s, as asked"
                    break
        except KeyboardInterrupt:
            history.stopped = f"stopped by hand after {history.updates} of {total} updates; the model is kept"
    model.eval()
    history.seconds = time.perf_counter() - start
    history.cpu_seconds = time.process_time() - cpu_start
    history.peak_memory = peak_memory()
    return history


def peak_memory() -> int:
    """Return the most memory that this process has held at once, in bytes."""
    try:
        import resource  # not on Windows
    except ImportError:
        return int(psutil.Process().memory_info().peak_wset)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # kilobytes on Linux


def _how_many(batches: Iterable[Any], updates: int | None, epochs: int | None) -> int:
    if (updates is None) == (epochs is None):
        raise ValueError(f"updates={updates}, epochs={epochs}: give exactly one of them")
    if isinstance(batches, Iterator):
        raise ValueError(f"batches is a {type(batches).__name__}, which is empty after one pass; give a list instead")
    chosen = updates if updates is not None else epochs
    if not isinstance(chosen, int) or chosen < 1:
        raise ValueError(f"{'updates' if epochs is None else 'epochs'} is {chosen!r}; give a whole number from 1 on")
    return chosen if updates is not None else chosen * len(batches)  # ty: ignore[invalid-argument-type]


def _forever(batches: Iterable[Any], total: int) -> Iterator[Any]:
    given = 0
    while given < total:
        before = given
        for batch in batches:
            yield batch
            given += 1
            if given == total:
                return
        if given == before:
            raise ValueError("there are no batches to train on")

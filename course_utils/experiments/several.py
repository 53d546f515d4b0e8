"""The same training in one process and in several: each takes its share of every batch, and all make the same step.

The loss of a batch is a mean over its words, so its gradient is a sum over words, divided by how many there are. A sum
can be taken in parts: process r of W computes the losses of words r, r + W, …, divides by the number of words in the
*whole* batch, and the gradients are added up. All processes begin with the same weights and add the same gradient, so
they stay equal, and no weights need be sent. (torch's DistributedDataParallel does the same, and sends while it still
computes; it divides by the number of processes, which is right where all have equally many words.)

Run it by one process, or by several, on this machine:

    python -m course_utils.experiments.several --out one.json
    python -m torch.distributed.run --standalone --nproc-per-node 2 -m course_utils.experiments.several --out two.json
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import torch
from torch import Tensor, distributed
from torch.nn.functional import ctc_loss

from course_utils.algorithms import gradients
from course_utils.data import corpora
from course_utils.experiments import clinic
from course_utils.files import write_whole

UPDATES, LIMIT = 60, 1.0
LEARNING_RATE = 0.3  # with 1.0 rounding errors grow from step to step, to a millionth of the loss under some seeds
SIZE = 15  # words in a batch: an odd number, of which two processes cannot take equally many
LOOPBACK = "127.0.0.1"
INTERFACES = {"linux": "lo", "darwin": "lo0"}  # the name of the loopback, for gloo
WAYS = ("sum of sums", "mean of means")


@dataclass(frozen=True)
class Curve:
    """The loss of each update in nats per word, the norm of all weights at the end, the processes and the seconds."""

    losses: list[float]
    weights: float
    processes: int
    seconds: float = 0.0


def train(updates: int = UPDATES, seed: int = 0, way: str = "sum of sums") -> Curve:
    """Train as one of the processes that `torch.distributed` knows of, or alone if there is none; return the curve.

    Args:
        updates: how many.
        seed: of the first weights and of the order of the words, the same in each process.
        way: how gradients are put together: "sum of sums" as above, or "mean of means", the tempting way, in which a
            word counts more where a process has fewer of them.
    """
    _check(way, updates)
    several = distributed.is_initialized()
    rank, W = (distributed.get_rank(), distributed.get_world_size()) if several else (0, 1)
    # In double precision from the sound on, or else rounding, which no two processes share, would part the curves.
    words = clinic.examples(1.0, 4, False, "many", torch.float64)["training"]
    generator, losses = torch.Generator().manual_seed(seed), []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = clinic.Patient(words[0][0].shape[1], 1 + len(corpora.DIGITS)).double()
    for _ in range(updates):
        chosen = torch.randperm(len(words), generator=generator)[:SIZE].tolist()  # the whole batch, in each process
        mine = [words[k] for k in chosen[rank::W]]
        total = _total(model, mine)
        weight = 1 / SIZE if way == "sum of sums" else 1 / (len(mine) * W)
        model.zero_grad()
        (total * weight).backward()
        losses.append(_add_up(model, total.detach()) / SIZE)
        gradients.clip_by_norm(model.parameters(), LIMIT)  # of the whole gradient: after it is added up
        _step(model)
    weights = torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
    return Curve(losses, float(weights.double().norm()), W)


@torch.no_grad()
def _step(model: torch.nn.Module) -> None:
    """Take a step of plain gradient descent; torch's optimisers do too, and need seconds to load in each process."""
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter -= LEARNING_RATE * parameter.grad


def _total(model: torch.nn.Module, words: list[clinic.Example]) -> Tensor:
    """Return the sum of the CTC losses of some words."""
    x, lengths, labels = clinic.padded(words)
    log_probs = model(x).log_softmax(-1).transpose(0, 1)  # torch wants time first: (T, B, C)
    targets, sizes = torch.tensor(list(chain(*labels))), torch.tensor([len(said) for said in labels])
    return ctc_loss(log_probs, targets, lengths, sizes, reduction="sum")


def _add_up(model: torch.nn.Module, total: Tensor) -> float:
    """Replace each gradient by its sum over the processes, and return the sum of their losses."""
    if not distributed.is_initialized():
        return float(total)
    grads = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    together = torch.cat([*(grad.flatten() for grad in grads), total.view(1)])  # one message, not many
    distributed.all_reduce(together)
    parts = together[:-1].split([grad.numel() for grad in grads])
    for grad, part in zip(grads, parts, strict=True):
        grad.copy_(part.view_as(grad))
    return float(together[-1])


def under_torchrun(
    processes: int = 2, updates: int = UPDATES, seed: int = 0, way: str = "sum of sums", seconds: float = 120
) -> Curve:
    """Train in several processes that `torchrun` starts and ends, on a free port of this machine; return the curve.

    Raises:
        RuntimeError: a process failed, or all took longer than `seconds`; the message says what it wrote.
    """
    _check(way, updates)
    if processes < 1 or processes > SIZE:
        raise ValueError(f"processes is {processes}; give 1 to {SIZE}, so that each has a word of every batch")
    with tempfile.TemporaryDirectory(prefix="several-") as folder:
        out = Path(folder) / "curve.json"
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--local-addr", LOOPBACK]
        command += ["--nproc-per-node", str(processes), "-m", "course_utils.experiments.several"]
        command += ["--out", str(out), "--updates", str(updates), "--seed", str(seed), "--way", way]
        code, written = _run(command, seconds)
        if code or not out.is_file():
            raise RuntimeError(f"torchrun ended with the code {code} and no curve: {_reason(written)}")
        return Curve(**json.loads(out.read_text(encoding="utf-8")))


def _run(command: list[str], seconds: float) -> tuple[int | str, str]:
    """Run a command with the settings for this machine alone; return its code, or why there is none, and its words."""
    settings = {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", "TORCHELASTIC_ERROR_FILE": os.devnull}
    if sys.platform in INTERFACES:
        settings["GLOO_SOCKET_IFNAME"] = INTERFACES[sys.platform]
    else:
        settings["USE_LIBUV"] = "0"  # torch for Windows is built without it
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, **settings}
    )
    try:
        written, _ = process.communicate(timeout=seconds)
        return process.returncode, written
    except subprocess.TimeoutExpired:
        process.terminate()  # torchrun ends its processes, then itself
        written, _ = process.communicate()
        return f"(none after {seconds:g} s)", written
    except BaseException:  # the kernel was interrupted: leave nothing behind
        process.terminate()
        process.wait()
        raise


def _reason(written: str) -> str:
    """Return the error of the first process that failed, or the last line that was written."""
    error = re.search(r"^\[rank\d+\]: (\w*(?:Error|Exception|Interrupt)\b.*)$", written, re.MULTILINE)
    return error[1] if error else (written.strip().splitlines() or ["nothing was written"])[-1]


def _check(way: str, updates: int) -> None:
    if way not in WAYS or updates < 1:
        raise ValueError(f"way {way!r}, updates {updates}: choose one of {', '.join(WAYS)}, and at least 1 update")


def main() -> None:
    """Train as the command line says, and let the first process write the curve."""
    options = argparse.ArgumentParser(description="Train a small recogniser, alone or under torchrun.")
    options.add_argument("--out", required=True, help="the file to write, JSON")
    options.add_argument("--updates", type=int, default=UPDATES)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--way", choices=WAYS, default=WAYS[0])
    given = options.parse_args()
    torch.set_num_threads(1)  # the processes share the cores
    several = "WORLD_SIZE" in os.environ  # torchrun says it
    if several:
        distributed.init_process_group("gloo")
    try:
        curve = train(given.updates, given.seed, given.way)
        if not several or distributed.get_rank() == 0:
            write_whole(Path(given.out), json.dumps(curve.__dict__).encode())
    finally:
        if several:
            distributed.destroy_process_group()


if __name__ == "__main__":
    main()

"""The same training in two processes as in one; the way that looks the same and is not; and ends that leave nothing."""

import json
import sys

import psutil
import pytest
import torch

from course_utils.experiments import clinic, several
from course_utils.visuals import plots


@pytest.fixture(autouse=True)
def few_words(monkeypatch):
    """Noise, for learning is not the point; the processes that torchrun starts hear the corpus."""
    generator = torch.Generator().manual_seed(0)
    words = [(torch.randn(T, 128, generator=generator).double(), [1 + T % 10]) for T in range(5, 25)]
    monkeypatch.setattr(clinic, "examples", lambda *_: {"training": words})


def test_alone_it_learns_and_repeats_itself():
    torch.manual_seed(7)
    drawn = torch.rand(1)
    torch.manual_seed(7)
    first, again, other = several.train(25), several.train(25), several.train(25, seed=1)
    assert torch.equal(torch.rand(1), drawn)  # nobody else's chance is touched
    assert first == again
    assert first.losses[0] != other.losses[0]
    assert first.losses[-1] < first.losses[0] / 3
    assert first.processes == 1


def test_two_processes_make_the_curve_of_one(monkeypatch):
    """Once through torchrun, as a learner would: the processes, the port and the file are real."""
    monkeypatch.undo()
    two, one = several.under_torchrun(2, updates=6), several.train(6)
    assert two.processes == 2
    assert two.losses == pytest.approx(one.losses, rel=1e-9)
    assert two.weights == pytest.approx(one.weights, rel=1e-9)
    assert not [child for child in psutil.Process().children(recursive=True) if "torch.distributed" in _line(child)]


def _line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


class Together:
    """What torch.distributed is to one of W processes, of which all others hold the sums that are given."""

    def __init__(self, monkeypatch, rank: int, W: int):
        self.sent = []
        monkeypatch.setattr(several.distributed, "is_initialized", lambda: True)
        monkeypatch.setattr(several.distributed, "get_rank", lambda: rank)
        monkeypatch.setattr(several.distributed, "get_world_size", lambda: W)
        monkeypatch.setattr(several.distributed, "all_reduce", lambda message: self.sent.append(message.clone()))


@pytest.mark.parametrize("way", several.WAYS)
def test_the_parts_add_up_to_the_whole_only_as_sums(monkeypatch, way):
    W, parts = 4, []
    whole = Together(monkeypatch, 0, 1)
    several.train(1)
    for rank in range(W):
        part = Together(monkeypatch, rank, W)
        several.train(1, way=way)
        parts.append(part.sent[0])
    added = torch.stack(parts).sum(0)
    torch.testing.assert_close(added[-1], whole.sent[0][-1])  # the losses are sums in either way
    close = torch.allclose(added[:-1], whole.sent[0][:-1], rtol=1e-9, atol=1e-12)
    assert close == (way == "sum of sums")


def test_the_module_writes_its_curve(monkeypatch, tmp_path):
    out, threads = tmp_path / "one.json", torch.get_num_threads()
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setattr(sys, "argv", ["several", "--out", str(out), "--updates", "2", "--seed", "3"])
    several.main()
    torch.set_num_threads(threads)
    assert several.Curve(**json.loads(out.read_text(encoding="utf-8"))) == several.train(2, seed=3)


def test_a_failure_in_a_process_is_told_in_a_line(monkeypatch):
    said = "[rank0]: Traceback\n[rank0]:   File x\n[rank0]: OSError: the disk is full\nE1121 torch: failed\nErr: other"
    monkeypatch.setattr(several, "_run", lambda *_: (1, said))
    with pytest.raises(RuntimeError, match=r"code 1 and no curve: OSError: the disk is full"):
        several.under_torchrun()
    monkeypatch.setattr(several, "_run", lambda *_: (1, "gone\n\n"))
    with pytest.raises(RuntimeError, match=r"no curve: gone"):
        several.under_torchrun()


def test_what_takes_too_long_is_ended():
    code, written = several._run([sys.executable, "-c", "print('begun'); import time; time.sleep(60)"], 1.5)
    assert code == "(none after 1.5 s)"
    assert written == "begun\n"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: several.train(0), "updates 0: choose one of sum of sums, mean of means, and at least 1 update"),
        (lambda: several.train(way="both"), "way 'both'"),
        (lambda: several.under_torchrun(updates=0), "updates 0"),
        (lambda: several.under_torchrun(16), "processes is 16; give 1 to 15"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_curves_can_be_drawn():
    curve = several.train(3)
    ax = plots.curves({"one process": (range(1, 4), curve.losses)}, "update", "loss (nats per word)")
    assert "one process" in plots.alt_text(ax)

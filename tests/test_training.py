import math

import pytest
import torch
from torch import nn

from course_utils import training


def squared(model, batch):
    x, y = batch
    return (model(x) - y).square().mean()


@pytest.fixture
def line():
    """A line's points, as three batches, and a model that can learn them."""
    torch.manual_seed(0)
    x = torch.randn(30, 1)
    return nn.Linear(1, 1), list(zip(x.split(10), (3 * x - 1).split(10), strict=True))


def test_learns_a_line(line):
    model, batches = line
    history = training.fit(model, batches, squared, epochs=60, learning_rate=0.2, weight_decay=0.0, progress=False)
    assert history.updates == 180
    assert model.weight.item() == pytest.approx(3, abs=0.01)
    assert model.bias.item() == pytest.approx(-1, abs=0.01)
    assert history.losses[-1] < 1e-3 < history.losses[0]
    assert not history.stopped
    assert history.peak_memory > 2**20
    assert "180 updates in" in str(history)
    assert not model.training


def test_an_update_is_the_optimisers_own(line):
    model, batches = line
    x, y = batches[0]
    before = model.weight.detach().clone()
    slope = (2 * (model(x) - y) * x).mean().item()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    training.fit(model, batches, squared, updates=1, optimizer=optimizer, one_cycle=False, clip=None, progress=False)
    assert model.weight.item() == pytest.approx(before.item() - 0.1 * slope, rel=1e-5)


def test_clipping_bounds_the_step_and_the_norm_is_noted_before_it(line):
    model, batches = line
    before = [p.detach().clone() for p in model.parameters()]
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    history = training.fit(
        model, batches, squared, updates=1, optimizer=optimizer, one_cycle=False, clip=0.01, progress=False
    )
    step = math.hypot(*((p - b).item() for p, b in zip(model.parameters(), before, strict=True)))
    assert step == pytest.approx(0.01, rel=1e-3)
    assert history.norms[0] > 0.1


def test_ctrl_c_keeps_what_is_learned(line):
    model, batches = line
    calls = 0

    def stopped_at_the_fifth(model, batch):
        nonlocal calls
        calls += 1
        if calls == 5:
            raise KeyboardInterrupt
        return squared(model, batch)

    before = model.weight.item()
    history = training.fit(model, batches, stopped_at_the_fifth, updates=100, progress=False)
    assert history.updates == 4
    assert history.stopped == "stopped by hand after 4 of 100 updates; the model is kept"
    assert model.weight.item() != before
    assert not model.training


def test_a_loss_that_is_not_finite_stops_before_it_spoils_the_weights(line):
    model, batches = line
    optimizer = torch.optim.SGD(model.parameters(), lr=1e18)
    history = training.fit(
        model, batches, squared, updates=50, optimizer=optimizer, one_cycle=False, clip=None, progress=False
    )
    assert "where the loss became" in history.stopped
    assert all(map(math.isfinite, history.losses))
    assert torch.isfinite(model.weight).all()


def test_stops_after_so_many_seconds(line):
    model, batches = line
    history = training.fit(model, batches, squared, updates=10**9, one_cycle=False, seconds=0.05, progress=False)
    assert history.stopped == "stopped after 0.05 s, as asked"
    assert history.seconds < 5


def test_tells_of_every_update_and_shows_a_bar(line, capfd):
    model, batches = line
    seen = []
    history = training.fit(model, batches, squared, updates=7, on_update=lambda n, loss: seen.append((n, loss)))
    assert seen == list(enumerate(history.losses, 1))
    out = capfd.readouterr()
    assert "7/7" in out.out + out.err
    assert "loss=" in out.out + out.err


def test_bad_input_is_named(line):
    model, batches = line
    with pytest.raises(ValueError, match="exactly one"):
        training.fit(model, batches, squared)
    with pytest.raises(ValueError, match="exactly one"):
        training.fit(model, batches, squared, updates=1, epochs=1)
    with pytest.raises(ValueError, match="updates is 0"):
        training.fit(model, batches, squared, updates=0)
    with pytest.raises(ValueError, match="empty after one pass"):
        training.fit(model, iter(batches), squared, updates=1)
    with pytest.raises(ValueError, match="no batches"):
        training.fit(model, [], squared, updates=1, progress=False)

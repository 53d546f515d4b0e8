"""Wrong answers to the exercises of lesson 03, as people write them, each refused for its own reason."""

import math

import pytest
import torch
from torch import sigmoid, tanh

from course_utils.teaching.checks import grade

from .toys import each_wrong


def gates(x, h, W_ih, W_hh, b):
    return (x @ W_ih.T + h @ W_hh.T + b).chunk(4, dim=1)


def tensorflow_order(x, h, c, W_ih, W_hh, b):
    f, i, g, o = gates(x, h, W_ih, W_hh, b)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c


def equation_order(x, h, c, W_ih, W_hh, b):
    i, f, o, g = gates(x, h, W_ih, W_hh, b)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c


def another_order(x, h, c, W_ih, W_hh, b):
    i, o, g, f = gates(x, h, W_ih, W_hh, b)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c


def raw_cell(x, h, c, W_ih, W_hh, b):
    i, f, g, o = gates(x, h, W_ih, W_hh, b)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * c, c


def raw_candidate(x, h, c, W_ih, W_hh, b):
    i, f, g, o = gates(x, h, W_ih, W_hh, b)
    c = sigmoid(f) * c + sigmoid(i) * g
    return sigmoid(o) * tanh(c), c


def all_sigmoid(x, h, c, W_ih, W_hh, b):
    i, f, g, o = (sigmoid(x @ W_ih.T + h @ W_hh.T + b)).chunk(4, dim=1)
    c = f * c + i * g
    return o * tanh(c), c


def raw_gates(x, h, c, W_ih, W_hh, b):
    i, f, g, o = gates(x, h, W_ih, W_hh, b)
    c = f * c + i * tanh(g)
    return o * tanh(c), c


def cell_first(x, h, c, W_ih, W_hh, b):
    i, f, g, o = gates(x, h, W_ih, W_hh, b)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    h = sigmoid(o) * tanh(c)
    return c, h


def keeps_the_output(x, h, c, W_ih, W_hh, b):
    i, f, g, o = gates(x, h, W_ih, W_hh, b)
    c = sigmoid(f) * h + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c


def looks_at_the_cell(x, h, c, W_ih, W_hh, b):
    i, f, g, o = gates(x, c, W_ih, W_hh, b)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c


def old_cell_out(x, h, c, W_ih, W_hh, b):
    i, f, g, o = gates(x, h, W_ih, W_hh, b)
    return sigmoid(o) * tanh(c), sigmoid(f) * c + sigmoid(i) * tanh(g)


def no_bias(x, h, c, W_ih, W_hh, b):
    i, f, g, o = gates(x, h, W_ih, W_hh, torch.zeros(len(b)))
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c


def only_h(x, h, c, W_ih, W_hh, b):
    return raw_cell(x, h, c, W_ih, W_hh, b)[0]


def cell_in_place(x, h, c, W_ih, W_hh, b):
    i, f, g, o = gates(x, h, W_ih, W_hh, b)
    c *= sigmoid(f)
    c += sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c


def not_a_number(x, h, c, W_ih, W_hh, b):
    return h / 0 * 0, c


def nothing(x, h, c, W_ih, W_hh, b):
    h = raw_cell(x, h, c, W_ih, W_hh, b)


def wrong_axis(x, h, c, W_ih, W_hh, b):
    *_, o = (x @ W_ih.T + h @ W_hh.T + b).chunk(4, dim=0)
    return sigmoid(o) * tanh(c), c


def thirds(x, h, W_ih, W_hh, b_ih, b_hh):
    return (x @ W_ih.T + b_ih).chunk(3, 1), (h @ W_hh.T + b_hh).chunk(3, 1)


def z_keeps_the_new(x, h, W_ih, W_hh, b_ih, b_hh):
    (xr, xz, xn), (hr, hz, hn) = thirds(x, h, W_ih, W_hh, b_ih, b_hh)
    z = sigmoid(xz + hz)
    return z * tanh(xn + sigmoid(xr + hr) * hn) + (1 - z) * h


def as_in_the_paper(x, h, W_ih, W_hh, b_ih, b_hh):
    (xr, xz, xn), (hr, hz, _) = thirds(x, h, W_ih, W_hh, b_ih, b_hh)
    r, z, H = sigmoid(xr + hr), sigmoid(xz + hz), h.shape[1]
    n = tanh(xn + (r * h) @ W_hh[2 * H :].T + b_hh[2 * H :])
    return (1 - z) * n + z * h


def update_first(x, h, W_ih, W_hh, b_ih, b_hh):
    (xz, xr, xn), (hz, hr, hn) = thirds(x, h, W_ih, W_hh, b_ih, b_hh)
    z = sigmoid(xz + hz)
    return (1 - z) * tanh(xn + sigmoid(xr + hr) * hn) + z * h


def no_reset(x, h, W_ih, W_hh, b_ih, b_hh):
    (_, xz, xn), (_, hz, hn) = thirds(x, h, W_ih, W_hh, b_ih, b_hh)
    z = sigmoid(xz + hz)
    return (1 - z) * tanh(xn + hn) + z * h


def resets_all(x, h, W_ih, W_hh, b_ih, b_hh):
    (xr, xz, xn), (hr, hz, hn) = thirds(x, h, W_ih, W_hh, b_ih, b_hh)
    z = sigmoid(xz + hz)
    return (1 - z) * tanh(sigmoid(xr + hr) * (xn + hn)) + z * h


def bias_apart(x, h, W_ih, W_hh, b_ih, b_hh):
    H = h.shape[1]
    (xr, xz, xn), (hr, hz, hn) = thirds(x, h, W_ih, W_hh, b_ih + b_hh, torch.zeros_like(b_hh))
    z = sigmoid(xz + hz)
    assert xn.shape[1] == H
    return (1 - z) * tanh(xn + sigmoid(xr + hr) * hn) + z * h


def one_bias(x, h, W_ih, W_hh, b_ih, b_hh):
    (xr, xz, xn), (hr, hz, hn) = thirds(x, h, W_ih, W_hh, b_ih, 0 * b_hh)
    z = sigmoid(xz + hz)
    return (1 - z) * tanh(xn + sigmoid(xr + hr) * hn) + z * h


def no_old_state(x, h, W_ih, W_hh, b_ih, b_hh):
    (xr, xz, xn), (hr, hz, hn) = thirds(x, h, W_ih, W_hh, b_ih, b_hh)
    return (1 - sigmoid(xz + hz)) * tanh(xn + sigmoid(xr + hr) * hn)


def state_in_place(x, h, W_ih, W_hh, b_ih, b_hh):
    h += z_keeps_the_new(x, h, W_ih, W_hh, b_ih, b_hh)
    return h


def ones(write):
    return torch.ones_like(write)


def by_torchs_order(write, read):
    return torch.stack([write, 1 - write, read], 1)


def forgets_when_waiting(write, read):
    return torch.stack([write, write, read], 1)


def never_forgets(write, read):
    return torch.stack([ones(write), write, read], 1)


def always_writes(write, read):
    return torch.stack([1 - write, ones(write), read], 1)


def always_shows(write, read):
    return torch.stack([1 - write, write, ones(write)], 1)


def empties_on_reading(write, read):
    rows = [[0.0 if w or r else 1.0, float(w), float(r)] for w, r in zip(write, read, strict=True)]
    return torch.tensor(rows)


def in_rows(write, read):
    return torch.stack([1 - write, write, read])


def opposite_output(write, read):
    return torch.stack([1 - write, write, 1 - read], 1)


def only_the_gate(share, steps):
    return math.exp(math.log(share) / steps)


def opens_the_other_way(share, steps):
    f = share ** (1 / steps)
    return math.log((1 - f) / f)


def forgets_the_steps(share, steps):
    return float(torch.logit(torch.tensor(share)))


def in_equal_parts(share, steps):
    f = 1 - (1 - share) / steps
    return math.log(f) - math.log(1 - f)


def as_chrono(share, steps):
    return torch.tensor(float(steps)).log()


def log_of_the_gate(share, steps):
    return math.log(share) / steps


def zero(share, steps):
    return 0.0


WRONG = {
    "gru_count": [
        (4 * 14_200 + 1010, "counts a block for a third gate"),
        (2 * 14_200 + 1010, "counts the two gates and forgets the candidate"),
        (14_200 + 1010, "counts one block, as in the plain network"),
        (3 * 14_100 + 1010, "counts one bias where PyTorch has two"),
        (3 * 14_000 + 1010, "forgets the biases of the GRU"),
        (3 * 4200 + 1010, "forgets the way from state to state"),
        (3 * 14_200, "forgets the output layer"),
        (3 * 14_200 + 1000, "forgets the bias of the output layer"),
        (40_000, None),
    ],
    "lstm_step": [
        (tensorflow_order, "swaps the input gate and the forget gate"),
        (equation_order, "swaps the candidate and the output gate"),
        (another_order, "swaps the forget gate and the output gate"),
        (raw_cell, "leaves out the tanh on the cell's way out"),
        (raw_candidate, "leaves out the tanh of the candidate"),
        (all_sigmoid, "takes the sigmoid of the candidate"),
        (raw_gates, "takes no sigmoid of the gates"),
        (cell_first, "returns c and h changed over"),
        (keeps_the_output, "mixes up c and h: it keeps a share of h"),
        (looks_at_the_cell, "mixes up c and h: the cell goes into the matrix product"),
        (old_cell_out, "makes the output from the old cell"),
        (no_bias, "leaves out the bias"),
        (only_h, None),
        (cell_in_place, None),
        (not_a_number, None),
        (nothing, None),
        (wrong_axis, None),
    ],
    "gru_step": [
        (z_keeps_the_new, "has z the wrong way round"),
        (as_in_the_paper, "applies the reset gate before the matrix product"),
        (update_first, "swaps the reset gate and the update gate"),
        (no_reset, "never uses the reset gate"),
        (resets_all, "resets the input as well"),
        (bias_apart, "adds the state's bias after the reset gate"),
        (one_bias, "leaves out one of the biases"),
        (no_old_state, None),
        (state_in_place, None),
    ],
    "keep_bias": [
        (only_the_gate, "returns the gate and not its bias"),
        (opens_the_other_way, "has the sign turned round"),
        (forgets_the_steps, "takes the share for that of a single step"),
        (in_equal_parts, "lets the same amount leak at each step"),
        (as_chrono, "takes chrono's log of the number of steps"),
        (log_of_the_gate, "turns the sigmoid round with a logarithm alone"),
        (zero, None),
    ],
    "latch": [
        (by_torchs_order, "returns the gates in another order: i, f, o"),
        (forgets_when_waiting, "has the forget gate the wrong way round"),
        (never_forgets, "never forgets, so that a second value is added to the first"),
        (always_writes, "writes at every step"),
        (always_shows, "shows the cell at every step"),
        (empties_on_reading, "keeps only until it is read"),
        (in_rows, None),
        (opposite_output, None),
    ],
}


@pytest.mark.parametrize(("exercise", "answer", "diagnosis"), each_wrong(WRONG))
def test_wrong_answers_are_refused_with_their_reason(exercise, answer, diagnosis):
    report = grade(exercise, answer)
    assert report.status == "failed"
    assert report.misconception == diagnosis


def with_torchs_cell(x, h, c, W_ih, W_hh, b):
    return torch.lstm_cell(x, (h, c), W_ih, W_hh, b, torch.zeros_like(b))


def four_products(x, h, c, W_ih, W_hh, b):
    i, f, g, o = (x @ W.T + h @ U.T + v for W, U, v in zip(W_ih.chunk(4), W_hh.chunk(4), b.chunk(4), strict=True))
    c = c * f.sigmoid() + i.sigmoid() * (2 * (2 * g).sigmoid() - 1)
    return [o.sigmoid() * c.tanh(), c]


def with_torchs_gru_cell(x, h, W_ih, W_hh, b_ih, b_hh):
    return torch.gru_cell(x, h, W_ih, W_hh, b_ih, b_hh)


def step_by_step(write, read):
    return torch.tensor([[1.0 - w, w, r] for w, r in zip(write.tolist(), read.tolist(), strict=True)])


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        (
            "gru_count",
            sum(p.numel() for m in (torch.nn.GRU(40, 100), torch.nn.Linear(100, 10)) for p in m.parameters()),
        ),
        ("lstm_step", with_torchs_cell),
        ("lstm_step", four_products),
        ("gru_step", with_torchs_gru_cell),
        ("latch", step_by_step),
        ("keep_bias", lambda share, steps: torch.logit(torch.tensor(share).double() ** (1 / steps))),
    ],
)
def test_right_answers_pass_however_they_are_written(exercise, answer):
    assert grade(exercise, answer).status == "passed"

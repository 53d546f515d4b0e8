"""The exercises of lesson 03: a latch, a step of the LSTM, one of the GRU, a count, and a bias for a memory."""

import math

import torch
from torch.nn.functional import linear

from course_utils.algorithms import recurrent
from course_utils.teaching.checks.exercise import Case, Exercise, drawn, given, normal, perturbed


def latch_with(f=lambda write, read: 1 - write, i=lambda write, read: write, o=lambda write, read: read, order="fio"):
    """Return a function from signals to gates, each as one of the functions given, side by side in this order."""

    def latch(write, read):
        gates = {"f": f, "i": i, "o": o}
        return torch.stack([gates[letter](write, read) for letter in order], dim=1)

    return latch


def always(open_):
    return lambda write, read: torch.full_like(write, open_)


@drawn
def signals(generator, *steps):
    """Return (write, read) for steps such as "w", "r", "wr" or "-"."""
    chosen = steps or [["-", "w", "r", "wr"][int(torch.randint(4, (), generator=generator))] for _ in range(9)]
    return tuple(torch.tensor([float(letter in step) for step in chosen]) for letter in "wr")


LATCH = Exercise(
    name="latch",
    task="Set the three gates of an LSTM unit so that it stores, keeps and shows a value on command.",
    oracle=latch_with(),
    returns="(T, 3)",
    cases=[
        Case("write at once, then read", signals("w", "r")),
        Case("write, wait, read", signals("w", "-", "-", "r")),
        Case("a second value overwrites the first", signals("w", "r", "w", "r")),
        Case("write and read in one step", signals("wr", "-", "r")),
        Case("nothing but waiting", signals("-", "-")),
        Case("nine random steps", signals(), times=3),
    ],
    misconceptions={
        "returns the gates in another order: i, f, o": (
            "The columns are asked for as f, i, o, the order of the picture.",
            latch_with(order="ifo"),
        ),
        "has the forget gate the wrong way round": (
            "A forget gate of 1 *keeps*: its name says the opposite of what it does when open.",
            latch_with(f=lambda write, read: write),
        ),
        "never forgets, so that a second value is added to the first": (
            "c = f c + i g: with both gates open, old and new are added. What must f be when a value is written?",
            latch_with(f=always(1.0)),
        ),
        "writes at every step": (
            "An open input gate lets every candidate in. Between two commands nothing may enter.",
            latch_with(i=always(1.0)),
        ),
        "shows the cell at every step": (
            "The output gate should be open where `read` is 1, and shut elsewhere.",
            latch_with(o=always(1.0)),
        ),
        "keeps only until it is read": (
            "Reading does not empty the cell: the same value may be asked for again.",
            latch_with(f=lambda write, read: (1 - write) * (1 - read)),
        ),
    },
    hints=[
        "Write down f, i and o for the three situations: write, read, and neither.",
        "To overwrite, nothing old may stay and all of the new comes in. To keep, it is the other way round.",
        "Each column is `write`, `read`, or 1 minus one of them. `torch.stack([...], dim=1)` puts columns side by "
        "side.",
    ],
)


FOUR = "The four blocks of rows stand in torch's order: input gate, forget gate, candidate, output gate."


def lstm_step(x, h, c, W_ih, W_hh, b):
    return recurrent.lstm_step(x, (h, c), W_ih, W_hh, b, torch.zeros_like(b))


def lstm_with(
    order="ifgo",
    gate=torch.sigmoid,
    candidate=torch.tanh,
    squash=torch.tanh,
    product=lambda h, c: h,
    kept=lambda h, c: c,
    shown=lambda old, new: new,
):
    """Return a step that takes the blocks in another order, or another function or state where one belongs."""

    def step(x, h, c, W_ih, W_hh, b):
        blocks = (linear(x, W_ih, b) + linear(product(h, c), W_hh)).chunk(4, dim=1)
        by_letter = dict(zip(order, blocks, strict=True))
        i, f, o = (gate(by_letter[letter]) for letter in "ifo")
        new = f * kept(h, c) + i * candidate(by_letter["g"])
        return o * squash(shown(c, new)), new

    return step


@drawn
def lstm_arguments(generator, B, D, H, first=False, grown=False):
    x, h, c, *weights = normal(generator, (B, D), (B, H), (B, H), (4 * H, D), (4 * H, H), (4 * H,))
    h = h.tanh()
    if first:
        h, c = torch.zeros_like(h), torch.zeros_like(c)
    return x, h, 3 * c if grown else c, *weights


LSTM_STEP = Exercise(
    name="lstm_step",
    task="Compute one step of an LSTM for a batch, all gates with one matrix product.",
    oracle=lstm_step,
    returns="(B, H) and (B, H)",
    cases=[
        Case("one sequence, one feature, one unit", lstm_arguments(1, 1, 1)),
        Case("the first step, from zeros", lstm_arguments(2, 3, 2, first=True)),
        Case("as many features as units", lstm_arguments(2, 3, 3)),
        Case("a cell that has grown beyond 1", lstm_arguments(3, 2, 2, grown=True)),
        Case("random numbers, B = 4, D = 2, H = 5", lstm_arguments(4, 2, 5), times=2),
    ],
    misconceptions={
        "swaps the input gate and the forget gate": (FOUR, lstm_with("figo")),
        "swaps the candidate and the output gate": (FOUR, lstm_with("ifog")),
        "swaps the forget gate and the output gate": (FOUR, lstm_with("iogf")),
        "leaves out the tanh on the cell's way out": (
            "The cell may have grown far beyond 1. What does the equation for h do to it before the gate?",
            lstm_with(squash=lambda c: c),
        ),
        "leaves out the tanh of the candidate": (
            "What is written lies between -1 and 1. The candidate is the one block that is no gate.",
            lstm_with(candidate=lambda g: g),
        ),
        "takes the sigmoid of the candidate": (
            "Then only positive numbers could ever be written. Which function gives both signs?",
            lstm_with(candidate=torch.sigmoid),
        ),
        "takes no sigmoid of the gates": (
            "A gate is a share between 0 and 1. Yours can be negative, and larger than 1.",
            lstm_with(gate=lambda x: x),
        ),
        "returns c and h changed over": (
            "The numbers are right. The output h comes first, then the cell c, as in PyTorch.",
            lambda x, h, c, W_ih, W_hh, b: lstm_step(x, h, c, W_ih, W_hh, b)[::-1],
        ),
        "mixes up c and h: it keeps a share of h": (
            "Two states come in. The forget gate decides how much of the old *cell* stays.",
            lstm_with(kept=lambda h, c: h),
        ),
        "mixes up c and h: the cell goes into the matrix product": (
            "The gates look at the input and at the old *output* h; the cell goes past them untouched.",
            lstm_with(product=lambda h, c: c),
        ),
        "makes the output from the old cell": (
            "First the cell is made new; then the output reads it.",
            lstm_with(shown=lambda old, new: old),
        ),
        "leaves out the bias": ("Each block has one.", perturbed(lstm_step, b=torch.zeros_like)),
    },
    hints=[
        "`x @ W_ih.T + h @ W_hh.T + b` is (B, 4H): four blocks of H columns, in the order i, f, g, o.",
        "`.chunk(4, dim=1)` cuts it into the four. Three of them go through a sigmoid; which one does not?",
        "First the new cell, from f, the old cell, i and g. Then h, from o and the new cell. Return `h, c`.",
    ],
)


def gru_with(order="rzn", keep=True, enter=lambda r, new: new, reset=lambda r, h, W, b: r * linear(h, W, b)):
    """Return a step with blocks in another order, the update the other way round, or r in another place."""

    def step(x, h, W_ih, W_hh, b_ih, b_hh):
        new = dict(zip(order, linear(x, W_ih, b_ih).chunk(3, dim=1), strict=True))
        W, b = (dict(zip(order, whole.chunk(3), strict=True)) for whole in (W_hh, b_hh))
        r, z = ((new[gate] + linear(h, W[gate], b[gate])).sigmoid() for gate in "rz")
        n = torch.tanh(enter(r, new["n"]) + reset(r, h, W["n"], b["n"]))
        return (1 - z) * n + z * h if keep else z * n + (1 - z) * h

    return step


@drawn
def gru_arguments(generator, B, D, H, first=False):
    x, h, *weights = normal(generator, (B, D), (B, H), (3 * H, D), (3 * H, H), (3 * H,), (3 * H,))
    return x, torch.zeros_like(h) if first else h.tanh(), *weights


GRU_STEP = Exercise(
    name="gru_step",
    task="Compute one step of a GRU for a batch, with the reset gate where PyTorch has it.",
    oracle=recurrent.gru_step,
    returns="(B, H)",
    cases=[
        Case("one sequence, one feature, one unit", gru_arguments(1, 1, 1)),
        Case("the first step, from zeros", gru_arguments(2, 3, 2, first=True)),
        Case("as many features as units", gru_arguments(2, 3, 3)),
        Case("random numbers, B = 4, D = 2, H = 5", gru_arguments(4, 2, 5), times=2),
    ],
    misconceptions={
        "has z the wrong way round": (
            "In PyTorch z = 1 keeps the old state. (In Cho et al.'s equations, too; some papers have it the other "
            "way.) What does yours keep when z is 1?",
            gru_with(keep=False),
        ),
        "applies the reset gate before the matrix product": (
            "That is the GRU of the paper. PyTorch multiplies first, and r acts on the product, its bias included.",
            gru_with(reset=lambda r, h, W, b: linear(r * h, W, b)),
        ),
        "swaps the reset gate and the update gate": ("The order is r, z, n.", gru_with("zrn")),
        "never uses the reset gate": (
            "r decides how much of the old state the candidate may see.",
            gru_with(reset=lambda r, h, W, b: linear(h, W, b)),
        ),
        "resets the input as well": (
            "r acts on what comes from the old state only; the input always reaches the candidate.",
            gru_with(enter=lambda r, new: r * new),
        ),
        "adds the state's bias after the reset gate": (
            "In PyTorch `b_hh` belongs to the product with the state, inside the brackets that r multiplies.",
            gru_with(reset=lambda r, h, W, b: r * linear(h, W) + b),
        ),
        "leaves out one of the biases": ("Look at `b_hh`.", perturbed(recurrent.gru_step, b_hh=torch.zeros_like)),
    },
    hints=[
        "Compute `x @ W_ih.T + b_ih` and `h @ W_hh.T + b_hh` apart, each (B, 3H), and cut both into three.",
        "r and z are sigmoids of sums of the first and second blocks. The third blocks must not be added at once.",
        "n is the tanh of the input's third block plus r times the state's. Then z shares out between n and h.",
    ],
)


def counted(blocks=3, D=40, H=100, biases=2, square=True, output=10 * 100 + 10):
    return lambda: blocks * (H * D + (H * H if square else 0) + biases * H) + output


GRU_COUNT = Exercise(
    name="gru_count",
    task="Predict how many numbers a GRU with an output layer learns.",
    oracle=counted(),
    misconceptions={
        "counts a block for a third gate": ("A GRU has two gates and a candidate.", counted(blocks=4)),
        "counts the two gates and forgets the candidate": (
            "What the gates let in has weights, too.",
            counted(blocks=2),
        ),
        "counts one block, as in the plain network": ("Each gate has weights of its own.", counted(blocks=1)),
        "counts one bias where PyTorch has two": ("Look at the arguments of `gru_step`.", counted(biases=1)),
        "forgets the biases of the GRU": ("Look at the arguments of `gru_step` again.", counted(biases=0)),
        "forgets the way from state to state": ("Which matrix carries the memory?", counted(square=False)),
        "forgets the output layer": ("Ten outputs read the state.", counted(output=0)),
        "forgets the bias of the output layer": ("`nn.Linear` has one.", counted(output=1000)),
    },
    hints=[
        "Count the blocks of rows first: one for each gate, and one for what the gates let in.",
        "Each block has a matrix for the input (100, 40), one for the state (100, 100), and in PyTorch two biases.",
        "The output layer has 10 rows of 100 numbers, and a bias for each row.",
    ],
)


def keep_bias(share, steps):
    gate = share ** (1 / steps)
    return math.log(gate / (1 - gate))


KEEP_BIAS = Exercise(
    name="keep_bias",
    task="Choose the forget bias with which a given share of the cell is left after so many steps.",
    oracle=keep_bias,
    returns="a number",
    cases=[
        Case("a half after one step", given(0.5, 1)),
        Case("a quarter after two steps", given(0.25, 2)),
        Case("nine tenths after one step", given(0.9, 1)),
        Case("a half after 100 steps", given(0.5, 100)),
        Case("hardly anything after three steps", given(0.001, 3)),
    ],
    misconceptions={
        "returns the gate and not its bias": (
            "That is what the gate should be. The gate is the sigmoid of the bias: which bias gives it?",
            lambda share, steps: share ** (1 / steps),
        ),
        "has the sign turned round": (
            "A large bias opens the gate, and an open forget gate keeps.",
            lambda share, steps: -keep_bias(share, steps),
        ),
        "takes the share for that of a single step": (
            "The gate acts at each of the steps, and the shares multiply.",
            lambda share, steps: keep_bias(share, 1),
        ),
        "lets the same amount leak at each step": (
            "A gate takes a share of what is *left*, so that less and less leaks: the shares multiply.",
            lambda share, steps: keep_bias(1 - (1 - share) / steps, 1),
        ),
        "takes chrono's log of the number of steps": (
            "That bias leaves about a third after so many steps. Here the share is asked for, too.",
            lambda share, steps: math.log(steps),
        ),
        "turns the sigmoid round with a logarithm alone": (
            "The logarithm undoes the exponential. The sigmoid is 1 / (1 + exp(-b)): solve it for b.",
            lambda share, steps: math.log(share ** (1 / steps)),
        ),
    },
    hints=[
        "With a gate that stays at f, the cell after n steps is f to the power n times what it was.",
        "So f is the n-th root of the share, `share ** (1 / steps)`.",
        "Solve f = 1 / (1 + exp(-b)) for b. `math.log` helps; so does knowing that f / (1 - f) = exp(b).",
    ],
)

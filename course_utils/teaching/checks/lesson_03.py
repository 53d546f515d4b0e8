"""The exercises of lesson 03: a latch, a step of the LSTM, one of the GRU, a count, and a bias for a memory."""

import math

import torch
from torch.nn.functional import linear

from course_utils.algorithms import recurrent
from course_utils.teaching.checks.exercise import Case, Exercise, Misconception, perturbed

FOUR = "The four blocks of rows stand in torch's order: input gate, forget gate, candidate, output gate."


def lstm_step(x, h, c, W_ih, W_hh, b):
    return recurrent.lstm_step(x, (h, c), W_ih, W_hh, b, torch.zeros_like(b))


def gru_step(x, h, W_ih, W_hh, b_ih, b_hh):
    return recurrent.gru_step(x, h, W_ih, W_hh, b_ih, b_hh)


def lstm_with(order="ifgo", squash=torch.tanh, candidate=torch.tanh, product=lambda h, c: h, old=lambda h, c: c):
    """Return a step that takes the blocks in another order, or another function or state where one belongs."""

    def step(x, h, c, W_ih, W_hh, b):
        blocks = (linear(x, W_ih, b) + linear(product(h, c), W_hh)).chunk(4, dim=1)
        by_letter = dict(zip(order, blocks, strict=True))
        i, f, o = (by_letter[letter].sigmoid() for letter in "ifo")
        new = f * old(h, c) + i * candidate(by_letter["g"])
        return o * squash(new), new

    return step


def changed_over(x, h, c, W_ih, W_hh, b):
    new_h, new_c = lstm_step(x, h, c, W_ih, W_hh, b)
    return new_c, new_h


def from_the_old_cell(x, h, c, W_ih, W_hh, b):
    _, _, _, o = (linear(x, W_ih, b) + linear(h, W_hh)).chunk(4, dim=1)
    return o.sigmoid() * c.tanh(), lstm_step(x, h, c, W_ih, W_hh, b)[1]


def without_sigmoid(x, h, c, W_ih, W_hh, b):
    i, f, g, o = (linear(x, W_ih, b) + linear(h, W_hh)).chunk(4, dim=1)
    new = f * c + i * g.tanh()
    return o * new.tanh(), new


def lstm_arguments(B, D, H, first=False, grown=False):
    def arguments(generator):
        shapes = [(B, D), (B, H), (B, H), (4 * H, D), (4 * H, H), (4 * H,)]
        x, h, c, *weights = (torch.randn(shape, generator=generator) for shape in shapes)
        h = h.tanh()
        if first:
            h, c = torch.zeros_like(h), torch.zeros_like(c)
        return x, h, 3 * c if grown else c, *weights

    return arguments


def gru_with(order="rzn", keep=True, before=False, gated=True, both=False):
    """Return a step with blocks in another order, the update the other way round, or r in another place."""

    def step(x, h, W_ih, W_hh, b_ih, b_hh):
        inputs = dict(zip(order, linear(x, W_ih, b_ih).chunk(3, dim=1), strict=True))
        states = dict(zip(order, linear(h, W_hh, b_hh).chunk(3, dim=1), strict=True))
        r, z = ((inputs[letter] + states[letter]).sigmoid() for letter in "rz")
        rows = slice(order.index("n") * h.shape[1], (order.index("n") + 1) * h.shape[1])
        old = linear(r * h, W_hh[rows], b_hh[rows]) if before else (r if gated else 1) * states["n"]
        n = torch.tanh(r * (inputs["n"] + states["n"]) if both else inputs["n"] + old)
        return (1 - z) * n + z * h if keep else z * n + (1 - z) * h

    return step


def bias_outside(x, h, W_ih, W_hh, b_ih, b_hh):
    """r times the product, and the bias added after it."""
    inputs, states = linear(x, W_ih, b_ih).chunk(3, dim=1), linear(h, W_hh, b_hh).chunk(3, dim=1)
    r, z = ((inputs[k] + states[k]).sigmoid() for k in range(2))
    bias = b_hh[2 * h.shape[1] :]
    n = torch.tanh(inputs[2] + r * (states[2] - bias) + bias)
    return (1 - z) * n + z * h


def gru_arguments(B, D, H, first=False):
    def arguments(generator):
        shapes = [(B, D), (B, H), (3 * H, D), (3 * H, H), (3 * H,), (3 * H,)]
        x, h, *weights = (torch.randn(shape, generator=generator) for shape in shapes)
        return x, torch.zeros_like(h) if first else h.tanh(), *weights

    return arguments


def counted(blocks=3, D=40, H=100, biases=2, square=True, output=10 * 100 + 10):
    return lambda: blocks * (H * D + (H * H if square else 0) + biases * H) + output


MISCOUNTS = [
    ("counts a block for a third gate", "A GRU has two gates and a candidate.", counted(blocks=4)),
    ("counts the two gates and forgets the candidate", "What the gates let in has weights, too.", counted(blocks=2)),
    ("counts one block, as in the plain network", "Each gate has weights of its own.", counted(blocks=1)),
    ("counts one bias where PyTorch has two", "Look at the arguments of `gru_step`.", counted(biases=1)),
    ("forgets the biases of the GRU", "Look at the arguments of `gru_step` again.", counted(biases=0)),
    ("forgets the way from state to state", "Which matrix carries the memory?", counted(square=False)),
    ("forgets the output layer", "Ten outputs read the state.", counted(output=0)),
    ("forgets the bias of the output layer", "`nn.Linear` has one.", counted(output=1000)),
]


def latch_with(f=lambda write, read: 1 - write, i=lambda write, read: write, o=lambda write, read: read, order="fio"):
    """Return a function from signals to gates, each as one of the functions given, side by side in this order."""

    def latch(write, read):
        gates = {"f": f, "i": i, "o": o}
        return torch.stack([gates[letter](write, read) for letter in order], dim=1)

    return latch


def always(open_):
    return lambda write, read: torch.full_like(write, open_)


def signals(*steps):
    """Return (write, read) for steps such as "w", "r", "wr" or "-"."""

    def arguments(generator):
        chosen = steps or [["-", "w", "r", "wr"][int(torch.randint(4, (), generator=generator))] for _ in range(9)]
        return tuple(torch.tensor([float(letter in step) for step in chosen]) for letter in "wr")

    return arguments


def keep_bias(share, steps):
    gate = share ** (1 / steps)
    return math.log(gate / (1 - gate))


EXERCISES = [
    Exercise(
        name="latch",
        lesson="03",
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
        misconceptions=[
            Misconception(
                "returns the gates in another order: i, f, o",
                "The columns are asked for as f, i, o, the order of the picture.",
                latch_with(order="ifo"),
            ),
            Misconception(
                "has the forget gate the wrong way round",
                "A forget gate of 1 *keeps*: its name says the opposite of what it does when open.",
                latch_with(f=lambda write, read: write),
            ),
            Misconception(
                "never forgets, so that a second value is added to the first",
                "c = f c + i g: with both gates open, old and new are added. What must f be when a value is written?",
                latch_with(f=always(1.0)),
            ),
            Misconception(
                "writes at every step",
                "An open input gate lets every candidate in. Between two commands nothing may enter.",
                latch_with(i=always(1.0)),
            ),
            Misconception(
                "shows the cell at every step",
                "The output gate should be open where `read` is 1, and shut elsewhere.",
                latch_with(o=always(1.0)),
            ),
            Misconception(
                "keeps only until it is read",
                "Reading does not empty the cell: the same value may be asked for again.",
                latch_with(f=lambda write, read: (1 - write) * (1 - read)),
            ),
        ],
        hints=[
            "Write down f, i and o for the three situations: write, read, and neither.",
            "To overwrite, nothing old may stay and all of the new comes in. To keep, it is the other way round.",
            "Each column is `write`, `read`, or 1 minus one of them. `torch.stack([...], dim=1)` puts columns side by "
            "side.",
        ],
    ),
    Exercise(
        name="lstm_step",
        lesson="03",
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
        misconceptions=[
            Misconception("swaps the input gate and the forget gate", FOUR, lstm_with("figo")),
            Misconception("swaps the candidate and the output gate", FOUR, lstm_with("ifog")),
            Misconception("swaps the forget gate and the output gate", FOUR, lstm_with("iogf")),
            Misconception(
                "leaves out the tanh on the cell's way out",
                "The cell may have grown far beyond 1. What does the equation for h do to it before the gate?",
                lstm_with(squash=lambda c: c),
            ),
            Misconception(
                "leaves out the tanh of the candidate",
                "What is written lies between -1 and 1. The candidate is the one block that is no gate.",
                lstm_with(candidate=lambda g: g),
            ),
            Misconception(
                "takes the sigmoid of the candidate",
                "Then only positive numbers could ever be written. Which function gives both signs?",
                lstm_with(candidate=torch.sigmoid),
            ),
            Misconception(
                "takes no sigmoid of the gates",
                "A gate is a share between 0 and 1. Yours can be negative, and larger than 1.",
                without_sigmoid,
            ),
            Misconception(
                "returns c and h changed over",
                "The numbers are right. The output h comes first, then the cell c, as in PyTorch.",
                changed_over,
            ),
            Misconception(
                "mixes up c and h: it keeps a share of h",
                "Two states come in. The forget gate decides how much of the old *cell* stays.",
                lstm_with(old=lambda h, c: h),
            ),
            Misconception(
                "mixes up c and h: the cell goes into the matrix product",
                "The gates look at the input and at the old *output* h; the cell goes past them untouched.",
                lstm_with(product=lambda h, c: c),
            ),
            Misconception(
                "makes the output from the old cell",
                "First the cell is made new; then the output reads it.",
                from_the_old_cell,
            ),
            Misconception("leaves out the bias", "Each block has one.", perturbed(lstm_step, b=torch.zeros_like)),
        ],
        hints=[
            "`x @ W_ih.T + h @ W_hh.T + b` is (B, 4H): four blocks of H columns, in the order i, f, g, o.",
            "`.chunk(4, dim=1)` cuts it into the four. Three of them go through a sigmoid; which one does not?",
            "First the new cell, from f, the old cell, i and g. Then h, from o and the new cell. Return `h, c`.",
        ],
    ),
    Exercise(
        name="gru_step",
        lesson="03",
        task="Compute one step of a GRU for a batch, with the reset gate where PyTorch has it.",
        oracle=gru_step,
        returns="(B, H)",
        cases=[
            Case("one sequence, one feature, one unit", gru_arguments(1, 1, 1)),
            Case("the first step, from zeros", gru_arguments(2, 3, 2, first=True)),
            Case("as many features as units", gru_arguments(2, 3, 3)),
            Case("random numbers, B = 4, D = 2, H = 5", gru_arguments(4, 2, 5), times=2),
        ],
        misconceptions=[
            Misconception(
                "has z the wrong way round",
                "In PyTorch z = 1 keeps the old state. (In Cho et al.'s equations, too; some papers have it the other "
                "way.) What does yours keep when z is 1?",
                gru_with(keep=False),
            ),
            Misconception(
                "applies the reset gate before the matrix product",
                "That is the GRU of the paper. PyTorch multiplies first, and r acts on the product, its bias included.",
                gru_with(before=True),
            ),
            Misconception("swaps the reset gate and the update gate", "The order is r, z, n.", gru_with("zrn")),
            Misconception(
                "never uses the reset gate",
                "r decides how much of the old state the candidate may see.",
                gru_with(gated=False),
            ),
            Misconception(
                "resets the input as well",
                "r acts on what comes from the old state only; the input always reaches the candidate.",
                gru_with(both=True),
            ),
            Misconception(
                "adds the state's bias after the reset gate",
                "In PyTorch `b_hh` belongs to the product with the state, inside the brackets that r multiplies.",
                bias_outside,
            ),
            Misconception(
                "leaves out one of the biases", "Look at `b_hh`.", perturbed(gru_step, b_hh=torch.zeros_like)
            ),
        ],
        hints=[
            "Compute `x @ W_ih.T + b_ih` and `h @ W_hh.T + b_hh` apart, each (B, 3H), and cut both into three.",
            "r and z are sigmoids of sums of the first and second blocks. The third blocks must not be added at once.",
            "n is the tanh of the input's third block plus r times the state's. Then z shares out between n and h.",
        ],
    ),
    Exercise(
        name="gru_count",
        lesson="03",
        task="Predict how many numbers a GRU with an output layer learns.",
        oracle=counted(),
        misconceptions=[Misconception(*miscount) for miscount in MISCOUNTS],
        hints=[
            "Count the blocks of rows first: one for each gate, and one for what the gates let in.",
            "Each block has a matrix for the input (100, 40), one for the state (100, 100), and in PyTorch two biases.",
            "The output layer has 10 rows of 100 numbers, and a bias for each row.",
        ],
    ),
    Exercise(
        name="keep_bias",
        lesson="03",
        task="Choose the forget bias with which a given share of the cell is left after so many steps.",
        oracle=keep_bias,
        returns="a number",
        cases=[
            Case("a half after one step", lambda generator: (0.5, 1)),
            Case("a quarter after two steps", lambda generator: (0.25, 2)),
            Case("nine tenths after one step", lambda generator: (0.9, 1)),
            Case("a half after 100 steps", lambda generator: (0.5, 100)),
            Case("hardly anything after three steps", lambda generator: (0.001, 3)),
        ],
        misconceptions=[
            Misconception(
                "returns the gate and not its bias",
                "That is what the gate should be. The gate is the sigmoid of the bias: which bias gives it?",
                lambda share, steps: share ** (1 / steps),
            ),
            Misconception(
                "has the sign turned round",
                "A large bias opens the gate, and an open forget gate keeps.",
                lambda share, steps: -keep_bias(share, steps),
            ),
            Misconception(
                "takes the share for that of a single step",
                "The gate acts at each of the steps, and the shares multiply.",
                lambda share, steps: keep_bias(share, 1),
            ),
            Misconception(
                "lets the same amount leak at each step",
                "A gate takes a share of what is *left*, so that less and less leaks: the shares multiply.",
                lambda share, steps: keep_bias(1 - (1 - share) / steps, 1),
            ),
            Misconception(
                "takes chrono's log of the number of steps",
                "That bias leaves about a third after so many steps. Here the share is asked for, too.",
                lambda share, steps: math.log(steps),
            ),
            Misconception(
                "turns the sigmoid round with a logarithm alone",
                "The logarithm undoes the exponential. The sigmoid is 1 / (1 + exp(-b)): solve it for b.",
                lambda share, steps: math.log(share ** (1 / steps)),
            ),
        ],
        hints=[
            "With a gate that stays at f, the cell after n steps is f to the power n times what it was.",
            "So f is the n-th root of the share, `share ** (1 / steps)`.",
            "Solve f = 1 / (1 + exp(-b)) for b. `math.log` helps; so does knowing that f / (1 - f) = exp(b).",
        ],
    ),
]

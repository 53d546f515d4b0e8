"""The exercises of lesson 01: one-hot vectors, one step, the stacked matrix, a count, and unrolling with a mask."""

import torch

from course_utils.algorithms.recurrent import rnn_step
from course_utils.teaching.checks.exercise import Case, Exercise, drawn, given, normal, perturbed

ENTRIES = ["<PAD>", "<UNK>", "and", "date", "on", "sam", "tom"]


def coding(unknown):
    """Return one-hot coding with the entry ``unknown(vocabulary)`` for unknown tokens; None leaves zeros."""

    def coded(tokens, vocabulary):
        rows = torch.zeros(len(tokens), len(vocabulary))
        for row, token in zip(rows, tokens, strict=True):
            place = vocabulary.index(token) if token in vocabulary else unknown(vocabulary)
            if place is not None:
                row[place] = 1.0
        return rows

    return coded


one_hot = coding(lambda vocabulary: vocabulary.index("<UNK>"))


def random_words(generator):
    entries = [ENTRIES[k] for k in torch.randperm(len(ENTRIES), generator=generator)]
    words = [*ENTRIES[2:], "zoe", "raj"]
    return [words[int(k)] for k in torch.randint(len(words), (6,), generator=generator)], entries


ONE_HOT = Exercise(
    name="one_hot",
    task="Turn tokens into one-hot vectors, unknown ones into that of <UNK>.",
    oracle=one_hot,
    returns="(T, V)",
    cases=[
        Case("one known word", given(["sam"], ENTRIES)),
        Case("a word that is not in the vocabulary", given(["sam", "li"], ENTRIES)),
        Case("a word that comes twice", given(["tom", "and", "tom"], ENTRIES)),
        Case("<UNK> is the third entry", given(["li"], ["a", "sam", "<UNK>", "tom"])),
        Case("random words, and the entries in any order", random_words, times=3),
    ],
    misconceptions={
        "leaves a row of zeros for an unknown word": (
            "Each row has exactly one 1. The vocabulary has an entry for words that it does not know.",
            coding(lambda vocabulary: None),
        ),
        "leaves unknown words out": (
            "Fewer rows come out than tokens went in, so that labels and words no longer stand side by side.",
            lambda tokens, vocabulary: one_hot([token for token in tokens if token in vocabulary], vocabulary),
        ),
        "takes the last entry for an unknown word": (
            "An index of -1 means “not found” to some functions and “the last one” to Python's lists.",
            coding(lambda vocabulary: len(vocabulary) - 1),
        ),
        "takes entry 0 for an unknown word": (
            "Entry 0 is some other entry, often `<PAD>`. Where is `<UNK>` in the vocabulary that you are given?",
            coding(lambda vocabulary: 0),
        ),
        "takes entry 1 for an unknown word": (
            "`<UNK>` stands at 1 in this lesson's vocabularies. The function is given any vocabulary: look it up.",
            coding(lambda vocabulary: 1),
        ),
        "has tokens in columns": (
            "Your matrix is (V, T). One *row* a token: time comes first, features last.",
            lambda tokens, vocabulary: one_hot(tokens, vocabulary).T,
        ),
        "returns the indices themselves": (
            "An index is the place of the 1. The network wants the vector around it.",
            lambda tokens, vocabulary: one_hot(tokens, vocabulary).argmax(1),
        ),
    },
    hints=[
        "Start from zeros of shape (number of tokens, number of entries). Then each row needs a single 1.",
        "`vocabulary.index(token)` finds the place of a token and fails for one that is not there. What do you look "
        "for in its stead?",
        "`token if token in vocabulary else ...` decides in one line which entry to look for.",
    ],
)


TWO_READ = " changes nothing in the result. A step reads two things, the input and what the network remembers."


@drawn
def step_arguments(generator, B, D, H, first=False):
    x, h, *weights = normal(generator, (B, D), (B, H), (H, D), (H, H), (H,))
    return x, torch.zeros_like(h) if first else h, *weights


RNN_STEP = Exercise(
    name="rnn_step",
    task="Compute one step of the recurrence for a batch of sequences.",
    oracle=rnn_step,
    returns="(B, H)",
    cases=[
        Case("one sequence, one feature, one unit", step_arguments(1, 1, 1)),
        Case("as many features as units", step_arguments(2, 3, 3)),
        Case("the first step, from a state of zeros", step_arguments(2, 3, 3, first=True)),
        Case("as many sequences as features and units", step_arguments(3, 3, 3)),
        Case("random numbers, B = 4, D = 2, H = 5", step_arguments(4, 2, 5), times=3),
    ],
    misconceptions={
        "forgets the old state": ("`h`" + TWO_READ, perturbed(rnn_step, h=torch.zeros_like)),
        "forgets the input": ("`x`" + TWO_READ, perturbed(rnn_step, x=torch.zeros_like)),
        "adds the bias twice": ("A step has one bias.", perturbed(rnn_step, b_a=lambda b_a: 2 * b_a)),
        "leaves out the bias": ("Inside g are three terms.", perturbed(rnn_step, b_a=torch.zeros_like)),
        "leaves out the tanh": (
            "The sum may grow beyond 1 and, over many steps, without end. The equation wraps it in g.",
            lambda x, h, W_ax, W_aa, b_a: x @ W_ax.T + h @ W_aa.T + b_a,
        ),
        "multiplies by `W_aa` the wrong way round": (
            "Row i of `W_aa` makes unit i. In a batch the states are rows, so the product is no longer `W_aa` times a "
            "column: which of the two has to be transposed?",
            perturbed(rnn_step, W_aa=lambda W_aa: W_aa.T),
        ),
        "multiplies by `W_ax` the wrong way round": (
            "It fits only where there are as many features as units. Row i of `W_ax` makes unit i; the inputs are "
            "rows, too.",
            lambda x, h, W_ax, W_aa, b_a: torch.tanh(x @ W_ax + h @ W_aa.T + b_a),
        ),
        "multiplies with the two matrices changed over": (
            "`W_aa` belongs to the old state, `W_ax` to the input: the second letter says what comes in.",
            lambda x, h, W_ax, W_aa, b_a: torch.tanh(h @ W_ax.T + x @ W_aa.T + b_a),
        ),
        "is written for one sequence, a column": (
            "`W @ x` is for a single vector. In a batch each sequence is a *row* of `x` and `h`: what stands left?",
            lambda x, h, W_ax, W_aa, b_a: torch.tanh(W_aa @ h + W_ax @ x + b_a),
        ),
        "multiplies by both matrices the wrong way round": (
            "Written for columns, `W x`; in a batch the inputs and states are rows, and both matrices need to be "
            "turned.",
            lambda x, h, W_ax, W_aa, b_a: torch.tanh(x @ W_ax + h @ W_aa + b_a),
        ),
        "takes the tanh of each term": (
            "First everything is added, then one tanh is taken: the input and the memory have to meet before.",
            lambda x, h, W_ax, W_aa, b_a: torch.tanh(x @ W_ax.T) + torch.tanh(h @ W_aa.T) + b_a,
        ),
        "uses the sigmoid in place of the tanh": (
            "All your numbers are positive. The lesson's g for the state is the tanh, which is odd.",
            lambda x, h, W_ax, W_aa, b_a: torch.sigmoid(x @ W_ax.T + h @ W_aa.T + b_a),
        ),
    },
    hints=[
        "Three terms go into one tanh: something from the old state, something from the input, and the bias.",
        "A batch has one *row* for each sequence: `x` is (B, D) and the result (B, H). Which matrix, turned which way, "
        "takes (B, D) to (B, H)?",
        "`W.T` turns a matrix. Write the shapes under each product before you run it.",
    ],
)


def stacked(W_aa, W_ax):
    return torch.cat([W_aa, W_ax], dim=1)


@drawn
def matrices(generator, H, D):
    return normal(generator, (H, H), (H, D))


STACKED = Exercise(
    name="stacked",
    task="Put W_aa and W_ax side by side into one matrix W_a.",
    oracle=stacked,
    returns="(H, H + D)",
    cases=[
        Case("two units, three features", matrices(2, 3)),
        Case("two units, two features", matrices(2, 2)),
        Case("one unit, one feature", matrices(1, 1)),
        Case("random numbers, H = 3, D = 5", matrices(3, 5), times=2),
    ],
    misconceptions={
        "stacks one on top of the other": (
            "That makes twice as many units. Each row makes one unit, and its numbers have to reach both the state and "
            "the input.",
            lambda W_aa, W_ax: torch.cat([W_aa, W_ax]),
        ),
        "puts `W_ax` first": (
            "The column that it multiplies has the state on top and the input below it, in this order.",
            lambda W_aa, W_ax: torch.cat([W_ax, W_aa], dim=1),
        ),
        "adds the two matrices": ("Side by side, not one into the other.", lambda W_aa, W_ax: W_aa + W_ax),
        "has rows and columns changed": (
            "It is the transpose of what is asked for; each *row* makes one unit.",
            lambda W_aa, W_ax: stacked(W_aa, W_ax).T,
        ),
        "returns a list of the two matrices": (
            "A list keeps them apart. One matrix is asked for, in which they are joined.",
            lambda W_aa, W_ax: [W_aa, W_ax],
        ),
    },
    hints=[
        "W_aa is (H, H) and W_ax is (H, D). Which of the two dimensions has to grow to make (H, H + D)?",
        "`torch.cat([...], dim=...)` joins tensors along a dimension; 0 counts rows, 1 counts columns.",
    ],
)


def counted(W_aa=60 * 60, W_ax=60 * 8000, b_a=60, W_ya=5 * 60, b_y=5, times=1):
    """Return the numbers that the exercise's network learns; ``times`` counts what is used at each step again."""
    return lambda: (W_aa + W_ax + b_a + W_ya + b_y) * times


PARAMETER_COUNT = Exercise(
    name="parameter_count",
    task="Predict how many numbers this network learns.",
    oracle=counted(),
    misconceptions={
        "forgets the biases": ("The matrices are right. Each equation adds one more vector.", counted(b_a=0, b_y=0)),
        "forgets the bias of the state": ("Which vector does the first equation add?", counted(b_a=0)),
        "forgets the bias of the output": ("Which vector does the second equation add?", counted(b_y=0)),
        "counts every weight once a step": (
            "Separate weights for each of the 40 words? It has none.",
            counted(times=40),
        ),
        "counts the weights of the state once a step": (
            "The same `W_aa` and `W_ax` are used at all 40 steps: used often, learned once.",
            counted(W_aa=40 * 60 * 60, W_ax=40 * 60 * 8000),
        ),
        "counts the weights of the state, with their bias, once a step": (
            "The same `W_aa`, `W_ax` and `b_a` are used at all 40 steps: used often, learned once.",
            counted(W_aa=40 * 60 * 60, W_ax=40 * 60 * 8000, b_a=40 * 60),
        ),
        "forgets the output layer": ("Nothing says yet which kind of word it is.", counted(W_ya=0, b_y=0)),
        "counts the two matrices of the state only": (
            "The second equation learns something, too, and each equation adds a vector.",
            counted(b_a=0, W_ya=0, b_y=0),
        ),
        "forgets the way from state to state": ("Which matrix carries the memory?", counted(W_aa=0)),
        "counts a second bias for the state": (
            "PyTorch has two, which it adds up; our equation has one.",
            counted(b_a=120),
        ),
        "adds `<PAD>` and `<UNK>` to the vocabulary": ("The 8,000 are all that goes in.", counted(W_ax=60 * 8002)),
    },
    hints=[
        "Three matrices and two biases. Write the shape of each before you multiply.",
        "W_aa is (60, 60) and W_ax is (60, 8000). The 40 is there to tempt you.",
    ],
)


FROM_ZERO = "Steps count from 0 in Python: a sequence of length 3 takes the steps 0, 1 and 2."


def reading(steps, carry=lambda old: old):
    """Return unrolling in which sequence b takes the steps t for which ``steps(t, lengths, b)``, one by one.

    ``carry`` is what happens to the state in front of each step.
    """

    def unrolled(x, lengths, W_ax, W_aa, b_a):
        states = []
        for b in range(len(x)):
            h = torch.zeros(1, len(b_a))
            for t in range(x.shape[1]):
                if steps(t, lengths, b):
                    h = rnn_step(x[b : b + 1, t], carry(h), W_ax, W_aa, b_a)
            states.append(h[0])
        return torch.stack(states)

    return unrolled


unroll = reading(lambda t, lengths, b: t < lengths[b])
runs_on = reading(lambda t, lengths, b: True)


def blank_padding(x, lengths, W_ax, W_aa, b_a):
    is_real = torch.arange(x.shape[1]) < lengths[:, None]
    return runs_on(x * is_real[..., None], lengths, W_ax, W_aa, b_a)


def every_state(x, lengths, W_ax, W_aa, b_a):
    T = x.shape[1]
    return torch.stack([runs_on(x[:, : t + 1], lengths, W_ax, W_aa, b_a) for t in range(T)], dim=1)


def over_the_batch(x, lengths, W_ax, W_aa, b_a):
    h = torch.zeros(len(x), len(b_a))
    for sequence in x:
        h = rnn_step(sequence, h, W_ax, W_aa, b_a)
    return h


@drawn
def sequences(generator, lengths, T=None, noise=True, D=3, H=4):
    counts = torch.tensor(lengths) if lengths else torch.randint(1, 7, (4,), generator=generator)
    longest = T or int(counts.max())
    x = torch.randn(len(counts), longest, D, generator=generator)
    if not noise:
        x = x * (torch.arange(longest) < counts[:, None])[..., None]
    return x, counts, *normal(generator, (H, D), (H, H), (H,))


UNROLL = Exercise(
    name="unroll",
    task="Read padded sequences and return the state after each one's last real step.",
    oracle=unroll,
    returns="(B, H)",
    cases=[
        Case("two steps, no padding", sequences([2, 2], D=1, H=1)),
        Case("the second sequence is shorter", sequences([3, 2], noise=False)),
        Case("a sequence of one step", sequences([1, 4], noise=False)),
        Case("every sequence is padded", sequences([2, 3], T=5, noise=False)),
        Case("random numbers where the padding is", sequences(None, T=7), times=3),
    ],
    misconceptions={
        "runs on into the padding": (
            "Padding is no input: what happens there must not reach the result. After its last real step a sequence "
            "has to keep the state it has.",
            runs_on,
        ),
        "blanks the input in the padding, and runs on": (
            "An input of zeros does not keep a state as it is: `W_aa` and `b_a` go on changing it. The mask has to "
            "choose between the new state and the old one.",
            blank_padding,
        ),
        "sets the state to zero in the padding": (
            "A sequence that has ended keeps its last state; multiplying by the mask erases it.",
            lambda x, lengths, W_ax, W_aa, b_a: unroll(x, lengths, W_ax, W_aa, b_a) * (lengths == x.shape[1])[:, None],
        ),
        "stops one step early": (FROM_ZERO, reading(lambda t, lengths, b: t < lengths[b] - 1)),
        "takes one step too many": (FROM_ZERO, reading(lambda t, lengths, b: t <= lengths[b])),
        "stops every sequence where the shortest ends": (
            "Each sequence has its own length: decide for each row.",
            reading(lambda t, lengths, b: t < int(lengths.min())),
        ),
        "forgets the state between steps": (
            "Each step starts from zeros again. The new state has to become the next step's old one.",
            reading(lambda t, lengths, b: t < lengths[b], carry=torch.zeros_like),
        ),
        "returns the states of all steps": (
            "One state a sequence is asked for, the one after its last real step.",
            every_state,
        ),
        "runs over the batch in place of the time": (
            "`x` is (B, T, D), and `x[t]` or `for x_t in x` takes a whole sequence. Time is the second dimension.",
            over_the_batch,
        ),
    },
    hints=[
        "Begin with a state of zeros, (B, H), and call `recurrent.rnn_step` for each column `x[:, t]` in order.",
        "At step t, `lengths > t` says for each sequence whether this step is real.",
        "`torch.where(condition, new, old)` chooses element by element; the condition must be (B, 1) to choose whole "
        "rows.",
    ],
)

"""The exercises of lesson 10: collapse, the fewest frames, the number of paths, a step of alpha, the gradient."""

import math
from functools import cache
from itertools import pairwise

import torch

from course_utils.algorithms import ctc
from course_utils.teaching.checks.exercise import Case, Exercise, drawn, given, perturbed


@drawn
def drawn_path(generator, length, labels):
    return (torch.randint(0, labels + 1, (length,), generator=generator).tolist(),)


COLLAPSE_PATH = Exercise(
    name="collapse_path",
    task="Collapse a path of frame labels.",
    oracle=lambda path: ctc.collapse(path),
    returns="a list of labels",
    cases=[
        Case("blanks alone", given([0, 0, 0])),
        Case("a label that lasts", given([0, 3, 3, 3])),
        Case("a blank between equal labels", given([3, 0, 3])),
        Case("no blank at all", given([1, 1, 2])),
        Case("an empty path", given([])),
        Case("a label that comes back", given([1, 2, 2, 1])),
        Case("a random path", drawn_path(12, 2), times=4),
    ],
    misconceptions={
        "drops the blanks first, and merges afterwards": (
            "Without the blanks, equal labels become neighbours that never were: `[3, 0, 3]` says the label twice. "
            "Which of the two steps comes first?",
            lambda path: ctc.collapse([symbol for symbol in path if symbol]),
        ),
        "drops the blanks and merges nothing": (
            "A label that lasts several frames is said once. Merge equal neighbours.",
            lambda path: [symbol for symbol in path if symbol],
        ),
        "merges and keeps the blanks": (
            "The blank stands for nothing: it is no part of the text.",
            lambda path: [symbol for t, symbol in enumerate(path) if not t or symbol != path[t - 1]],
        ),
        "loses the last run": (
            "You compare each symbol with the one after it, and nothing comes after the last: compare with the one "
            "before.",
            lambda path: [symbol for symbol, following in pairwise(path) if symbol and symbol != following],
        ),
        "keeps each label once, wherever it comes back": (
            "Only *neighbours* are merged. A label may come back later.",
            lambda path: list(dict.fromkeys(symbol for symbol in path if symbol)),
        ),
    },
    hints=[
        "Go through the path with the symbol before each one at hand.",
        "A symbol counts if it differs from the one before it *in the path*, and is not 0.",
        "`itertools.groupby(path)` gives each run of equal neighbours once, with its symbol. Drop the zeros among "
        "those.",
    ],
)


@drawn
def drawn_target(generator, length, labels, frames=None):
    target = torch.randint(1, labels + 1, (length,), generator=generator).tolist()
    return (target,) if frames is None else (target, frames)


def repeats(target):
    return ctc.minimum_frames(target) - len(target)


FEWEST_FRAMES = Exercise(
    name="fewest_frames",
    task="Return the smallest number of frames in which a text has an alignment.",
    oracle=ctc.minimum_frames,
    returns="a whole number",
    cases=[
        Case("one label", given([4])),
        Case("no label", given([])),
        Case("three different labels", given([1, 2, 3])),
        Case("a repeat", given([2, 2])),
        Case("three of a kind", given([1, 1, 1])),
        Case("a label that comes back, not at once", given([1, 2, 1])),
        Case("two repeats apart", given([1, 1, 2, 2])),
        Case("random labels", drawn_target(9, 2), times=4),
    ],
    misconceptions={
        "counts the labels alone": (
            "Two equal labels in a row need something between them, or they merge.",
            len,
        ),
        "counts every state of Z": (
            "Most blanks may be left out. Which ones may not?",
            lambda target: 2 * len(target) + 1,
        ),
        "counts labels that come back later as repeats": (
            "Only *neighbours* merge: `[1, 2, 1]` needs no blank.",
            lambda target: 2 * len(target) - len(set(target)),
        ),
        "takes the rule of the footnote, U + 2r − 1": (
            "Try it on `[1, 1, 1]`, and list the alignments in five frames.",
            lambda target: len(target) + 2 * repeats(target) - 1,
        ),
        "puts a blank between all labels": (
            "Different labels may stand side by side: `ab` fits in two frames.",
            lambda target: max(2 * len(target) - 1, 0),
        ),
        "puts a blank between all labels, and counts −1 for none": (
            "Different labels may stand side by side, `ab` fits in two frames; and no label needs no frame.",
            lambda target: 2 * len(target) - 1,
        ),
        "compares the first label with the last": (
            "At i = 0, `target[i - 1]` is the *last* label: in Python −1 counts from the end. Start at 1.",
            lambda target: len(target) + sum(label == target[i - 1] for i, label in enumerate(target)),
        ),
        "counts at most one repeat": (
            "Every pair of equal neighbours needs a blank of its own.",
            lambda target: len(target) + min(repeats(target), 1),
        ),
    },
    hints=[
        "Write the shortest alignment of *aab* that you can find.",
        "Each label takes a frame, and each pair of equal neighbours one frame more.",
        "`zip(target, target[1:])` gives the pairs of neighbours.",
    ],
)


def without_blanks(target, T):
    """Count the ways to spread T frames over U labels, each at least one."""
    U = len(target)
    return math.comb(T - 1, U - 1) if T and U else int(T == U)


def as_if_all_differed(target, T):
    U = len(target)
    return math.comb(T + U, 2 * U) if T >= U else 0


def through_the_states(skips=lambda z, s: s > 1 and z[s] != 0 and z[s] != z[s - 2], ends=2):
    """Return a count along the trellis, or one that goes wrong where it may skip, or where it ends."""

    def count(target, T):
        z = ctc.extend(target)

        @cache
        def ways(t, s):
            if t == 0:
                return int(s == 0)
            return ways(t - 1, s) + (ways(t - 1, s - 1) if s else 0) + (ways(t - 1, s - 2) if skips(z, s) else 0)

        return sum(ways(T, s) for s in range(max(len(z) - ends, 0), len(z)))

    return count


COUNT_PATHS = Exercise(
    name="count_paths",
    task="Return how many paths of T frames collapse to a text.",
    oracle=lambda target, T: ctc.count_alignments(target, T),
    returns="a whole number",
    cases=[
        Case("one label in two frames", given([1], 2)),
        Case("two labels in three frames", given([1, 2], 3)),
        Case("a repeat in four frames", given([1, 1], 4)),
        Case("too few frames", given([1, 1], 2)),
        Case("as many frames as are needed", given([1, 1, 2], 4)),
        Case("no label", given([], 3)),
        Case("too many to list", given([1, 2, 3, 3, 4], 40)),
        Case("random labels in nine frames", drawn_target(4, 2, frames=9), times=3),
    ],
    misconceptions={
        "counts as if no label were repeated": (
            "Between equal labels the blank is not free, or they merge: each such pair costs a frame.",
            as_if_all_differed,
        ),
        "has no blanks": (
            "Blanks may stand before, between and after the labels: `εa` and `aε` are alignments of *a* too.",
            without_blanks,
        ),
        "lets each label last one frame": (
            "That chooses the frames in which a label is named. A label may last several frames.",
            lambda target, T: math.comb(T, len(target)),
        ),
        "never skips a blank": (
            "Different labels may stand side by side.",
            through_the_states(skips=lambda z, s: False),
        ),
        "counts only paths that end in a blank": (
            "A path may end on the last label as well: add the last *two* states.",
            through_the_states(ends=1),
        ),
    },
    hints=[
        "The formula stands above: T + U − R choose 2U, where T is large enough. What is it where T is not?",
        "`math.comb(n, k)` is 0 for k > n and refuses negative n. R is the number of equal neighbours.",
        "Or count along Z: `ways[s]` after a frame is the sum of what it was in s, in s − 1, and in s − 2 where a skip "
        "is allowed. Before the first frame there is one way, in the first blank.",
    ],
)


def step(skips=lambda z, s: z[s] != 0 and z[s] != z[s - 2], ways=sum, stay=True):
    """Return one step of alpha, or one that goes wrong in a chosen place."""

    def stepped(before, y_t, states):
        after = torch.zeros_like(before)
        for s in range(len(states)):
            arriving = [before[s]] if stay or s == 0 else []
            arriving += [before[s - 1]] if s else []
            arriving += [before[s - 2]] if s > 1 and skips(states, s) else []
            after[s] = ways(arriving) * y_t[s]
        return after

    return stepped


alpha_step = step()


def round_the_end(*places):
    """Return a step that adds `before[-1]` to those of the first two states: −1 counts from the end in Python."""

    def stepped(before, y_t, states):
        after = alpha_step(before, y_t, states)
        for s in places:
            if s < len(states):
                after[s] += before[-1] * y_t[s]
        return after

    return stepped


def over_its_own_numbers(before, y_t, states):
    """Write the new numbers into the old ones, from the front, and read them again."""
    alpha = before.clone()
    for s, z in enumerate(states):
        ways = alpha[s] + (alpha[s - 1] if s else 0)
        skip = s > 1 and z not in (0, states[s - 2])
        alpha[s] = (ways + (alpha[s - 2] if skip else 0)) * y_t[s]
    return alpha


@drawn
def drawn_step(generator, states):
    before, y_t = torch.rand(2, len(states), generator=generator).unbind()
    return before, y_t, list(states)


@drawn
def first_step(generator, states):
    """Only the first blank is occupied: as if a path waited there before it begins."""
    before = torch.zeros(len(states))
    before[0] = 1.0
    return before, torch.rand(len(states), generator=generator), list(states)


ALPHA_STEP = Exercise(
    name="alpha_step",
    task="Take one step of the forward variables.",
    oracle=alpha_step,
    returns="(S,)",
    cases=[
        Case("one label", drawn_step([0, 1, 0])),
        Case("two different labels", drawn_step([0, 1, 0, 2, 0])),
        Case("the same label twice", drawn_step([0, 1, 0, 1, 0])),
        Case("the first step of all", first_step([0, 1, 0, 2, 0])),
        Case("no label", drawn_step([0])),
        Case("a repeat among four labels", drawn_step([0, 2, 0, 1, 0, 1, 0, 3, 0]), times=3),
    ],
    misconceptions={
        "skips the blank between equal labels": (
            "If s and s − 2 hold the same label, the blank between them has to be heard, or they merge.",
            step(skips=lambda z, s: z[s] != 0),
        ),
        "never skips": (
            "From a label one may go on to the next one, *different*, without a blank: a third way in.",
            step(skips=lambda z, s: False),
        ),
        "skips everywhere, over labels too": (
            "A skip from a blank to a blank leaves out a label. Two moves never happen: past a label, and past the "
            "blank between equal labels.",
            step(skips=lambda z, s: True),
        ),
        "skips from blank to blank, and not from label to label": (
            "It is the blanks that may be left out. Is your condition turned round?",
            step(skips=lambda z, s: z[s] == 0),
        ),
        "takes the best way in place of the sum": (
            "That is the best path, Viterbi's. Here all paths count.",
            step(ways=max),
        ),
        "never stays in a state": (
            "A label may last, and so may a blank: the state itself is the first way in.",
            step(stay=False),
        ),
        "forgets this frame's probability": (
            "The sum of the ways in is multiplied by `y_t`, once for each state.",
            perturbed(alpha_step, y_t=torch.ones_like),
        ),
        "multiplies by the probability of the state that it comes from": (
            "This frame is spent in the state that it *arrives* in.",
            lambda before, y_t, states: alpha_step(before * y_t, torch.ones_like(y_t), states),
        ),
        "looks the probability up by the symbol": (
            "`y_t` has a number for each *state*, not for each symbol: it is `y_t[s]`.",
            lambda before, y_t, states: alpha_step(before, y_t[torch.tensor(states)], states),
        ),
        "steps round the end": (
            "At s = 0, `before[s - 1]` is the *last* state: −1 counts from the end. One way leads into the first.",
            round_the_end(0),
        ),
        "skips round the end": (
            "At s = 1, `before[s - 2]` is `before[-1]`, the *last* state. A skip needs s > 1.",
            round_the_end(1),
        ),
        "steps and skips round the end": (
            "At s = 0, `before[s - 1]` is the *last* state, and so is `before[s - 2]` at s = 1: negative places count "
            "from the end.",
            round_the_end(0, 1),
        ),
        "reads numbers that it has already overwritten": (
            "All ways in come from the frame *before*. Write into a new tensor.",
            over_its_own_numbers,
        ),
    },
    hints=[
        "Two ways lead into every state but the first: staying, and the step from s − 1.",
        "The third, from s − 2, is there if `states[s]` is no blank and differs from `states[s - 2]`.",
        "Loop over s, add up `before[s]`, `before[s - 1]` if s > 0, `before[s - 2]` if allowed, and multiply by "
        "`y_t[s]`, into a new tensor.",
    ],
)


def shares(occupancy, states, C):
    found = occupancy.new_zeros(len(occupancy), C)
    return found.index_add(1, torch.tensor(states), occupancy)


def logit_gradient(y, occupancy, states):
    return y - shares(occupancy, states, y.shape[1])


def last_state_only(y, occupancy, states):
    gamma = torch.zeros_like(y)
    for s, symbol in enumerate(states):
        gamma[:, symbol] = occupancy[:, s]
    return y - gamma


def labels_without_the_blank(y, occupancy, states):
    gradient = logit_gradient(y, occupancy, states)
    gradient[:, 0] = y[:, 0]
    return gradient


@drawn
def drawn_gradient(generator, target, T, C):
    y = torch.randn(T, C, generator=generator).softmax(1)
    lattice = y.log()[None], torch.tensor([target], dtype=torch.long), [T], [len(target)]
    return y, ctc.occupancy(*lattice)[0], ctc.extend(target)


LOGIT_GRADIENT = Exercise(
    name="logit_gradient",
    task="Return the gradient of the CTC loss by the scores before the softmax.",
    oracle=logit_gradient,
    returns="(T, C)",
    cases=[
        Case("one label in two frames", drawn_gradient([1], 2, 2)),
        Case("two labels", drawn_gradient([1, 2], 4, 3)),
        Case("the same label twice", drawn_gradient([2, 2], 5, 3)),
        Case("no label", drawn_gradient([], 3, 2)),
        Case("random probabilities, T = 9, C = 5", drawn_gradient([3, 1, 1, 4], 9, 5), times=3),
    ],
    misconceptions={
        "has the sign turned round": (
            "That is the step that training takes. The gradient points the other way, to a larger loss.",
            lambda y, occupancy, states: -logit_gradient(y, occupancy, states),
        ),
        "keeps only the last state of each symbol": (
            "Several states hold the same symbol: the blank has U + 1 of them. Add them up.",
            last_state_only,
        ),
        "stops in front of the softmax": (
            "That is the derivative by ln y. The softmax adds a term.",
            lambda y, occupancy, states: -shares(occupancy, states, y.shape[1]),
        ),
        "takes the derivative by the probability": (
            "By y it is −γ / y; by the scores before the softmax it is simpler.",
            lambda y, occupancy, states: -shares(occupancy, states, y.shape[1]) / y,
        ),
        "forgets the states of the blank": (
            "The blank is a symbol like the others here, with a posterior of its own.",
            labels_without_the_blank,
        ),
        "takes the mean over the frames": (
            "Each frame has its own share of the loss; nothing is divided.",
            lambda y, occupancy, states: logit_gradient(y, occupancy, states) / len(y),
        ),
    },
    hints=[
        "First make γ, (T, C): for each symbol, the sum of `occupancy` over the states that hold it.",
        "Start from zeros of the shape of `y`, and add column s of `occupancy` to column `states[s]`.",
        "The gradient is softmax minus posterior.",
    ],
)

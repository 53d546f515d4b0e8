"""The exercises of lesson 05: a step forward, a sum of logarithms, posteriors over priors, and Viterbi's way back."""

import torch

from course_utils.teaching.checks.exercise import Case, Exercise, drawn, given


def forward_step(alpha, a, b):
    return torch.einsum("i,ij,j->j", alpha, a, b)


@drawn
def step_of(generator, S, left_to_right=False, impossible=False):
    """Return a case: alpha (S,), transitions (S, S) whose rows sum to 1, emissions (S,)."""
    alpha, b = (torch.rand(S, generator=generator) for _ in range(2))
    a = torch.rand(S, S, generator=generator) + 0.1
    if left_to_right:
        a = a.triu().tril(1)
    if impossible:
        b[0] = 0.0
    return 0.2 * alpha, a / a.sum(1, keepdim=True), b


def pencil(generator):
    a = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.75, 0.25], [0.0, 0.0, 1.0]])
    return torch.tensor([0.75, 0.0, 0.0]), a, torch.tensor([0.25, 0.75, 0.25])


HMM_FORWARD_STEP = Exercise(
    name="hmm_forward_step",
    task="Make one row of the forward trellis from the row before.",
    oracle=forward_step,
    returns="(S,)",
    cases=[
        Case("the second frame of the lesson's word", pencil),
        Case("one state", step_of(1)),
        Case("two states that follow each other in any order", step_of(2)),
        Case("a left-to-right model", step_of(4, left_to_right=True)),
        Case("a state that cannot show the observation", step_of(3, impossible=True)),
        Case("random numbers, S = 5", step_of(5), times=3),
    ],
    misconceptions={
        "goes through the transitions the wrong way": (
            "`a[i, j]` leads from i to j. You sum over the state that is *entered*; the old state, i, has to go.",
            lambda alpha, a, b: (a @ alpha) * b,
        ),
        "takes the best way in place of the sum of all": (
            "A maximum gives the best path (Viterbi). The forward pass adds up all that lead here.",
            lambda alpha, a, b: (alpha[:, None] * a).amax(0) * b,
        ),
        "leaves out the emission": (
            "Your numbers say how probable the states are before anything is heard in this frame.",
            lambda alpha, a, b: alpha @ a,
        ),
        "leaves out the transitions": (
            "Each state is reached from itself only, and for certain. Where do the others' paths go?",
            lambda alpha, a, b: alpha * b,
        ),
        "multiplies by the emission of the state that is left": (
            "This frame is shown by the state that is *entered*: the emission comes after the sum.",
            lambda alpha, a, b: (alpha * b) @ a,
        ),
        "normalises the row": (
            "It sums to 1, and so it forgets how probable the observations are. α is a joint probability.",
            lambda alpha, a, b: forward_step(alpha, a, b) / forward_step(alpha, a, b).sum(),
        ),
    },
    hints=[
        "For one state j: add up `alpha[i] * a[i, j]` over all i, then multiply by `b[j]`.",
        "A vector times a matrix, `alpha @ a`, sums over its rows; a matrix times a vector over its columns.",
        "Row i of `a` is where state i goes. So the sum runs over rows.",
    ],
)


def log_sum(x):
    return torch.logsumexp(x, 0)


def shifted(largest):
    """Return log_sum as someone would write it whose shift is ``largest(x)``."""
    return lambda x: largest(x) + (x - largest(x)).exp().sum().log()


@drawn
def numbers(generator, *values):
    return (torch.tensor(values),)


LOG_SUM = Exercise(
    name="log_sum",
    task="Return the logarithm of a sum of exponentials, without underflow.",
    oracle=log_sum,
    returns="()",
    cases=[
        Case("small numbers, where nothing can go wrong", numbers(0.0, 1.0, -1.0)),
        Case("log-probabilities of a long word", numbers(-1000.0, -1001.0)),
        Case("one term that is impossible", numbers(-torch.inf, -2.0, -800.0)),
        Case("every term impossible", numbers(-torch.inf, -torch.inf)),
        Case("densities above 1", numbers(900.0, 899.0, -5.0)),
        Case("terms that are far apart", numbers(60.0, 0.0, -100.0)),
        Case("a single term", numbers(-3000.0)),
        Case("random numbers", lambda generator: (300 * torch.randn(20, generator=generator),), times=3),
    ],
    misconceptions={
        "has no number for a sum of nothing": (
            "Where every term is -inf, so is the largest, and -inf - (-inf) is NaN. What is the logarithm of 0?",
            shifted(torch.max),
        ),
        "underflows": (
            "`exp(-1000)` is exactly 0, and its logarithm -inf. Take something off before `exp`, and give it back "
            "after `log`.",
            lambda x: x.exp().sum().log(),
        ),
        "does not give back what it took off": (
            "log Σ exp(x) = m + log Σ exp(x - m): the m stands on the right, too.",
            lambda x: (x - x.max()).exp().sum().log(),
        ),
        "takes off the mean": (
            "Numbers far above the mean overflow, and far below it underflow. Only the largest is safe.",
            shifted(torch.mean),
        ),
        "takes off the smallest": ("The others then may overflow: exp(800) is inf.", shifted(torch.min)),
        "returns the largest term": (
            "That is Viterbi's answer, the best path alone. The others count, if less.",
            lambda x: x.max(),
        ),
        "adds up the logarithms": ("A sum of logarithms is the logarithm of a *product*.", lambda x: x.sum()),
    },
    hints=[
        "Factor the largest term out of the sum: Σ exp(x) = exp(m) · Σ exp(x - m).",
        "The logarithm of a product is a sum: m + log(...). With m = `x.max()` one of the terms is exp(0) = 1.",
        "If m is -inf, nothing is possible: return m itself.",
    ],
)


def divided(log_posteriors, counts):
    return log_posteriors - (counts / counts.sum()).log()


@drawn
def posteriors_of(generator, T, S, uniform=False):
    """Return a case: log posteriors (T, S) and counts of states (S,)."""
    scores = torch.randn(T, S, generator=generator)
    counts = torch.randint(1, 90, (S,), generator=generator).float()
    return scores.log_softmax(1), torch.full((S,), 10.0) if uniform else counts


DIVIDE_BY_PRIORS = Exercise(
    name="divide_by_priors",
    task="Turn a network's log posteriors into scaled log likelihoods.",
    oracle=divided,
    returns="(T, S)",
    cases=[
        Case(
            "one frame, two states, one three times as frequent",
            given(torch.tensor([[0.5, 0.5]]).log(), torch.tensor([3.0, 1.0])),
        ),
        Case("equally frequent states", posteriors_of(3, 4, uniform=True)),
        Case("as many frames as states", posteriors_of(3, 3)),
        Case("random numbers, T = 6, S = 4", posteriors_of(6, 4), times=3),
    ],
    misconceptions={
        "multiplies by the priors": (
            "A frequent state then wins twice: the network knows that it is frequent, and so do you.",
            lambda log_posteriors, counts: log_posteriors + (counts / counts.sum()).log(),
        ),
        "leaves the priors out": (
            "These are the posteriors as they came. A state that is often right by being frequent stays ahead.",
            lambda log_posteriors, counts: log_posteriors.clone(),
        ),
        "takes counts for probabilities": (
            "The counts have to be divided by their sum. (No decision would change, but the numbers do.)",
            lambda log_posteriors, counts: log_posteriors - counts.log(),
        ),
        "divides the logarithms": (
            "A quotient of probabilities is a *difference* of their logarithms.",
            lambda log_posteriors, counts: log_posteriors / (counts / counts.sum()).log(),
        ),
        "subtracts a probability from a logarithm": (
            "Both have to be logarithms before you subtract.",
            lambda log_posteriors, counts: log_posteriors - counts / counts.sum(),
        ),
        "normalises again": (
            "Each frame sums to 1 again, as a posterior does. A likelihood need not, and the frame's constant is not "
            "yours to take.",
            lambda log_posteriors, counts: divided(log_posteriors, counts).log_softmax(1),
        ),
    },
    hints=[
        "The prior of a state is its share of all counts.",
        "In logarithms, dividing is subtracting.",
        "`log_posteriors` is (T, S) and the log priors are (S,): torch subtracts them from every frame.",
    ],
)


def walk(pick_last, follow=lambda came_from, t, state: came_from[t, state]):
    """Return a backtrace that starts in ``pick_last(scores)`` and follows ``follow`` from each frame."""

    def backtrace(scores, came_from):
        path = [int(pick_last(scores))]
        for t in range(len(scores) - 1, 0, -1):
            path.append(int(follow(came_from, t, path[-1])))
        return path[::-1]

    return backtrace


def best_last(scores):
    return scores[-1].argmax()


backtrace = walk(best_last)


@drawn
def chain(generator, T, S, left_to_right=False):
    """Return a case: Viterbi's scores and pointers for a random model."""
    shown = torch.randn(T, S, generator=generator).mul(2).log_softmax(1)
    a = torch.rand(S, S, generator=generator) + 0.05
    a = a.triu().tril(1) if left_to_right else a
    log_a = (a / a.sum(1, keepdim=True)).log()
    scores, came_from = [shown[0]], [torch.zeros(S, dtype=torch.long)]
    if left_to_right:
        scores[0] = shown[0] + torch.eye(S)[0].log()
    for frame in shown[1:]:
        best, before = (scores[-1][:, None] + log_a).max(0)
        scores.append(best + frame)
        came_from.append(before)
    return torch.stack(scores), torch.stack(came_from)


def a_trap(generator):
    """In the first two frames state 0 is ahead; the best path was in state 1 all the time."""
    scores = torch.tensor([[-1.0, -2.0], [-2.0, -2.5], [-9.0, -3.0]])
    return scores, torch.tensor([[0, 0], [0, 1], [0, 1]])


VITERBI_BACKTRACE = Exercise(
    name="viterbi_backtrace",
    task="Find the best path from Viterbi's scores and pointers.",
    oracle=backtrace,
    returns="[T]",
    cases=[
        Case("two states, and the leader of the first frames loses", a_trap),
        Case("one frame", chain(1, 3)),
        Case("one state", chain(4, 1)),
        Case("a left-to-right model", chain(8, 3, left_to_right=True)),
        Case("random scores, T = 12, S = 4", chain(12, 4), times=4),
    ],
    misconceptions={
        "is greedy by frame": (
            "You take the best state of each frame by itself. The best path may be behind for a while, and two "
            "neighbours need not be joined by a path. Only the *last* state is chosen by its score.",
            lambda scores, came_from: scores.argmax(1).tolist(),
        ),
        "reads the notes of the wrong frame": (
            "`came_from[t, j]` is the state at t - 1. Standing at t in state j, it is row t that you read.",
            walk(best_last, lambda came_from, t, state: came_from[t - 1, state]),
        ),
        "returns the path back to front": (
            "You walked from the end to the start; the path is asked for in the order of time.",
            lambda scores, came_from: backtrace(scores, came_from)[::-1],
        ),
        "starts from the last state, whatever its score": (
            "Nothing says that this path ends in the last state: look where the last row of `scores` is largest.",
            walk(lambda scores: scores.shape[1] - 1),
        ),
        "leaves out the last state": (
            "The notes tell the states before. The one you start from belongs to the path, too.",
            lambda scores, came_from: backtrace(scores, came_from)[:-1],
        ),
    },
    hints=[
        "At which frame do you know for certain which state is best? Start there.",
        "The state at t - 1 is `came_from[t, state]`, where `state` is the one at t.",
        "Collect the states from the last to the first, then turn the list round. `int(...)` makes numbers.",
    ],
)

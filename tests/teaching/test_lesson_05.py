"""Wrong answers to the exercises of lesson 05, as people write them, each refused for its own reason."""

import pytest
import torch

from course_utils.teaching.checks import grade

from .toys import each_wrong


def transposed(alpha, a, b):
    return torch.matmul(a, alpha) * b


def best_only(alpha, a, b):
    return torch.stack([(alpha * a[:, j]).max() * b[j] for j in range(len(b))])


def nothing_heard(alpha, a, b):
    return torch.stack([(alpha * a[:, j]).sum() for j in range(len(b))])


def stays(alpha, a, b):
    return alpha * b


def old_emission(alpha, a, b):
    return torch.stack([(alpha * b * a[:, j]).sum() for j in range(len(b))])


def to_one(alpha, a, b):
    new = (alpha @ a) * b
    return new / new.sum()


def pairs(alpha, a, b):
    return alpha.unsqueeze(1) * a * b


def in_place(alpha, a, b):
    alpha[:] = (alpha @ a) * b
    return alpha


def wrong_axis(alpha, a, b):
    return torch.stack([(alpha[i] * a[i] * b).sum() for i in range(len(b))])


def returns_nothing(alpha, a, b):
    print((alpha @ a) * b)


def naive(x):
    return torch.log(torch.sum(torch.exp(x)))


def forgets_the_shift(x):
    m = x.max()
    return torch.log(torch.exp(x - m).sum())


def without_the_edge(x):
    m = torch.max(x)
    return m + torch.log(torch.sum(torch.exp(x - m)))


def by_the_mean(x):
    return x.mean() + (x - x.mean()).exp().sum().log()


def by_the_smallest(x):
    return x.min() + (x - x.min()).exp().sum().log()


def only_the_largest(x):
    return torch.max(x)


def product(x):
    return sum(x, torch.tensor(0.0))


def raises(x):
    raise RuntimeError("no idea")


def clamped(x):
    return x.exp().sum().clamp(min=1e-30).log()


def times(log_posteriors, counts):
    return log_posteriors + torch.log(counts / counts.sum())


def untouched(log_posteriors, counts):
    return log_posteriors * 1.0


def raw_counts(log_posteriors, counts):
    return log_posteriors - torch.log(counts)


def quotient(log_posteriors, counts):
    return log_posteriors / torch.log(counts / counts.sum())


def mixed(log_posteriors, counts):
    return log_posteriors - counts / counts.sum()


def no_logarithm(log_posteriors, counts):
    return torch.exp(log_posteriors) * counts.sum() / counts


def softmax_again(log_posteriors, counts):
    return torch.log_softmax(log_posteriors - (counts / counts.sum()).log(), dim=-1)


def subtracts_in_place(log_posteriors, counts):
    log_posteriors -= (counts / counts.sum()).log()
    return log_posteriors


def greedy(scores, came_from):
    return [int(row.argmax()) for row in scores]


def off_by_one(scores, came_from):
    path = [int(scores[-1].argmax())]
    for t in range(len(scores) - 2, -1, -1):
        path.insert(0, int(came_from[t, path[0]]))
    return path


def back_to_front(scores, came_from):
    path = [int(scores[-1].argmax())]
    for t in range(len(scores) - 1, 0, -1):
        path.append(int(came_from[t][path[-1]]))
    return path


def always_the_last(scores, came_from):
    path = [scores.shape[1] - 1]
    for t in range(len(scores) - 1, 0, -1):
        path.insert(0, int(came_from[t, path[0]]))
    return path


def the_worst(scores, came_from):
    path = [int(scores[-1].argmin())]
    for t in range(len(scores) - 1, 0, -1):
        path.insert(0, int(came_from[t, path[0]]))
    return path


def one_short(scores, came_from):
    state, path = int(scores[-1].argmax()), []
    for t in range(len(scores) - 1, 0, -1):
        state = int(came_from[t, state])
        path.insert(0, state)
    return path


def forwards(scores, came_from):
    path = [int(scores[0].argmax())]
    for notes in came_from[1:]:
        path.append(int(notes[path[-1]]))
    return path


def as_tensor(scores, came_from):
    return torch.tensor(right_backtrace(scores, came_from))


def over_the_states(scores, came_from):
    return [int(column.argmax()) for column in scores.T]


WRONG = {
    "hmm_forward_step": [
        (transposed, "goes through the transitions the wrong way"),
        (best_only, "takes the best way in place of the sum of all"),
        (nothing_heard, "leaves out the emission"),
        (stays, "leaves out the transitions"),
        (old_emission, "multiplies by the emission of the state that is left"),
        (to_one, "normalises the row"),
        (pairs, None),
        (in_place, None),
        (wrong_axis, None),
        (returns_nothing, None),
    ],
    "log_sum": [
        (naive, "underflows"),
        (forgets_the_shift, "does not give back what it took off"),
        (without_the_edge, "has no number for a sum of nothing"),
        (by_the_mean, "takes off the mean"),
        (by_the_smallest, "takes off the smallest"),
        (only_the_largest, "returns the largest term"),
        (product, "adds up the logarithms"),
        (raises, None),
        (clamped, None),
    ],
    "divide_by_priors": [
        (times, "multiplies by the priors"),
        (untouched, "leaves the priors out"),
        (raw_counts, "takes counts for probabilities"),
        (quotient, "divides the logarithms"),
        (mixed, "subtracts a probability from a logarithm"),
        (no_logarithm, None),
        (softmax_again, "normalises again"),
        (subtracts_in_place, None),
    ],
    "viterbi_backtrace": [
        (greedy, "is greedy by frame"),
        (off_by_one, "reads the notes of the wrong frame"),
        (back_to_front, "returns the path back to front"),
        (always_the_last, "starts from the last state, whatever its score"),
        (the_worst, None),
        (one_short, "leaves out the last state"),
        (forwards, None),
        (as_tensor, None),
        (over_the_states, None),
    ],
}


@pytest.mark.parametrize(("exercise", "answer", "diagnosis"), each_wrong(WRONG))
def test_wrong_answers_are_refused_with_their_reason(exercise, answer, diagnosis):
    report = grade(exercise, answer)
    assert report.status == "failed"
    assert report.misconception == diagnosis


def right_forward(alpha, a, b):
    return torch.stack([sum(alpha[i] * a[i, j] for i in range(len(alpha))) * b[j] for j in range(len(b))])


def right_log_sum(x):
    shift = x.max().clamp(min=-1e30)
    return shift + (x - shift).exp().sum().log()


def right_division(log_posteriors, counts):
    return log_posteriors - counts.log() + counts.sum().log()


def right_backtrace(scores, came_from):
    path = [scores[-1].argmax().item()]
    for notes in came_from.flip(0)[:-1]:
        path.insert(0, notes[path[0]].item())
    return path


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        ("hmm_forward_step", right_forward),
        ("log_sum", right_log_sum),
        ("log_sum", lambda x: torch.logsumexp(x, dim=0)),
        ("divide_by_priors", right_division),
        ("viterbi_backtrace", right_backtrace),
    ],
)
def test_right_answers_pass_however_they_are_written(exercise, answer):
    assert grade(exercise, answer).status == "passed"

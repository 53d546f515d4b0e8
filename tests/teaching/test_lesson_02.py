"""Wrong answers to the exercises of lesson 02, as people write them, each refused for its own reason."""

import math

import pytest
import torch

from course_utils.algorithms.gradients import influence, jacobian_products
from course_utils.algorithms.recurrent import backward_through_time
from course_utils.teaching.checks import grade
from course_utils.teaching.checks.registry import find

from .toys import each_wrong


def only_this_step(grad_a, a, h, W_aa, so_far):
    grad_z = (1 - a.pow(2)) * grad_a
    return torch.matmul(grad_z, W_aa), torch.einsum("bi,bj->ij", grad_z, h)


def tanh_of_a(grad_a, a, h, W_aa, so_far):
    grad_z = grad_a * (1 - torch.tanh(a).pow(2))
    return grad_z @ W_aa, so_far + grad_z.T @ h


def slope_at_old_state(grad_a, a, h, W_aa, so_far):
    grad_z = grad_a * (1 - h * h)
    return grad_z @ W_aa, so_far + grad_z.T @ h


def one_minus_a(grad_a, a, h, W_aa, so_far):
    grad_z = grad_a * (1 - a)
    return grad_z @ W_aa, so_far + grad_z.T @ h


def linear(grad_a, a, h, W_aa, so_far):
    return grad_a @ W_aa, so_far + grad_a.T @ h


def no_slope_for_the_state(grad_a, a, h, W_aa, so_far):
    grad_W = (grad_a * (1 - a**2)).T @ h
    return grad_a @ W_aa, grad_W + so_far


def product_first(grad_a, a, h, W_aa, so_far):
    grad_h = (grad_a @ W_aa) * (1 - h**2)
    return grad_h, so_far + ((1 - a**2) * grad_a).T @ h


def matrix_turned(grad_a, a, h, W_aa, so_far):
    grad_z = grad_a * (1 - a**2)
    return grad_z @ W_aa.T, so_far + grad_z.T @ h


def new_state_in_the_product(grad_a, a, h, W_aa, so_far):
    grad_z = grad_a * (1 - a**2)
    return grad_z @ W_aa, so_far + sum(torch.outer(g, s) for g, s in zip(grad_z, a, strict=True))


def columns_for_rows(grad_a, a, h, W_aa, so_far):
    grad_z = grad_a * (1 - a**2)
    return grad_z @ W_aa, so_far + h.mT @ grad_z


def batch_mean(grad_a, a, h, W_aa, so_far):
    grad_z = grad_a * (1 - a**2)
    return grad_z @ W_aa, so_far + torch.stack([torch.outer(g, s) for g, s in zip(grad_z, h, strict=True)]).mean(0)


def adds_in_place(grad_a, a, h, W_aa, so_far):
    grad_z = grad_a * (1 - a**2)
    so_far += grad_z.T @ h
    return grad_z @ W_aa, so_far


def only_the_state(grad_a, a, h, W_aa, so_far):
    return (grad_a * (1 - a**2)) @ W_aa


def not_a_number(grad_a, a, h, W_aa, so_far):
    return grad_a / 0 * 0, so_far


def from_the_first(grad_last, states, W_aa):
    norms, grad = [grad_last.norm()], grad_last
    for t in range(len(states) - 1, 0, -1):
        grad = ((1 - states[t] ** 2) * grad) @ W_aa
        norms.insert(0, grad.norm())
    return torch.stack(norms)


def matrix_powers(grad_last, states, W_aa):
    return torch.stack([(grad_last @ torch.linalg.matrix_power(W_aa, k)).norm() for k in range(len(states))])


def row_for_column(grad_last, states, W_aa):
    norms, grad = [grad_last.norm()], grad_last
    for a in states.flip(0)[:-1]:
        grad = W_aa @ ((1 - a**2) * grad)
        norms.append(grad.norm())
    return torch.stack(norms)


def forwards(grad_last, states, W_aa):
    norms, grad = [grad_last.norm()], grad_last
    for a in states[:-1]:
        grad = ((1 - a**2) * grad) @ W_aa
        norms.append(grad.norm())
    return torch.stack(norms)


def slope_of_the_target(grad_last, states, W_aa):
    norms, grad = [grad_last.norm()], grad_last
    for a in states.flip(0)[1:]:
        grad = ((1 - a**2) * grad) @ W_aa
        norms.append(grad.norm())
    return torch.stack(norms)


def never_goes_on(grad_last, states, W_aa):
    single = [(((1 - a**2) * grad_last) @ W_aa).norm() for a in states[1:].flip(0)]
    return torch.stack([grad_last.norm(), *single])


def no_lag_zero(grad_last, states, W_aa):
    norms, grad = [], grad_last
    for a in states.flip(0):
        grad = ((1 - a**2) * grad) @ W_aa
        norms.append(grad.norm())
    return torch.stack(norms)


def squared(grad_last, states, W_aa):
    norms, grad = [grad_last @ grad_last], grad_last
    for a in states[1:].flip(0):
        grad = ((1 - a**2) * grad) @ W_aa
        norms.append(grad @ grad)
    return torch.stack(norms)


def first_norm(grad_last, states, W_aa):
    norms, grad = [grad_last.norm(1)], grad_last
    for a in states[1:].flip(0):
        grad = ((1 - a**2) * grad) @ W_aa
        norms.append(grad.norm(1))
    return torch.stack(norms)


def one_short(grad_last, states, W_aa):
    return matrix_powers(grad_last, states, W_aa)[:-1]


def states_only(w, states, W_aa, W_ax):
    norms, grad = [w.norm()], w
    for a in states[1:].flip(0):
        grad = ((1 - a**2) * grad) @ W_aa
        norms.append(grad.norm())
    return torch.stack(norms[::-1])


def before_the_input_matrix(w, states, W_aa, W_ax):
    norms, grad = [], w
    for a in states.flip(0):
        grad_z = (1 - a**2) * grad
        norms.append(grad_z.norm())
        grad = grad_z @ W_aa
    return torch.stack(norms[::-1])


def input_skips_the_tanh(w, states, W_aa, W_ax):
    norms, grad = [], w
    for a in states.flip(0):
        norms.append((grad @ W_ax).norm())
        grad = ((1 - a**2) * grad) @ W_aa
    return torch.stack(norms[::-1])


def no_tanh_at_all(w, states, W_aa, W_ax):
    T = len(states)
    return torch.stack([(w @ torch.linalg.matrix_power(W_aa, T - 1 - t) @ W_ax).norm() for t in range(T)])


def last_input_first(w, states, W_aa, W_ax):
    return influence_right(w, states, W_aa, W_ax).flip(0)


def norm_times_norm(w, states, W_aa, W_ax):
    return states_only(w, states, W_aa, W_ax) * W_ax.norm()


def skips_the_last(w, states, W_aa, W_ax):
    norms, grad = [torch.tensor(0.0)], w
    for k, a in enumerate(states.flip(0)):
        grad_z = (1 - a**2) * grad
        if k:
            norms.append((grad_z @ W_ax).norm())
        grad = grad_z @ W_aa
    return torch.stack(norms[::-1])


def other_way_round(w, states, W_aa, W_ax):
    return influence_right(w, states, W_aa.T, W_ax)


def signed(w, states, W_aa, W_ax):
    return -influence_right(w, states, W_aa, W_ax)


def influence_right(w, states, W_aa, W_ax):
    norms, grad = [], w
    for t in reversed(range(len(states))):
        grad_z = (1 - states[t] ** 2) * grad
        norms = [torch.linalg.vector_norm(grad_z @ W_ax), *norms]
        grad = grad_z @ W_aa
    return torch.stack(norms)


BACKWARDS = "multiplies by `W_aa` the wrong way round"
WRONG = {
    "bptt_step": [
        (only_this_step, "returns this step's gradient of `W_aa` alone, with no sum over time"),
        (tanh_of_a, "takes the tanh of a state that is a tanh already"),
        (slope_at_old_state, "takes the slope at the old state"),
        (one_minus_a, "forgets the square in the slope"),
        (linear, "forgets the slope of the tanh"),
        (no_slope_for_the_state, "forgets the slope of the tanh on the way to the old state"),
        (product_first, "passes the matrix first and the tanh afterwards"),
        (matrix_turned, BACKWARDS),
        (new_state_in_the_product, "pairs the gradient with the new state"),
        (columns_for_rows, "has rows and columns of the gradient of `W_aa` changed"),
        (batch_mean, "takes the mean over the batch"),
        (adds_in_place, None),
        (only_the_state, None),
        (not_a_number, None),
    ],
    "norms_by_lag": [
        (from_the_first, "is ordered by time, not by lag"),
        (matrix_powers, "forgets the slope of the tanh"),
        (row_for_column, BACKWARDS),
        (forwards, "takes the slopes in the order of time"),
        (slope_of_the_target, "takes the slope of the state that it arrives at"),
        (never_goes_on, "takes a single step for every lag"),
        (no_lag_zero, "leaves out lag 0"),
        (squared, "returns the squares of the norms"),
        (first_norm, "adds the absolute values up"),
        (one_short, None),
    ],
    "neutral_radius": [
        (1.0, "is the radius of a linear network"),
        (0.64, "is the slope itself"),
        (1.667, "takes the state for the slope"),
        (2.5, "forgets the square in the slope"),
        (2.78, "takes the square of the state for the slope"),
        (1 / (1 - math.tanh(0.6) ** 2), "takes the slope at 0.6, as if that were z"),
        (1.36, "adds to 1 what the tanh takes away"),
        (3.0, None),
        (float("nan"), None),
        ("1.56", None),
    ],
    "influence_by_hand": [
        (states_only, "stops at the states"),
        (before_the_input_matrix, "stops in front of `W_ax`"),
        (input_skips_the_tanh, "forgets the slope of the tanh in front of the input"),
        (no_tanh_at_all, "forgets the slope of the tanh"),
        (last_input_first, "is ordered by lag, not by time"),
        (norm_times_norm, "multiplies the norm by that of `W_ax`"),
        (skips_the_last, "leaves out the last input"),
        (other_way_round, BACKWARDS),
        (signed, None),
    ],
}


@pytest.mark.parametrize(("exercise", "answer", "diagnosis"), each_wrong(WRONG))
def test_wrong_answers_are_refused_with_their_reason(exercise, answer, diagnosis):
    report = grade(exercise, answer)
    assert report.status == "failed"
    assert report.misconception == diagnosis


def with_a_loop_over_sequences(grad_a, a, h, W_aa, so_far):
    total, rows = so_far.clone(), []
    for g, new, old in zip(grad_a, a, h, strict=True):
        g = torch.diag(1 - new**2) @ g
        rows.append(W_aa.T @ g)
        total += torch.outer(g, old)
    return torch.stack(rows), total


def with_the_package(grad_last, states, W_aa):
    return (grad_last @ jacobian_products(states[None], W_aa)[0]).norm(dim=-1)


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        ("bptt_step", with_a_loop_over_sequences),
        ("norms_by_lag", with_the_package),
        ("neutral_radius", 1.5625),
        ("neutral_radius", 1.56),
        ("influence_by_hand", influence_right),
    ],
)
def test_other_right_answers_pass(exercise, answer):
    assert grade(exercise, answer).status == "passed"


def test_the_step_is_the_packages_way_back():
    """The exercise's oracle, taken again and again, is back-propagation through time."""
    step = find("bptt_step").oracle
    generator = torch.Generator().manual_seed(0)
    x, W_ax, W_aa = (torch.randn(shape, generator=generator) for shape in [(2, 5, 3), (4, 3), (4, 4)])
    states = [torch.zeros(2, 4)]
    for t in range(5):
        states.append(torch.tanh(x[:, t] @ W_ax.T + states[-1] @ W_aa.T))
    own = torch.zeros(2, 5, 4)
    own[:, -1] = 1.0
    grad, total = own[:, -1], torch.zeros(4, 4)
    for t in range(5, 0, -1):
        grad, total = step(grad, states[t], states[t - 1], W_aa, total)
    found = backward_through_time(x, torch.stack(states, 1), own, W_ax, W_aa)
    torch.testing.assert_close(total, found.W_aa)
    torch.testing.assert_close(grad, found.first_state)


def test_the_influence_is_the_packages():
    generator = torch.Generator().manual_seed(1)
    x, W_ax, W_aa, w = (torch.randn(shape, generator=generator) for shape in [(1, 6, 2), (4, 2), (4, 4), (4,)])

    def run(x):
        h = torch.zeros(1, 4)
        states = []
        for t in range(x.shape[1]):
            h = torch.tanh(x[:, t] @ W_ax.T + h @ W_aa.T)
            states.append(h)
        return torch.stack(states, 1)

    found = find("influence_by_hand").oracle(w, run(x)[0], W_aa, W_ax)
    torch.testing.assert_close(found, influence(lambda x: run(x)[:, -1] @ w, x)[0])

"""Hard attention: draws by their weights, and gradients against the exact expectation over all positions."""

from itertools import product

import pytest
import torch
from torch.nn.functional import one_hot

from course_utils.algorithms import hard_attention
from course_utils.algorithms.attention import attend
from course_utils.algorithms.hard_attention import attend_hard, draw, score_function_loss, straight_through

from .devices import devices


def generator(seed=0, device="cpu"):
    return torch.Generator(device).manual_seed(seed)


def numbers(seed, *shape):
    return torch.randn(shape, generator=generator(seed), dtype=torch.float64).requires_grad_()


@pytest.mark.parametrize("device", devices())
def test_keys_are_drawn_as_often_as_they_weigh(device):
    weights = torch.tensor([0.5, 0.3, 0.2, 0.0], device=device)
    drawn = draw(weights.expand(20_000, 4), generator(1, device))
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    assert (drawn.sum(-1) == 1).all()
    torch.testing.assert_close(drawn.mean(0), weights, rtol=0, atol=0.015)  # over four standard deviations
    assert drawn[:, 3].sum() == 0


def test_a_seed_makes_the_draw():
    weights, state = torch.full((5, 7), 1 / 7), torch.get_rng_state()
    assert torch.equal(draw(weights, generator(3)), draw(weights, generator(3)))
    assert not torch.equal(draw(weights, generator(3)), draw(weights, generator(4)))
    assert torch.equal(torch.get_rng_state(), state)


def test_nothing_to_look_at():
    query, keys, values = numbers(0, 2, 1, 3), numbers(1, 2, 4, 3), numbers(2, 2, 4, 2)
    found = attend_hard(query, keys, values, torch.tensor([[True] * 4, [False] * 4]), generator=generator())
    assert (found.choices[1] == 0).all()
    assert (found.context[1] == 0).all()
    assert found.log_probs[1] == 0
    score_function_loss(found.context.sum((1, 2)), found.log_probs).backward()
    assert all(x.grad.isfinite().all() for x in (query, keys, values))


def test_the_context_is_the_chosen_value():
    query, keys, values = numbers(0, 3, 5, 4), numbers(1, 3, 6, 4), numbers(2, 3, 6, 2)
    for through in (False, True):
        found = attend_hard(query, keys, values, generator=generator(5), through=through)
        places = found.choices.argmax(-1)
        torch.testing.assert_close(found.context, torch.stack([values[b, places[b]] for b in range(3)]))
        torch.testing.assert_close(found.log_probs, found.weights.gather(-1, places[..., None])[..., 0].log())
        torch.testing.assert_close(found.weights, attend(query, keys, values)[1])


def losses_of(query, keys, values, choices):
    """Return the losses (B,) of the choices, curved, so that the loss of a mean is not the mean loss."""
    return ((choices @ values) ** 2).sum((1, 2)) + (choices @ values)[:, 0, 0] * keys.sum((1, 2))


@pytest.mark.parametrize("baseline", [0.0, 3.0])
def test_the_score_function_estimate_is_unbiased(baseline):
    """The mean of many estimates is the gradient of the expected loss, found by enumerating positions."""
    query, keys, values = (numbers(k, *shape) for k, shape in enumerate([(1, 1, 2), (1, 4, 2), (1, 4, 2)]))
    inputs = [query, keys, values]
    _, weights = attend(*inputs)
    each = [losses_of(*inputs, one_hot(torch.tensor([[t]]), 4).double()) for t in range(4)]
    exact = torch.autograd.grad(sum(weights[0, 0, t] * each[t][0] for t in range(4)), inputs)

    N, groups = 400, 50  # draws at once, and how often
    estimates = []
    source = generator(11)
    for _ in range(groups):
        many = [x.expand(N, -1, -1) for x in inputs]
        found = attend_hard(*many, generator=source)
        loss = score_function_loss(losses_of(*many, found.choices), found.log_probs, baseline)
        estimates.append(torch.cat([g.flatten() for g in torch.autograd.grad(loss, inputs)]))
    estimates = torch.stack(estimates)
    error = estimates.mean(0) - torch.cat([g.flatten() for g in exact])
    deviation = estimates.std(0) / groups**0.5
    assert (error.abs() <= 4 * deviation + 1e-9).all()
    assert (deviation < 0.1).all()


@pytest.mark.parametrize("baseline", [0.0, 1.7, torch.tensor(-2.0), torch.tensor([40.0])])
def test_over_two_choices_the_exact_gradient_by_enumeration(monkeypatch, baseline):
    """Weighting each estimate with the probability of its draws gives the exact gradient, to the last digit."""
    inputs = query, keys, values = numbers(0, 1, 2, 2), numbers(1, 1, 4, 2), numbers(2, 1, 4, 2)
    mask = torch.tensor([[True, True, False, True]])
    _, weights = attend(*inputs, mask)
    expected = estimated = torch.tensor(0.0, dtype=torch.float64)
    for places in product([0, 1, 3], repeat=2):
        choices = one_hot(torch.tensor([places]), 4).double()
        monkeypatch.setattr(hard_attention, "draw", lambda weights, generator, choices=choices: choices)
        found = attend_hard(*inputs, mask)
        probability = weights[0, 0, places[0]] * weights[0, 1, places[1]]
        loss = losses_of(query, keys, values, found.choices) + found.context.sum()
        expected = expected + probability * (losses_of(query, keys, values, choices) + (choices @ values).sum())[0]
        estimated = estimated + probability.detach() * score_function_loss(loss, found.log_probs, baseline)
    found = torch.autograd.grad(estimated, inputs, retain_graph=True)
    torch.testing.assert_close(found, torch.autograd.grad(expected, inputs))


def test_a_baseline_takes_noise_away():
    logits = torch.zeros(2000, 1, 2, requires_grad=True)
    weights = logits.softmax(-1)
    choices = draw(weights, generator(2))
    losses, log_probs = 100 + choices[:, 0, 0], (weights * choices).sum(-1).log()
    assert torch.equal(score_function_loss(losses, log_probs), score_function_loss(losses, log_probs[:, 0]))
    spread = [
        torch.autograd.grad(score_function_loss(losses, log_probs, b), logits, retain_graph=True)[0].std()
        for b in (0.0, losses.mean())
    ]
    assert spread[1] < spread[0] / 50


def test_straight_through_is_the_choice_going_out_and_the_weights_coming_back():
    query, keys, values = numbers(0, 2, 3, 4), numbers(1, 2, 5, 4), numbers(2, 2, 5, 2)
    found = attend_hard(query, keys, values, generator=generator(5), through=True)
    given = torch.autograd.grad((found.context * values.sum()).sum(), query, retain_graph=True)[0]
    as_if_soft = torch.autograd.grad((found.weights @ values * values.sum()).sum(), query)[0]
    torch.testing.assert_close(given, as_if_soft)

    weights = torch.tensor([0.1, 0.2, 0.7], requires_grad=True)
    choices = torch.tensor([0.0, 1.0, 0.0])
    assert torch.equal(straight_through(choices, weights), choices)
    [gradient] = torch.autograd.grad(straight_through(choices, weights)[1], weights)
    assert gradient.tolist() == [0, 1, 0]


def test_without_either_no_gradient_reaches_the_scores():
    query, keys, values = numbers(0, 2, 1, 3), numbers(1, 2, 4, 3), numbers(2, 2, 4, 2)
    context = attend_hard(query, keys, values, generator=generator()).context
    assert torch.autograd.grad(context.sum(), query, allow_unused=True)[0] is None


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="one loss for each sequence, not their mean"):
        score_function_loss(torch.tensor(1.0), torch.zeros(3, 2))
    with pytest.raises(ValueError, match=r"\(3, 2, 3\) must be \(B,\) and \(B, U\)"):
        score_function_loss(torch.zeros(3), torch.zeros(3, 2, 3))
    with pytest.raises(ValueError, match=r"baseline has shape \(3, 1\); give a number or \(3,\)"):
        score_function_loss(torch.zeros(3), torch.zeros(3, 2), torch.zeros(3, 1))

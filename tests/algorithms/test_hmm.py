"""Hidden Markov models against enumeration, autograd and hmmlearn, and what padding and impossible things must keep."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hmmlearn.hmm import CategoricalHMM, GaussianHMM
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.algorithms import hmm, hmm_recursion

from .devices import devices

SIZES = st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 3))  # B, T, S
TINY = settings(max_examples=40, deadline=None)


def uniform(seed, *shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def normal(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def shares(seed, *shape, holes=False):
    """Return logarithms of probabilities; with holes, about a third of them are -inf, never a whole row."""
    found = uniform(seed, *shape) + 0.05
    if holes:
        found = torch.where(uniform(seed + 1, *shape) < 0.35, 0.0, found)
        found = torch.where(found.sum(-1, keepdim=True) == 0, 1.0, found)
    return (found / found.sum(-1, keepdim=True)).log()


def chain(S, seed=0, holes=False, emission=None, final=False):
    log_final = shares(seed + 20, S, holes=holes) if final else None
    return hmm.HMM(shares(seed, S, holes=holes), shares(seed + 10, S, S, holes=holes), emission, log_final)


def gaussian(S, D, seed=0):
    return hmm.Gaussian(normal(seed, S, D), uniform(seed + 1, S, D) + 0.3)


def seen(sizes, seed, holes=False):
    """Return random log-emissions, some of them -inf if there are holes, and random lengths."""
    B, T, S = sizes
    log_emissions = 2 * normal(seed, B, T, S)
    if holes:
        log_emissions[uniform(seed + 1, B, T, S) < 0.2] = -torch.inf
    return log_emissions, torch.randint(1, T + 1, (B,), generator=torch.Generator().manual_seed(seed))


def in_logarithms(model, log_emissions):
    """Return log alpha of one sequence by the textbook's recursion, and nothing but logarithms."""
    log_alpha = [model.log_initial + log_emissions[0]]
    for frame in log_emissions[1:]:
        log_alpha.append(torch.logsumexp(log_alpha[-1][:, None] + model.log_transition, 0) + frame)
    return torch.stack(log_alpha)


def close(found, expected, within=1e-11):
    torch.testing.assert_close(found, expected, rtol=within, atol=within)


# --- the definition


@TINY
@given(SIZES, st.integers(0, 1000), st.booleans(), st.booleans())
def test_equal_to_enumeration(sizes, seed, holes, final):
    model = chain(sizes[2], seed, holes, final=final)
    log_emissions, lengths = seen(sizes, seed, holes)
    log_alpha, log_likelihood = hmm.forward(model, log_emissions, lengths)
    found = hmm.posteriors(model, log_emissions, lengths)
    best_paths, best = hmm.viterbi(model, log_emissions, lengths)
    transitions = torch.zeros_like(model.log_transition)
    for b, length in enumerate(lengths.tolist()):
        paths, log_probs = hmm.all_paths(model, log_emissions[b, :length])
        close(log_likelihood[b], torch.logsumexp(log_probs, 0))
        close(best[b], log_probs.max())
        if log_probs.max() == -torch.inf:
            assert (found.log_states[b] == -torch.inf).all()
            continue
        here = (paths == best_paths[b, :length]).all(1)
        close(log_probs[here][0], log_probs.max())
        weights = (log_probs - log_likelihood[b]).exp()
        states = torch.nn.functional.one_hot(paths, sizes[2]).double()  # (S^T, T, S)
        close(found.log_states[b, :length].exp(), torch.einsum("n,nts->ts", weights, states))
        transitions += torch.einsum("n,nti,ntj->ij", weights, states[:, :-1], states[:, 1:])
        for t in range(length):
            close(log_alpha[b, t], ends_in_each(model, log_emissions[b, : t + 1]))
    close(found.transitions, transitions)
    close(found.log_likelihood, log_likelihood)


def ends_in_each(model, log_emissions):
    """Return log P(o_1 .. o_t, state j at t) by enumeration; here the sequence does not end."""
    open_end = hmm.HMM(model.log_initial, model.log_transition)
    paths, log_probs = hmm.all_paths(open_end, log_emissions)
    states = range(len(model.log_initial))
    return torch.stack([torch.logsumexp(log_probs.where(paths[:, -1] == j, -torch.inf), 0) for j in states])


@TINY
@given(SIZES, st.integers(0, 1000), st.booleans())
def test_forward_times_backward_is_the_likelihood_at_every_frame(sizes, seed, holes):
    model = chain(sizes[2], seed, holes, final=True)
    log_emissions, lengths = seen(sizes, seed, holes)
    log_alpha, log_likelihood = hmm.forward(model, log_emissions, lengths)
    product = torch.logsumexp(log_alpha + hmm.backward(model, log_emissions, lengths), 2)
    for b, length in enumerate(lengths.tolist()):
        close(product[b, :length], log_likelihood[b].expand(length))
        assert (product[b, length:] == -torch.inf).all()


def test_the_textbook_example_that_a_pencil_can_follow():
    # Two coins, the second shows heads nine times in ten; heads, then tails.
    coins = hmm.Discrete(torch.tensor([[0.5, 0.5], [0.9, 0.1]]).double().log())
    model = hmm.HMM(
        torch.tensor([0.5, 0.5]).double().log(), torch.tensor([[0.8, 0.2], [0.4, 0.6]]).double().log(), coins
    )
    log_alpha, log_likelihood = hmm.forward(model, coins.log_likelihood(torch.tensor([[0, 1]])))
    # alpha_1 = (0.25, 0.45); alpha_2 = ((0.2 + 0.18) * 0.5, (0.05 + 0.27) * 0.1) = (0.19, 0.032)
    close(log_alpha.exp(), torch.tensor([[[0.25, 0.45], [0.19, 0.032]]]).double(), 1e-7)
    close(log_likelihood.exp(), torch.tensor([0.222]).double(), 1e-7)


@TINY
@given(SIZES, st.integers(0, 1000), st.booleans())
def test_the_gradient_of_the_likelihood_is_the_posterior(sizes, seed, holes):
    model = chain(sizes[2], seed, holes, final=True)
    log_emissions, lengths = seen(sizes, seed, holes)
    expected = hmm.posteriors(model, log_emissions, lengths)
    log_emissions.requires_grad_()
    _, log_likelihood = hmm.forward(model, log_emissions, lengths)
    (gradient,) = torch.autograd.grad(log_likelihood.sum(), log_emissions)
    close(gradient, expected.log_states.exp())  # 0, not NaN, where nothing is possible
    slow = hmm.posteriors(model, log_emissions, lengths)  # in logarithms, which autograd can follow
    close(slow.log_likelihood, expected.log_likelihood)
    close(slow.transitions, expected.transitions)
    close(torch.autograd.grad(slow.log_likelihood.sum(), log_emissions)[0], gradient)


def test_gradcheck():
    lengths, log_emissions = torch.tensor([4, 2]), normal(5, 2, 4, 3).requires_grad_()
    for model in chain(3), hmm.HMM(shares(0, 3), shares(10, 3, 3, holes=True)):
        assert torch.autograd.gradcheck(lambda x, model=model: hmm.forward(model, x, lengths)[1], (log_emissions,))


# --- logarithms: nothing underflows


@TINY
@given(st.integers(1, 4), st.integers(0, 1000), st.sampled_from([1.0, 30.0, 300.0, 3000.0]))
def test_equal_to_logarithms_throughout_however_far_apart_the_states_are(S, seed, spread):
    model = chain(S, seed, holes=True)
    log_emissions = spread * normal(seed, 3, 12, S)
    log_alpha, _ = hmm.forward(model, log_emissions)
    found = hmm.posteriors(model, log_emissions)
    for b in range(3):
        expected = in_logarithms(model, log_emissions[b])
        close(log_alpha[b], expected, 1e-11)
        log_beta = hmm.backward(model, log_emissions)[b]
        close((expected + log_beta - found.log_likelihood[b]).exp(), found.log_states[b].exp(), 1e-8)
    close(found.transitions.sum(), 11.0 * found.log_likelihood.isfinite().double().sum(), 1e-8)


def test_a_state_that_lags_by_thousands_of_nats_may_still_win():
    model = hmm.left_to_right(None, 3)
    log_emissions = torch.zeros(1, 40, 3, dtype=torch.float64)
    log_emissions[0, 1:20, 0] = -500.0  # those who wait in the first state fall far behind
    log_emissions[0, 20:, 1:] = -2000.0  # and are the only ones to survive what follows
    log_emissions[0, 38] = torch.tensor([-torch.inf, 0.0, -torch.inf])
    log_emissions[0, 39] = torch.tensor([-torch.inf, -torch.inf, 0.0])
    path, _ = hmm.viterbi(model, log_emissions)
    assert path[0].tolist() == [0] * 38 + [1, 2]
    close(hmm.forward(model, log_emissions)[0][0], in_logarithms(model, log_emissions[0]))
    assert hmm.posteriors(model, log_emissions).log_states[0, 19].argmax() == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rare", [-120.0, -650.0, -800.0])
@pytest.mark.parametrize("where", ["initial", "transition", "final"])
def test_what_is_rare_is_told_from_what_is_impossible(where, rare, dtype):
    never = -torch.inf
    model = hmm.HMM(
        torch.tensor([0.0, rare if where == "initial" else never], dtype=dtype),
        torch.tensor([[0.0, rare if where == "transition" else never], [never, 0.0]], dtype=dtype),
        log_final=torch.full((2,), rare if where == "final" else 0.0, dtype=dtype),
    )
    log_emissions = torch.zeros(1, 3, 2, dtype=dtype)
    log_emissions[0, 0] = -100.0
    log_emissions[0, 2, 0] = never if where != "final" else 0.0
    paths, log_probs = hmm.all_paths(model, log_emissions[0])
    found = hmm.posteriors(model, log_emissions)
    close(found.log_likelihood[0], log_probs.logsumexp(0), 1e-6)
    close(hmm.forward(model, log_emissions)[1][0], log_probs.logsumexp(0), 1e-6)
    assert (found.log_states[0, torch.arange(3), paths[log_probs.argmax()]] > -1.0).all()


def test_what_is_rare_twice_over_is_not_lost():
    never, rare = -torch.inf, -400.0  # e^-450 and e^-400 are numbers, their product is none
    moves = torch.tensor([[0.0, never, rare], [never, 0.0, never], [never, never, 0.0]], dtype=torch.float64)
    model = hmm.HMM(torch.tensor([0.5, 0.5, 0.0], dtype=torch.float64).log(), moves)
    log_emissions = torch.tensor([[[-450.0, 0.0, never], [never, 0.0, 0.0], [0.0, never, 0.0]]], dtype=torch.float64)
    close(hmm.posteriors(model, log_emissions).log_likelihood[0].item(), math.log(0.5) - 850.0)


def test_a_state_that_is_rare_before_and_after_has_a_posterior():
    moves = torch.tensor([[0, 0.5, 0.5, 0], [0, 0, 0, 1], [0, 0, 0.5, 0.5], [0, 0, 0, 1]], dtype=torch.float64)
    model = hmm.HMM(torch.tensor([0.5, 0, 0.5, 0], dtype=torch.float64).log(), moves.log())
    log_emissions = torch.zeros(1, 3, 4, dtype=torch.float64)
    log_emissions[0, 0, 0] = log_emissions[0, 2, 3] = -450.0  # state 1 stands between the two
    paths, log_probs = hmm.all_paths(model, log_emissions[0])
    expected = log_probs[paths[:, 1] == 1].logsumexp(0) - log_probs.logsumexp(0)
    close(hmm.posteriors(model, log_emissions).log_states[0, 1, 1], expected)


@pytest.mark.parametrize("holes", [True, False])
def test_the_quick_way_is_taken_where_nothing_can_be_lost(holes):
    model, (log_emissions, _) = chain(3, 1, holes), seen((2, 40, 3), 1, holes)
    given = model.log_initial[None], model.log_transition[None], log_emissions[None]
    assert hmm_recursion.scaled(*given) is not None
    assert hmm_recursion.scaled(*given[:2], 1000 * given[2]) is None
    assert hmm_recursion.scaled(*given[:2], given[2].requires_grad_()) is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_thousand_frames(dtype):
    model, log_emissions = chain(4), 3 * normal(1, 2, 1000, 4) - 50.0
    single = hmm.HMM(model.log_initial.to(dtype), model.log_transition.to(dtype))
    found, exact = hmm.posteriors(single, log_emissions.to(dtype)), hmm.posteriors(model, log_emissions)
    within = 1e-11 if dtype == torch.float64 else 2e-4
    close(found.log_likelihood.double(), exact.log_likelihood, within)
    close(found.log_states.exp().double(), exact.log_states.exp(), 50 * within)
    close(in_logarithms(model, log_emissions[0])[-1].logsumexp(0), exact.log_likelihood[0])


@pytest.mark.parametrize(
    ("of_model", "of_frames"), [("float64", "float32"), ("float32", "float16"), ("float32", "bfloat16")]
)
def test_the_wider_type_counts_and_single_precision_at_least(of_model, of_frames):
    of_model, of_frames = getattr(torch, of_model), getattr(torch, of_frames)
    model = hmm.HMM(chain(3).log_initial.to(of_model), chain(3).log_transition.to(of_model))
    log_emissions = normal(1, 2, 5, 3).to(of_frames)
    wide = torch.promote_types(of_model, torch.float32)
    exact = hmm.HMM(model.log_initial.double(), model.log_transition.double())
    for found, expected in zip(
        everything(model, log_emissions), everything(exact, log_emissions.double()), strict=True
    ):
        torch.testing.assert_close(found, expected.to(found.dtype), rtol=1e-5, atol=1e-5)
    assert hmm.forward(model, log_emissions)[0].dtype == hmm.viterbi(model, log_emissions)[1].dtype == wide


# --- batches


@TINY
@given(SIZES, st.integers(0, 1000), st.integers(1, 4))
def test_padding_changes_nothing_and_each_sequence_is_read_alone(sizes, seed, more):
    B, T, S = sizes
    model = chain(S, seed, final=True)
    log_emissions, lengths = seen(sizes, seed)
    padding = torch.arange(T + more) >= lengths[:, None]
    noise = torch.full((B, more, S), torch.nan, dtype=torch.float64)
    longer = torch.cat([log_emissions, noise], 1).masked_fill(padding[..., None], torch.nan)
    order = torch.randperm(B, generator=torch.Generator().manual_seed(seed))
    together = everything(model, log_emissions, lengths)
    permuted, padded = everything(model, log_emissions[order], lengths[order]), everything(model, longer, lengths)
    for whole, other, more_padding in zip(together, permuted, padded, strict=True):
        close(other, whole[order])
        close(more_padding[:, :T] if whole.dim() > 1 else more_padding, whole)
    for b, length in enumerate(lengths.tolist()):
        alone = everything(model, log_emissions[b : b + 1, :length], torch.tensor([length]))
        for whole, single in zip(together, alone, strict=True):
            close(whole[b, :length] if whole.dim() > 1 else whole[b], single[0])


def everything(model, log_emissions, lengths=None):
    """Return all that the passes say of each sequence, (B, T, ..) or (B,)."""
    found = hmm.posteriors(model, log_emissions, lengths)
    paths, log_prob = hmm.viterbi(model, log_emissions, lengths)
    return (
        *hmm.forward(model, log_emissions, lengths),
        hmm.backward(model, log_emissions, lengths),
        found.log_states,
        found.log_likelihood,
        paths.double(),
        log_prob,
    )


# --- hmmlearn


def peer(model, **options):
    """Return hmmlearn's model with the same parameters, its priors and random starts turned off."""
    S, emission = len(model.log_initial), model.emission
    if isinstance(emission, hmm.Discrete):
        theirs = CategoricalHMM(S, init_params="", **options)
        theirs.emissionprob_, theirs.n_features = emission.log_probs.exp().numpy(), emission.log_probs.shape[1]
    else:
        theirs = GaussianHMM(S, covariance_type="diag", covars_prior=0.0, init_params="", **options)
        theirs.n_features = emission.mean.shape[1]
        theirs.means_, theirs.covars_ = emission.mean.numpy(), emission.variance.numpy()
    theirs.startprob_, theirs.transmat_ = model.log_initial.exp().numpy(), model.log_transition.exp().numpy()
    return theirs


def case(kind, S, B, T, seed):
    """Return a model, observations with lengths, and the same as hmmlearn wants them: one long table."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(2, T + 1, (B,), generator=generator)
    if kind == "discrete":
        emission, observations = hmm.Discrete(shares(seed + 2, S, 5)), torch.randint(0, 5, (B, T), generator=generator)
    else:
        emission, observations = gaussian(S, 3, seed), 2 * normal(seed + 3, B, T, 3)
    rows = torch.cat([x[:length] for x, length in zip(observations, lengths.tolist(), strict=True)])
    table = rows.numpy().reshape(len(rows), -1)
    return chain(S, seed, emission=emission), observations, lengths, table


@pytest.mark.parametrize("device", devices())
@pytest.mark.parametrize("kind", ["discrete", "gaussian"])
@pytest.mark.parametrize("implementation", ["log", "scaling"])
def test_equal_to_hmmlearn(kind, implementation, device):
    for seed in range(4):
        model, observations, lengths, table = case(kind, 4, 5, 30, seed)
        theirs = peer(model, implementation=implementation)
        log_likelihood, occupancy = theirs.score_samples(table, lengths.tolist())
        score, path = theirs.decode(table, lengths.tolist())
        model, emission = moved(model, device)
        observations, lengths = observations.to(device), lengths.to(device)
        log_emissions = emission.log_likelihood(observations)
        found = hmm.posteriors(model, log_emissions, lengths)
        paths, log_prob = hmm.viterbi(model, log_emissions, lengths)
        real = paths >= 0
        assert math.isclose(float(found.log_likelihood.sum()), log_likelihood, rel_tol=1e-10)
        np.testing.assert_allclose(found.log_states[real].exp().cpu(), occupancy, atol=1e-9)
        assert math.isclose(float(log_prob.sum()), score, rel_tol=1e-10)
        if kind == "gaussian":  # among symbols many paths are exactly as probable
            assert paths[real].tolist() == path.tolist()


def moved(model, device):
    """Return the model and its emission on a device."""
    kind = type(model.emission)
    names = ["log_probs"] if kind is hmm.Discrete else ["mean", "variance"]
    emission = kind(*(getattr(model.emission, name).to(device) for name in names))
    return hmm.HMM(model.log_initial.to(device), model.log_transition.to(device), emission), emission


def emission_of(fit: hmm.Fit) -> Any:
    return fit.model.emission


@pytest.mark.parametrize("kind", ["discrete", "gaussian"])
@pytest.mark.parametrize("seed", range(3))
def test_baum_welch_equal_to_hmmlearn(kind, seed):
    model, observations, lengths, table = case(kind, 3, 8, 25, seed)
    fit = hmm.baum_welch(model, observations, lengths, iterations=10)
    theirs = peer(model, n_iter=10, tol=-math.inf).fit(table, lengths.tolist())
    np.testing.assert_allclose(fit.model.log_initial.exp(), theirs.startprob_, atol=1e-8)
    np.testing.assert_allclose(fit.model.log_transition.exp(), theirs.transmat_, atol=1e-8)
    if kind == "discrete":
        np.testing.assert_allclose(emission_of(fit).log_probs.exp(), theirs.emissionprob_, atol=1e-8)
    else:
        np.testing.assert_allclose(emission_of(fit).mean, theirs.means_, atol=1e-8)
        np.testing.assert_allclose(emission_of(fit).variance.numpy(), diagonals(theirs.covars_), atol=1e-8)
    np.testing.assert_allclose(fit.log_likelihoods[:-1], theirs.monitor_.history, rtol=1e-10)


def diagonals(covariances):
    return np.stack([np.diag(matrix) for matrix in covariances])


# --- Baum-Welch


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.booleans(), st.sampled_from([1e-6, 0.1, 0.3]))
def test_the_log_likelihood_never_falls(seed, holes, floor):
    model = chain(3, seed, holes, hmm.Gaussian(normal(seed, 3, 2), uniform(seed + 1, 3, 2) + floor, floor))
    x, lengths = normal(seed + 2, 4, 9, 2), torch.tensor([9, 3, 1, 6])
    fit = hmm.baum_welch(model, x, lengths, iterations=12, tolerance=-math.inf)  # on where only rounding is left
    rises = torch.tensor(fit.log_likelihoods, dtype=torch.float64).diff()
    assert len(rises) == 12
    assert rises.min() > -1e-9 * abs(fit.log_likelihoods[-1])
    assert float(emission_of(fit).variance.min()) >= floor
    assert ((model.log_transition > -torch.inf) | (fit.model.log_transition == -torch.inf)).all()


def test_it_finds_a_planted_model():
    generator = torch.Generator().manual_seed(0)
    move, state, states = torch.tensor([[0.9, 0.1], [0.3, 0.7]]), 0, []
    for _ in range(4000):
        state = int(torch.multinomial(move[state], 1, generator=generator))
        states.append(state)
    x = torch.tensor([[-1.0], [2.0]])[states] + 0.5 * torch.randn(4000, 1, generator=generator)
    start = hmm.HMM(
        torch.full((2,), 0.5).log(),
        torch.full((2, 2), 0.5).log(),
        hmm.Gaussian(torch.tensor([[-0.1], [0.1]]), torch.ones(2, 1)),
    )
    fit = hmm.baum_welch(start, x.view(20, 200, 1), iterations=30, tolerance=1e-3)
    close(emission_of(fit).mean.flatten(), torch.tensor([-1.0, 2.0]), 0.1)
    close(fit.model.log_transition.exp(), move, 0.05)


def test_one_frame_for_one_state_stops_at_the_floor():
    emission = hmm.Gaussian(torch.tensor([[0.0], [9.0]]), torch.ones(2, 1), floor=0.01)
    model = hmm.HMM(torch.tensor([0.5, 0.5]).log(), torch.full((2, 2), 0.5).log(), emission)
    fit = hmm.baum_welch(model, torch.tensor([[[0.0], [0.5], [-0.5], [9.0]]]), iterations=5)
    close(emission_of(fit).variance[1, 0], torch.tensor(0.01))


def test_tolerance_stops_early_and_zero_iterations_change_nothing():
    model, observations, lengths, _ = case("gaussian", 3, 6, 20, 0)
    assert len(hmm.baum_welch(model, observations, lengths, 200, tolerance=0.1).log_likelihoods) < 100
    fit = hmm.baum_welch(model, observations, lengths, iterations=0)
    assert fit.model == model
    assert len(fit.log_likelihoods) == 1


def test_a_state_that_is_never_visited_keeps_its_parameters():
    emission = hmm.Discrete(torch.tensor([[0.5, 0.5], [0.2, 0.8]]).log())
    model = hmm.HMM(torch.tensor([1.0, 0.0]).log(), torch.eye(2).log(), emission)
    fit = hmm.baum_welch(model, torch.tensor([[0, 0, 1]]), iterations=3)
    close(emission_of(fit).log_probs[1], emission.log_probs[1])
    close(fit.model.log_transition, model.log_transition)
    close(emission_of(fit).log_probs[0].exp(), torch.tensor([2 / 3, 1 / 3]), 1e-6)
    hardly = emission.refit(torch.tensor([[0, 1, 1]]), torch.tensor([[[0.0, 0.1]] * 3]))  # 0.3 of a visit is one
    close(hardly.log_probs.exp(), torch.tensor([[0.5, 0.5], [1 / 3, 2 / 3]]), 1e-6)


# --- word models, ties, the impossible


def test_a_word_goes_through_all_its_states_in_order():
    model = hmm.left_to_right(None, 4)
    paths, log_prob = hmm.viterbi(model, torch.zeros(2, 9, 4, dtype=torch.float64), torch.tensor([9, 3]))
    assert sorted(set(paths[0].tolist())) == [0, 1, 2, 3]
    assert (paths[0].diff() >= 0).all()
    assert paths[0, -1] == 3
    assert log_prob[1] == -torch.inf  # three frames cannot visit four states
    close(hmm.forward(hmm.left_to_right(None, 1), torch.zeros(1, 3, 1).double())[1], torch.zeros(1).double())


@pytest.mark.parametrize("S", [1, 2, 3])
def test_among_equal_paths_one_of_the_best_comes_back(S):
    model = hmm.HMM(torch.full((S,), 1 / S).log(), torch.full((S, S), 1 / S).log())
    paths, log_prob = hmm.viterbi(model, torch.zeros(2, 5, S))
    close(log_prob, torch.full((2,), -5 * math.log(S)), 1e-6)
    assert bool(((paths >= 0) & (paths < S)).all())


def test_an_impossible_observation_has_no_posterior():
    emission = hmm.Discrete(torch.tensor([[1.0, 0.0], [1.0, 0.0]]).log())
    model = hmm.HMM(torch.tensor([0.5, 0.5]).log(), torch.full((2, 2), 0.5).log(), emission)
    observations = torch.tensor([[0, 0, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0]])
    found = hmm.posteriors(model, emission.log_likelihood(observations))
    assert found.log_likelihood.tolist() == [0.0, -math.inf]
    assert (found.log_states[1] == -torch.inf).all()
    close(found.transitions.sum(), torch.tensor(5.0))
    with pytest.raises(ValueError, match=r"sequences \[1\] cannot come from the model"):
        hmm.baum_welch(model, observations)


def test_empty_batch():
    paths, log_prob = hmm.viterbi(chain(2), torch.zeros(0, 3, 2, dtype=torch.float64))
    assert (paths.shape, log_prob.shape) == ((0, 3), (0,))
    assert hmm.forward(chain(2), torch.zeros(0, 3, 2, dtype=torch.float64))[1].shape == (0,)
    assert hmm.posteriors(chain(2), torch.zeros(0, 3, 2, dtype=torch.float64)).log_states.shape == (0, 3, 2)


# --- what is refused


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.zeros(4, 2),), r"\(4, 2\).*\(B, T, 2\)"),
        ((torch.zeros(1, 4, 3),), r"\(1, 4, 3\).*\(B, T, 2\)"),
        ((torch.zeros(1, 0, 2),), "T > 0"),
        ((torch.zeros(2, 4, 2), torch.tensor([4])), "2 whole numbers between 1 and 4"),
        ((torch.zeros(2, 4, 2), torch.tensor([4.0, 1.0])), "whole numbers"),
        ((torch.zeros(2, 4, 2), torch.tensor([0, 4])), r"\[0, 4\].*between 1 and 4"),
        ((torch.full((1, 4, 2), torch.nan),), "NaN"),
        ((torch.full((1, 4, 2), torch.inf),), r"\+inf"),
    ],
)
def test_passes_refuse_what_they_cannot_read(arguments, message):
    for function in (hmm.forward, hmm.backward, hmm.posteriors, hmm.viterbi):
        with pytest.raises(ValueError, match=message):
            function(chain(2), *arguments)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: hmm.HMM(torch.zeros(1), torch.zeros(2, 2)), r"log_transition has shape \(2, 2\).*\(1, 1\)"),
        (lambda: hmm.HMM(torch.zeros(2), torch.eye(2).log()), "log_initial holds.*sum to 1"),
        (lambda: hmm.HMM(torch.eye(2)[0].log(), torch.zeros(2, 2)), "log_transition holds.*sum to 1"),
        (lambda: hmm.HMM(torch.zeros(1), torch.zeros(1, 1), None, torch.zeros(2)), "log_final has shape"),
        (lambda: hmm.Gaussian(torch.zeros(2, 3), torch.ones(3)), r"must both be \(S, D\)"),
        (lambda: hmm.Gaussian(torch.zeros(2, 3), torch.zeros(2, 3)), "at least the floor"),
        (lambda: hmm.Gaussian(torch.zeros(1, 1), torch.ones(1, 1), 0.0), "floor 0.0 above 0"),
        (lambda: gaussian(2, 3).log_likelihood(torch.zeros(1, 4, 2)), r"\(B, T, 3\)"),
        (lambda: hmm.Discrete(shares(0, 2, 3)).log_likelihood(torch.tensor([[3]])), "0 to 2"),
        (lambda: hmm.Discrete(shares(0, 2, 3)).log_likelihood(torch.zeros(1, 2)), "whole numbers"),
        (lambda: hmm.left_to_right(None, 0), "at least 1 state"),
        (lambda: hmm.left_to_right(None, 2, stay=1.0), "0 < stay < 1"),
        (lambda: hmm.baum_welch(chain(2), torch.zeros(1, 2, 1)), "no emission"),
        (lambda: hmm.all_paths(chain(3), torch.zeros(20, 3)), r"3\^20 paths"),
    ],
)
def test_models_refuse_what_they_cannot_be(make, message):
    with pytest.raises(ValueError, match=message):
        make()

"""Hidden Markov models against hmmlearn's scaling implementation, on batches of 20 sequences of 100 frames."""

import math

import torch
from hmmlearn.hmm import GaussianHMM
from pairs import Curve, Row, against, curve, ratio

from course_utils.algorithms import hmm

B, T, D = 20, 100, 13
ROUNDS = 5  # of Baum-Welch


def rows() -> list[Row]:
    found = [row for S in (3, 8, 32) for row in compared(S)]
    model, x = problem(8, sequences=400)
    theirs, table = peer(model), x.flatten(0, 1).numpy()
    many = ratio(
        lambda: hmm.posteriors(model, model.emission.log_likelihood(x)),
        lambda: theirs.score_samples(table, [T] * 400),
        pairs=5,
    )
    found.append(("HMM posteriors, 8 states, 400 sequences", *against(many, 1.0)))
    model, x = problem(8)
    far = 1e4 * model.emission.log_likelihood(x)  # states so far apart that only logarithms throughout keep them all
    slow = ratio(lambda: hmm.posteriors(model, far), lambda: hmm.posteriors(model, model.emission.log_likelihood(x)))
    return [*found, ("HMM posteriors, 8 states, in logarithms throughout, over the quick way", *against(slow))]


def compared(S: int) -> list[Row]:
    model, x = problem(S)
    table, lengths = x.flatten(0, 1).numpy(), [T] * B
    theirs = peer(model)
    pairs = [
        ("posteriors", hmm.posteriors, lambda: theirs.score_samples(table, lengths)),
        ("Viterbi", hmm.viterbi, lambda: theirs.decode(table, lengths)),
    ]
    found = {name: ratio(lambda f=f: f(model, model.emission.log_likelihood(x)), other) for name, f, other in pairs}
    found["Baum–Welch"] = ratio(
        lambda: hmm.baum_welch(model, x, None, ROUNDS), lambda: peer(model).fit(table, lengths), pairs=7
    )
    return [(f"HMM {name}, {S} states, {B} sequences", *against(value, 1.0)) for name, value in found.items()]


def growth() -> list[Curve]:
    def over_frames(n):
        model, x = problem(8, n)
        return lambda: hmm.posteriors(model, model.emission.log_likelihood(x))

    def over_states(n):
        model, x = problem(n)
        log_emissions = model.emission.log_likelihood(x)
        return lambda: hmm.viterbi(model, log_emissions)

    return [
        curve("HMM posteriors", "T (frames)", (50, 100, 200, 400, 800), over_frames),
        curve("HMM Viterbi", "S (states)", (16, 32, 64, 128), over_states, theory=2.0),
    ]


def problem(S: int, frames: int = T, sequences: int = B):
    generator = torch.Generator().manual_seed(S)

    def normal(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    emission = hmm.Gaussian(normal(S, D), normal(S, D).abs() + 0.5)
    return hmm.HMM(normal(S).log_softmax(0), normal(S, S).log_softmax(1), emission), normal(sequences, frames, D)


def peer(model) -> GaussianHMM:
    """Return hmmlearn's model with the same parameters, its priors, random starts and early stop turned off."""
    S = len(model.log_initial)
    options = {"covariance_type": "diag", "implementation": "scaling", "covars_prior": 0.0, "init_params": ""}
    theirs = GaussianHMM(S, n_iter=ROUNDS, tol=-math.inf, **options)
    theirs.n_features = D
    theirs.startprob_, theirs.transmat_ = model.log_initial.exp().numpy(), model.log_transition.exp().numpy()
    theirs.means_, theirs.covars_ = model.emission.mean.numpy(), model.emission.variance.numpy()
    return theirs


if __name__ == "__main__":
    for row in rows():
        print(*row, sep="\t")
    for found in growth():
        print(found.name, found.size, f"{found.exponent:.2f}", f"theory {found.theory}", found.seconds)

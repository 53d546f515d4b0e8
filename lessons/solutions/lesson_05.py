"""Solutions of lesson 05."""

import torch


def hmm_forward_step(alpha, a, b):
    """Return alpha_t: sum over the states before, then the emission."""
    return (alpha @ a) * b


def log_sum(x):
    """Return log(sum(exp(x))) without underflow."""
    largest = x.max()
    if largest == -torch.inf:
        return largest  # all impossible, and -inf - -inf is no number
    return largest + (x - largest).exp().sum().log()


def divide_by_priors(log_posteriors, counts):
    """Return log P(i | x) - log P(i)."""
    log_priors = (counts / counts.sum()).log()
    return log_posteriors - log_priors


def viterbi_backtrace(scores, came_from):
    """Return the best path, a state for each frame."""
    state = int(scores[-1].argmax())
    path = [state]
    for t in range(len(scores) - 1, 0, -1):
        state = int(came_from[t, state])
        path.append(state)
    return path[::-1]

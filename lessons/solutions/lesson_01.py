"""Solutions of lesson 01; the step's is the package's `rnn_step`."""

import torch
from course_utils import recurrent


def one_hot(tokens, vocabulary):
    """Return a row for each token: a 1 at its entry, or at <UNK>'s."""
    vectors = torch.zeros(len(tokens), len(vocabulary))
    for t, token in enumerate(tokens):
        entry = token if token in vocabulary else "<UNK>"
        vectors[t, vocabulary.index(entry)] = 1.0
    return vectors


def stacked(W_aa, W_ax):
    """Return W_a = [W_aa | W_ax]."""
    return torch.cat([W_aa, W_ax], dim=1)


def parameter_count():
    """Return how many numbers the network of the exercise learns."""
    words, units, kinds = 8000, 60, 5
    state = units * units + units * words + units  # W_aa, W_ax, b_a
    output = kinds * units + kinds  # W_ya, b_y
    return state + output


def unroll(x, lengths, W_ax, W_aa, b_a):
    """Return the state after each sequence's last real step."""
    B, T, _ = x.shape
    state = torch.zeros(B, len(b_a))
    for t in range(T):
        new = recurrent.rnn_step(x[:, t], state, W_ax, W_aa, b_a)
        is_real = (lengths > t)[
            :, None
        ]  # (B, 1): keeps or replaces whole rows
        state = torch.where(is_real, new, state)
    return state

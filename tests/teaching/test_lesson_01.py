"""Wrong answers to the exercises of lesson 01, as people write them, each refused for its own reason."""

import pytest
import torch
from torch.nn.functional import one_hot as torch_one_hot

from course_utils.algorithms.recurrent import rnn_step
from course_utils.teaching.checks import grade

from .toys import each_wrong


def skips_unknown_rows(tokens, vocabulary):
    vectors = torch.zeros(len(tokens), len(vocabulary))
    for t, token in enumerate(tokens):
        if token in vocabulary:
            vectors[t, vocabulary.index(token)] = 1
    return vectors


def drops_unknown_words(tokens, vocabulary):
    indices = [vocabulary.index(token) for token in tokens if token in vocabulary]
    return torch_one_hot(torch.tensor(indices, dtype=torch.long), len(vocabulary)).float()


def minus_one(tokens, vocabulary):
    vectors = torch.zeros(len(tokens), len(vocabulary))
    for t, token in enumerate(tokens):
        index = vocabulary.index(token) if token in vocabulary else -1
        vectors[t, index] = 1.0
    return vectors


def default_zero(tokens, vocabulary):
    index = {entry: k for k, entry in enumerate(vocabulary)}
    return torch.stack([torch.eye(len(vocabulary))[index.get(token, 0)] for token in tokens])


def default_one(tokens, vocabulary):
    index = {entry: k for k, entry in enumerate(vocabulary)}
    return torch.eye(len(vocabulary))[[index.get(token, 1) for token in tokens]]


def words_in_columns(tokens, vocabulary):
    known = [token if token in vocabulary else "<UNK>" for token in tokens]
    return torch.tensor([[float(word == entry) for word in known] for entry in vocabulary])


def only_indices(tokens, vocabulary):
    return torch.tensor([vocabulary.index(t if t in vocabulary else "<UNK>") for t in tokens])


def whole_numbers(tokens, vocabulary):
    known = [vocabulary.index(t if t in vocabulary else "<UNK>") for t in tokens]
    return torch_one_hot(torch.tensor(known), len(vocabulary))


def no_unknowns(tokens, vocabulary):
    return torch.eye(len(vocabulary))[[vocabulary.index(token) for token in tokens]]


def no_memory(x, h, W_ax, W_aa, b_a):
    a = torch.tanh(x @ W_ax.T + b_a)
    return a


def no_input(x, h, W_ax, W_aa, b_a):
    return torch.tanh(torch.matmul(h, W_aa.T) + b_a)


def two_linear_layers(x, h, W_ax, W_aa, b_a):
    from_input = torch.nn.functional.linear(x, W_ax, b_a)
    from_state = torch.nn.functional.linear(h, W_aa, b_a)
    return torch.tanh(from_input + from_state)


def no_bias(x, h, W_ax, W_aa, b_a):
    return (h @ W_aa.T + x @ W_ax.T).tanh()


def no_tanh(x, h, W_ax, W_aa, b_a):
    return torch.nn.functional.linear(x, W_ax) + torch.nn.functional.linear(h, W_aa) + b_a


def state_matrix_not_turned(x, h, W_ax, W_aa, b_a):
    return torch.tanh(h @ W_aa + x @ W_ax.T + b_a)


def input_matrix_not_turned(x, h, W_ax, W_aa, b_a):
    return torch.tanh(h @ W_aa.T + x @ W_ax + b_a)


def no_matrix_turned(x, h, W_ax, W_aa, b_a):
    return torch.tanh(h @ W_aa + x @ W_ax + b_a)


def written_for_columns(x, h, W_ax, W_aa, b_a):
    return torch.tanh((W_aa @ h.T + W_ax @ x.T).T + 2 * b_a)


def tanh_of_each(x, h, W_ax, W_aa, b_a):
    return torch.tanh(h @ W_aa.T) + torch.tanh(x @ W_ax.T) + b_a


def sigmoid(x, h, W_ax, W_aa, b_a):
    return 1 / (1 + torch.exp(-(h @ W_aa.T + x @ W_ax.T + b_a)))


def in_place(x, h, W_ax, W_aa, b_a):
    h.copy_(torch.tanh(h @ W_aa.T + x @ W_ax.T + b_a))
    return h


def matrices_changed_over(x, h, W_ax, W_aa, b_a):
    return torch.tanh(torch.nn.functional.linear(x, W_aa, b_a) + torch.nn.functional.linear(h, W_ax))


def as_by_hand(x, h, W_ax, W_aa, b_a):
    return torch.tanh(W_aa @ h + W_ax @ x + b_a)


def only_the_first(x, h, W_ax, W_aa, b_a):
    return torch.tanh(W_aa @ h[0] + W_ax @ x[0] + b_a)


def vstack(W_aa, W_ax):
    return torch.vstack([W_aa, W_ax])


def cat_without_dim(W_aa, W_ax):
    return torch.cat((W_aa, W_ax))


def input_first(W_aa, W_ax):
    return torch.hstack((W_ax, W_aa))


def sum_of_both(W_aa, W_ax):
    return W_aa + W_ax


def turned(W_aa, W_ax):
    return torch.cat([W_aa.T, W_ax.T])


def both(W_aa, W_ax):
    return W_aa, W_ax


def bar(W_aa, W_ax):
    return W_aa | W_ax


def product(W_aa, W_ax):
    return W_aa @ W_ax


def ignores_lengths(x, lengths, W_ax, W_aa, b_a):
    h = torch.zeros(x.shape[0], W_aa.shape[0])
    for t in range(x.shape[1]):
        h = rnn_step(x[:, t], h, W_ax, W_aa, b_a)
    return h


def masks_the_input_only(x, lengths, W_ax, W_aa, b_a):
    h = torch.zeros(x.shape[0], W_aa.shape[0])
    for t in range(x.shape[1]):
        is_real = (lengths > t).float()[:, None]
        h = rnn_step(x[:, t] * is_real, h, W_ax, W_aa, b_a)
    return h


def multiplies_by_the_mask(x, lengths, W_ax, W_aa, b_a):
    h = torch.zeros(x.shape[0], W_aa.shape[0])
    for t in range(x.shape[1]):
        is_real = (lengths > t).float()[:, None]
        h = rnn_step(x[:, t], h, W_ax, W_aa, b_a) * is_real
    return h


def one_short(x, lengths, W_ax, W_aa, b_a):
    h = torch.zeros(x.shape[0], W_aa.shape[0])
    for t in range(x.shape[1]):
        new = rnn_step(x[:, t], h, W_ax, W_aa, b_a)
        h = torch.where((lengths > t + 1)[:, None], new, h)
    return h


def one_too_far(x, lengths, W_ax, W_aa, b_a):
    h = torch.zeros(x.shape[0], W_aa.shape[0])
    for t in range(x.shape[1]):
        new = rnn_step(x[:, t], h, W_ax, W_aa, b_a)
        h = torch.where((lengths >= t).unsqueeze(1), new, h)
    return h


def cuts_the_batch(x, lengths, W_ax, W_aa, b_a):
    h = torch.zeros(x.shape[0], W_aa.shape[0])
    for t in range(lengths.min()):
        h = rnn_step(x[:, t], h, W_ax, W_aa, b_a)
    return h


def starts_again(x, lengths, W_ax, W_aa, b_a):
    result = torch.zeros(x.shape[0], W_aa.shape[0])
    for t in range(x.shape[1]):
        new = rnn_step(x[:, t], torch.zeros_like(result), W_ax, W_aa, b_a)
        result = torch.where((lengths > t)[:, None], new, result)
    return result


def all_states(x, lengths, W_ax, W_aa, b_a):
    h, states = torch.zeros(x.shape[0], W_aa.shape[0]), []
    for t in range(x.shape[1]):
        h = rnn_step(x[:, t], h, W_ax, W_aa, b_a)
        states.append(h)
    return torch.stack(states, 1)


def batch_for_time(x, lengths, W_ax, W_aa, b_a):
    h = torch.zeros(x.shape[0], W_aa.shape[0])
    for t in range(x.shape[1]):
        h = torch.where((lengths > t)[:, None], rnn_step(x[t], h, W_ax, W_aa, b_a), h)
    return h


def the_wrong_step(x, lengths, W_ax, W_aa, b_a):
    h, states = torch.zeros(x.shape[0], W_aa.shape[0]), []
    for t in range(x.shape[1]):
        h = rnn_step(x[:, t], h, W_ax, W_aa, b_a)
        states.append(h)
    return states[0]


WRONG = {
    "one_hot": [
        (skips_unknown_rows, "leaves a row of zeros for an unknown word"),
        (drops_unknown_words, "leaves unknown words out"),
        (minus_one, "takes the last entry for an unknown word"),
        (default_zero, "takes entry 0 for an unknown word"),
        (default_one, "takes entry 1 for an unknown word"),
        (words_in_columns, "has tokens in columns"),
        (only_indices, "returns the indices themselves"),
        (whole_numbers, None),
        (no_unknowns, None),
    ],
    "rnn_step": [
        (no_memory, "forgets the old state"),
        (no_input, "forgets the input"),
        (two_linear_layers, "adds the bias twice"),
        (written_for_columns, "adds the bias twice"),
        (no_bias, "leaves out the bias"),
        (no_tanh, "leaves out the tanh"),
        (state_matrix_not_turned, "multiplies by `W_aa` the wrong way round"),
        (input_matrix_not_turned, "multiplies by `W_ax` the wrong way round"),
        (no_matrix_turned, "multiplies by both matrices the wrong way round"),
        (tanh_of_each, "takes the tanh of each term"),
        (sigmoid, "uses the sigmoid in place of the tanh"),
        (matrices_changed_over, "multiplies with the two matrices changed over"),
        (as_by_hand, "is written for one sequence, a column"),
        (in_place, None),
        (only_the_first, None),
    ],
    "stacked": [
        (vstack, "stacks one on top of the other"),
        (cat_without_dim, "stacks one on top of the other"),
        (input_first, "puts `W_ax` first"),
        (sum_of_both, "adds the two matrices"),
        (turned, "has rows and columns changed"),
        (both, "returns a list of the two matrices"),
        (bar, None),
        (product, None),
    ],
    "parameter_count": [
        (60 * 60 + 60 * 8000 + 5 * 60, "forgets the biases"),
        (60 * 60 + 60 * 8000 + 5 * 60 + 5, "forgets the bias of the state"),
        (60 * (60 + 8000) + 60 + 5 * 60, "forgets the bias of the output"),
        (40 * 483_965, "counts every weight once a step"),
        (40 * 60 * (60 + 8000) + 60 + 305, "counts the weights of the state once a step"),
        (40 * (60 * (60 + 8000) + 60) + 305, "counts the weights of the state, with their bias, once a step"),
        (60 * (60 + 8000) + 60, "forgets the output layer"),
        (60 * 8000 + 60 + 305, "forgets the way from state to state"),
        (60 * (60 + 8000) + 120 + 305, "counts a second bias for the state"),
        (60 * (60 + 8000), "counts the two matrices of the state only"),
        (60 * (60 + 8002) + 60 + 305, "adds `<PAD>` and `<UNK>` to the vocabulary"),
        (483_966.0, None),
        (1_000_000, None),
    ],
    "unroll": [
        (ignores_lengths, "runs on into the padding"),
        (masks_the_input_only, "blanks the input in the padding, and runs on"),
        (multiplies_by_the_mask, "sets the state to zero in the padding"),
        (one_short, "stops one step early"),
        (one_too_far, "takes one step too many"),
        (cuts_the_batch, "stops every sequence where the shortest ends"),
        (starts_again, "forgets the state between steps"),
        (all_states, "returns the states of all steps"),
        (batch_for_time, "runs over the batch in place of the time"),
        (the_wrong_step, None),
    ],
}


@pytest.mark.parametrize(("exercise", "answer", "diagnosis"), each_wrong(WRONG))
def test_wrong_answers_are_refused_with_their_reason(exercise, answer, diagnosis):
    report = grade(exercise, answer)
    assert report.status == "failed"
    assert report.misconception == diagnosis


def written_with_linear(x, h, W_ax, W_aa, b_a):
    return torch.tanh(torch.nn.functional.linear(x, W_ax, b_a) + torch.nn.functional.linear(h, W_aa))


def written_with_stacking(x, h, W_ax, W_aa, b_a):
    W_a = torch.cat([W_aa, W_ax], 1)
    return torch.tanh(torch.cat([h, x], 1) @ W_a.T + b_a)


def written_with_a_sorted_batch(x, lengths, W_ax, W_aa, b_a):
    every = [torch.zeros(x.shape[0], W_aa.shape[0])]
    for t in range(x.shape[1]):
        every.append(rnn_step(x[:, t], every[-1], W_ax, W_aa, b_a))
    return torch.stack(every, 1)[torch.arange(len(x)), lengths]


def written_with_factors(x, lengths, W_ax, W_aa, b_a):
    h = torch.zeros(x.shape[0], W_aa.shape[0])
    for t in range(x.shape[1]):
        m = (lengths > t).float().unsqueeze(1)
        h = m * rnn_step(x[:, t], h, W_ax, W_aa, b_a) + (1 - m) * h
    return h


def written_with_eye(tokens, vocabulary):
    return torch.eye(len(vocabulary))[[vocabulary.index(t if t in vocabulary else "<UNK>") for t in tokens]]


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        ("one_hot", written_with_eye),
        ("rnn_step", written_with_linear),
        ("rnn_step", written_with_stacking),
        ("stacked", lambda W_aa, W_ax: torch.hstack([W_aa, W_ax])),
        ("parameter_count", sum(p.numel() for p in torch.nn.Linear(8060, 60).parameters()) + 5 * 60 + 5),
        ("parameter_count", 483_965.0),
        ("unroll", written_with_a_sorted_batch),
        ("unroll", written_with_factors),
    ],
)
def test_right_answers_pass_however_they_are_written(exercise, answer):
    assert grade(exercise, answer).status == "passed"


def test_an_error_of_torch_is_not_taken_for_the_empty_exercise():
    only_square = torch.ones(2, 2)
    report = grade("stacked", lambda W_aa, W_ax: only_square | only_square)
    assert "NotImplementedError" in str(report.rows)
    assert "empty exercise" not in str(report.rows)

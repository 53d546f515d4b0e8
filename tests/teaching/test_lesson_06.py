"""Wrong answers to the exercises of lesson 06, as people write them, each refused for its own reason."""

import pytest
import torch
from torch import nn

from course_utils.algorithms import metrics, recurrent, seq2seq, teacher_forcing
from course_utils.algorithms.beam import length_penalty
from course_utils.teaching.checks import grade
from course_utils.teaching.checks.registry import find

from .toys import each_wrong


def new_state(tokens, h, embedding, W_ax, W_aa, b_a):
    return recurrent.rnn_step(embedding[tokens], h, W_ax, W_aa, b_a)


def scores_only(tokens, h, embedding, W_ax, W_aa, b_a, V, b_V):
    h = new_state(tokens, h, embedding, W_ax, W_aa, b_a)
    return h @ V.T + b_V, h


def probabilities(tokens, h, embedding, W_ax, W_aa, b_a, V, b_V):
    h = new_state(tokens, h, embedding, W_ax, W_aa, b_a)
    return torch.softmax(nn.functional.linear(h, V, b_V), dim=1), h


def wrong_axis(tokens, h, embedding, W_ax, W_aa, b_a, V, b_V):
    h = new_state(tokens, h, embedding, W_ax, W_aa, b_a)
    return torch.log_softmax(h @ V.T + b_V, dim=0), h


def output_before_the_step(tokens, h, embedding, W_ax, W_aa, b_a, V, b_V):
    log_probs = torch.log_softmax(h @ V.T + b_V, -1)
    return log_probs, new_state(tokens, h, embedding, W_ax, W_aa, b_a)


def no_memory(tokens, h, embedding, W_ax, W_aa, b_a, V, b_V):
    h = torch.tanh(embedding[tokens] @ W_ax.T + b_a)
    return torch.log_softmax(h @ V.T + b_V, -1), h


def old_state_out(tokens, h, embedding, W_ax, W_aa, b_a, V, b_V):
    after = new_state(tokens, h, embedding, W_ax, W_aa, b_a)
    return torch.log_softmax(after @ V.T + b_V, -1), h


def turned(tokens, h, embedding, W_ax, W_aa, b_a, V, b_V):
    h = torch.tanh(embedding[tokens] @ W_ax.T + h @ W_aa + b_a)
    return torch.log_softmax(h @ V.T + b_V, -1), h


def only_log_probs(tokens, h, embedding, W_ax, W_aa, b_a, V, b_V):
    return scores_only(tokens, h, embedding, W_ax, W_aa, b_a, V, b_V)[0].log_softmax(-1)


def state_in_place(tokens, h, embedding, W_ax, W_aa, b_a, V, b_V):
    h.copy_(new_state(tokens, h, embedding, W_ax, W_aa, b_a))
    return torch.log_softmax(h @ V.T + b_V, -1), h


def each_loss(logits, targets):
    return nn.functional.cross_entropy(logits.transpose(1, 2), targets, reduction="none")


def mask_of(targets, lengths):
    return (torch.arange(targets.shape[1]) < lengths[:, None]).float()


def mean_over_padding(logits, targets, lengths):
    return (each_loss(logits, targets) * mask_of(targets, lengths)).mean()


def plain_cross_entropy(logits, targets, lengths):
    return nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


def loop_of_means(logits, targets, lengths):
    rows = [nn.functional.cross_entropy(row[:n], y[:n]) for row, y, n in zip(logits, targets, lengths, strict=True)]
    return torch.stack(rows).mean()


def per_text(logits, targets, lengths):
    return (each_loss(logits, targets) * mask_of(targets, lengths)).sum() / len(lengths)


def zeroed_scores(logits, targets, lengths):
    return plain_cross_entropy(logits * mask_of(targets, lengths)[..., None], targets, lengths)


def stops_before_eos(logits, targets, lengths):
    mask = torch.arange(targets.shape[1]) < lengths[:, None] - 1
    return each_loss(logits, targets)[mask].sum() / mask.sum().clamp(min=1)


def picks_scores(logits, targets, lengths):
    chosen = logits.gather(2, targets.unsqueeze(2)).squeeze(2)
    return -(chosen * mask_of(targets, lengths)).sum() / lengths.sum()


def softmax_over_time(logits, targets, lengths):
    chosen = logits.log_softmax(dim=1).gather(2, targets.unsqueeze(2)).squeeze(2)
    return -(chosen * mask_of(targets, lengths)).sum() / lengths.sum()


def nothing_returned(logits, targets, lengths):
    each_loss(logits, targets)


def not_a_number(logits, targets, lengths):
    return plain_cross_entropy(logits, targets, lengths) * float("nan")


def times(log_probs, alpha):
    return log_probs.sum() * ((5 + len(log_probs)) / 6) ** alpha


def mean(log_probs, alpha):
    return log_probs.mean()


def power_of_length(log_probs, alpha):
    return log_probs.sum() / len(log_probs) ** alpha


def alpha_times(log_probs, alpha):
    return log_probs.sum() / (alpha * (5 + len(log_probs)) / 6)


def minus(log_probs, alpha):
    return log_probs.sum() - ((5 + len(log_probs)) / 6) ** alpha


def one_token_less(log_probs, alpha):
    return log_probs.sum() / ((5 + len(log_probs) - 1) / 6) ** alpha


def product(log_probs, alpha):
    return log_probs.prod() / ((5 + len(log_probs)) / 6) ** alpha


def zipped(reference, hypothesis):
    edits = [("equal" if a == b else "substitute", a, b) for a, b in zip(reference, hypothesis, strict=False)]
    shared = len(edits)
    edits += [("delete", a, None) for a in reference[shared:]]
    return edits + [("insert", None, b) for b in hypothesis[shared:]]


def walk(reference, hypothesis, until=lambda i, j: i or j, turn=True, names=("delete", "insert")):
    table, i, j, edits = metrics.edit_table(reference, hypothesis), len(reference), len(hypothesis), []
    while until(i, j):
        said, heard = reference[i - 1] if i else None, hypothesis[j - 1] if j else None
        if i and j and (said == heard or table[i][j] == table[i - 1][j - 1] + 1):
            edits.append(("equal" if said == heard else "substitute", said, heard))
            i, j = i - 1, j - 1
        elif i and table[i][j] == table[i - 1][j] + 1:
            edits.append((names[0], said, None))
            i -= 1
        else:
            edits.append((names[1], None, heard))
            j -= 1
    return edits[::-1] if turn else edits


def backwards(reference, hypothesis):
    return walk(reference, hypothesis, turn=False)


def other_names(reference, hypothesis):
    return walk(reference, hypothesis, names=("insert", "delete"))


def border(reference, hypothesis):
    return walk(reference, hypothesis, until=lambda i, j: i and j)


def two_for_one(reference, hypothesis):
    edits = []
    for operation, said, heard in walk(reference, hypothesis):
        if operation == "substitute":
            edits.append(("delete", said, None))
            edits.append(("insert", None, heard))
        else:
            edits.append((operation, said, heard))
    return edits


def everything_anew(reference, hypothesis):
    return [("delete", said, None) for said in reference] + [("insert", None, heard) for heard in hypothesis]


def distance_only(reference, hypothesis):
    return metrics.edit_distance(reference, hypothesis)


def insertions_first(reference, hypothesis):
    """Another alignment with as few edits: right."""
    turned = walk(reference[::-1], hypothesis[::-1])
    return [list(edit) for edit in turned[::-1]]


def zeros(reference, hypothesis):
    raise IndexError("list index out of range")


WRONG = {
    "decoder_step": [
        (scores_only, "returns the scores before the softmax"),
        (probabilities, "returns probabilities, not their logarithms"),
        (wrong_axis, "takes the softmax over the batch"),
        (output_before_the_step, "reads the tokens off the old state"),
        (no_memory, "forgets the old state"),
        (old_state_out, "hands the old state on"),
        (turned, "multiplies by `W_aa` the wrong way round"),
        (only_log_probs, None),
        (state_in_place, None),
    ],
    "masked_loss": [
        (mean_over_padding, "takes the mean over padding as well"),
        (plain_cross_entropy, "uses no mask"),
        (loop_of_means, "takes the mean of each text's mean"),
        (per_text, "takes the mean over texts, not over tokens"),
        (zeroed_scores, "sets the padding's scores to zero instead of leaving it out"),
        (stops_before_eos, "leaves out `<eos>`"),
        (picks_scores, "takes scores for log-probabilities"),
        (softmax_over_time, "takes the softmax over the steps"),
        (nothing_returned, None),
        (not_a_number, None),
    ],
    "beam_score": [
        (times, "multiplies by the penalty"),
        (mean, "takes the mean over the tokens"),
        (power_of_length, "divides by the length to the power alpha"),
        (alpha_times, "multiplies by alpha instead of raising to its power"),
        (minus, "subtracts the penalty"),
        (one_token_less, "leaves `<eos>` out of the length"),
        (product, None),
    ],
    "edit_path": [
        (zipped, "compares place by place"),
        (backwards, "is in the order of the way back"),
        (other_names, "has deletions and insertions changed"),
        (border, "stops where one of the two texts is used up"),
        (two_for_one, "never substitutes"),
        (everything_anew, None),
        (distance_only, None),
        (zeros, None),
    ],
}


@pytest.mark.parametrize(("exercise", "answer", "diagnosis"), each_wrong(WRONG))
def test_wrong_answers_are_refused_with_their_reason(exercise, answer, diagnosis):
    report = grade(exercise, answer)
    assert report.status == "failed"
    assert report.misconception == diagnosis


def with_torchs_ignore_index(logits, targets, lengths):
    real = torch.arange(targets.shape[1]) < lengths[:, None]
    return nn.functional.cross_entropy(logits.transpose(1, 2), targets.masked_fill(~real, -100))


def as_a_python_number(log_probs, alpha):
    return float(log_probs.sum()) / (5 / 6 + len(log_probs) / 6) ** alpha


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        ("masked_loss", with_torchs_ignore_index),
        ("masked_loss", teacher_forcing.cross_entropy),
        ("beam_score", as_a_python_number),
        ("edit_path", walk),
        ("edit_path", insertions_first),
    ],
)
def test_other_right_answers_pass(exercise, answer):
    assert grade(exercise, answer).status == "passed"


def test_the_step_is_the_packages():
    torch.manual_seed(0)
    decoder = seq2seq.Decoder(5, 2, 3, 3)
    tokens, h = torch.tensor([1, 4]), torch.randn(2, 3).tanh()
    cell, output = decoder.cell, decoder.output
    bias = cell.bias_ih_l0 + cell.bias_hh_l0  # ty: ignore
    weights = decoder.embedding.weight, cell.weight_ih_l0, cell.weight_hh_l0, bias, output.weight, output.bias
    log_probs, _, state = decoder.step(tokens, seq2seq.DecoderState(h))
    torch.testing.assert_close(find("decoder_step").oracle(tokens, h, *weights), (log_probs, state.hidden))


def test_the_score_is_the_packages():
    log_probs = torch.tensor([-0.5, -1.0, -0.25])
    expected = log_probs.sum() / length_penalty(torch.tensor(3), 0.6)
    assert find("beam_score").oracle(log_probs, 0.6) == pytest.approx(float(expected))

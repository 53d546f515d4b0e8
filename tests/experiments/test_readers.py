"""The readers of lesson 06: what they write is judged rightly, and the desk shows the model that it was given."""

import pytest
import torch
from torch import nn

from course_utils.algorithms import recurrent, seq2seq
from course_utils.algorithms.encoders import RecurrentEncoder
from course_utils.experiments import readers


def model(seed=0):
    torch.manual_seed(seed)
    decoder = seq2seq.Decoder(len(readers.TOKENS), 4, 8, 8, recurrent.GRU)
    made = seq2seq.Seq2Seq(RecurrentEncoder(4, 4, recurrent.GRU), decoder, nn.Embedding(len(readers.LETTERS), 4))
    with torch.no_grad():
        decoder.output.weight *= 5  # sharp, so that greedy is often not the best
        decoder.output.bias[: readers.EOS] = -30
    return made


SPELLED = ["three one", "four", "nine nine six"]


def test_letters_and_figures_are_told_back():
    for words, row in zip(SPELLED, readers.letters(SPELLED), strict=True):
        assert "".join(readers.LETTERS.decode(row)) == words
    assert readers.figures(["31", ""])[0].tolist() == [6, 4, 2]
    assert readers.figures([""])[0].tolist() == [readers.EOS]


def test_spoken_digits_are_those_of_the_corpus():
    both = readers.spoken("valid")
    assert {len(row) for row in both[1]} == {2, 3}
    inputs, targets = readers.only(1, *both)
    assert len(both[0]) > len(inputs) == len(targets) > 20
    assert {len(row) for row in targets} == {2}
    assert inputs[0].shape[1] == 40


def test_what_is_written_is_what_is_judged():
    inputs = readers.letters(SPELLED)
    written = readers.write(model(), inputs)
    assert readers.share_right(model(), inputs, readers.figures(written)) == 1
    assert readers.share_right(model(), inputs, readers.figures(["0" * 11, *written[1:]])) == pytest.approx(2 / 3)


@pytest.mark.parametrize("seed", range(4))
def test_a_likelier_truth_is_an_error_of_the_search(seed):
    """With a wider beam's texts for the truth, each that greedy did not find is likelier: the search missed it."""
    inputs = readers.letters(SPELLED)
    wide, narrow = readers.drafts(model(seed), inputs, 8), readers.drafts(model(seed), inputs)
    truth = [torch.cat([draft.tokens, torch.tensor([readers.EOS])]) for draft in wide if draft.ended]
    asked = [x for x, draft in zip(inputs, wide, strict=True) if draft.ended]
    better = [w.log_prob > n.log_prob + 1e-3 for w, n in zip(wide, narrow, strict=True) if w.ended]
    missed = readers.share_missed(model(seed), asked, truth) if asked else 0.0
    assert missed == float(any(better))


def test_the_desk_shows_the_model():
    shown = readers.desk(model(), SPELLED, source=2, written="31")
    assert shown.data["sources"] == SPELLED
    assert shown.written == [6, 4]
    state = model().start(readers.letters(SPELLED[2:])[0][None])
    logits, _, _ = model().decoder(torch.tensor([[1, 6, 4]]), state)
    assert f"probability {float(logits[0, -1].detach().softmax(-1).max()):.2f}" in shown.caption()

"""The readers of lesson 06: what they write is judged rightly, and the desk shows the model that it was given."""

import pytest
import torch

from course_utils.algorithms import attention, recurrent
from course_utils.data import pairs
from course_utils.experiments import readers


def model(seed=0):
    torch.manual_seed(seed)
    made = readers.text_model(8)
    with torch.no_grad():
        made.decoder.output.weight *= 5  # sharp, so that greedy is often not the best
        made.decoder.output.bias[: readers.EOS] = -30
    return made


SPELLED = ["three one", "four", "nine nine six"]


def test_letters_and_figures_are_told_back():
    for words, row in zip(SPELLED, readers.letters(SPELLED), strict=True):
        assert "".join(readers.LETTERS.decode(row)) == words
    assert readers.figures(["31", ""])[0].tolist() == [6, 4, 2]
    assert readers.figures([""])[0].tolist() == [readers.EOS]
    assert readers.digits([6, 4, 2]) == "31"
    assert readers.words("31") == "three one"
    assert readers.words("<sos>3<PAD>") == "three"


def test_numbers_have_as_many_digits_as_asked_for():
    inputs, targets = readers.numbers(30, 2, 4, torch.Generator().manual_seed(0))
    assert {len(row) - 1 for row in targets} == {2, 3, 4}
    spelled = ["".join(readers.LETTERS.decode(row)) for row in inputs]
    assert [readers.words(readers.digits(row.tolist())) for row in targets] == spelled


def test_the_swift_lstm_is_the_readable_one():
    swift, readable = readers.SwiftLSTM(3, 4), recurrent.LSTM(3, 4)
    readable.load_state_dict(swift.layer.state_dict())
    x, lengths = torch.randn(2, 6, 3), torch.tensor([6, 2])
    torch.testing.assert_close(swift(x, lengths=lengths)[0], readable(x, lengths=lengths)[0])


def test_the_model_that_looks_back_is_the_smaller_one():
    models = readers.text_model(64), readers.text_model(48, attention.scaled_dot)
    sizes = [sum(weight.numel() for weight in one.parameters()) for one in models]
    assert sizes[1] < sizes[0]
    batch = pairs.padded(readers.letters(SPELLED), readers.figures(["31", "4", "996"]))
    assert all(readers.loss(one, batch).isfinite() for one in models)


def test_training_lowers_the_loss_of_new_strings():
    trained = readers.trained_text_model(32, attention.scaled_dot, seed=0, updates=30)
    batch = pairs.padded(*readers.numbers(50, 1, 7, torch.Generator().manual_seed(1)))
    with torch.no_grad():
        assert readers.loss(trained, batch) < 2.3 < readers.loss(readers.text_model(32), batch)


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

"""The decoder that runs in the browser: equal to Python's, stepped and forced by keyboard; and its figures."""

import json
import re

import numpy as np
import pytest

from course_utils.visuals import plots, widgets

from ..browser.lesson_page import pictures
from .samples import DECODER_TOKENS, decoder_stepper, kept_drafts, next_tokens, small_decoder
from .test_widget_pages import press, show

__all__ = ["show"]  # a fixture


def computed(widget):
    """What the browser computed: log-probabilities of the next token, of the text, and the beam's drafts."""
    return json.loads(
        widget.evaluate(
            """el => JSON.stringify({next: el.decoder.logProbs, sum: el.decoder.logProb,
            columns: el.decoder.columns.map(kept => kept.map(draft => [draft.token, draft.logProb, draft.parent]))})"""
        )
    )


@pytest.mark.browser
@pytest.mark.parametrize(("source", "written"), [(0, []), (1, [3]), (0, [4, 4, 3])])
def test_the_browser_computes_what_python_does(show, source, written):
    _, widget = show(decoder_stepper(source=source, written=written))
    expected = next_tokens(source, written).detach().double().log()
    found = computed(widget)
    np.testing.assert_allclose(found["next"], expected[-1], atol=1e-4)
    assert found["sum"] == pytest.approx(sum(float(expected[u, token]) for u, token in enumerate(written)), abs=1e-4)


@pytest.mark.browser
@pytest.mark.parametrize("width", [1, 2, 3, 5])
@pytest.mark.parametrize("source", [0, 1])
def test_the_browsers_beam_is_pythons(show, source, width):
    _, widget = show(decoder_stepper(source=source, width=width))
    found, expected = computed(widget)["columns"], kept_drafts(source, width)
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        ours = [draft for draft in ours if draft[1] > -15]  # of those without a chance the order is chance
        theirs = theirs[: len(ours)]
        assert [(token, parent) for token, _, parent in ours] == [(token, parent) for token, _, parent in theirs]
        np.testing.assert_allclose([p for _, p, _ in ours], [p for _, p, _ in theirs], atol=1e-4)


@pytest.mark.browser
def test_a_token_is_forced_by_keyboard_and_taken_back(show):
    _, widget = show(decoder_stepper())
    told = widget.locator("[aria-live]")
    assert "Written: nothing" in told.inner_text()
    before = pictures(widget)
    widget.get_by_role("button", name="b", exact=True).press("Enter")
    assert "Written: b." in told.inner_text()
    assert pictures(widget) != before
    assert widget.evaluate("el => el.model.get('written')") == [4]
    widget.get_by_role("button", name="Write the likeliest").press("Enter")
    likeliest = int(next_tokens(0, [4])[-1].argmax())
    assert f"Written: b {DECODER_TOKENS[likeliest]}" in told.inner_text()
    widget.get_by_role("button", name="Back").press("Enter")
    assert "Written: b." in told.inner_text()
    widget.get_by_role("button", name="<eos>", exact=True).press("Enter")
    assert "The text has ended" in told.inner_text()
    assert widget.get_by_role("button", name="Write the likeliest").is_disabled()
    widget.get_by_role("button", name="Start again").press("Enter")
    assert pictures(widget) == before


@pytest.mark.browser
def test_the_beam_widens_and_the_input_changes(show):
    page, widget = show(decoder_stepper(width=1))
    beam = widget.locator("svg").nth(1)
    one = beam.get_attribute("aria-label")
    widget.get_by_label("Beam width").focus()
    press(page, widget, "ArrowRight")
    assert beam.get_attribute("aria-label") != one
    widget.get_by_label("Input").focus()
    press(page, widget, "ArrowRight")
    assert widget.get_by_label("Input").get_attribute("aria-valuetext") == "“second”"
    assert widget.evaluate("el => [el.model.get('source'), el.model.get('width')]") == [1, 2]


@pytest.mark.browser
def test_the_desk_listens_to_python(show):
    _, widget = show(decoder_stepper())
    widget.evaluate("el => { el.model.set('written', [3, 3]); el.model.set('width', 4); el.model.set('source', 1); }")
    assert "Written: a a." in widget.locator("[aria-live]").inner_text()
    assert widget.get_by_label("Beam width").input_value() == "4"
    assert widget.get_by_label("Input").input_value() == "1"


def test_the_twin_draws_the_distributions_and_the_beam():
    figure = decoder_stepper(source=1, written=[4, 3], width=2).static()
    top, bottom = figure.axes
    shares = next_tokens(1, [4, 3]).detach()[:, 2:]
    np.testing.assert_allclose(np.asarray(top.collections[0].get_array()).reshape(3, 3), shares.T, atol=1e-6)
    assert [tick.get_text() for tick in top.get_xticklabels()] == ["1: b", "2: a", "3: ?"]
    assert len(bottom.lines) == sum(map(len, kept_drafts(1, 2)))
    assert "has written b a" in plots.alt_text(figure)


def test_accuracy_is_drawn_by_length_with_its_band():
    ax = plots.accuracy_by_length([1, 2, 3], {"GRU": [[1, 0.5, 0], [0.8, 0.7, 0.2]]}, trained_to=2)
    np.testing.assert_allclose(np.asarray(ax.lines[0].get_ydata()), [0.9, 0.6, 0.1])
    assert "GRU: 1 0.9, 2 0.6 and 3 0.1" in plots.alt_text(ax)
    assert any("longer than any" in text.get_text() for text in ax.texts)


def test_the_edit_table_shows_its_numbers_and_its_path():
    ax = plots.edit_table([[0, 1], [1, 1], [2, 1]], ["a", "b"], ["b"], [(0, 0), (1, 0), (2, 1)])
    assert [text.get_text() for text in ax.texts] == ["0", "1", "1", "1", "2", "1"]
    assert [text.get_fontweight() for text in ax.texts] == ["bold", "normal", "bold", "normal", "normal", "bold"]
    assert "“a b” and “b”, is 1." in plots.alt_text(ax)


def with_weights(**changed):
    decoder, starts = small_decoder()
    weights = {**decoder.state_dict(), **changed}
    return widgets.DecoderStepper(["a", "b"], starts, weights, DECODER_TOKENS, next_tokens, kept_drafts)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: decoder_stepper(width=6), "width is 6; the picture has room for 1 to 5"),
        (lambda: decoder_stepper(source=2), "source 2 is none of the inputs, 0 to 1"),
        (lambda: decoder_stepper(written=[7]), "written is [7]"),
        (lambda: decoder_stepper(written=[3] * 7), "it may hold 6 classes"),
        (lambda: with_weights(**{"output.bias": [0.0] * 4}), "rows of output 4"),
        (lambda: with_weights(**{"cell.weight_hh_l0": np.zeros((16, 4))}), "these must be equally many"),
        (
            lambda: widgets.DecoderStepper(["a"], [[0.0]], {}, DECODER_TOKENS, next_tokens, kept_drafts),
            "the weights lack 'embedding.weight'",
        ),
        (lambda: plots.accuracy_by_length([1, 2], {"GRU": [[1.0]]}, 2), "lengths 2"),
        (lambda: plots.accuracy_by_length([1], {"GRU": [[3.0]]}, 2), "probabilities lie in [0, 1]"),
        (lambda: plots.edit_table([[0, 1]], ["a"], ["b"]), "rows of table 1"),
        (lambda: plots.decoder_steps([[1.0, 0.0]], ["a", "b"], [], []), "there are no drafts"),
        (lambda: plots.decoder_steps([[1.0, 0.0]], ["a", "b"], ["a"], [[("a", 0.0, 0)]]), "rows of probabilities 1"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()

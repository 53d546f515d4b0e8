"""The captions widget: what it sends and refuses, and in the browser, what is lit, marked and played."""

import re

import pytest

from course_utils.visuals import plots, widgets

from .samples import HEARD, TONES, captions
from .test_widget_pages import press, show

__all__ = ["show"]  # a fixture


def test_it_sends_words_with_times_and_marks():
    data = captions().data
    assert data["rows"][1] == ["substitute", ["two", 0.2, 0.3], ["nine", 0.2, 0.32]]
    assert data["rows"][2][2] is None
    assert data["marks"]["insert"] == "+ inserted"


def test_its_words_and_twin():
    assert "captions over 0.50 s of sound: “one two six”, heard as “one nine eight”, 3 errors" in repr(captions())
    ax = captions().static()
    assert [text.get_text() for text in ax.texts] == ["one", "two\n≠ nine", "six\n−", "eight\n+"]
    assert "one at 0.05 s" in plots.alt_text(ax)
    assert "heard right" in widgets.Captions(TONES, 8000, HEARD[:1]).caption()


def row(operation="equal", truth=("a", 0.0, 0.1), found=("a", 0.0, 0.1)):
    return widgets.Captions(TONES, 8000, [(operation, truth, found)])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: widgets.Captions(TONES, 8000, []), "there are no words to caption"),
        (lambda: widgets.Captions(3 * TONES, 8000, HEARD), "samples reach 1.8"),
        (lambda: captions(time=2.0), "time 2.0 is outside the sound, 0 to 0.50 s"),
        (lambda: row("change"), "row 0: operation 'change' is none of equal, substitute, delete, insert"),
        (lambda: row("delete"), "row 0: 'delete' needs a word of the truth and None of the hypothesis"),
        (lambda: row(truth=None), "row 0: 'equal' needs a word of the truth and a word of the hypothesis"),
        (lambda: row(found=("a", 0.3, 0.2)), "row 0: 'a', 0.3 to 0.2 s, in a sound of 0.50 s"),
        (lambda: row(found=("a", 0.3, 0.6)), "row 0: 'a', 0.3 to 0.6 s"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


@pytest.mark.browser
def test_words_are_lit_as_time_moves(show):
    page, widget = show(captions())
    slider, told = widget.get_by_label("Time", exact=True), widget.locator("[aria-live]")
    slider.focus()
    press(page, widget, "Home")
    assert told.inner_text() == "Between words."
    for at, line, lit in [
        (0.1, "Said: one. Heard: one.", ["one", "one"]),
        (0.31, "Said: six. Heard: nine.", ["nine", "six"]),
        (0.45, "Said: nothing. Heard: eight.", ["eight"]),
    ]:
        slider.evaluate("(s, at) => { s.value = at; s.dispatchEvent(new Event('input')); }", at)
        assert told.inner_text() == line
        assert widget.locator("button.lit").all_inner_texts() == lit
    press(page, widget, "ArrowRight")
    assert float(slider.input_value()) == pytest.approx(0.46)
    widget.evaluate("el => el.model.set('time', 0.1)")  # Python's part
    assert told.inner_text() == "Said: one. Heard: one."


@pytest.mark.browser
def test_errors_are_marked_in_words(show):
    _, widget = show(captions())
    marks = widget.locator(".column .mark").all_inner_texts()
    assert marks == ["✓ right", "≠ substituted", "− deleted", "+ inserted"]
    assert widget.locator(".absent").count() == 2


@pytest.mark.browser
def test_a_word_plays_its_own_span(show):
    page, widget = show(captions())
    heard = widget.get_by_role("button", name="Play “nine”, heard, 0.20 to 0.32 s")
    heard.press("Enter")
    page.wait_for_selector("[data-drawn]:not([data-playing])")
    assert widget.evaluate("el => el.played") == [0.2, 0.32]
    assert 0.2 <= float(widget.get_by_label("Time", exact=True).input_value()) <= 0.32
    widget.get_by_role("button", name="▶ Play", exact=True).press("Enter")  # from there to the end
    page.wait_for_selector("[data-playing]")
    page.wait_for_selector("[data-drawn]:not([data-playing])")
    assert widget.evaluate("el => el.played[1]") == 0.5
    assert float(widget.get_by_label("Time", exact=True).input_value()) > 0.4


@pytest.mark.browser
def test_the_wave_is_a_place_to_point_at(show):
    _, widget = show(captions())
    box = widget.locator("canvas").bounding_box()
    widget.locator("canvas").click(position={"x": 4 + 0.5 * (box["width"] - 8), "y": 20})
    assert "Said: two" in widget.locator("[aria-live]").inner_text()

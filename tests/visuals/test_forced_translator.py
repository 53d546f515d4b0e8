"""Translators that run in the browser: equal to Python's, with a character forced by keyboard; and their figures."""

import json
import re

import numpy as np
import pytest

from course_utils.data import chinese
from course_utils.visuals import hanzi, plots, widgets

from ..browser.lesson_page import pictures
from .samples import CHINESE, SOUNDS, forced_steps, forced_translator, small_translators
from .test_widget_pages import press, show

__all__ = ["show"]  # a fixture


def computed(widget):
    """What the browser wrote, and the probability of each token."""
    tokens, shares = json.loads(
        widget.evaluate(
            """el => JSON.stringify([el.translation.tokens,
            el.translation.tokens.map((token, u) => Math.exp(el.translation.rows[u][token]))])"""
        )
    )
    return tokens, shares


@pytest.mark.browser
@pytest.mark.parametrize("model", [0, 1])
@pytest.mark.parametrize(("source", "forced"), [(0, {}), (1, {}), (0, {0: 5}), (1, {1: 3, 2: 4}), (0, {1: 2})])
def test_the_browser_writes_what_python_does(show, model, source, forced):
    _, widget = show(forced_translator(model=model, source=source, forced=[*map(list, forced.items())]))
    tokens, shares = computed(widget)
    expected, probabilities = forced_steps(model, source, forced)
    assert tokens == expected
    np.testing.assert_allclose(shares, probabilities, atol=1e-3)  # weights come with 16 bits


@pytest.mark.browser
def test_a_character_is_forced_by_keyboard_and_taken_back(show):
    page, widget = show(forced_translator())
    before = pictures(widget)
    widget.get_by_label("Place").focus()
    press(page, widget, "ArrowRight")
    widget.get_by_label("Write here").select_option("5")
    assert computed(widget)[0] == forced_steps(0, 0, {1: 5})[0]
    assert widget.evaluate("el => el.model.get('forced')") == [[1, 5]]
    assert "chá" in widget.locator("p[aria-live]").inner_text()
    widget.get_by_label("Write here").select_option("")
    assert widget.evaluate("el => el.model.get('forced')") == []
    widget.get_by_label("Write here").select_option("3")
    widget.get_by_role("button", name="Take all back").press("Enter")
    widget.get_by_label("Place").press("Home")
    assert pictures(widget) == before


@pytest.mark.browser
def test_another_model_keeps_what_is_forced_and_another_sentence_does_not(show):
    page, widget = show(forced_translator(forced=[[0, 5]]))
    widget.get_by_label("Trained with").focus()
    press(page, widget, "ArrowRight")
    assert computed(widget)[0] == forced_steps(1, 0, {0: 5})[0]
    widget.get_by_label("Sentence").focus()
    press(page, widget, "ArrowRight")
    assert computed(widget)[0] == forced_steps(1, 1, {})[0]


@pytest.mark.browser
def test_a_column_is_chosen_with_the_mouse_and_python_is_heard(show):
    _, widget = show(forced_translator())
    widget.locator("svg g").nth(1).click()
    assert widget.get_by_label("Place").input_value() == "1"
    widget.evaluate("el => { el.model.set('trained', 1); el.model.set('forced', [[0, 4]]); }")
    assert computed(widget)[0] == forced_steps(1, 0, {0: 4})[0]


@pytest.mark.browser
def test_characters_come_from_our_own_font(show):
    """On any machine, whatever fonts it has: the page brings them along, and they are as wide as they should be."""
    page, _ = show(forced_translator())
    assert (
        page.evaluate("() => document.fonts.load('20px \"Course Hanzi\"', '我爱茶').then(found => found.length)") == 1
    )
    assert page.evaluate("() => [...document.fonts].map(font => font.status)") == ["loaded"]


def test_the_twin_draws_what_is_written():
    widget = forced_translator(source=1, forced=[[0, 4]])
    written, shares = forced_steps(0, 1, {0: 4})
    ax = widget.static()
    np.testing.assert_allclose([bar.get_height() for bar in ax.patches], shares, atol=1e-6)
    told = plots.alt_text(ax)
    assert "with ài forced at place 1" in told
    assert "It should be “chá ài wǒ <eos>”" in told
    assert "forced on it is 爱 at place 1" in widget.caption()
    assert CHINESE[written[0]] == "爱"


def test_every_character_is_in_the_font():
    """matplotlib's own way to it: a glyph that is not there would be glyph 0, an empty box."""
    from matplotlib.ft2font import FT2Font

    font = FT2Font(str(hanzi.FONT))
    assert [one for one in chinese.PINYIN if font.get_char_index(ord(one)) == 0] == []


def test_a_table_has_pinyin_above_each_character_and_underlines_what_differs():
    table = hanzi.Table([("right", "我爱茶"), ("<wrong>", "我茶", "我爱茶")], SOUNDS)
    page = table._repr_html_()
    assert page.count("<ruby") == 5
    assert "<rt>chá</rt>" in page
    assert page.count('class="place wrong"') == 1
    assert "&lt;wrong&gt;" in page
    assert repr(table).splitlines()[0] == "right: 我爱茶  wǒ ài chá"


def with_weights(**changed):
    decoders, start = small_translators()
    weights = {**decoders[0].state_dict(), **changed}
    memory = start.hidden[0], [[0.0] * 4], [[0.0] * 5]
    return widgets.ForcedTranslator({"one": (weights, [memory])}, ["a"], [[3]], CHINESE, SOUNDS, forced_steps)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: forced_translator(model=2), "model is 2; there are 2, 0 to 1"),
        (lambda: forced_translator(source=-1), "source is -1"),
        (lambda: forced_translator(place=6), "place is 6; there are 6"),
        (lambda: forced_translator(forced=[[0, 9]]), "a forced class is 9"),
        (lambda: forced_translator(forced=[[7, 3]]), "a forced place is 7"),
        (lambda: with_weights(**{"output.bias": [0.0] * 4}), "rows of output 4"),
        (
            lambda: widgets.ForcedTranslator({}, ["a"], [[3]], CHINESE, SOUNDS, forced_steps),
            "there is no model",
        ),
        (
            lambda: widgets.ForcedTranslator({"x": ({}, [])}, ["a"], [[3]], CHINESE, SOUNDS, forced_steps),
            "lack 'embedding.weight'",
        ),
        (lambda: hanzi.Table([], SOUNDS), "there are none such"),
        (lambda: plots.forced_translation(["我"], [0.5, 0.5], ["我"], SOUNDS), "probabilities 2"),
        (lambda: plots.forced_translation(["我"], [1.5], ["我"], SOUNDS), "lie in [0, 1]"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()

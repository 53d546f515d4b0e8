"""Attention, drawn: the browser's numbers against the package's, what its controls do, what the plots say."""

import re

import numpy as np
import pytest
import torch

from course_utils.algorithms import attention
from course_utils.visuals import plots, widgets

from ..browser.lesson_page import pictures
from .samples import LOOKS, TONES, attention_map, softmax
from .test_widget_pages import press, show

__all__ = ["show"]  # a fixture

QUERIES = torch.randn(4, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
KEYS = torch.randn(9, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
NAMES = ["one", "two", "six", "<eos>"]


def planted(**options) -> widgets.AttentionMap:
    """A map whose queries and keys are known, in float32 as they are sent."""
    scores = attention.dot(QUERIES[None], KEYS[None])[0].float()
    return widgets.AttentionMap(TONES, 8000, torch.rand(20, 5), scores, NAMES, softmax, **options)


def put(slider, value):
    slider.evaluate("(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')); }", value)


@pytest.mark.browser
@pytest.mark.parametrize(("step", "temperature"), [(1, 1), (2, 0.5), (3.5, 2), (4, 8), (1.2, 0.1)])
def test_the_browser_computes_what_the_package_does(show, step, temperature):
    """Between two tokens stands the mean of their queries: its weights are those that `attend` gives it."""
    _, widget = show(planted(step=step, temperature=temperature))
    found = widget.evaluate("el => el.attention")
    before, share = min(int(step), 3) - 1, step - min(int(step), 3)
    query = (1 - share) * QUERIES[before] + share * QUERIES[before + 1]
    values = (torch.arange(9, dtype=torch.float64) + 0.5)[:, None] * (len(TONES) / 8000 / 9)
    context, weights = attention.attend(query[None, None] / temperature, KEYS[None], values[None], score=attention.dot)
    np.testing.assert_allclose(found["weights"], weights[0, 0], rtol=1e-4, atol=1e-7)
    assert found["position"] == pytest.approx(float(context), rel=1e-5)
    assert found["entropy"] == pytest.approx(float(attention.entropy(weights)), rel=1e-4, abs=1e-6)
    table = attention.attend(QUERIES[None] / temperature, KEYS[None], values[None], score=attention.dot)[1][0]
    np.testing.assert_allclose(found["table"], table, rtol=1e-4, atol=1e-7)


@pytest.mark.browser
def test_the_keyboard_moves_query_and_temperature(show):
    page, widget = show(attention_map())
    query, heat = widget.get_by_label("Query (output step)"), widget.get_by_label("Temperature", exact=True)
    for slider in (query, heat):
        before = pictures(widget)
        slider.focus()
        assert press(page, widget, "ArrowRight") is not None
        assert pictures(widget) != before
    assert widget.evaluate("el => el.attention.step") == pytest.approx(1.1)
    assert widget.evaluate("el => el.attention.temperature") == pytest.approx(2**0.25, rel=1e-6)
    assert query.get_attribute("aria-valuetext") == "1.1 of 3: “one” to “two”"
    press(page, widget, "ArrowLeft")
    assert widget.evaluate("el => el.model.get('temperature')") == pytest.approx(1.0)
    widget.get_by_role("button", name="Temperature 1").press("Enter")
    told = widget.locator("[aria-live]").inner_text()
    assert "largest weight" in told
    assert "nats of at most 1.61" in told


@pytest.mark.browser
def test_a_row_is_chosen_by_pointer(show):
    _, widget = show(attention_map())
    box = widget.locator("canvas").bounding_box()
    widget.locator("canvas").click(position={"x": box["width"] / 2, "y": 198 + 2.5 * 20})
    assert widget.evaluate("el => [el.attention.step, el.model.get('step')]") == [3, 3]


@pytest.mark.browser
def test_it_plays_all_and_what_the_query_looks_at(show):
    page, widget = show(attention_map(step=1, temperature=0.1))
    widget.get_by_role("button", name="Play all").press("Enter")
    page.wait_for_function("() => window.courseSound?.context.currentTime > 0.02")
    np.testing.assert_allclose(widget.evaluate("el => el.heard"), TONES, atol=1e-6)
    widget.get_by_role("button", name="Play what the query looks at").press("Enter")
    heard = np.array(widget.evaluate("el => el.heard"))
    assert heard.shape == TONES.shape
    assert abs(heard[2000:]).max() < 1e-3 * abs(heard[:400]).max()  # the first frame of five has all the weight


@pytest.mark.browser
def test_it_listens_to_python(show):
    _, widget = show(attention_map())
    widget.evaluate("el => { el.model.set('step', 2.5); el.model.set('temperature', 4); }")
    assert widget.get_by_label("Query (output step)").input_value() == "2.5"
    assert widget.evaluate("el => el.attention.temperature") == pytest.approx(4)


def test_the_twin_draws_the_present_settings():
    figure = attention_map(step=1.5, temperature=2.0).static()
    _, curve, table = figure.axes
    scores = torch.tensor(LOOKS, dtype=torch.float64)
    np.testing.assert_allclose(np.asarray(table.images[0].get_array()), softmax(scores / 2))
    expected = softmax((scores[0] + scores[1])[None] / 4)[0]
    np.testing.assert_allclose(curve.patches[0].get_data().values, expected)
    assert [tick.get_text() for tick in table.get_yticklabels()] == ["one", "two", "<eos>"]
    assert "0.50 seconds above the attention weights of 3 tokens; mean place: one at 0." in plots.alt_text(figure)
    last = attention_map(step=3).static().axes[1].patches[0].get_data().values
    np.testing.assert_allclose(last, softmax(scores)[2])


def test_its_words():
    said = "AttentionMap: attention over 0.50 s of sound as “one two <eos>” is written; query 1, temperature 1"
    assert repr(attention_map()) == said


def test_one_token_has_a_map_too():
    widget = widgets.AttentionMap(TONES, 8000, torch.rand(4, 3), [[0.0, 1.0]], ["one"], softmax)
    np.testing.assert_allclose(widget.static().axes[1].patches[0].get_data().values, softmax([[0.0, 1.0]])[0])


def test_a_table_names_what_was_read_and_written():
    ax = plots.attention_table([[0.9, 0.1, 0.0], [0.0, 0.2, 0.8]], ["1", "<eos>"], ["o", "n", "e"])
    np.testing.assert_allclose(np.asarray(ax.images[0].get_array()), [[0.9, 0.1, 0.0], [0.0, 0.2, 0.8]])
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["o", "n", "e"]
    assert plots.alt_text(ax).endswith("largest: 1 at o and <eos> at e.")


def test_maps_stand_side_by_side():
    one = [[1.0, 0.0], [0.5, 0.5]], ["one", "two"], 0.8
    figure = plots.attention_maps({"update 50": one, "update 100": one, "three": one, "four": one})
    shown = [ax for ax in figure.axes if ax.get_visible()]
    assert [ax.get_title(loc="left") for ax in shown] == ["update 50", "update 100", "three", "four"]
    assert tuple(shown[0].images[0].get_extent()) == (0, 0.8, 1.5, -0.5)
    assert "update 50: mean largest weight 0.75, one two" in plots.alt_text(figure)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: attention_map(step=0.5), "step 0.5 is outside the tokens written, 1 to 3"),
        (lambda: attention_map(step=4), "step 4.0 is outside the tokens written, 1 to 3"),
        (lambda: attention_map(temperature=0.0), "temperature is 0.0; the slider runs from 0.1 to 8"),
        (lambda: widgets.AttentionMap(4 * TONES, 8000, [[1.0]], [[1.0]], ["a"], softmax), "must lie in [-1, 1]"),
        (lambda: widgets.AttentionMap(TONES, 0, [[1.0]], [[1.0]], ["a"], softmax), "sample_rate is 0"),
        (lambda: widgets.AttentionMap(TONES, 8000, [[1.0]], LOOKS, ["a"], softmax), "rows of scores 3, labels 1"),
        (lambda: widgets.AttentionMap(TONES, 8000, [[1.0]], [[torch.nan]], ["a"], softmax), "scores[0, 0] is nan"),
        (lambda: widgets.AttentionMap(TONES, 8000, [1.0], LOOKS, ["a"] * 3, softmax), "features has shape (1,)"),
        (
            lambda: widgets.AttentionMap(TONES, 8000, [[1.0]], LOOKS, ["a"] * 3, lambda s: s[:1]).static(),
            "softmax gave (1, 5) for scores (4, 5)",
        ),
        (lambda: plots.attention_map([[1.0]], [[2.0]], ["a"], 1.0), "probabilities lie in [0, 1]"),
        (lambda: plots.attention_map([[1.0]], [[1.0]], ["a", "b"], 1.0), "rows of weights 1, labels 2"),
        (lambda: plots.attention_map([[1.0]], [[1.0]], ["a"], 1.0, look=[0.5, 0.5]), "columns of weights 1, look 2"),
        (lambda: plots.attention_table([[1.0]], ["a"], ["b", "c"]), "columns of weights 1, inputs 2"),
        (lambda: plots.attention_maps({}), "there are no maps"),
        (lambda: plots.attention_maps({"a": ([[1.0]], ["b", "c"], 1.0)}), "rows of weights 1, labels 2"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()

"""The trellis, drawn: the browser's numbers against the package's, what its controls do, what the plots say."""

import re
from typing import Any

import numpy as np
import pytest
import torch

from course_utils.visuals import plots as _plots
from course_utils.visuals import widgets

from ..browser.lesson_page import pictures
from .samples import SIX, trellis, trellis_numbers
from .test_widget_pages import press, show

__all__ = ["show"]  # a fixture
plots: Any = _plots  # matplotlib's types know an artist's data as anything


def put(slider, value):
    slider.evaluate("(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')); }", value)


@pytest.mark.browser
def test_the_browser_computes_what_the_package_does(show):
    _, widget = show(trellis())
    pair, chance = widget.get_by_label("Transition"), widget.get_by_label("Its probability")
    for place, probability in [(None, None), (0, 0.9), (2, 0.3), (6, 0.4), (4, 1.0), (4, 0.0), (8, 0.0)]:
        if place is not None:
            put(pair, place)
            put(chance, probability)
        widget.get_by_role("button", name="Frame 3").press("Enter")
        found = widget.evaluate("el => el.trellis")
        moves = torch.tensor(found["transition"]).view(3, 3)
        torch.testing.assert_close(moves.sum(1), torch.ones(3))
        if place is not None:
            assert found["transition"][place] == pytest.approx(probability)
        expected = trellis_numbers(torch.tensor(found["transition"], dtype=torch.float64).view(3, 3), found["heard"])
        for name in ("forward", "Viterbi", "posterior"):
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-9, atol=1e-15)
        np.testing.assert_allclose(found["likelihood"], expected["likelihood"], rtol=1e-9)
        assert found["path"] == expected["path"].tolist()
    assert widget.evaluate("el => [el.model.get('heard'), el.model.get('transition').length]")[1] == 9


@pytest.mark.browser
def test_it_fills_node_by_node_and_tells_the_sum(show):
    page, widget = show(trellis(step=1))
    steps, told = widget.get_by_label("Nodes filled"), widget.locator("[aria-live]")
    assert told.inner_text() == "α(1, s) = 1 · 0.75 = 0.75: P(start in s) times P(noise | s)."
    steps.focus()
    for _ in range(4):
        assert press(page, widget, "ArrowRight") is not None
    assert told.inner_text() == "α(2, i) = (0.75 · 0.5) · 0.75 = 0.281."
    assert widget.get_by_text("P(O) is known when the last column is full.").is_visible()
    press(page, widget, "End")
    assert "P(O) = 0.0" in widget.inner_text()
    put(widget.get_by_label("Fill with"), 1)
    assert "Best path: s, i, i, ks, ks" in widget.inner_text()
    put(widget.get_by_label("Fill with"), 2)
    assert told.inner_text().startswith("γ(5, ks) = ")


@pytest.mark.browser
def test_every_slider_and_button_moves_the_picture(show):
    page, widget = show(trellis())
    for label in ("Nodes filled", "Fill with", "Transition", "Its probability"):
        slider, before = widget.get_by_label(label), pictures(widget)
        slider.focus()
        assert press(page, widget, "ArrowLeft" if label == "Nodes filled" else "ArrowRight") is not None
        assert pictures(widget) != before, label
    before = pictures(widget)
    widget.get_by_role("button", name="Frame 1: noise").press("Enter")
    assert pictures(widget) != before
    assert widget.get_by_role("button", name="Frame 1: tone").count() == 1
    widget.get_by_role("button", name="Reset").press("Enter")
    state = widget.evaluate("el => ['mode', 'step', 'heard', 'transition'].map(name => el.model.get(name))")
    assert state == ["Viterbi", 14, [0, 1, 1, 0, 0], list(np.ravel(SIX["transition"]))]


@pytest.mark.browser
def test_it_listens_to_python(show):
    _, widget = show(trellis())
    widget.evaluate(
        "el => { el.model.set('mode', 'Viterbi'); el.model.set('step', 4); el.model.set('heard', [1, 1, 1, 1, 1]); }"
    )
    assert widget.get_by_label("Nodes filled").input_value() == "4"
    assert "δ(2, s) = (0.25 · 0.5) · 0.25 = 0.0313, from s." in widget.inner_text()


def test_the_twin_draws_the_present_settings():
    ax = trellis(step=6, mode="forward").static()
    told = [float(text.get_text()) for text in ax.texts]
    np.testing.assert_allclose(told, [0.75, 0, 0, 0.09375, 0.28125, 0], atol=5e-4)
    assert re.search(r"6 of 15 nodes filled; frame 2: s 0\.093[78], i 0\.281 and ks 0\.", plots.alt_text(ax))
    best = trellis(mode="Viterbi").static()
    assert "the best path is s, i, i, ks, ks." in plots.alt_text(best)
    changed = trellis(mode="posterior")
    changed.heard = [0, 1, 0, 0, 0]
    expected = trellis_numbers(SIX["transition"], changed.heard)["posterior"]
    assert changed.static().texts[-1].get_text() == f"{float(expected[-1, -1]):.3g}"


def test_its_words():
    assert "with the states s, i, ks, forward, 15 of 15 nodes filled, for noise, tone, tone" in repr(trellis())


def test_an_alignment_is_a_staircase():
    ax = plots.alignment(torch.rand(6, 4), {"HMM": [0, 0, 1, 1, 2, 2], "hybrid": [0, 1, 1, 1, 1, 2]}, 0.02)
    beside = ax.figure.axes[1]
    np.testing.assert_array_equal(beside.lines[0].get_ydata(), [1, 1, 2, 2, 3, 3, 3])
    np.testing.assert_allclose(beside.lines[1].get_xdata(), np.arange(7) * 0.02)
    assert "HMM: 3 states, the last from 0.08 s and hybrid: 3 states, the last from 0.10 s." in plots.alt_text(ax)


def made(**changes: Any):
    good: dict[str, Any] = {
        "states": ["a", "b"],
        "symbols": ["x"],
        "heard": [0, 0],
        "initial": [1.0, 0.0],
        "final": [1.0, 1.0],
    }
    good |= {"transition": [[0.5, 0.5], [0.0, 1.0]], "emission": [[1.0], [1.0]], "measure": trellis_numbers}
    return widgets.Trellis(**{**good, **changes})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: made(states=["a"]), "states 1, initial 2"),
        (lambda: made(symbols=["x", "y"]), "symbols 2, columns of emission 1"),
        (lambda: made(heard=[0, 1]), "heard runs from 0 to 1; symbols are 0 to 0"),
        (lambda: made(heard=[0] * 13), "2 states and 13 frames; the picture has room for 5 and 12"),
        (lambda: made(transition=[[0.5, 0.4], [0.0, 1.0]]), "the rows of transition sum to [0.9, 1.0]"),
        (lambda: made(initial=[2.0, 0.0]), "initial runs from 0 to 2"),
        (lambda: made(initial=[float("nan"), 0.0]), "initial[0] is nan"),
        (lambda: made(step=5), "step is 5; the trellis has nodes 1 to 4"),
        (lambda: made(mode="backward"), "mode is 'backward'; choose one of 'forward', 'Viterbi', 'posterior'"),
        (
            lambda: made(measure=lambda *_: {"forward": torch.zeros(1, 2), "path": [0]}).static(),
            "measure gave (1, 2) for forward; 2 frames and 2 states need (2, 2)",
        ),
        (lambda: plots.trellis([[1.0, 0.0]], [[1.0]], ["a", "b"], ["x"]), "rows of transition 1"),
        (lambda: plots.trellis([[-1.0]], [[1.0]], ["a"], ["x"]), "give values from 0"),
        (lambda: plots.trellis([[1.0]], [[1.0]], ["a"], ["x"], filled=2), "filled 1 to 1"),
        (lambda: plots.alignment(torch.zeros(3, 2), {}, 0.01), "there are no paths"),
        (lambda: plots.alignment(torch.zeros(3, 2), {"HMM": [0, 1]}, 0.01), "frames 3, HMM 2"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()

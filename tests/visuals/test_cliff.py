"""The cliff and the norms of gradients: what the pictures say and refuse, and the browser against Python."""

import math
import re

import numpy as np
import pytest
import torch
from matplotlib.patches import Rectangle

from course_utils.visuals import plots, widgets

from ..browser.lesson_page import pictures
from .samples import cliff, descend, unit_loss
from .test_widget_pages import press, show

__all__ = ["show"]  # a fixture

LABELS = ["Learning rate", "Threshold", "Updates", "Start w", "Start b"]
THROWN = {"learning_rate": 1.0, "start_w": 5.25, "start_b": -1.55}  # unclipped, this start meets the cliff


@pytest.mark.browser
def test_the_browser_descends_as_python_does(show):
    """Step by step, for near the cliff a last binary digit grows a hundredfold at each update, in either language."""
    _, widget = show(cliff())
    rates, limits = [0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0], [0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 50.0, math.inf]
    for rate, limit, w, b in [
        (4, 9, 5.25, -1.55),
        (4, 3, 5.25, -1.55),
        (3, 9, 4.8, -2.4),
        (6, 0, 6.0, -3.0),
        (0, 5, 4, -1),
    ]:
        asked = [("Learning rate", rate), ("Threshold", limit), ("Start w", w), ("Start b", b)]
        for label, value in asked:
            widget.get_by_label(label, exact=True).evaluate(
                "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')); }", value
            )
        found = widget.evaluate("el => el.cliff")
        came = torch.tensor([[place["w"], place["b"]] for place in found], dtype=torch.float64)
        for k, place in enumerate(came[:-1]):
            next_one = descend(*place.tolist(), rates[rate], limits[limit], updates=1)[1]
            torch.testing.assert_close(came[k + 1], next_one, rtol=1e-6, atol=1e-9)
        losses = unit_loss(came[:, 0], came[:, 1])
        np.testing.assert_allclose([place["loss"] for place in found], losses, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(came, descend(4.0, -1.0, 0.05, 2.0), rtol=1e-9, atol=1e-9)  # far from the cliff


@pytest.mark.browser
def test_each_slider_moves_the_picture_by_keyboard(show):
    page, widget = show(cliff(threshold=0.5, updates=40))
    for label in LABELS:
        before = pictures(widget)
        widget.get_by_label(label, exact=True).focus()
        assert press(page, widget, "ArrowRight") is not None
        assert pictures(widget) != before, label
    state = widget.evaluate(
        "el => ['learning_rate', 'threshold', 'updates', 'start_w', 'start_b'].map(name => el.model.get(name))"
    )
    assert state == pytest.approx([2, 1, 41, 5.3, -1.5])
    widget.get_by_label("Threshold").focus()
    press(page, widget, "End")
    assert widget.get_by_label("Threshold").get_attribute("aria-valuetext") == "no clipping"


@pytest.mark.browser
def test_it_says_what_happened(show):
    _, widget = show(cliff(**THROWN))
    told = widget.locator("[aria-live]")
    assert "Longest gradient 290; 0 of 60 steps were clipped; furthest from the start 290." in told.inner_text()
    widget.evaluate("el => el.model.set('threshold', 0.5)")
    assert widget.get_by_label("Threshold").get_attribute("aria-valuetext") == "0.5"
    assert "furthest from the start 1.4" in told.inner_text()
    widget.evaluate("el => { el.model.set('updates', 0); }")
    assert "After 0 updates w = 5.25, b = −1.55" in told.inner_text()


def test_the_twin_draws_the_present_settings():
    ax = cliff(**THROWN, threshold=0.5, updates=30).static()
    path = ax.lines[0].get_xydata()
    np.testing.assert_allclose(path, descend(5.25, -1.55, 1.0, 0.5)[:31])
    assert "clipped at 0.5: 30 updates from (5.25, −1.55)" in plots.alt_text(ax)
    assert "no clipping: 60 updates" in plots.alt_text(cliff().static())


def test_its_words():
    assert "learning rate 1, no clipping, from w = 5.25, b = -1.55" in repr(cliff())


def test_norms_name_their_tail():
    ax = plots.gradient_norms({"RNN": [1.0, 2, 3, 1000], "LSTM": [1.0, 1, 1, 2]}, {"5": 5.0})
    assert "RNN: median 2.5" in plots.alt_text(ax)
    assert "largest 1,000" in plots.alt_text(ax)
    assert "threshold 5 at 5" in plots.alt_text(ax)
    assert ax.get_xscale() == "log"
    assert sum(patch.get_height() for patch in ax.patches if isinstance(patch, Rectangle)) == pytest.approx(
        2
    )  # two groups, each a whole
    assert plots.gradient_norms({"all alike": [2.0, 2.0]}).get_legend() is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cliff(learning_rate=0.3), "learning_rate is 0.3; choose one of 0.05, 0.1"),
        (lambda: cliff(threshold=3.0), "threshold is 3.0; choose one of"),
        (lambda: cliff(start_w=7.0), "start_w is 7.0; the map runs from 4 to 6"),
        (lambda: cliff(start_b=0.0), "start_b is 0.0; the map runs from -3 to -1"),
        (lambda: cliff(updates=61), "updates is 61; the slider runs from 0 to 60"),
        (lambda: widgets.Cliff([1.0, 2], [1.0, 2], torch.zeros(2, 3), descend), "losses (2, 3) should have a row"),
        (lambda: widgets.Cliff([2.0, 1], [1.0, 2], torch.zeros(2, 2), descend), "w and b should rise"),
        (lambda: widgets.Cliff([1.0, 2], [1.0, 2], [[0, float("nan")], [0, 0]], descend), "losses[0, 1] is nan"),
        (
            lambda: widgets.Cliff([4.0, 6], [-3.0, -1], torch.zeros(2, 2), lambda *_: torch.zeros(5, 2)).static(),
            "descend gave a path of shape (5, 2), and 60 updates need (61, 2)",
        ),
        (lambda: plots.cliff([1.0, 2], [1.0, 2], torch.zeros(3, 2)), "losses (3, 2)"),
        (lambda: plots.cliff([1.0, 2], [1.0, 2], torch.zeros(2, 2), {"p": torch.zeros(4, 3)}), "'p' has shape (4, 3)"),
        (lambda: plots.gradient_norms({}), "there are no norms"),
        (lambda: plots.gradient_norms({"RNN": [1.0, 0.0]}), "RNN: a norm is 0"),
        (lambda: plots.gradient_norms({"RNN": [1.0, float("inf")]}), "RNN[1] is inf"),
        (lambda: plots.gradient_norms({"RNN": [1.0]}, {"5": -5.0}), "5 is -5.0"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()

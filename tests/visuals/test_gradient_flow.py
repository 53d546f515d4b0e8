"""The gradient's way back, drawn: what the plots say and refuse, and the browser's numbers against the package's."""

import re

import numpy as np
import pytest
import torch

from course_utils.visuals import plots, widgets

from ..browser.lesson_page import pictures
from .samples import DRIVE, W_AA, flow, gradient_products
from .test_widget_pages import press, show

__all__ = ["show"]  # a fixture


@pytest.mark.browser
def test_the_browser_computes_what_the_package_does(show):
    _, widget = show(flow(radius=0.5, length=2, nonlinearity="linear"))
    radius, length, kind = (widget.get_by_label(name) for name in ("Spectral radius", "Steps back", "Nonlinearity"))
    for asked, steps, place in [(0.5, 60, 0), (1.0, 7, 1), (1.5, 60, 1), (1.5, 60, 2), (0.85, 2, 2), (1.5, 31, 0)]:
        for slider, value in [(radius, asked), (length, steps), (kind, place)]:
            slider.evaluate(
                "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')); }", value
            )
        expected = gradient_products(asked, steps, ["linear", "tanh", "relu"][place])
        found = widget.evaluate("el => el.gradientFlow")
        torch.testing.assert_close(
            torch.tensor(found["products"], dtype=torch.float64).view_as(expected), expected, rtol=1e-9, atol=1e-300
        )
        norms = expected.flatten(1).norm(dim=1) / 2**0.5
        np.testing.assert_allclose(found["norms"], norms, rtol=1e-9)
    assert widget.get_by_text("31 steps back the gradient is 2.9 × 10⁵").count() == 0  # two digits, or one and a power
    assert widget.get_by_text("31 steps back the gradient is 3 × 10⁵ times as long").is_visible()


@pytest.mark.browser
def test_each_slider_moves_the_picture_by_keyboard(show):
    page, widget = show(flow())
    for label in ("Spectral radius", "Steps back", "Nonlinearity"):
        slider, before = widget.get_by_label(label), pictures(widget)
        slider.focus()
        assert press(page, widget, "ArrowRight") is not None
        assert pictures(widget) != before
    state = widget.evaluate("el => ['radius', 'length', 'nonlinearity'].map(name => el.model.get(name))")
    assert state == [0.95, 31, "relu"]
    assert widget.get_by_label("Nonlinearity").get_attribute("aria-valuetext") == "relu"


@pytest.mark.browser
def test_it_listens_to_python(show):
    _, widget = show(flow())
    widget.evaluate("el => { el.model.set('nonlinearity', 'linear'); el.model.set('radius', 0.5); }")
    assert widget.get_by_label("Nonlinearity").input_value() == "0"
    assert "0.50 to the power 30 is 9 × 10⁻¹⁰" in widget.locator("[aria-live]").inner_text()


def test_the_twin_draws_the_present_settings():
    figure = flow(radius=0.5, length=9, nonlinearity="linear").static()
    curve = figure.axes[0].lines[1].get_ydata()
    np.testing.assert_allclose(curve, 0.5 ** np.arange(10), rtol=1e-6)  # a rotation keeps lengths
    assert "from 1 to 2.0e-03" in plots.alt_text(figure)
    assert "lags 1, 3, 6 and 9" in plots.alt_text(figure)


def test_its_words():
    assert "up to 30 steps back, in a tanh network whose W_aa has spectral radius 0.9" in repr(flow())


def test_influence_names_the_strongest_input():
    ax = plots.influence(["the", "lily", "sings"], [[1, 0, 0], [3, 1, 0], [0, 0, 0]])
    assert [text.get_text() for text in ax.texts] == ["100%", "75%", "25%"]
    assert "lily: the" in plots.alt_text(ax)
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["the", "lily", "sings"]
    one = plots.influence(["a", "b"], [[0.0, 2.0]], ["the end"])
    assert "the end: b" in plots.alt_text(one)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: flow(radius=1.6), "radius is 1.6; the slider runs from 0.5 to 1.5"),
        (lambda: flow(length=1), "length is 1; the slider runs from 2 to 60"),
        (lambda: flow(nonlinearity="gelu"), "'gelu'; choose one of 'linear', 'tanh', 'relu'"),
        (lambda: widgets.GradientFlow(W_AA, DRIVE[:5], gradient_products), "drive (5, 2) should be (H, H) and (61, H)"),
        (lambda: widgets.GradientFlow([[1.0, 2.0]], DRIVE, gradient_products), "W_aa (1, 2)"),
        (lambda: widgets.GradientFlow([[float("nan")]], DRIVE, gradient_products), "W_aa[0, 0] is nan"),
        (
            lambda: widgets.GradientFlow(W_AA, DRIVE, lambda *_: torch.zeros(3, 2, 2)).static(),
            "products of shape (3, 2, 2), and lags 0 to 30 need (31, 2, 2)",
        ),
        (lambda: plots.gradient_flow(torch.zeros(2, 2, 2), 1.0), "2 products are too few"),
        (lambda: plots.gradient_flow(torch.zeros(3, 2), 1.0), "products has shape (3, 2)"),
        (lambda: plots.gradient_flow(torch.zeros(3, 2, 2), 0.0), "radius is 0.0"),
        (lambda: plots.influence(["a"], [[1.0, 2.0]], ["a"]), "tokens 1, columns of strengths 2"),
        (lambda: plots.influence(["a"], [[1.0], [2.0]]), "outputs 1, rows of strengths 2"),
        (lambda: plots.influence(["a"], [[-1.0]]), "an influence is -1"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()

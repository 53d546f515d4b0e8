"""The pictures of gates: what they draw and refuse, and the browser's numbers against a hand-set unit's."""

import math
import re

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from course_utils.visuals import plots, widgets

from ..browser.lesson_page import pictures
from .samples import CANDIDATES, gate_map, gates_by_hand, unit_states
from .test_widget_pages import press, show

__all__ = ["show"]  # a fixture
KEEP_FIRST = [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 1.0]]  # written at step 1, shown at step 4


def axes_of(figure: Figure):
    return figure.axes


def test_a_hand_set_unit_is_drawn_as_it_runs():
    outputs, cells = unit_states(KEEP_FIRST)
    figure = plots.gates_by_hand(CANDIDATES, KEEP_FIRST, outputs, cells, outputs)
    g, gates, c, h = axes_of(figure)
    assert [bar.get_height() for bar in g.patches] == CANDIDATES
    assert sorted(bar.get_height() for bar in gates.patches) == sorted(gate for row in KEEP_FIRST for gate in row)
    assert [bar.get_height() for bar in c.patches] == [0.8] * 4
    assert [bar.get_height() for bar in h.patches] == [0, 0, 0, math.tanh(0.8)]
    assert [ax.get_ylabel() for ax in axes_of(figure)] == ["candidate g", "open", "cell c", "output h"]
    assert "Cell: 0.8, 0.8, 0.8, 0.8." in plots.alt_text(figure)


def test_the_map_draws_each_gate_over_the_same_time():
    figure = gate_map(unit=2, time=0.12).static()
    top, gate, cell, *_ = axes_of(figure)
    np.testing.assert_allclose(gate.images[0].get_array()[2], np.linspace(0, 1, 10) ** 3, rtol=1e-6)
    assert gate.images[0].get_clim()[1] == 1
    assert cell.images[0].get_clim() == (-1, 1)
    assert top.get_xlim() == cell.get_xlim()
    assert "Cell from −1 to 1" in plots.alt_text(figure)


def test_updates_are_drawn_by_task_and_length():
    runs = {"RNN": [[100, 150], [90, 150]], "LSTM": [[50, 60], [40, 70]]}
    figure = plots.updates_by_length({"parity": runs, "recall": runs}, [8, 16], {"parity": 150, "recall": 200})
    assert [ax.get_title(loc="left") for ax in axes_of(figure)] == ["parity", "recall"]
    mean = axes_of(figure)[0].lines[0]
    np.testing.assert_array_equal(mean.get_ydata(), [95, 150])
    assert "parity, LSTM 65 at 16 steps" in plots.alt_text(figure)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gates_by_hand(target=[0.0]), "candidates 4, target 1"),
        (lambda: gates_by_hand(gates=[[0.5, 0.5, 2.0]] * 4), "gates runs from 0.5 to 2"),
        (lambda: gates_by_hand(gates=[[0.5, 0.5, 0.5]] * 3), "gates has shape (3, 3) and should have (4, 3)"),
        (lambda: gates_by_hand(step=5), "step 5 is outside the steps, 1 to 4"),
        (lambda: widgets.GatesByHand([1.5], unit_states), "the candidates reach 1.5"),
        (lambda: widgets.GatesByHand([0.5], lambda gates: ([math.nan], [0])).static(), "h[0] is nan"),
        (lambda: widgets.GatesByHand([0.5], lambda gates: ([0, 0], [0, 0])).caption(), None),
        (lambda: gate_map(unit=4), "unit 4 is outside the layer's, 1 to 3"),
        (lambda: gate_map(time=1.0), "time 1.0 is outside the sound, 0 to 0.30 s"),
        (lambda: gate_map(map="Output gate"), "there is no map 'Output gate'; there are Input gate, Cell"),
        (lambda: widgets.GateMap(torch.zeros(3, 2), {}, 0.01), "there are no maps"),
        (lambda: widgets.GateMap(torch.zeros(3, 2), {"a": torch.zeros(4, 2)}, 0.01), "features 3, a 4"),
        (
            lambda: widgets.GateMap(torch.zeros(3, 2), {"a": torch.zeros(3, 2), "b": torch.zeros(3, 1)}, 0.01),
            "different numbers of units",
        ),
        (lambda: plots.gates_by_hand([0.5], [[0.5, 0.5]], [0], [0]), "gates has 2 columns and should have 3"),
        (lambda: plots.updates_by_length({"a": {"RNN": [[1.0, 2.0]]}}, [8], {"a": 9}), "lengths 1, columns of runs 2"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=re.escape(message or "these must be equally many")):
        make()


def test_what_the_learner_set_comes_back_to_python():
    widget = gates_by_hand()
    widget.gates = KEEP_FIRST
    assert widget.gates == KEEP_FIRST
    assert widget.caption().endswith("cell 0.80, 0.80, 0.80, 0.80; output 0.00, 0.00, 0.00, 0.66")
    with pytest.raises(ValueError, match="gates has shape"):
        widget.gates = [[0.5, 0.5, 0.5]]


@pytest.mark.browser
def test_the_browser_computes_the_cell_as_python_does(show):
    _, widget = show(gates_by_hand(gates=[[0.3, 0.9, 0.5], [0.8, 0.2, 0.7], [0.1, 0.6, 1.0], [0.9, 0.4, 0.2]]))
    _, cells = unit_states(widget.evaluate("el => el.model.get('gates')"))
    told = widget.locator("svg").get_attribute("aria-label")
    assert "Cell after each step: " + ", ".join(f"{c:.2f}".replace("-", "−") for c in cells) in told


@pytest.mark.browser
def test_the_gates_are_set_by_keyboard_until_the_task_is_done(show):
    page, widget = show(gates_by_hand())
    choose, status = widget.get_by_label("Step t"), widget.locator("p[role=status]")
    assert "off where it is worst" in status.inner_text()
    widget.get_by_label("Output gate").evaluate(
        "(slider) => { slider.value = 0; slider.dispatchEvent(new Event('input')); }"
    )
    widget.get_by_role("button", name="Overwrite").press("Enter")
    widget.get_by_label("Step t").focus()
    press(page, widget, "ArrowRight")
    for name in ("Forget", "Keep"):
        widget.get_by_role("button", name=name, exact=True).press("Enter")
    before = pictures(widget)
    gate = widget.get_by_label("Output gate")
    gate.focus()
    press(page, widget, "Home")
    assert "Step 2: c = f · c + i · g = 1.00 · 0.80 + 0.00 · −0.40 = 0.80" in widget.locator("[aria-live]").inner_text()
    assert pictures(widget) != before
    choose.focus()
    for _ in range(2):
        press(page, widget, "ArrowRight")
        widget.get_by_role("button", name="Keep").press("Enter")
        gate.focus()
        press(page, widget, "Home")
        choose.focus()
    gate.focus()
    press(page, widget, "End")
    assert status.inner_text() == "✓ The output follows the dashed line."
    assert widget.evaluate("el => el.model.get('gates')") == KEEP_FIRST
    widget.get_by_role("button", name="These gates at all steps").press("Enter")
    assert widget.evaluate("el => el.model.get('gates')") == [[1, 0, 1]] * 4
    widget.get_by_role("button", name="Start again").press("Enter")
    assert widget.evaluate("el => el.model.get('gates')") == [[0.5, 0.5, 0.5]] * 4


@pytest.mark.browser
def test_the_unit_listens_to_python(show):
    _, widget = show(gates_by_hand())
    widget.evaluate("(el, gates) => { el.model.set('gates', gates); el.model.set('step', 4); }", KEEP_FIRST)
    assert widget.locator("p[role=status]").inner_text().startswith("✓")
    assert widget.get_by_label("Output gate").input_value() == "1"


@pytest.mark.browser
def test_the_map_reads_a_unit_at_a_moment(show):
    page, widget = show(gate_map())
    time, unit, told = (
        widget.get_by_label("Time"),
        widget.get_by_label("Unit", exact=True),
        widget.locator("[aria-live]"),
    )
    time.focus()
    press(page, widget, "End")
    assert told.inner_text() == "0.27 s: Input gate of unit 1 is 1.00; the mean over all units is 1.00."
    time.focus()
    press(page, widget, "ArrowLeft")
    unit.focus()
    press(page, widget, "End")
    assert "of unit 3 is 0.70; the mean over all units is 0.79." in told.inner_text()
    before = pictures(widget)
    widget.get_by_role("button", name="Cell").press("Enter")
    assert pictures(widget) != before
    assert "Cell of unit 3 is 0.78" in told.inner_text()
    assert widget.get_by_role("button", name="Cell").get_attribute("aria-pressed") == "true"
    canvas = widget.locator("canvas")
    canvas.click(position={"x": 66, "y": 110})
    assert "0.00 s: Cell of unit 2 is −1.00" in told.inner_text()
    assert widget.evaluate("el => [el.model.get('map'), el.model.get('unit')]") == ["Cell", 2]

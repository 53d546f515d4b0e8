"""Several models on several tests: what is drawn, and what is said of it."""

import numpy as np
import pytest

from course_utils.visuals import plots

TESTS = {
    "new voices": {"CTC": (5.0, 4.0, 6.5), "joint": (4.0, 3.0, 5.0)},
    "noise": {"CTC": (9.0, 7.0, 12.0), "joint": (10.0, 8.0, 13.0)},
}


def test_each_model_has_a_mark_and_an_interval_in_each_test():
    ax = plots.rates(TESTS, "words wrong (%)", nothing=0)
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["new voices", "noise"]
    bands, marks = ax.lines[0:8:2], ax.lines[1:8:2]
    assert [np.asarray(line.get_xdata()).tolist() for line in bands] == [
        [4.0, 6.5],
        [3.0, 5.0],
        [7.0, 12.0],
        [8.0, 13.0],
    ]
    assert [np.asarray(line.get_xdata()).item() for line in marks] == [5.0, 4.0, 9.0, 10.0]
    assert [line.get_color() for line in marks] == [plots.COLOURS["CTC"], plots.COLOURS["joint"]] * 2
    heights = [np.asarray(line.get_ydata()).item() for line in marks]
    assert heights == sorted(heights)
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first test stands on top
    assert np.asarray(ax.lines[8].get_xdata()).tolist() == [0, 0]
    assert {text.get_text() for text in ax.texts} == {"CTC", "joint"}
    assert plots.alt_text(ax).startswith(
        "words wrong (%) in 2 tests, with intervals: new voices, CTC 5 (4 to 6.5), new voices, joint 4 (3 to 5), noise,"
    )


def test_a_model_may_miss_a_test():
    ax = plots.rates({"one": {"CTC": (1, 1, 1)}, "two": {"joint": (2, 1, 3)}}, "points")
    assert [np.asarray(line.get_ydata()).item() for line in ax.lines[1::2]] == pytest.approx([-0.175, 1.175])
    assert [text.get_text() for text in ax.texts] == ["CTC", "joint"]


@pytest.mark.parametrize("tests", [{}, {"one": {}}])
def test_nothing_to_draw_is_named(tests):
    with pytest.raises(ValueError, match="nothing to draw"):
        plots.rates(tests, "points")


def test_a_figure_without_an_interval_is_refused():
    with pytest.raises(ValueError, match="one, CTC"):
        plots.rates({"one": {"CTC": (1.0, float("nan"), 2.0)}}, "points")

"""Figures: the data on the Axes, the axes' names, and the sentence that stands for each."""

import base64
import json
import os
import re
import struct
import subprocess
import sys
from typing import Any

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from course_utils.training import History
from course_utils.visuals import palette
from course_utils.visuals import plots as _plots

plots: Any = _plots  # matplotlib's types know no bar from a patch, and an artist's data as anything

LABELS = ["·", "one", "two"]
BEST = [0, 1, 1, 0, 0, 2, 0, 0]


def probabilities():
    frames = torch.full((8, 3), 0.05)
    frames[range(8), BEST] = 0.9
    return frames


def test_waveform():
    samples = torch.linspace(-0.5, 0.25, 800, requires_grad=True)
    ax = plots.waveform(samples, 8000, [(0.01, 0.05, "one"), (0.05, 0.1, "two")], title="A ramp")
    x, y = ax.lines[0].get_data()
    np.testing.assert_allclose(x, np.arange(800) / 8000)
    np.testing.assert_allclose(y, samples.detach(), rtol=1e-6)
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title(loc="left")) == ("time (s)", "amplitude", "A ramp")
    assert [text.get_text() for text in ax.texts] == ["one", "two"]
    sentence = plots.alt_text(ax)
    assert sentence == "Waveform of 0.10 seconds, at most 0.5 from zero, with one at 0.01 s and two at 0.05 s."


def test_spectrogram():
    features = torch.arange(12.0).reshape(4, 3)
    ax = plots.spectrogram(features, 0.01)
    image = ax.images[0]
    np.testing.assert_array_equal(image.get_array(), features.T)  # time to the right, bands upwards
    assert image.origin == "lower"
    np.testing.assert_allclose(image.get_extent(), (0, 0.04, -0.5, 2.5))
    assert "4 frames by 3 mel bands over 0.04 seconds; most energy at 0.03 s" in plots.alt_text(ax)


def test_posteriors():
    ax = plots.posteriors(probabilities(), LABELS, 0.04)
    np.testing.assert_allclose(ax.images[0].get_array(), probabilities().T, rtol=1e-6)
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["blank", "one", "two"]
    bottom, top = ax.get_ylim()
    assert bottom > top  # the first label stands on top
    assert "blank is the likeliest in 62 per cent of the frames; the others in order: one and two." in plots.alt_text(
        ax.figure
    )


def test_utterance_aligns_its_panels():
    figure = plots.utterance(torch.zeros(2560), 8000, torch.rand(32, 4), probabilities(), LABELS, cursor=0.1)
    assert isinstance(figure, Figure)
    assert len({ax.get_xlim() for ax in figure.axes}) == 1
    assert [ax.get_ylabel() for ax in figure.axes] == ["amplitude", "mel band", "label"]
    np.testing.assert_allclose([ax.images[0].get_extent()[1] for ax in figure.axes[1:]], 0.32)
    assert all(line.get_xdata()[0] == 0.1 for ax in figure.axes for line in ax.lines[-2:])
    for part in ("Waveform of 0.32", "Spectrogram of 32", "Probability of 3 labels"):
        assert part in plots.alt_text(figure)


def test_recurrent_steps_shows_the_past_only():
    hidden = torch.tensor([[0.5, -1.0], [0.25, 0.0], [1.0, 0.75]])
    figure = plots.recurrent_steps(["Sam", "and", "Tom"], [3, 2, 1], hidden, [0.9, 0.1, 0.8], 2)
    top, bottom = figure.axes[:2]
    assert [bar.get_height() for bar in top.patches] == [0.9, 0.1]
    cells = bottom.collections[0].get_array().reshape(2, 5)[:, ::2]
    np.testing.assert_allclose(cells.T[:2], hidden[:2])
    assert cells[:, 2].mask.all()
    assert [tick.get_text() for tick in bottom.get_xticklabels()] == ["Sam\n3", "and\n2", "Tom\n1"]
    assert top.get_ylabel() == "P(name)"
    assert plots.alt_text(figure).endswith("from −1 to 0.5; P(name) by token: Sam 0.9 and and 0.1.")


def test_one_hot():
    ax = plots.one_hot(["Sam", "Zoe"], iter(["<PAD>", "<UNK>", "Sam"]))
    matrix = ax.collections[0].get_array().reshape(3, 2)
    np.testing.assert_array_equal(matrix, [[0, 0], [0, 1], [1, 0]])
    assert plots.alt_text(ax) == (
        "One-hot matrix of 2 tokens by 3 vocabulary entries: one 1 in each column, rows 2 and 1; "
        "Zoe not in the vocabulary, so in row <UNK>."
    )


def test_curves_have_the_models_colours_and_say_where_they_go():
    x = np.arange(1, 9)
    falling = np.linspace(0.98, 0.11, 8)
    flat = np.array([0.98, 0.97, 0.99, 0.98, 0.97, 0.99, 0.98, 0.98])
    lines = {"RNN, 3 seeds": (x, flat, flat - 0.01, flat + 0.01), "plain network": (x, torch.tensor(falling))}
    ax = plots.curves(lines, "position", "accuracy", chance=0.5)
    assert [line.get_color() for line in ax.lines[:2]] == [plots.COLOURS["RNN"], plots.COLOURS["plain network"]]
    assert ax.lines[0].get_marker() != ax.lines[1].get_marker()  # colour is not the only difference
    np.testing.assert_allclose(ax.lines[1].get_ydata(), falling)
    assert len(ax.collections) == 1
    assert {text.get_text() for text in ax.texts} == {"chance", "RNN, 3 seeds", "plain network"}
    assert plots.alt_text(ax) == (
        "Line plot of accuracy against position, 1 to 8: RNN, 3 seeds between 0.97 and 0.99, "
        "plain network falls from 0.98 to 0.11 and chance 0.5."
    )


def test_updates_are_counted_in_whole_numbers():
    ax = plots.curves({"HMM": (range(5), [0, 1, 2, 3, 4])}, "round", "gain")
    assert all(tick == round(tick) for tick in ax.get_xticks())
    ax = plots.curves({"HMM": ([0.0, 0.5, 1.0], [0, 1, 2])}, "seconds", "gain")
    assert any(tick != round(tick) for tick in ax.get_xticks())


def test_curves_that_end_together_have_names_apart():
    x = [0, 1]
    ax = plots.curves({"RNN": (x, [0, 1]), "LSTM": (x, [0, 1]), "GRU": (x, [0, 1])}, "lag", "loss")
    heights = sorted(text.xyann[1] for text in ax.texts)
    assert min(np.diff(heights)) >= 12


def test_bars():
    ax = plots.bars({"RNN": (4.0, 3.5, 5.0), "LSTM": 2.5}, "word error rate (%)")
    assert [bar.get_width() for bar in ax.patches] == [4.0, 2.5]
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), [3.5, 5.0])
    assert plots.alt_text(ax) == "Bar chart of word error rate (%): RNN 4 (3.5 to 5) and LSTM 2.5."


def test_training_curve_and_its_running_mean():
    losses = [4.0, 2.0, 3.0, 1.0] * 10
    ax = plots.training_curve(History(losses=losses), loss="loss (nats)")
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), losses)
    np.testing.assert_allclose(ax.lines[1].get_ydata()[:3], [4.0, 3.0, 2.5])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("update", "loss (nats)")
    assert plots.alt_text(ax).startswith("Training curve of 40 updates: the running mean of the loss (nats)")


def test_piano_roll():
    ax = plots.piano_roll([(60, 1.0), (0, 0.5), (67, 2.0)])
    assert [(bar.get_x(), bar.get_y() + 0.4) for bar in ax.patches] == [(0.0, 60.0), (1.5, 67.0)]
    assert plots.alt_text(ax) == "Piano roll of 2 notes over 3.5 beats, from C4 to G4: C4 and G4."


def test_axes_given_are_drawn_on():
    _, axes = plt.subplots(1, 2)
    assert plots.bars({"RNN": 1.0}, "loss", ax=axes[1]) is axes[1]
    assert plots.alt_text(axes[0]) == "Bar chart of loss: RNN 1."


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.waveform([], 8000), "samples has shape (0,)"),
        (
            lambda: plots.waveform(torch.zeros(2, 8), 8000),
            "samples has shape (2, 8) and should have (T,): take one item",
        ),
        (lambda: plots.waveform([0.0, float("nan")], 8000), "samples[1] is nan"),
        (lambda: plots.waveform([0.0, 0.1], 0), "sample_rate is 0 and must be a number above 0"),
        (lambda: plots.waveform(["a"], 8000), "samples should be numbers"),
        (lambda: plots.waveform([0.0] * 80, 8000, [(0, 1, "one")]), "span 'one' runs from 0 to 1 s, outside"),
        (lambda: plots.posteriors(torch.zeros(4, 3) - 1, LABELS, 0.04), "apply softmax"),
        (lambda: plots.posteriors(probabilities(), ["a"], 0.04), "columns of probs 3, labels 1"),
        (lambda: plots.posteriors(probabilities(), "abc", 0.04), "labels is the one string 'abc'"),
        (
            lambda: plots.recurrent_steps(["a"], [0], [[0.1]], [0.5], 2),
            "step 2 is outside the sentence's steps, 1 to 1",
        ),
        (lambda: plots.recurrent_steps(["a"], [0, 1], [[0.1]], [0.5]), "tokens 1, inputs 2"),
        (lambda: plots.one_hot(["Zoe"], ["Sam"]), "'Zoe' is not in the vocabulary"),
        (lambda: plots.one_hot(["a"], [str(k) for k in range(99)]), "99 rows cannot be read"),
        (lambda: plots.curves({}, "x", "y"), "there are no curves"),
        (lambda: plots.curves({"RNN": ([1], [1], [1])}, "x", "y"), "curve 'RNN' has 3 parts"),
        (lambda: plots.curves({"RNN": ([1, 2], [1])}, "x", "y"), "x 2, mean 1"),
        (lambda: plots.bars({"RNN": float("inf")}, "loss"), "values[0, 0] is inf"),
        (lambda: plots.training_curve([]), "losses has shape (0,)"),
        (lambda: plots.piano_roll([(0, 1.0)]), "the tune is silent"),
        (lambda: plots.piano_roll([(200, 1.0)]), "pitch 200 is no MIDI number"),
        (lambda: plots.describe(plt.figure(), " "), "the description is empty"),
    ],
)
def test_bad_input_is_named(draw, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        draw()


def test_each_model_has_a_colour_of_its_own():
    models = [name for name in palette.MARKERS if palette.MARKERS[name]]
    assert len({palette.COLOURS[name] for name in models}) == len(models)
    assert len({palette.MARKERS[name] for name in models}) == len(models)
    assert palette.colour("rnn, hidden 32") == palette.COLOURS["RNN"]
    assert palette.colour("RNNish", 1) == palette.CYCLE[1]


NOTEBOOK = """
import json
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
from course_utils.visuals import plots
plots.install_style(); plots.install_style()
import matplotlib.pyplot as plt
shown = []
for picture in (plots.bars({"R<NN": 1.0}, "loss"), plots.bars({"RNN": 1.0}, "loss").figure, plt.subplots()[0]):
    shown.append(shell.display_formatter.format(picture)[0])
print(json.dumps([shown, plt.get_fignums()]))
"""


def test_a_notebook_shows_figures_with_their_alt_text():
    environment = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", NOTEBOOK], capture_output=True, text=True, check=True,
        env={**os.environ, **environment},
    )  # fmt: skip
    (axes, figure, bare), left_open = json.loads(done.stdout.splitlines()[-1])
    assert left_open == []  # or the cell's end would show them once more
    assert set(axes) == set(figure) == {"text/html", "text/plain"}
    assert axes["text/plain"] == "Bar chart of loss: R<NN 1."
    assert 'alt="Bar chart of loss: R&lt;NN 1."' in axes["text/html"]
    assert 'alt="Bar chart of loss: RNN 1."' in figure["text/html"]
    assert 'alt=""' in bare["text/html"]  # a figure that nobody described can be found
    image = base64.b64decode(axes["text/html"].partition("base64,")[2].partition('"')[0])
    width, _ = struct.unpack(">II", image[16:24])
    assert width == 1440
    assert 'width="720"' in axes["text/html"]

"""The workbench of features: the browser's numbers and its sound against the package's, and what it refuses."""

import re

import numpy as np
import pytest
import torch
from torch import Tensor

from course_utils.algorithms import features, resynthesis, sampling
from course_utils.visuals import plots, widgets

from ..browser.lesson_page import pictures
from .samples import TONES, log_mels, workbench
from .test_widget_pages import press, show

__all__ = ["show"]  # a fixture

SETTINGS = [(200, 80, 40, 0.0), (512, 256, 64, 0.97), (40, 32, 6, 0.5), (256, 128, 23, 0.99)]


def sound_of(mels: Tensor, window: int, hop: int, emphasis: float) -> Tensor:
    power = resynthesis.inverse_mel(mels, 512)
    wave = resynthesis.griffin_lim(power, 512, window, hop, iterations=16, length=len(TONES))
    return sampling.deemphasis(wave, emphasis)


@pytest.mark.browser
@pytest.mark.parametrize("settings", SETTINGS)
def test_the_browser_computes_and_sounds_as_the_package_does(show, settings):
    window, hop, mels, emphasis = settings
    page, widget = show(workbench(window=window, hop=hop, mels=mels, emphasis=emphasis))
    emphasised = sampling.preemphasis(TONES.double(), emphasis)
    expected = features.mel_spectrum(emphasised, 8000, 512, window, hop, mels)
    found = torch.tensor(widget.evaluate("el => el.workbench.mels"), dtype=torch.float64)
    # the package's window and filters are float32
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-8)
    widget.get_by_role("button", name="Play what the features keep").press("Enter")
    page.wait_for_function("() => window.courseSound?.context.currentTime > 0.05")
    wave = torch.tensor(widget.evaluate("el => el.workbench.sound"), dtype=torch.float64)
    theirs = sound_of(found, window, hop, emphasis)
    inside = slice(0, (len(TONES) // hop) * hop - window // 2)
    error = (wave - theirs)[inside].norm() / theirs[inside].norm()
    assert error < 0.02


@pytest.mark.browser
def test_each_slider_moves_the_picture_by_keyboard(show):
    page, widget = show(workbench())
    for label in ("Window", "Hop", "Mel bands", "Pre-emphasis"):
        slider, before = widget.get_by_role("slider", name=label), pictures(widget)
        slider.focus()
        assert press(page, widget, "ArrowRight") is not None
        assert pictures(widget) != before
    state = widget.evaluate("el => ['window', 'hop', 'mels', 'emphasis'].map(name => el.model.get(name))")
    assert state == [208, 88, 41, 0.01]
    assert widget.get_by_role("slider", name="Window").get_attribute("aria-valuetext") == "26 ms"


@pytest.mark.browser
def test_it_listens_to_python_and_warns_of_a_long_hop(show):
    _, widget = show(workbench())
    assert "51 frames of 25 ms every 10 ms, 40 bands: 4,000 numbers a second" in widget.locator("p").first.inner_text()
    widget.evaluate("el => { el.model.set('hop', 160); }")
    assert widget.get_by_role("slider", name="Hop").input_value() == "160"
    assert "more than half the window" in widget.locator("p").first.inner_text()


def test_the_twin_draws_the_present_settings():
    ax = workbench(window=256, hop=128, mels=23, emphasis=0.97).static()
    expected = log_mels(256, 128, 23, 0.97).T
    np.testing.assert_allclose(ax.images[0].get_array(), expected.clamp(min=expected.max() - 11), rtol=1e-6)
    assert "32 ms, hop 16 ms, pre-emphasis 0.97" in ax.get_title(loc="left")
    assert "32 frames by 23 mel bands" in plots.alt_text(ax)


def test_its_words():
    assert repr(workbench()) == (
        "FeatureWorkbench: log-mel spectrogram of 0.50 s, 40 bands, window 25 ms, hop 10 ms, pre-emphasis 0"
    )


def test_a_confusion_matrix_says_what_was_mistaken():
    ax = plots.confusion([[8, 2], [0, 10]], ["one", "nine"])
    assert [text.get_text() for text in ax.texts] == ["8", "2", "10"]
    np.testing.assert_allclose(np.asarray(ax.images[0].get_array()), [[0.8, 0.2], [0, 1]])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("recognised", "said")
    assert "90 per cent are on the diagonal; most often mistaken: one as nine 2 times." in plots.alt_text(ax)
    assert plots.alt_text(plots.confusion([[3, 0], [0, 3]], ["a", "b"])).endswith("diagonal.")


def test_a_filter_bank_is_drawn_over_frequency():
    ax = plots.filter_bank(features.mel_filters(), 8000)
    assert len(ax.lines) == 40
    x, y = map(np.asarray, ax.lines[7].get_data())
    np.testing.assert_allclose(y, features.mel_filters()[:, 7])
    assert (x[0], x[-1]) == (0, 4000)
    assert "40 triangular filters over 0 to 4,000 Hz" in plots.alt_text(ax)


def test_a_power_spectrogram_has_hertz_upwards():
    decibels = torch.full((5, 9), -90.0)
    decibels[:, 4] = 0.0
    ax = plots.power_spectrogram(decibels, 8000, 0.01)
    np.testing.assert_allclose(ax.images[0].get_extent(), (0, 0.05, 0, 4000))
    assert ax.images[0].get_clim() == (-70, 0)
    assert "strongest near 2,000 Hz" in plots.alt_text(ax)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: workbench(window=600), "window is 600; the slider runs from 40 to 512 samples"),
        (lambda: workbench(hop=0), "hop is 0; the slider runs from 32 to 256 samples"),
        (lambda: workbench(mels=65), "mels is 65; the slider runs from 6 to 64 bands"),
        (lambda: workbench(emphasis=1.0), "emphasis is 1.0; the slider runs from 0 to 0.99"),
        (lambda: widgets.FeatureWorkbench(4 * TONES, 8000, log_mels), "must lie in [-1, 1]"),
        (lambda: widgets.FeatureWorkbench(TONES[:100], 8000, log_mels), "(100,)"),
        (lambda: widgets.FeatureWorkbench(TONES * torch.nan, 8000, log_mels), "is nan"),
        (
            lambda: widgets.FeatureWorkbench(TONES, 8000, lambda *_: torch.zeros(3, 4)).static(),
            "shape (3, 4); these settings make (51, 40)",
        ),
        (lambda: plots.confusion([[1, 2]], ["a", "b"]), "rows 1, columns 2"),
        (lambda: plots.confusion([[0, 0], [0, 0]], ["a", "b"]), "nothing at all"),
        (lambda: plots.filter_bank([1.0], 8000), "filters has shape (1,)"),
        (lambda: plots.power_spectrogram(torch.zeros(2), 8000, 0.01), "decibels has shape (2,)"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()

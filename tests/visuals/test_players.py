"""Players: the sound inside is the sound given, and its label goes with it."""

import base64
import io
import re

import numpy as np
import pytest
import soundfile
import torch

from course_utils.visuals import players


def embedded(player) -> tuple[np.ndarray, int]:
    data = player._repr_html_().partition('src="data:audio/wav;base64,')[2].partition('"')[0]
    return soundfile.read(io.BytesIO(base64.b64decode(data)))


@pytest.mark.parametrize("given", [torch.tensor, np.asarray, list])
def test_the_embedded_sound_is_the_one_given(given):
    samples = [0.0, 0.5, -0.25, 1.0, -1.0, 0.125]
    found, rate = embedded(players.play(given(samples), 8000, "six samples"))
    assert rate == 8000
    np.testing.assert_allclose(found, samples, atol=2 / 32768)


def test_the_label_is_seen_and_heard():
    player = players.play(torch.zeros(4000), 16_000, ' a "noisy" <one> ')
    page = player._repr_html_()
    assert page.count("a &quot;noisy&quot; &lt;one&gt;") == 2  # aria-label of the player, and its caption
    assert 'aria-label="a &quot;noisy' in page
    assert "<figcaption>a &quot;noisy" in page
    assert "controls" in page
    assert "autoplay" not in page
    assert "0.25 s" in page
    assert repr(player) == 'Sound: a "noisy" <one> (0.25 s at 16,000 Hz)'


@pytest.mark.parametrize(
    ("samples", "rate", "label", "message"),
    [
        ([], 8000, "x", "samples has shape (0,)"),
        ([[0.0, 0.1]], 8000, "x", "samples has shape (1, 2) and should have (T,): take one item of the batch"),
        ([0.0, float("nan")], 8000, "x", "samples[1] is nan"),
        ([0.0, -2.0], 8000, "x", "samples reach 2 and would be clipped"),
        ([0.0], 100, "x", "sample_rate is 100 and must be a whole number of hertz, 3,000 to 384,000"),
        ([0.0], 8000.5, "x", "sample_rate is 8000.5"),
        ([0.0], "8000", "x", "sample_rate is '8000'"),
        ([0.0], 8000, "  ", "the label is '  '; say in a few words"),
        ([0.0], 8000, None, "the label is None"),
    ],
)
def test_bad_sound_is_named(samples, rate, label, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        players.play(samples, rate, label)

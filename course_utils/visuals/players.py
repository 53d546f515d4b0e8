"""Players: sound inside the notebook, named, and never starting by itself."""

import base64
import html
import io
import wave

import numpy as np

from course_utils.visuals.inputs import Numbers, array, positive

LOWEST_RATE, HIGHEST_RATE = 3000, 384_000  # what browsers are bound to play, by the Web Audio specification and beyond

ROW = "margin:4px 0;display:flex;flex-wrap:wrap;align-items:center;gap:4px 12px"


class Player:
    """A sound with its label, shown by a notebook as an audio player, elsewhere as a line of text."""

    def __init__(self, samples: Numbers, sample_rate: int, label: str):
        sound = array("samples", samples)
        peak = float(abs(sound).max())
        if peak > 1:
            raise ValueError(
                f"samples reach {peak:.3g} and would be clipped, for they must lie in [-1, 1]: divide by {peak:.3g}"
            )
        rate = positive("sample_rate", sample_rate)
        if not LOWEST_RATE <= rate <= HIGHEST_RATE or rate != int(rate):
            allowed = f"a whole number of hertz, {LOWEST_RATE:,} to {HIGHEST_RATE:,}"
            raise ValueError(f"sample_rate is {sample_rate!r} and must be {allowed}: resample the sound")
        if not isinstance(label, str) or not label.split():
            raise ValueError(f"the label is {label!r}; say in a few words what is heard")
        self.label = " ".join(label.split())
        self.sample_rate, self.seconds = int(sample_rate), len(sound) / sample_rate
        self._wav = wav(sound, self.sample_rate)

    def __repr__(self) -> str:
        return f"Sound: {self.label} ({self.seconds:.2f} s at {self.sample_rate:,} Hz)"

    def _repr_html_(self) -> str:
        name = html.escape(self.label, quote=True)
        data = base64.b64encode(self._wav).decode()
        return (
            f'<figure class="course-player" style="{ROW}">'
            f'<audio controls preload="metadata" aria-label="{name}" style="height:36px;width:300px;max-width:100%" '
            f'src="data:audio/wav;base64,{data}"></audio>'
            f'<figcaption>{name} <span style="opacity:0.7">{self.seconds:.2f} s</span></figcaption></figure>'
        )


def play(samples: Numbers, sample_rate: int, label: str) -> Player:
    """Return a player of the samples (N,), in [-1, 1], under a label that says what is heard.

    A cell shows it where it is the cell's value; elsewhere ``display(play(…))`` does. The sound lies inside the page.

    Raises:
        ValueError: no samples, a NaN, samples beyond [-1, 1], a rate that browsers refuse, an empty label.
    """
    return Player(samples, sample_rate, label)


def wav(samples: np.ndarray, sample_rate: int) -> bytes:
    """Return the samples, in [-1, 1], as a WAV file of one channel and 16 bits a sample."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(sample_rate)
        writer.writeframes((samples * 32767).round().astype("<i2").tobytes())
    return file.getvalue()

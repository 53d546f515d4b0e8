"""One utterance as it is captioned: the words lit as they are spoken, and below them what was heard instead."""

from collections.abc import Sequence
from typing import Any

import traitlets

from course_utils.visuals.inputs import Numbers, array, positive
from course_utils.visuals.widgets.base import CourseWidget, packed

Cell = tuple[str, float, float]  # a word, and the seconds from when to when it is said
Row = tuple[str, Cell | None, Cell | None]  # operation, word of the truth, word of the hypothesis
HAS = {"equal": (True, True), "substitute": (True, True), "delete": (True, False), "insert": (False, True)}
MARKS = {"equal": "✓ right", "substitute": "≠ substituted", "delete": "− deleted", "insert": "+ inserted"}


class Captions(CourseWidget):
    """A player whose words are lit as they are spoken, each a button that plays its own span.

    Args:
        samples: (N,) in [-1, 1].
        sample_rate: in hertz.
        rows: in order, (operation, word of the truth, word of the hypothesis), as `metrics.align` gives them, each
            word with its times: (word, start, end). The operation is "equal", "substitute", "delete" (the last is
            None) or "insert" (the second is None).
        time: where the cursor stands at first, in seconds.

    Raises:
        ValueError: no words, an unknown operation, a word too many or too few for it, times outside the sound.
    """

    scripts = ("captions.js",)
    render = "renderCaptions"

    data = traitlets.Dict().tag(sync=True)
    time = traitlets.Float(0.0).tag(sync=True)

    def __init__(self, samples: Numbers, sample_rate: int, rows: Sequence[Row], *, time: float = 0.0):
        self._samples, self._rate = array("samples", samples), positive("sample_rate", sample_rate)
        peak = float(abs(self._samples).max())
        if peak > 1:
            raise ValueError(f"samples reach {peak:.3g}, and must lie in [-1, 1] to be played: divide by {peak:.3g}")
        self._rows = [self._checked(place, *row) for place, row in enumerate(rows)]
        if not self._rows:
            raise ValueError("there are no words to caption; pass at least one row (operation, truth, hypothesis)")
        if not 0 <= time <= self.seconds:
            raise ValueError(f"time {time} is outside the sound, 0 to {self.seconds:.2f} s")
        data = {
            "samples": packed(self._samples),
            "sample_rate": int(self._rate),
            "rows": [[operation, *(cell and list(cell) for cell in cells)] for operation, *cells in self._rows],
            "marks": MARKS,
        }
        super().__init__(data=data, time=time)

    @property
    def seconds(self) -> float:
        """How long the sound lasts."""
        return len(self._samples) / self._rate

    def _checked(self, place: int, operation: str, *cells: Cell | None) -> Row:
        if operation not in HAS:
            raise ValueError(f"row {place}: operation {operation!r} is none of {', '.join(HAS)}")
        if tuple(cell is not None for cell in cells) != HAS[operation]:
            truth, found = ("a word" if there else "None" for there in HAS[operation])
            raise ValueError(f"row {place}: {operation!r} needs {truth} of the truth and {found} of the hypothesis")
        for word, start, end in filter(None, cells):
            if not word or not 0 <= start <= end <= self.seconds + 1e-6:
                raise ValueError(f"row {place}: {word!r}, {start} to {end} s, in a sound of {self.seconds:.2f} s")
        return operation, cells[0], cells[1]

    def _words(self, place: int) -> list[Cell]:
        return [cell for _, *cells in self._rows if (cell := cells[place]) is not None]

    def static(self) -> Any:
        """Return the wave with the words of the truth where they are said, and errors marked with what was heard."""
        from course_utils.visuals import plots

        spans = []
        for operation, truth, found in self._rows:
            word, start, end = truth or found or ("", 0.0, 0.0)
            note = {"equal": "", "substitute": f"\n≠ {found and found[0]}", "delete": "\n−", "insert": "\n+"}
            if end > start:
                spans.append((start, end, word + note[operation]))
        title = "said; ≠ heard instead, − not heard, + heard and not said"
        return plots.waveform(self._samples, int(self._rate), spans, title=title)

    def caption(self) -> str:
        """Return in a sentence what is said and what was heard."""
        truth, found = (" ".join(word for word, _, _ in self._words(place)) for place in (0, 1))
        wrong = [row for row in self._rows if row[0] != "equal"]
        verdict = f"heard as “{found}”, {len(wrong)} error{'s' * (len(wrong) != 1)}" if wrong else "heard right"
        return f"captions over {self.seconds:.2f} s of sound: “{truth}”, {verdict}"

"""Step a trained decoder token by token, force a token on it, and follow its beam."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import traitlets

from course_utils.visuals.inputs import Numbers, array, same_length, unit_interval, words
from course_utils.visuals.widgets.base import CourseWidget, packed

WEIGHTS = {
    "embedding.weight": "CE",
    "cell.weight_ih_l0": "GE",
    "cell.weight_hh_l0": "GH",
    "cell.bias_ih_l0": "G",
    "cell.bias_hh_l0": "G",
    "output.weight": "CH",
    "output.bias": "C",
}
MOST_WIDTH = 5
Columns = list[list[tuple[int, float, int]]]  # for each step the drafts kept: token, log-probability, parent's place


class DecoderStepper(CourseWidget):
    """A decoder with a GRU, computed in the browser: its weights are sent once, Python answers no move.

    Args:
        sources: N inputs, as they are shown.
        starts: (N, H), the decoder's state for each, before its first token.
        weights: the decoder's state_dict: an embedding, one GRU layer (gates in the order r, z, n), an output layer.
        tokens: C names, in the order of the classes.
        follow: (source, written) to the probabilities (u + 1, C) before each of the u tokens written and after the
            last; search: (source, width) to the drafts kept after each step, `Columns`. Both for the static twin, and
            by the package's decoder and beam, which the browser's must equal.
        hidden: classes that are never offered, such as padding and ``<sos>``.
        sos, eos: the classes that begin and end a text; longest: how many tokens a text may have, ``<eos>`` included.
        source, written, width: what is shown first: an input's place from 0, the tokens written, and the beam's width.

    Raises:
        ValueError: weights that do not fit together, or a setting outside its range.
    """

    scripts = ("decoder_stepper.js",)
    render = "renderDecoderStepper"

    data = traitlets.Dict().tag(sync=True)
    source = traitlets.Int(0).tag(sync=True)
    written = traitlets.List(help="The classes written so far.").tag(sync=True)
    width = traitlets.Int(3).tag(sync=True)

    def __init__(
        self,
        sources: Sequence[str],
        starts: Numbers,
        weights: Mapping[str, Numbers],
        tokens: Sequence[str],
        follow: Callable[[int, list[int]], Numbers],
        search: Callable[[int, int], Columns],
        *,
        hidden: Sequence[int] = (),
        sos: int = 1,
        eos: int = 2,
        longest: int = 9,
        source: int = 0,
        written: Sequence[int] = (),
        width: int = 3,
    ):
        inputs, names, states = words("sources", sources), words("tokens", tokens), array("starts", starts, "NH")
        if missing := [name for name in WEIGHTS if name not in weights]:
            raise ValueError(f"the weights lack {missing[0]!r}; pass the state_dict of a decoder with a GRU")
        given = {name: array(name, weights[name], letters) for name, letters in WEIGHTS.items()}
        same_length(sources=len(inputs), rows_of_starts=len(states))
        same_length(
            tokens=len(names),
            rows_of_embedding=len(given["embedding.weight"]),
            rows_of_output=len(given["output.bias"]),
        )
        gates, H = given["cell.weight_hh_l0"].shape
        same_length(gates_of_a_GRU=3 * H, rows_of_weight_hh=gates, units_of_starts_times_3=3 * states.shape[1])
        self._follow, self._search = follow, search
        super().__init__(
            data={
                "sources": inputs,
                "tokens": names,
                "offered": [c for c in range(len(names)) if c not in {*hidden}],
                "sizes": [H, given["embedding.weight"].shape[1]],
                "sos": sos,
                "eos": eos,
                "longest": longest,
                "mostWidth": MOST_WIDTH,
                "starts": packed(states),
                "weights": {name: packed(values) for name, values in given.items()},
            },
            source=source,
            written=list(written),
            width=width,
        )

    @traitlets.validate("source")
    def _check_source(self, proposal: Any) -> int:
        if not 0 <= proposal["value"] < len(self.data["sources"]):
            raise ValueError(f"source {proposal['value']} is none of the inputs, 0 to {len(self.data['sources']) - 1}")
        return proposal["value"]

    @traitlets.validate("written")
    def _check_written(self, proposal: Any) -> list[int]:
        given, data = [int(token) for token in proposal["value"]], self.data
        if len(given) > data["longest"] or any(not 0 <= token < len(data["tokens"]) for token in given):
            raise ValueError(
                f"written is {given}; it may hold {data['longest']} classes, 0 to {len(data['tokens']) - 1}"
            )
        return given

    @traitlets.validate("width")
    def _check_width(self, proposal: Any) -> int:
        if not 1 <= proposal["value"] <= MOST_WIDTH:
            raise ValueError(f"width is {proposal['value']}; the picture has room for 1 to {MOST_WIDTH}")
        return proposal["value"]

    def _followed(self) -> np.ndarray:
        found = unit_interval("what follow gives", self._follow(self.source, list(self.written)), "UC")
        same_length(rows_of_follow=len(found), tokens_written_and_one=len(self.written) + 1)
        return found

    def static(self) -> Any:
        """Return the same picture as a figure, of the present settings."""
        from course_utils.visuals import plots

        columns = self._search(self.source, self.width)
        return plots.decoder_steps(
            self._followed()[:, self.data["offered"]],
            [self.data["tokens"][c] for c in self.data["offered"]],
            [self.data["tokens"][c] for c in self.written],
            [[(self.data["tokens"][token], log_prob, parent) for token, log_prob, parent in kept] for kept in columns],
            title=f"“{self.data['sources'][self.source]}”",
        )

    def caption(self) -> str:
        """Return what the picture shows, in a sentence."""
        tokens, last = self.data["tokens"], self._followed()[-1]
        text = " ".join(tokens[c] for c in self.written) or "nothing"
        return (
            f"a decoder that has read “{self.data['sources'][self.source]}” and written {text}; it finds "
            f"{tokens[int(last.argmax())]} likeliest, probability {last.max():.2f}; beside it a beam of {self.width}"
        )

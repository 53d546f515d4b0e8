"""Force a wrong character on a trained translator, anywhere, and see what it makes of the rest."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import traitlets

from course_utils.visuals import hanzi
from course_utils.visuals.inputs import Numbers, array, same_length, words
from course_utils.visuals.widgets.base import CourseWidget, packed

WEIGHTS = {
    "embedding.weight": "CE",
    "cell.weight_ih_l0": "GE",
    "cell.weight_hh_l0": "GH",
    "cell.bias_ih_l0": "G",
    "cell.bias_hh_l0": "G",
    "combine.weight": "HI",
    "combine.bias": "H",
    "output.weight": "CH",
    "output.bias": "C",
}
Memory = tuple[Numbers, Numbers, Numbers]  # of one input: first state (H,), keys (T, H), values (T, V)
Follow = Callable[[int, int, dict[int, int]], tuple[Sequence[int], Sequence[float]]]


def _thousandths(values: np.ndarray) -> dict[str, Any]:
    """Return numbers as whole ones of 16 bits with their step: half as much to send, exact to the fourth digit."""
    step = float(np.abs(values).max()) / 32767 or 1.0
    return {"step": step, "values": np.round(values / step).astype("<i2").tobytes()}


class ForcedTranslator(CourseWidget):
    """Translators that differ in how they were trained, computed in the browser; Python answers no move.

    Args:
        trained: for each model its name, its decoder's state_dict (a GRU, scaled dot products) and, for each of the N
            sentences, what it starts from.
        sources: N sentences, as they are shown.
        truths: their translations as classes, without ``<eos>``.
        tokens: C names, in the order of the classes; pinyin: how each character sounds.
        follow: (model, sentence, forced) to the classes written, ``<eos>`` included, and the probability of each; for
            the static twin, by the package's decoder, which the browser's must equal.
        sos, eos: the classes that begin and end a text; longest: how many classes are written at most.
        model, source, place: what is shown first, from 0; forced: [place, class] pairs.

    Raises:
        ValueError: weights that do not fit together, or a setting outside its range.
    """

    scripts = ("decoder_stepper.js", "forced_translator.js")
    render = "renderForcedTranslator"
    _css = CourseWidget._css + hanzi.font_face()

    data = traitlets.Dict().tag(sync=True)
    trained = traitlets.Int(0, help="Which model.").tag(sync=True)
    source = traitlets.Int(0).tag(sync=True)
    place = traitlets.Int(0, help="Where a character may be forced.").tag(sync=True)
    forced = traitlets.List(help="[place, class] pairs.").tag(sync=True)

    def __init__(
        self,
        trained: Mapping[str, tuple[Mapping[str, Numbers], Sequence[Memory]]],
        sources: Sequence[str],
        truths: Sequence[Sequence[int]],
        tokens: Sequence[str],
        pinyin: Mapping[str, str],
        follow: Follow,
        *,
        sos: int = 1,
        eos: int = 2,
        longest: int = 16,
        model: int = 0,
        source: int = 0,
        place: int = 0,
        forced: Sequence[Sequence[int]] = (),
    ):
        inputs, names = words("sources", sources), words("tokens", tokens)
        same_length(sources=len(inputs), truths=len(truths))
        if not trained:
            raise ValueError("there is no model; pass {name: (weights, memories)}")
        self._follow = follow
        models = [self._model(name, *given, len(names), len(inputs)) for name, given in trained.items()]
        super().__init__(
            data={
                "models": models,
                "names": list(trained),
                "sources": inputs,
                "truths": [[int(c) for c in truth] for truth in truths],
                "tokens": names,
                "pinyin": {name: pinyin[name] for name in names if name in pinyin},
                "sos": sos,
                "eos": eos,
                "longest": longest,
            },
            trained=model,
            source=source,
            place=place,
            forced=[[int(u), int(c)] for u, c in forced],
        )

    @staticmethod
    def _model(name: str, weights: Mapping[str, Numbers], memories: Sequence[Memory], C: int, N: int) -> dict:
        if missing := [part for part in WEIGHTS if part not in weights]:
            raise ValueError(f"the weights of {name!r} lack {missing[0]!r}; pass a decoder's with attention")
        given = {part: array(part, weights[part], letters) for part, letters in WEIGHTS.items()}
        same_length(
            tokens=C, rows_of_embedding=len(given["embedding.weight"]), rows_of_output=len(given["output.bias"])
        )
        same_length(sentences=N, **{f"memories_of_{name.replace(' ', '_')}": len(memories)})
        H = given["output.weight"].shape[1]
        kept = []
        for start, keys, values in memories:
            start, keys, values = array("a start", start, "H"), array("keys", keys, "TH"), array("values", values, "TV")
            same_length(units=H, numbers_of_a_start=len(start), numbers_of_a_key=keys.shape[1])
            same_length(keys=len(keys), values=len(values))
            kept.append({"start": packed(start), "keys": packed(keys), "values": packed(values)})
        return {
            "sizes": [H, given["embedding.weight"].shape[1]],
            "weights": {part: _thousandths(values) for part, values in given.items()},
            "memories": kept,
        }

    @traitlets.validate("trained")
    def _check_trained(self, proposal: Any) -> int:
        return self._below(proposal["value"], len(self.data["names"]), "model")

    @traitlets.validate("source")
    def _check_source(self, proposal: Any) -> int:
        return self._below(proposal["value"], len(self.data["sources"]), "source")

    @traitlets.validate("place")
    def _check_place(self, proposal: Any) -> int:
        return self._below(proposal["value"], self.data["longest"], "place")

    @traitlets.validate("forced")
    def _check_forced(self, proposal: Any) -> list[list[int]]:
        for place, token in proposal["value"]:
            self._below(place, self.data["longest"], "a forced place")
            self._below(token, len(self.data["tokens"]), "a forced class")
        return [[int(place), int(token)] for place, token in proposal["value"]]

    @staticmethod
    def _below(value: int, end: int, what: str) -> int:
        if not 0 <= value < end:
            raise ValueError(f"{what} is {value}; there are {end}, 0 to {end - 1}")
        return int(value)

    def _followed(self) -> tuple[list[str], list[float]]:
        written, shares = self._follow(self.trained, self.source, dict(self.forced))
        return [self.data["tokens"][c] for c in written], [float(p) for p in shares]

    def static(self) -> Any:
        """Return the same picture as a figure, of the present settings."""
        from course_utils.visuals import plots

        written, shares = self._followed()
        truth = [self.data["tokens"][c] for c in [*self.data["truths"][self.source], self.data["eos"]]]
        return plots.forced_translation(
            written,
            shares,
            truth,
            self.data["pinyin"],
            forced=[place for place, _ in self.forced],
            title=f"“{self.data['sources'][self.source]}”, trained with {self.data['names'][self.trained]}",
        )

    def caption(self) -> str:
        """Return what the picture shows, in a sentence."""
        written, _ = self._followed()
        sounds = " ".join(self.data["pinyin"].get(one, one) for one in written)
        forced = ", ".join(f"{self.data['tokens'][c]} at place {u + 1}" for u, c in self.forced) or "nothing"
        return (
            f"a translator trained with {self.data['names'][self.trained]} that reads "
            f"“{self.data['sources'][self.source]}”; forced on it is {forced}; it writes {sounds}"
        )

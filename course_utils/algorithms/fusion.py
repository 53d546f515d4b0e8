"""Fusion: what a language model and a length term add to the sound while a decoder searches."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from course_utils.algorithms.language_model import LanguageModel


@dataclass(slots=True)
class Said:
    """What the language side knows of a sequence of labels: a node of the tree of all that the search has tried."""

    bonus: float  # alpha · language + beta · length
    language: float  # log-probability in the language model
    state: Any  # the language model's
    following: dict[int, "Said"]


class Fusion:
    """Adds alpha log P(Y) + beta · length to a search, label by label; each question is put to the model once.

    Args:
        model: None for the length term alone.
        alpha: weight of the model, at least 0.
        beta: what each label adds to the score, or each label whose token is `counted`.
        tokens: the names of the C symbols, which the model knows them by.
        counted: the token that makes the length; every token if None.
    """

    def __init__(
        self, model: LanguageModel | None, alpha: float, beta: float, tokens: Sequence[str], counted: str | None = None
    ):
        if not 0 <= alpha < math.inf or not math.isfinite(beta):
            raise ValueError(f"alpha is {alpha} and beta {beta}; alpha must be at least 0, and both finite")
        if counted is not None and counted not in tokens:
            raise ValueError(f"counted is {counted!r}, which is none of the tokens; name the one that makes the length")
        self.model, self.alpha, self.tokens = model, alpha, tokens
        self.lengths = [beta if counted in (None, token) else 0.0 for token in tokens]
        self.most = max(0.0, beta)  # no label adds more: log-probabilities are not above 0

    def start(self) -> Said:
        return Said(0.0, 0.0, self.model.start() if self.model else None, {})

    def follow(self, said: Said, symbol: int) -> Said:
        """Return what is said with one more label."""
        if self.model is None:  # nothing worth remembering
            return Said(said.bonus + self.lengths[symbol], 0.0, None, said.following)
        if symbol not in said.following:
            state, log_prob = self.model.score(said.state, self.tokens[symbol])
            bonus = said.bonus + self.lengths[symbol] + self._weigh(log_prob)
            said.following[symbol] = Said(bonus, said.language + log_prob, state, {})
        return said.following[symbol]

    def finish(self, said: Said) -> tuple[float, float]:
        """Return the bonus and the language score of a sequence that ends here."""
        log_prob = self.model.finish(said.state) if self.model else 0.0
        return said.bonus + self._weigh(log_prob), said.language + log_prob

    def _weigh(self, log_prob: float) -> float:
        return self.alpha * log_prob if self.alpha else 0.0  # 0 · -inf would not be a number

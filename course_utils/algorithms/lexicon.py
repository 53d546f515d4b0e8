"""A lexicon for the decoder: known words only, and how they follow each other, told letter by letter.

A language model over words has nothing to say inside a word, so a beam would keep whatever sounds well until the word
ends, and by then the right one may have fallen. The lexicon's *prefix tree* knows which words a beginning can still
become; its *look-ahead* gives each beginning the probability of the best of them (Ortmanns, Ney and Eiden 1996).
"""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from course_utils.algorithms.language_model import LanguageModel


class Spelling(NamedTuple):
    """Where we are in a sentence: what the words so far say to the word model, and the letters of the next one."""

    history: Any
    begun: str | None = None  # None before the first letter of the sentence


class Lexicon(LanguageModel):
    """A language model over letters that knows whole words: it spells nothing else, with one separator between two.

    A finished sentence has the log-probability that the word model gives its words. On the way, each letter pays what
    the look-ahead loses by it: log of the best word that the longer beginning can become, less the same for the
    shorter. No letter gains, so a decoder's exact pruning stays exact, and `decoding.prefix_beam_search` becomes a
    search over the prefix tree by being handed this model; ``counted=" "`` makes its length term count words.

    Args:
        words: the words that may be said, each a string of the decoder's tokens.
        model: over words. Every word is scored by it, one that it does not know as its ``<unk>``.
        separator: the token between two words.

    Attributes:
        continuations: the prefix tree, as the words that each beginning can become: {"t": ["two", "three"], …}.
    """

    def __init__(self, words: Iterable[str], model: LanguageModel, separator: str = " "):
        self.words = frozenset(words)
        if wrong := [word for word in sorted(self.words) if not word or separator in word]:
            raise ValueError(f"the word {wrong[0]!r} cannot be spelled: it must have letters, and no {separator!r}")
        if not self.words:
            raise ValueError("the lexicon has no words; give at least one")
        self.model, self.separator = model, separator
        self.continuations: dict[str, list[str]] = {}
        for word in sorted(self.words):
            for end in range(1, len(word) + 1):
                self.continuations.setdefault(word[:end], []).append(word)
        self._known: dict[tuple[Any, str], float] = {}

    def start(self) -> Spelling:
        return Spelling(self.model.start())

    def score(self, state: Spelling, token: str) -> tuple[Spelling, float]:
        history, begun = state
        if token == self.separator:
            if begun not in self.words:
                return state, -math.inf
            after, log_prob = self.model.score(history, begun)
            return Spelling(after, ""), _paid(self.look_ahead(history, begun), log_prob)
        longer = (begun or "") + token
        if longer not in self.continuations:
            return state, -math.inf
        return Spelling(history, longer), _paid(self.look_ahead(history, begun or ""), self.look_ahead(history, longer))

    def finish(self, state: Spelling) -> float:
        """Return what the last word still has to pay, and the end; -inf in the middle of a word."""
        history, begun = state
        if begun is None:
            return self.model.finish(history)
        if begun not in self.words:
            return -math.inf
        after, log_prob = self.model.score(history, begun)
        return _paid(self.look_ahead(history, begun), log_prob) + self.model.finish(after)

    def look_ahead(self, history: Any, begun: str) -> float:
        """Return the log-probability of the likeliest word that a beginning can become; 0 before its first letter.

        -inf if no word begins like this.
        """
        if not begun:
            return 0.0
        if (history, begun) not in self._known:
            scores = [self.model.score(history, word)[1] for word in self.continuations.get(begun, [])]
            self._known[history, begun] = max(scores, default=-math.inf)
        return self._known[history, begun]


def _paid(before: float, after: float) -> float:
    """Return what a letter pays: the log-probability of the best word after it, less that before it."""
    return after - before if after > -math.inf else after  # -inf - -inf would not be a number

"""Language models by counting: how probable a token is after the tokens before it.

A *token* is a string: a word, or a character. A sentence is a sequence of tokens; the models put ``<s>`` before it and
predict ``</s>`` after it, so that a short sentence and a long one compete on equal terms. A token that training never
saw stands as ``<unk>``. After every history the probabilities of the vocabulary, ``</s>`` and ``<unk>`` sum to one.

All logarithms are natural; files in the ARPA format (``arpa.py``) hold those to base 10.
"""

import math
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
Ngram = tuple[str, ...]


class LanguageModel(ABC):
    """What a decoder asks of a language model: walk a sentence token by token, and hear each one's log-probability.

    A *state* holds what the model must remember; it can be a key of a dictionary. No log-probability is above 0:
    the decoders' exact pruning relies on it.
    """

    @abstractmethod
    def start(self) -> Any:
        """Return the state before the first token."""

    @abstractmethod
    def score(self, state: Any, token: str) -> tuple[Any, float]:
        """Return the state after the token, and the token's log-probability in the state given."""

    @abstractmethod
    def finish(self, state: Any) -> float:
        """Return the log-probability that the sentence ends in this state."""

    def sentence_log_prob(self, tokens: Iterable[str]) -> float:
        """Return the log-probability of a whole sentence, its end included."""
        state, total = self.start(), 0.0
        for token in tokens:
            state, log_prob = self.score(state, token)
            total += log_prob
        return total + self.finish(state)


@dataclass(frozen=True)
class NgramModel(LanguageModel):
    """A model that looks back at the last ``order - 1`` tokens; they are its state."""

    order: int

    @property
    @abstractmethod
    def vocabulary(self) -> list[str]:
        """All tokens that it predicts, ``</s>`` and ``<unk>`` among them, sorted."""

    @abstractmethod
    def log_prob(self, history: Ngram, token: str) -> float:
        """Return log P(token | history) for a history of at most ``order - 1`` tokens."""

    @abstractmethod
    def knows(self, token: str) -> bool: ...

    def start(self) -> Ngram:
        return (BEGIN,) if self.order > 1 else ()

    def score(self, state: Ngram, token: str) -> tuple[Ngram, float]:
        known = token if self.knows(token) else UNKNOWN
        longer = (*state, known)
        return longer[max(0, len(longer) - self.order + 1) :], self.log_prob(state, known)

    def finish(self, state: Ngram) -> float:
        return self.log_prob(state, END)


@dataclass(frozen=True)
class AddK(NgramModel):
    """Counts with k added to each, P(w|h) = (c(hw) + k) / (c(h) + k V): no back-off, so a new history is uniform."""

    k: float
    counts: Mapping[Ngram, int]  # of the n-grams of `order` tokens, and of shorter ones at the start of a sentence
    totals: Mapping[Ngram, int]  # of each history
    tokens: frozenset[str]

    @property
    def vocabulary(self) -> list[str]:
        return sorted(self.tokens)

    def knows(self, token: str) -> bool:
        return token in self.tokens

    def log_prob(self, history: Ngram, token: str) -> float:
        count, total = self.counts.get((*history, token), 0), self.totals.get(history, 0)
        numerator, denominator = count + self.k, total + self.k * len(self.tokens)
        return math.log(numerator / denominator) if numerator else -math.inf


@dataclass(frozen=True)
class Backoff(NgramModel):
    """A table of log-probabilities, and what to do for n-grams that are not in it: as the ARPA format means it.

    log P(w|h) = log_probs[hw] where it is listed; otherwise backoffs[h] + log P(w|h'), h' being h without its first
    token; a history that is not listed costs nothing.
    """

    log_probs: Mapping[Ngram, float]
    backoffs: Mapping[Ngram, float]

    @property
    def vocabulary(self) -> list[str]:
        return sorted(ngram[0] for ngram in self.log_probs if len(ngram) == 1)

    def knows(self, token: str) -> bool:
        return (token,) in self.log_probs

    def log_prob(self, history: Ngram, token: str) -> float:
        paid = 0.0
        while (found := self.log_probs.get((*history, token))) is None:
            if not history:
                return -math.inf  # a file without <unk> gives unknown tokens nothing
            paid += self.backoffs.get(history, 0.0)
            history = history[1:]
        return paid + found


def count_ngrams(sentences: Iterable[Sequence[str]], order: int) -> list[Counter[Ngram]]:
    """Return how often each n-gram occurs: a counter of the unigrams, one of the bigrams, … up to ``order``.

    ``<s>`` stands in histories and is never counted itself, since nobody has to predict it.

    >>> count_ngrams([["three", "one"]], 2)[1]
    Counter({('<s>', 'three'): 1, ('three', 'one'): 1, ('one', '</s>'): 1})
    """
    if order < 1:
        raise ValueError(f"order is {order}; it must be at least 1: the number of tokens in the longest n-gram")
    counts: list[Counter[Ngram]] = [Counter() for _ in range(order)]
    for sentence in map(_checked, sentences):
        padded = (BEGIN, *sentence, END)
        for end in range(2, len(padded) + 1):
            for n in range(1, min(order, end) + 1):
                counts[n - 1][padded[end - n : end]] += 1
    if not counts[0]:
        raise ValueError("there are no sentences to count; a model needs at least one")
    return counts


def add_k(sentences: Iterable[Sequence[str]], order: int, k: float = 1.0, vocabulary: Iterable[str] = ()) -> AddK:
    """Return the model that adds k to every count; k = 1 is Laplace's rule.

    Args:
        sentences: each a sequence of tokens; order: 1 for unigrams, 2 for bigrams, …
        k: at least 0; with 0 what was never seen has probability zero, as has every token after a history never seen.
        vocabulary: tokens that may come though no sentence has them.
    """
    if not 0 <= k < math.inf:
        raise ValueError(f"k is {k}; it must be finite and at least 0")
    counts = count_ngrams(sentences, order)
    known = {g: count for level in counts for g, count in level.items() if len(g) == order or g[0] == BEGIN}
    totals = {history: sum(followers.values()) for history, followers in _by_history(known)}
    return AddK(order, k, known, totals, frozenset(_vocabulary(counts, vocabulary)))


def kneser_ney(
    sentences: Iterable[Sequence[str]], order: int, discount: float | None = None, vocabulary: Iterable[str] = ()
) -> Backoff:
    """Return the interpolated Kneser–Ney model (Kneser and Ney 1995; Chen and Goodman 1999, equation 21).

    P(w|h) = max(c(hw) - D, 0) / c(h) + D N(h) / c(h) · P(w|h'), where N(h) tokens are seen after h and h' is h
    without its first token. Below the highest order c counts not how often an n-gram occurs, but how many different
    tokens it follows ("Francisco" is frequent, but only ever follows "San"); n-grams that start with ``<s>``, which
    nothing precedes, keep their counts. Below the unigrams all tokens are alike.

    Args:
        sentences, order, vocabulary: as for `add_k`.
        discount: D, between 0 and 1; by default n1 / (n1 + 2 n2) for each order, where n1 n-grams were counted once
            and n2 twice, or 0.5 if there are none such.
    """
    counts = count_ngrams(sentences, order)
    tokens = _vocabulary(counts, vocabulary)
    levels = [_continuations(counts[n], counts[n + 1]) for n in range(order - 1)] + [counts[-1]]
    table = _Table(tokens)
    for level in levels:
        D = _discount(level) if discount is None else _checked_discount(discount)
        for history, followers in _by_history(level):
            total = sum(followers.values())
            left = D * len(followers) / total
            for token in followers if history else tokens:
                seen = max(followers.get(token, 0) - D, 0) / total
                table.probs[(*history, token)] = seen + left * table.prob(history[1:], token, below=not history)
            table.weights[history] = left
    return table.model(order)


def back_off(
    sentences: Iterable[Sequence[str]], order: int, discount: float = 0.5, vocabulary: Iterable[str] = ()
) -> Backoff:
    """Return the back-off model with absolute discounting (Katz 1987; Ney, Essen and Kneser 1994).

    P(w|h) = (c(hw) - D) / c(h) where hw was seen, and a(h) P(w|h') where it was not: a(h) shares out what the
    discount has left. Katz took the discounts from Good and Turing's estimate, which wants more text than lessons have.

    Args:
        sentences, order, vocabulary: as for `add_k`; discount: D, taken from each count, between 0 and 1.
    """
    D = _checked_discount(discount)
    counts = count_ngrams(sentences, order)
    tokens = _vocabulary(counts, vocabulary)
    table = _Table(tokens)
    for level in counts:
        for history, followers in _by_history(level):
            total, below = sum(followers.values()), not history
            unseen = 1 - sum(table.prob(history[1:], token, below) for token in followers)
            everything = len(followers) == len(tokens)  # then nobody is left to take a share
            weight = 0.0 if everything else D * len(followers) / total / unseen
            taken = 0 if everything else D
            for token in followers if history else tokens:  # the unigrams alone list what was never seen
                seen = token in followers
                table.probs[(*history, token)] = (followers[token] - taken) / total if seen else weight * table.uniform
            table.weights[history] = weight
    return table.model(order)


def perplexity(model: LanguageModel, sentences: Iterable[Sequence[str]]) -> float:
    """Return exp of the mean surprise, -log P in nats, over all tokens and the end of each sentence.

    It is the number of equally likely tokens that would surprise as much.
    """
    total, count = 0.0, 0
    for sentence in map(_checked, sentences):
        total += model.sentence_log_prob(sentence)
        count += len(sentence) + 1
    if not count:
        raise ValueError("there are no sentences to measure the perplexity on; give at least one")
    return math.exp(-total / count)


class _Table:
    """Probabilities while a back-off model is being made, from the unigrams up."""

    def __init__(self, tokens: Sequence[str]):
        self.uniform = 1 / len(tokens)
        self.probs: dict[Ngram, float] = {}
        self.weights: dict[Ngram, float] = {}

    def prob(self, history: Ngram, token: str, below: bool = False) -> float:
        """Return P(token | history) of an n-gram that has been made; ``below`` the unigrams all tokens are alike.

        What was seen after a history was seen after each shorter one, so that a model's making asks for no other.
        """
        return self.uniform if below else self.probs[*history, token]

    def model(self, order: int) -> Backoff:
        logs = [{k: math.log(v) if v else -math.inf for k, v in made.items()} for made in (self.probs, self.weights)]
        logs[1].pop((), None)  # the unigrams are complete: nothing backs off from them
        return Backoff(order, *logs)


def _by_history(level: Mapping[Ngram, int]) -> Iterator[tuple[Ngram, dict[str, int]]]:
    histories: defaultdict[Ngram, dict[str, int]] = defaultdict(dict)
    for (*history, token), count in level.items():
        histories[tuple(history)][token] = count
    yield from histories.items()


def _continuations(level: Mapping[Ngram, int], longer: Mapping[Ngram, int]) -> dict[Ngram, int]:
    """Return for each n-gram how many different tokens it follows."""
    follows = Counter(ngram[1:] for ngram in longer)
    return {ngram: count if ngram[0] == BEGIN else follows[ngram] for ngram, count in level.items()}


def _discount(level: Mapping[Ngram, int]) -> float:
    once, twice = (list(level.values()).count(wanted) for wanted in (1, 2))
    return once / (once + 2 * twice) if once and twice else 0.5


def _checked_discount(discount: float) -> float:
    if not 0 < discount < 1:
        raise ValueError(f"discount is {discount}; it must lie between 0 and 1, both excluded")
    return discount


def _vocabulary(counts: Sequence[Mapping[Ngram, int]], more: Iterable[str]) -> list[str]:
    return sorted({UNKNOWN, *_checked(more), *(token for (token,) in counts[0])})


def _checked(sentence: Iterable[str]) -> tuple[str, ...]:
    if isinstance(sentence, str):
        raise ValueError(f"the sentence {sentence!r} is one string; give its tokens: text.split(), or list(text)")
    tokens = tuple(sentence)
    for token in tokens:
        if not isinstance(token, str) or not token or token in (BEGIN, END):
            raise ValueError(
                f"the token {token!r} cannot stand in a sentence; tokens are strings, not {BEGIN} or {END}"
            )
    return tokens

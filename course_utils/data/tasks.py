"""Small sequence tasks, made on the spot: names in a sentence, a motif in DNA, memory tasks, tunes to continue.

Each draws from a ``torch.Generator``, so that one seed makes the same data everywhere.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from course_utils.data.corpora import DIGITS
from course_utils.data.text import one_hot
from course_utils.data.tunes import STOP, TUNES, notes, sound

__all__ = [
    "BASES", "DIGITS", "ORDINARY", "SALAD_NAMES", "STOP", "TUNES", "adding", "dna", "name_sentence", "name_sentences",
    "names_at", "notes", "parity", "recall", "sound", "spelled_digits",
]  # fmt: skip

_SLOTS = {
    "given": "sam tom ann lena omar mia raj ines noah yuki will mark rose lily iris ivy april june may bill",
    "family": "li wu ng brown stone young king silva haddad novak kaya mori",
    "flower": "rose lily iris ivy tulip clover poppy",
    "month": "april june may august march",
    "day": "monday tuesday friday sunday",
    "thing": "stone bill mark book letter king table",
    "doing": "dance sing meet read work",
}
WORDS = {slot: words.split() for slot, words in _SLOTS.items()}
NAMES = ("given", "family")  # the slots whose words are parts of names

CLAUSES = [
    "{given} {family} and {given} date on {day}",
    "{given} and {given} {family} {doing} in {month}",
    "on {day} {given} dates {given} {family}",
    "in {month} {given} and {given} {doing}",
    "the {flower} and {flower} bloom in {month}",
    "we gave the {flower} and {flower} to {given}",
    "the {thing} and the {flower} please {given} {family}",
    "they will mark the {thing} with {given}",
    "i may {doing} with {given} and {given}",
    "a {thing} and {flower} fell on {given}",
]
JOINTS = ["but", "while", "then"]

SALAD_NAMES = WORDS["given"][:10]  # those that are nothing but names
ORDINARY = ["and", "date", "on", "with", "runs", "green", "the", "sings", "seven", "home"]
BASES = "ACGT"


def draw(choices: Sequence, generator: torch.Generator):
    """Return one of the choices, each as likely as any other."""
    return choices[int(torch.randint(len(choices), (), generator=generator))]


def invented_word(generator: torch.Generator) -> str:
    """Return a word that nobody has heard: two syllables and a letter, "zorkab" or "quimeln"."""
    starts, vowels, ends = ["z", "v", "qu", "kr", "th", "sk"], "aeiou", ["bb", "lk", "x", "rn", "zz"]
    syllables = [draw(starts, generator) + draw(vowels, generator) for _ in range(2)]
    return "".join(syllables) + draw(ends, generator)


def name_sentence(generator: torch.Generator, invented: float = 0.1) -> tuple[list[str], list[int]]:
    """Return a sentence's words, and for each word whether it is part of a person's name (1) or not (0).

    Some words are names in one place and not in another, "rose and lily date in may", "the rose and lily bloom": what
    stands before a word always decides.

    Args:
        invented: the share of names and flowers that are words made up on the spot.
    """
    clauses = [draw(CLAUSES, generator)]
    if torch.rand((), generator=generator) < 0.4:
        clauses += [draw(JOINTS, generator), draw(CLAUSES, generator)]
    tokens, labels = [], []
    for word in " ".join(clauses).split():
        slot = word.strip("{}") if word.startswith("{") else ""
        if slot in (*NAMES, "flower") and torch.rand((), generator=generator) < invented:
            word = invented_word(generator)
        elif slot:
            word = draw(WORDS[slot], generator)
        tokens.append(word)
        labels.append(int(slot in NAMES))
    return tokens, labels


def name_sentences(
    count: int, generator: torch.Generator, invented: float = 0.1
) -> tuple[list[list[str]], list[list[int]]]:
    """Return ``count`` sentences and their labels, each as ``name_sentence`` gives them."""
    _at_least_one(count=count)
    pairs = [name_sentence(generator, invented) for _ in range(count)]
    return [tokens for tokens, _ in pairs], [labels for _, labels in pairs]


def names_at(
    positions: Sequence[int], count: int, generator: torch.Generator, length: int = 7, share: float = 0.5
) -> tuple[list[list[str]], Tensor]:
    """Return rows of words in no order, with names at the given positions only.

    Nothing but the word itself tells a name, and nothing but ordinary words stands at the other positions.

    Args:
        positions: from 1, as t in x<t>.
        share: how many of the words at these positions are names.

    Returns:
        ``count`` rows of ``length`` words, and their labels (count, length), 1 for a name.
    """
    _at_least_one(count=count, length=length)
    if wrong := [t for t in positions if not 1 <= t <= length]:
        raise ValueError(f"position {wrong[0]} is outside a row of {length} words; positions count from 1")
    labels = torch.rand(count, length, generator=generator) < share
    labels &= torch.isin(torch.arange(1, length + 1), torch.tensor(list(positions)))
    rows = [[draw(SALAD_NAMES if is_name else ORDINARY, generator) for is_name in row] for row in labels.tolist()]
    return rows, labels.float()


def dna(count: int, length: int, motif: str, generator: torch.Generator, planted: int = 2) -> tuple[Tensor, Tensor]:
    """Return random DNA and, for each base, whether the motif has just been completed there.

    Args:
        motif: letters of ``BASES``, such as "TATA".
        planted: how many copies are written into each sequence, at random; more occur by chance, and copies may
            overlap. The labels count what is there in the end.

    Returns:
        Two of (count, length): the bases' indices in ``BASES``, and labels of 1.0 or 0.0.
    """
    _at_least_one(count=count, length=length)
    if not motif or set(motif) - set(BASES):
        raise ValueError(f"the motif {motif!r} must be letters of {BASES}, at least one")
    size = len(motif)
    if size > length:
        raise ValueError(f"a motif of {size} bases does not fit into {length}")
    pattern = torch.tensor([BASES.index(base) for base in motif])
    bases = torch.randint(len(BASES), (count, length), generator=generator)
    starts = torch.randint(length - size + 1, (count, planted), generator=generator)
    for copy in range(planted):
        spots = starts[:, copy, None] + torch.arange(size)  # (count, size)
        bases.scatter_(1, spots, pattern.expand(count, size))
    labels = torch.zeros(count, length)
    labels[:, size - 1 :] = (bases.unfold(1, size, 1) == pattern).all(-1).float()
    return bases, labels


def recall(count: int, lag: int, generator: torch.Generator, symbols: int = 4) -> tuple[Tensor, Tensor]:
    """Return sequences whose first symbol must be named ``lag`` steps later, after distractors of another alphabet.

    Returns:
        One-hot inputs (count, lag + 1, 2 * symbols), and the first symbol of each, (count,).
    """
    _at_least_one(count=count, lag=lag, symbols=symbols)
    first = torch.randint(symbols, (count, 1), generator=generator)
    distractors = torch.randint(symbols, 2 * symbols, (count, lag), generator=generator)
    return one_hot(torch.cat([first, distractors], 1), 2 * symbols), first[:, 0]


def adding(count: int, length: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return sequences of numbers of which two are marked, one in each half; their sum is asked for at the end.

    The adding problem (Hochreiter and Schmidhuber 1997, section 5.4), with numbers from 0 to 1: whoever always says 1
    makes a mean squared error of 1/6.

    Returns:
        (count, length, 2), a number and a mark of 1.0 or 0.0 at each step, and the sums (count,).
    """
    _at_least_one(count=count)
    if length < 2:
        raise ValueError(f"length is {length}; two numbers are marked, so it must be at least 2")
    numbers, marks = torch.rand(count, length, generator=generator), torch.zeros(count, length)
    middle, rows = length // 2, torch.arange(count)
    marks[rows, torch.randint(middle, (count,), generator=generator)] = 1.0
    marks[rows, torch.randint(middle, length, (count,), generator=generator)] = 1.0
    return torch.stack([numbers, marks], dim=2), (numbers * marks).sum(1)


def parity(count: int, length: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return sequences of 1.0 and -1.0, and at each step whether an odd number of 1.0 has come so far.

    Returns:
        Inputs (count, length, 1), and labels of 1.0 (odd) or 0.0, (count, length).
    """
    _at_least_one(count=count, length=length)
    bits = torch.randint(2, (count, length), generator=generator)
    return (2.0 * bits - 1.0)[..., None], (bits.cumsum(1) % 2).float()


def spelled_digits(
    count: int, longest: int, generator: torch.Generator, shortest: int = 1
) -> tuple[list[str], list[str]]:
    """Return digit strings as they are spelled, "three one four", and as they are written, "314".

    Both are sequences of characters, one about five times as long as the other: the text twin of speech recognition.

    Args:
        longest, shortest: how many digits a string has, each number as likely as any other.
    """
    _at_least_one(count=count, shortest=shortest)
    if longest < shortest:
        raise ValueError(f"longest is {longest} and shortest {shortest}; the longest string must not be the shorter")
    sizes = torch.randint(shortest, longest + 1, (count,), generator=generator).tolist()
    strings = [torch.randint(10, (size,), generator=generator).tolist() for size in sizes]
    written = ["".join(map(str, digits)) for digits in strings]
    return [" ".join(DIGITS[digit] for digit in digits) for digits in strings], written


def _at_least_one(**numbers: int) -> None:
    if wrong := {name: number for name, number in numbers.items() if number < 1}:
        name, number = next(iter(wrong.items()))
        raise ValueError(f"{name} is {number}; it must be at least 1")

r"""The ARPA format, in which toolkits hand each other back-off language models: one line of text for each n-gram.

A file says how many n-grams of each order follow, then lists them: log10 P, the tokens, and (below the highest order)
the log10 of the back-off weight, parted by tabs::

    \data\
    ngram 1=3
    ngram 2=1

    \1-grams:
    -99         <s>     -0.3
    -0.6        </s>
    -0.2        one     -0.1

    \2-grams:
    -0.1        <s> one

    \end\
"""

import math
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from course_utils.algorithms.language_model import BEGIN, UNKNOWN, Backoff, Ngram

NEVER = -99.0  # log10 of a probability of zero, as the format's users write it
LN_10 = math.log(10)
BLANK = re.compile(r"[ \t\r\n]")  # what ends a token; Unicode's other blanks may stand in one, as in "10\u00a0000"


def write_arpa(model: Backoff, path: str | os.PathLike) -> None:
    """Write a back-off model as an ARPA file; a toolkit that loads it (KenLM, SRILM) gives the same scores.

    The file takes its name when it is whole.

    Raises:
        ValueError: a token that holds a blank or a line break, which the format could not tell from the next token.
    """
    orders: dict[int, list[Ngram]] = defaultdict(list)
    for ngram in sorted({(BEGIN,), *model.log_probs}):
        orders[len(ngram)].append(ngram)
        if BLANK.search("".join(ngram)):
            broken = next(token for token in ngram if BLANK.search(token))
            raise ValueError(f"the token {broken!r} holds a blank; write it as another sign, for example '|'")
    lines = ["\\data\\", *(f"ngram {n}={len(orders[n])}" for n in range(1, model.order + 1))]
    for n in range(1, model.order + 1):
        lines += ["", f"\\{n}-grams:"]
        for ngram in orders[n]:
            fields = [_log10(model.log_probs.get(ngram, -math.inf)), " ".join(ngram)]
            if n < model.order and ngram in model.backoffs:
                fields.append(_log10(model.backoffs[ngram]))
            lines.append("\t".join(fields))
    path = Path(path)
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_text("\n".join([*lines, "", "\\end\\", ""]), encoding="utf-8")
    unfinished.replace(path)


def read_arpa(path: str | os.PathLike) -> Backoff:
    r"""Return the model of an ARPA file, whichever toolkit wrote it.

    Without an ``<unk>`` in the file, a token that it does not list has probability zero.

    Raises:
        ValueError: a damaged file; the message names the file, the line and what should stand there.
    """
    reader = _Reader(Path(path))
    counts = reader.header()
    log_probs: dict[Ngram, float] = {}
    backoffs: dict[Ngram, float] = {}
    for n, count in enumerate(counts, start=1):
        reader.section(n, count, n == len(counts), log_probs, backoffs)
    if reader.line != "\\end\\":
        raise reader.error(f"\\end\\ after {counts[-1]} {len(counts)}-grams")
    log_probs.pop((BEGIN,), None)  # listed for its back-off weight only
    return Backoff(len(counts), log_probs, backoffs)


class _Reader:
    """The lines of a file that are not blank, one at a time, and where we are."""

    def __init__(self, path: Path):
        self.path, self.number, self.line = path, 0, ""
        try:
            self.lines = self._numbered(path.read_text(encoding="utf-8"))
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is no ARPA file: it is not text in UTF-8 (byte {error.start})") from error

    @staticmethod
    def _numbered(text: str) -> Iterator[tuple[int, str]]:
        number = 0
        for number, line in enumerate(text.split("\n"), start=1):
            if line := line.strip(" \t"):
                yield number, line
        yield number, "the end of the file"

    def next(self) -> None:
        """Go to the line after the one that we are on; there is none after the end."""
        self.number, self.line = next(self.lines, (self.number, self.line))

    def error(self, wanted: str) -> ValueError:
        return ValueError(f"{self.path}, line {self.number}: expected {wanted}; got {self.line[:60]!r}")

    def header(self) -> list[int]:
        """Read the counts of all orders; what stands before ``\\data\\`` is a comment."""
        while self.line not in ("\\data\\", "the end of the file"):
            self.next()
        if self.line != "\\data\\":
            raise self.error("\\data\\ somewhere: an ARPA file starts with it")
        self.next()
        counts: list[int] = []
        while found := re.fullmatch(r"ngram\s+(\d+)\s*=\s*(\d+)", self.line):
            if int(found[1]) != len(counts) + 1:
                raise self.error(f"the number of {len(counts) + 1}-grams, 'ngram {len(counts) + 1}=…'")
            counts.append(int(found[2]))
            self.next()
        if not counts:
            raise self.error("'ngram 1=…', the number of unigrams")
        return counts

    def section(self, n: int, count: int, highest: bool, log_probs: dict, backoffs: dict) -> None:
        """Read the n-grams of one order into the two tables."""
        if self.line != f"\\{n}-grams:":
            raise self.error(f"\\{n}-grams: here, after what the header announced")
        self.next()
        for found in range(count):
            if self.line.startswith("\\") or self.line == "the end of the file":
                raise self.error(f"another {n}-gram: the header announces {count}, here are {found}")
            fields = [field for field in BLANK.split(self.line) if field]
            if len(fields) not in ((n + 1,) if highest else (n + 1, n + 2)):
                wanted = f"a log-probability and {n} tokens" + ("" if highest else ", perhaps a back-off weight")
                raise self.error(wanted)
            ngram = tuple(UNKNOWN if token == "<UNK>" else token for token in fields[1 : n + 1])
            if ngram in log_probs:
                raise self.error(f"each {n}-gram once")
            log_probs[ngram] = self._number(fields[0], "a log-probability, at most 0", at_most=0.0)
            if len(fields) == n + 2:
                backoffs[ngram] = self._number(fields[-1], "a back-off weight, a number")
            self.next()

    def _number(self, field: str, wanted: str, at_most: float = math.inf) -> float:
        try:
            value = float(field)
        except ValueError:
            value = math.nan
        if not value <= at_most or value == math.inf:
            raise self.error(wanted)
        return -math.inf if value <= NEVER else value * LN_10


def _log10(value: float) -> str:
    return f"{max(value / LN_10, NEVER):.9g}"

"""How wrong a transcript is: word and character error rates, the edits behind them, and how sure we can be.

For translations and summaries, of which many are right, BLEU and ROUGE ask how much of the wording is shared.
"""

import unicodedata
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace

import jiwer
import torch

Edit = tuple[str, Hashable | None, Hashable | None]  # operation, token of the reference, token of the hypothesis


@dataclass(frozen=True)
class EditCounts:
    """The fewest edits that turn a hypothesis into its reference, and the length of the reference."""

    substitutions: int
    deletions: int
    insertions: int
    length: int

    @property
    def edits(self) -> int:
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Edits per reference word: 0 is perfect, and more than 1 is possible."""
        if not self.length:
            raise ValueError("the reference is empty, so there is nothing to divide the errors by")
        return self.edits / self.length


def edit_table(reference: Sequence[Hashable], hypothesis: Sequence[Hashable]) -> list[list[int]]:
    """Return the table whose entry [i][j] is the fewest edits between i tokens of the one and j of the other.

    The last two tokens are equal and cost nothing, or one is put in place of the other, or one of them is left out:

        d[i][j] = d[i-1][j-1]                                       where they are equal,
                  1 + min(d[i-1][j-1], d[i-1][j], d[i][j-1])        where they differ

    (Wagner and Fischer 1974). In the last corner stands the edit distance (Levenshtein 1966).

    >>> edit_table("ab", "b")
    [[0, 1], [1, 1], [2, 1]]
    """
    table = [list(range(len(hypothesis) + 1))]
    for i, said in enumerate(reference, 1):
        above, row, left = table[-1], [i], i
        for heard, diagonal, up in zip(hypothesis, above, above[1:], strict=False):
            if said == heard:
                left = diagonal
            else:  # 1 + min(diagonal, up, left), twice as fast
                if up < left:
                    left = up
                left = (diagonal if diagonal < left else left) + 1
            row.append(left)
        table.append(row)
    return table


def align(reference: Sequence[Hashable], hypothesis: Sequence[Hashable]) -> list[Edit]:
    """Return the fewest edits that make the hypothesis of the reference, in order, equal tokens among them.

    Found on the way back through the table, from its last corner to its first. Where several alignments have as few
    edits, that way takes a substitution before a deletion, and a deletion before an insertion; libraries may differ.

    Returns:
        (operation, token of the reference, token of the hypothesis), the operation "equal", "substitute", "delete" (the
        last is None) or "insert" (the second is None).

    >>> align(["one", "two"], ["two", "three"])
    [('substitute', 'one', 'two'), ('substitute', 'two', 'three')]
    """
    table, i, j, edits = edit_table(reference, hypothesis), len(reference), len(hypothesis), []
    while i or j:
        if i and j and reference[i - 1] == hypothesis[j - 1]:
            i, j = i - 1, j - 1
            edits.append(("equal", reference[i], hypothesis[j]))
        elif i and j and table[i][j] == table[i - 1][j - 1] + 1:
            i, j = i - 1, j - 1
            edits.append(("substitute", reference[i], hypothesis[j]))
        elif i and table[i][j] == table[i - 1][j] + 1:
            i -= 1
            edits.append(("delete", reference[i], None))
        else:
            j -= 1
            edits.append(("insert", None, hypothesis[j]))
    return edits[::-1]


def count_edits(edits: Sequence[Edit]) -> EditCounts:
    """Return how many edits of each kind an alignment has, and how many tokens its reference."""
    found = Counter(operation for operation, _, _ in edits)
    length = len(edits) - found["insert"]
    return EditCounts(found["substitute"], found["delete"], found["insert"], length)


def edit_distance(reference: Sequence[Hashable], hypothesis: Sequence[Hashable]) -> int:
    """Return the fewest edits between two sequences: the last corner of `edit_table`, a whole column at once.

    Neighbours in the table differ by -1, 0 or 1. Bit i of ``up`` says that entry i of the column is one more than the
    entry above it, of ``down`` that it is one less; one sum and a few bit operations make the next column of them
    (Myers 1999, as put by Hyyrö 2003).
    """
    if not reference:
        return len(hypothesis)
    places: dict[Hashable, int] = {}
    for i, said in enumerate(reference):
        places[said] = places.get(said, 0) | 1 << i
    distance = len(reference)
    column, last = (1 << distance) - 1, 1 << distance - 1  # all bits of a column, and its lowest entry's
    up, down = column, 0
    for heard in hypothesis:
        equal = places.get(heard, 0)
        same = (((equal & up) + up) ^ up) | equal | down  # where the entry is that of its upper left neighbour
        more, fewer = down | ~(same | up), up & same  # the steps from the last column to this one
        if more & last:
            distance += 1
        elif fewer & last:
            distance -= 1
        more = more << 1 | 1  # the top row grows by one in each column
        up, down = (fewer << 1 | ~(same | more)) & column, more & same & column
    return distance


def normalise_text(text: str) -> str:
    """Return the text as it is compared: lower case, letters, digits and apostrophes only, single blanks.

    >>> normalise_text("Three,  ONE -- four!")
    'three one four'
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    plain = unicodedata.normalize("NFC", folded).replace("’", "'")  # casefold takes some letters apart, "ΐ" for one
    kept = (c if unicodedata.category(c)[0] in "LNM" or c == "'" else " " for c in plain)
    return " ".join("".join(kept).split())


def edit_counts(reference: str, hypothesis: str, characters: bool = False) -> EditCounts:
    """Return the edits between two texts, in words, or in characters (the blank among them)."""
    reference, hypothesis = normalise_text(reference), normalise_text(hypothesis)
    length = len(reference) if characters else len(reference.split())
    if not reference or not hypothesis:  # jiwer wants something on both sides
        inserted = len(hypothesis) if characters else len(hypothesis.split())
        return EditCounts(0, length, inserted, length)
    found = (jiwer.process_characters if characters else jiwer.process_words)(reference, hypothesis)
    return EditCounts(found.substitutions, found.deletions, found.insertions, length)


def wer(references: Sequence[str], hypotheses: Sequence[str]) -> float:
    """Return the word error rate, a fraction: all word edits over all reference words.

    >>> wer(["three one four", "one"], ["three four", "one"])
    0.25
    """
    return _rate(_all_counts(references, hypotheses))


def cer(references: Sequence[str], hypotheses: Sequence[str]) -> float:
    """Return the character error rate, a fraction: all character edits over all reference characters."""
    return _rate(_all_counts(references, hypotheses, characters=True))


def bleu(references: Sequence[str], hypotheses: Sequence[str], tokenize: str = "13a") -> float:
    """Return BLEU of the whole corpus, from 0 to 100 (Papineni et al. 2002), by sacrebleu (Post 2018).

    The geometric mean of the shares of the hypotheses' runs of one to four tokens that the references have too, times
    a penalty for being short. Other words with the same meaning count nothing.

    Args:
        tokenize: how sacrebleu finds tokens: "13a" for languages with blanks, "zh" for Chinese, "char" for characters.
    """
    import sacrebleu

    _check_pairs(references, hypotheses)
    if not references:
        raise ValueError("there are no texts, so nothing to compare")
    if tokenize not in sacrebleu.BLEU.TOKENIZERS:
        raise ValueError(f"no tokenizer {tokenize!r}; there are {', '.join(sacrebleu.BLEU.TOKENIZERS)}")
    return sacrebleu.corpus_bleu(list(hypotheses), [list(references)], tokenize=tokenize).score


def rouge(
    references: Sequence[str], hypotheses: Sequence[str], kind: str = "rougeL", characters: bool = False
) -> float:
    """Return ROUGE, the mean over texts of an F-measure from 0 to 1 (Lin 2004), by rouge_score.

    Args:
        kind: "rouge1" or "rouge2" for shared tokens or pairs of them, "rougeL" for the longest shared subsequence.
        characters: take characters for tokens. Words are runs of a to z and digits: without it, Chinese has none.
    """
    from rouge_score.rouge_scorer import RougeScorer  # brings nltk along, which takes seconds to load

    _check_pairs(references, hypotheses)
    if not references:
        raise ValueError("there are no texts, so nothing to compare")
    if kind not in ("rouge1", "rouge2", "rougeL"):
        raise ValueError(f"no kind {kind!r}; there are rouge1, rouge2 or rougeL")
    by_character = SimpleNamespace(tokenize=lambda text: [c for c in text if not c.isspace()])
    scorer = RougeScorer([kind], tokenizer=by_character if characters else None)
    scores = [scorer.score(r, h)[kind].fmeasure for r, h in zip(references, hypotheses, strict=True)]
    return sum(scores) / len(scores)


def bootstrap_interval(
    references: Sequence[str], hypotheses: Sequence[str], level: float = 0.95, draws: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Return the interval in which the word error rate would probably lie with other utterances from the same source.

    Utterances, not words, are drawn again with replacement, since the words of one utterance stand or fall together
    (Bisani and Ney 2004). It says nothing of how the rate changes with another training run.
    """
    if not 0 < level < 1 or draws < 1:
        raise ValueError(f"level {level} must lie between 0 and 1, and draws {draws} be at least 1")
    counts = _all_counts(references, hypotheses)
    edits = torch.tensor([float(count.edits) for count in counts])
    lengths = torch.tensor([float(count.length) for count in counts])
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(len(counts), (draws, len(counts)), generator=generator)
    rates = edits[drawn].sum(1) / lengths[drawn].sum(1).clamp(min=1.0)  # (draws,)
    low, high = torch.quantile(rates, torch.tensor([(1 - level) / 2, (1 + level) / 2])).tolist()
    return low, high


def _all_counts(references: Sequence[str], hypotheses: Sequence[str], characters: bool = False) -> list[EditCounts]:
    _check_pairs(references, hypotheses)
    counts = [edit_counts(r, h, characters) for r, h in zip(references, hypotheses, strict=True)]
    if not sum(count.length for count in counts):
        raise ValueError("the references hold no words, so there is nothing to divide the errors by")
    return counts


def _check_pairs(references: Sequence[str], hypotheses: Sequence[str]) -> None:
    if isinstance(references, str) or isinstance(hypotheses, str):
        raise ValueError("references and hypotheses are lists of texts; put a single text into a list: [text]")
    if len(references) != len(hypotheses):
        raise ValueError(f"{len(references)} references and {len(hypotheses)} hypotheses; each needs its partner")


def _rate(counts: Sequence[EditCounts]) -> float:
    return sum(count.edits for count in counts) / sum(count.length for count in counts)

"""Text as numbers: tokens, a vocabulary, one-hot vectors, and batches of sequences of unequal length."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

PAD, UNK = "<PAD>", "<UNK>"  # stand first in every vocabulary: indices 0 and 1


def tokenize(sentence: str) -> list[str]:
    """Return the words of a sentence in lower case, without punctuation.

    >>> tokenize("Sam Li and Tom date on Tuesday.")
    ['sam', 'li', 'and', 'tom', 'date', 'on', 'tuesday']
    """
    return re.findall(r"\w+(?:['’-]\w+)*", sentence.lower())


class Vocabulary:
    """The tokens that a model knows, each with an index: <PAD> is 0, <UNK> is 1, the others follow in sorted order.

    Iterating gives the entries in the order of their indices.

    Args:
        tokens: any number of them, repeated as they occur.
        least: how often a token must occur to get an entry; rarer ones are <UNK>.

    >>> words = Vocabulary(["li", "and", "sam"])
    >>> words.encode(["sam", "and", "zoe"])
    tensor([4, 2, 1])
    >>> words.decode([4, 2, 1])
    ['sam', 'and', '<UNK>']
    """

    def __init__(self, tokens: Iterable[str], least: int = 1):
        if isinstance(tokens, str):
            raise ValueError(f"tokens is the one string {tokens!r}; pass a list of tokens, as tokenize gives")
        counts = Counter(tokens)
        if strange := [token for token in counts if not isinstance(token, str)]:
            raise ValueError(f"a token is a string; got {strange[0]!r}")
        kept = sorted(token for token, count in counts.items() if count >= least and token not in (PAD, UNK))
        self._entries = [PAD, UNK, *kept]
        self._indices = {entry: index for index, entry in enumerate(self._entries)}

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __contains__(self, token: object) -> bool:
        return token in self._indices

    def __repr__(self) -> str:
        return f"Vocabulary of {len(self)} entries"

    def index(self, token: str) -> int:
        """Return a token's index; that of <UNK> if the token has none."""
        return self._indices.get(token, self._indices[UNK])

    def encode(self, tokens: Sequence[str]) -> Tensor:
        """Return the indices (T,) of the tokens, as whole numbers."""
        if isinstance(tokens, str):
            raise ValueError(f"tokens is the one string {tokens!r}; tokenize it first")
        return torch.tensor([self.index(token) for token in tokens], dtype=torch.long)

    def decode(self, indices: Iterable[int]) -> list[str]:
        """Return the entries with these indices."""
        wanted = [int(index) for index in indices]
        if wrong := [index for index in wanted if not 0 <= index < len(self)]:
            raise ValueError(f"index {wrong[0]} has no entry; this vocabulary's run from 0 to {len(self) - 1}")
        return [self._entries[index] for index in wanted]


def one_hot(indices: Tensor, size: int) -> Tensor:
    """Return for each index a vector of zeros with a single 1, in the index's place.

    Args:
        indices: whole numbers from 0 to size - 1, of any shape.

    Returns:
        float32 of the indices' shape and one more dimension of ``size``.
    """
    if indices.is_floating_point():
        raise ValueError(f"indices are {indices.dtype}; they must be whole numbers (torch.long)")
    if indices.numel() and not (int(indices.min()) >= 0 and int(indices.max()) < size):
        raise ValueError(
            f"indices run from {int(indices.min())} to {int(indices.max())}; {size} rows have 0 to {size - 1}"
        )
    return torch.nn.functional.one_hot(indices.long(), size).float()


def pad(sequences: Sequence[Tensor], value: float = 0) -> tuple[Tensor, Tensor]:
    """Return sequences of unequal length as one batch, filled up at the end, and their lengths.

    Args:
        sequences: B tensors of shape (T_i, ...), alike but for their first dimension.
        value: what padding is filled with; 0 is the index of <PAD>.

    Returns:
        (B, T, ...) with T the largest T_i, and the lengths (B,).
    """
    if not sequences:
        raise ValueError("there are no sequences to pad; a batch needs at least one")
    kinds = {(sequence.dim(), tuple(sequence.shape[1:])) for sequence in sequences}
    if len(kinds) > 1 or (0, ()) in kinds:
        shapes = [tuple(sequence.shape) for sequence in sequences]
        raise ValueError(f"sequences may differ in their first dimension only; these have shapes {shapes[:4]}")
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    return pad_sequence(list(sequences), batch_first=True, padding_value=value), lengths


def mask(lengths: Tensor, T: int | None = None) -> Tensor:
    """Return (B, T), True where a sequence has a token and False where it has padding.

    Args:
        lengths: (B,), whole numbers.
        T: the batch's length; the longest sequence's if None.

    >>> mask(torch.tensor([1, 3]))
    tensor([[ True, False, False],
            [ True,  True,  True]])
    """
    if lengths.dim() != 1 or lengths.is_floating_point() or not len(lengths):
        raise ValueError(f"lengths are {lengths.dtype} of shape {tuple(lengths.shape)}; give whole numbers (B,)")
    longest = int(lengths.max())
    T = longest if T is None else T
    if int(lengths.min()) < 0 or longest > T:
        raise ValueError(f"lengths run from {int(lengths.min())} to {longest}; they must lie in 0 to {T}")
    return torch.arange(T, device=lengths.device) < lengths[:, None]

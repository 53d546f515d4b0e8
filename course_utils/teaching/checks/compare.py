"""What is different between the result that was expected and the one that came, in words."""

import inspect
import math
import numbers
import reprlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

SMALL = 12  # tensors up to this many numbers are written out


@dataclass(frozen=True)
class Difference:
    """A headline that completes "your result …", and a remark that says where to look.

    ``in_value`` is set where type, shape and dtype are right.
    """

    headline: str
    remark: str = ""
    in_value: bool = False


def describe(value: Any) -> str:
    """Return a value in few words: small ones as they are, large ones by type and shape."""
    if isinstance(value, Tensor):
        kind = "" if value.dtype == torch.float32 else " " + str(value.dtype).removeprefix("torch.")
        if value.numel() > SMALL or value.device.type == "meta":
            return f"{kind.strip()} tensor of shape {tuple(value.shape)}".strip()
        if value.numel() == 0:
            return f"empty{kind} tensor of shape {tuple(value.shape)}"
        return f"{_rounded(value.detach().cpu().tolist())}{kind}"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"NumPy array of shape {tuple(value.shape)}, {value.dtype}"
    if inspect.isfunction(value):
        return f"the function {value.__name__}{inspect.signature(value)}"
    short = reprlib.Repr()
    short.maxlist = short.maxtuple = short.maxdict = SMALL
    short.maxstring = short.maxother = 80
    return short.repr(_rounded(value))


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if type(value) in (list, tuple):
        return type(value)(_rounded(item) for item in value)
    return value


def difference(expected: Any, got: Any, tolerance: float = 1e-5, where: str = "") -> Difference | None:
    """Return how the result differs from the expected one, or None where they agree.

    Lists and tuples are the same to it, and so are a Python number and a tensor or array without dimensions that
    stands where a number is expected.
    """
    place = f" (in {where})" if where else ""
    if got is None and expected is not None:
        return Difference(f"is None{place}", "Is the `return` missing, or does one branch end without it?")
    if got is Ellipsis:
        return Difference(f"is still `...`{place}", "Put your own code where the three dots are.")
    if isinstance(expected, Tensor):
        return _tensor_difference(expected, got, tolerance, place)
    if isinstance(expected, numbers.Number):
        return _number_difference(expected, got, tolerance, place)
    if isinstance(expected, list | tuple):
        return _sequence_difference(expected, got, tolerance, where)
    if isinstance(expected, dict) and isinstance(got, dict):
        if expected.keys() != got.keys():
            return Difference(f"has other keys{place}", _set_remark(expected.keys(), got.keys()))
        found = (difference(expected[key], got[key], tolerance, f"{where or 'result'}[{key!r}]") for key in expected)
        return next(filter(None, found), None)
    if type(expected) is not type(got):
        return _wrong_type(type(expected).__name__, got, place)
    if isinstance(expected, str | bytes | set | frozenset) or type(expected).__eq__ is not object.__eq__:
        return None if expected == got else Difference(f"is another {type(got).__name__}{place}", in_value=True)
    return None


def _set_remark(expected: Iterable[Any], got: Iterable[Any]) -> str:
    missing, extra = [k for k in expected if k not in got], [k for k in got if k not in expected]
    return "; ".join(f"{word}: {describe(keys)}" for word, keys in (("missing", missing), ("too many", extra)) if keys)


def _wrong_type(wanted: str, got: Any, place: str) -> Difference:
    kind = type(got).__name__
    if isinstance(got, Tensor):
        remark = "`.tolist()` or `.item()` turns a tensor into Python numbers."
    elif kind == "ndarray":
        remark = "It is a NumPy array; this exercise stays in torch and plain Python."
    elif kind == "generator":
        remark = "The function contains `yield`; give the finished result back with `return`."
    elif wanted == "Tensor" and kind in ("list", "tuple") and any(getattr(item, "ndim", 0) > 1 for item in got):
        remark = "`torch.cat(...)` joins matrices, `torch.stack(...)` lays equal ones on each other."
    elif callable(got):
        remark = "It is a function; call it and return what it gives."
    else:
        remark = (
            "`torch.tensor(...)` or `torch.stack(...)` makes a tensor of numbers or rows." if wanted == "Tensor" else ""
        )
    return Difference(f"has the wrong type{place}: {wanted} is asked for, {kind} came", remark)


def _number_difference(expected: Any, got: Any, tolerance: float, place: str) -> Difference | None:
    if not isinstance(got, numbers.Number):
        scalar = getattr(got, "ndim", None) == 0 and hasattr(got, "item")
        if not scalar:
            return _wrong_type(type(expected).__name__, got, place)
        got = got.item()
    if got != got and expected == expected:
        return Difference(f"is not a number (NaN){place}", _NAN)
    if isinstance(expected, int) and isinstance(got, float) and got.is_integer():
        got = int(got)
    whole = isinstance(expected, int) and isinstance(got, int)
    close = expected == got or (not whole and _close(expected, got, tolerance))
    return None if close else Difference(f"is another number{place}", in_value=True)


def _close(expected: Any, got: Any, tolerance: float) -> bool:
    if isinstance(expected, complex) or isinstance(got, complex):
        return abs(expected - got) <= tolerance * max(1.0, abs(expected))
    return math.isclose(expected, got, rel_tol=tolerance, abs_tol=tolerance) or (expected != expected and got != got)


def _sequence_difference(expected: Any, got: Any, tolerance: float, where: str) -> Difference | None:
    place = f" (in {where})" if where else ""
    if not isinstance(got, list | tuple):
        return _wrong_type(type(expected).__name__, got, place)
    pairs = zip(expected, got, strict=False)
    found = (difference(*pair, tolerance, f"{where or 'result'}[{k}]") for k, pair in enumerate(pairs))
    first = next(filter(None, found), None)
    if len(expected) != len(got):
        remark = "" if first else "What the two have in common agrees; look at the ends."
        return Difference(f"has {len(got)} elements{place}, {len(expected)} are asked for", remark)
    return first


_NAN = "Look for a division by zero, the log of zero, or a subtraction of infinities."


def _tensor_difference(expected: Tensor, got: Any, tolerance: float, place: str) -> Difference | None:
    if not isinstance(got, Tensor):
        return _wrong_type("Tensor", got, place)
    if got.device != expected.device:
        return Difference(
            f"lives on the device {got.device}{place}, the arguments on {expected.device}",
            "Make new tensors on the device of the arguments: `device=x.device`.",
        )
    if got.shape != expected.shape:
        return Difference(f"has the wrong shape{place}", _shape_remark(tuple(expected.shape), tuple(got.shape)))
    if got.dtype != expected.dtype:
        return Difference(f"has the wrong dtype{place}: {expected.dtype} is asked for, {got.dtype} came")
    return _element_difference(expected.detach(), got.detach(), tolerance, place) or _gradient(expected, got, place)


def _shape_remark(expected: tuple[int, ...], got: tuple[int, ...]) -> str:
    if len(expected) == len(got):
        if len(got) > 1 and got == expected[::-1]:
            return f"{got} is the transpose of {expected}: rows and columns have changed places."
        if len(got) > 2 and got == (expected[1], expected[0], *expected[2:]):
            return "The first two dimensions have changed places: batch comes first here."
        axis = next(k for k in range(len(got)) if expected[k] != got[k])
        return f"Dimension {axis} should be {expected[axis]}, and is {got[axis]}."
    if not got and len(expected) == 1:
        return f"A single number came; {expected[0]} in a row are asked for."
    if got == expected[1:]:
        return "The batch dimension, the first, is missing."
    if got == expected[:-1]:
        return "The last dimension is missing."
    if [size for size in got if size != 1] == [size for size in expected if size != 1]:
        return "Only dimensions of size 1 differ; look at `squeeze`, `unsqueeze` and `keepdim`."
    return f"It should have {len(expected)} dimensions, and has {len(got)}."


def _element_difference(expected: Tensor, got: Tensor, tolerance: float, place: str) -> Difference | None:
    exact = not (expected.is_floating_point() or expected.is_complex())

    def differs(one: Tensor, other: Tensor) -> Tensor:
        return one != other if exact else ~torch.isclose(one, other, tolerance, tolerance, equal_nan=True)

    wrong = differs(got, expected)
    if not wrong.any():
        return None
    index = tuple(wrong.nonzero()[0].tolist())
    came, asked = got[index].item(), expected[index].item()
    spot = f"At index {list(index)} expected {_rounded(asked)}, got {_rounded(came)}" if index else ""
    if not exact and not got.isfinite().all() and expected.isfinite().all():
        broken = tuple((~got.isfinite()).nonzero()[0].tolist())
        return Difference(f"contains {got[broken].item()}{place}, first at index {list(broken)}", _NAN)
    if expected.ndim == 2 and expected.shape[0] == expected.shape[1] > 1 and not differs(got, expected.T).any():
        return Difference(
            f"has the right numbers in the wrong places{place}", "It is the transpose of what is expected.", True
        )
    count = f"{int(wrong.sum())} of {wrong.numel()} numbers differ. " if wrong.numel() > 1 else ""
    return Difference(f"has the right shape and wrong numbers{place}", f"{count}{spot}".strip(), True)


def _gradient(expected: Tensor, got: Tensor, place: str) -> Difference | None:
    if got.requires_grad and not expected.requires_grad:
        return Difference(
            f"has the right numbers{place}, and asks for a gradient",
            "Nothing that was handed in does. Did you make parameters or a layer inside? Use the arguments.",
        )
    if expected.requires_grad and not got.requires_grad:
        return Difference(
            f"has the right numbers{place}, and has lost the gradient",
            "`.detach()`, `.item()`, `.data` and `torch.tensor(...)` cut it off.",
        )
    return None

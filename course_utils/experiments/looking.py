"""Nothing but a look: questions, a table to look them up in, and ways to learn where to look."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from course_utils import training
from course_utils.algorithms import attention, hard_attention


def lookup_batch(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return a name (B,), a table of names and numbers (B, 8), and the number beside that name (B,).

    Names are 0 to 19, numbers 0 to 9, and no name stands twice in a table.
    """
    names = torch.rand(count, 20, generator=generator).argsort(1)[:, :8]
    numbers = torch.randint(10, (count, 8), generator=generator)
    at = torch.randint(8, (count, 1), generator=generator)
    return names.gather(1, at)[:, 0], names, numbers, numbers.gather(1, at)[:, 0]


class Lookup(nn.Module):
    """Nothing but a look: names are asked for and found by, numbers are answered."""

    def __init__(self, size: int = 16):
        super().__init__()
        self.query, self.key = nn.Embedding(20, size), nn.Embedding(20, size)
        self.value, self.output = nn.Embedding(10, size), nn.Linear(size, 10)

    def forward(self, asked: Tensor, names: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return query (B, 1, D), keys (B, 8, D) and values (B, 8, D)."""
        return self.query(asked)[:, None], self.key(names), self.value(numbers)

    def losses(self, context: Tensor, answer: Tensor) -> Tensor:
        """Return the loss (B,) of each answer, given the contexts (B, 1, D)."""
        return cross_entropy(self.output(context[:, 0]), answer, reduction="none")


def learn_to_look(loss: Callable[[Lookup, tuple], Tensor], seed: int, hard: bool) -> Tensor:
    """Return the share of 1,000 new questions answered right after every 50 of 300 updates.

    Args:
        loss: of a model and a batch.
        hard: whether the test draws its looks, too, or mixes all values.
    """
    generator, curve = torch.manual_seed(seed), []
    model = Lookup()
    batches, (*table, answer) = [lookup_batch(32, generator) for _ in range(300)], lookup_batch(1000, generator)

    @torch.no_grad()
    def look_in(update: int, _: float) -> None:
        if update % 50 == 0:
            query, keys, values = model(*table)
            weights = attention.attend(query, keys, values)[1]
            chosen = hard_attention.draw(weights, generator) if hard else weights
            curve.append((model.output((chosen @ values)[:, 0]).argmax(1) == answer).float().mean())

    training.fit(model, batches, loss, updates=300, learning_rate=0.02, progress=False, on_update=look_in)
    return torch.stack(curve)


def noise_and_bias(estimates: Tensor, truth: Tensor) -> tuple[float, float]:
    """Return how far an estimate (N, D) lies from their mean, and their mean from the truth (D,), in its lengths.

    The mean of N estimates without bias is noise / √N away from the truth, by chance.
    """
    mean = estimates.mean(0)
    noise = (estimates - mean).square().sum(1).mean().sqrt()
    return float(noise / truth.norm()), float((mean - truth).norm() / truth.norm())

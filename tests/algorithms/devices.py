"""The devices that the agreement tests run on: the processor, and a GPU where there is one."""

import torch


def devices() -> list[str]:
    """Return "cpu", and "cuda" where torch sees a GPU."""
    return ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]

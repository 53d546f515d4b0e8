"""The recurrent layers, forwards and backwards, against torch.nn's; and how their time grows with T, B and H."""

import torch
from pairs import Curve, Row, against, curve, ratio
from torch import nn

from course_utils.algorithms.recurrent import GRU, LSTM, RNN

PEERS = [(RNN, nn.RNN, 0.85), (LSTM, nn.LSTM, 1.3), (GRU, nn.GRU, 1.15)]
B, H = 32, 128


def both_ways(layer: RNN | LSTM | GRU | nn.RNNBase, batch: int, steps: int):
    """Return work that runs a layer on a batch and asks for the gradients of its weights and inputs."""
    x = torch.randn(batch, steps, layer.input_size, requires_grad=True)
    weight = torch.randn(batch, steps, layer.hidden_size)

    def work():
        outputs, _ = layer(x)
        return torch.autograd.grad((outputs * weight).sum(), [x, *layer.parameters()])

    return work


def rows() -> list[Row]:
    found = []
    for ours, theirs, goal in PEERS:
        for steps, pairs in ((100, 11), (400, 5)):
            layer, peer = ours(H, H), theirs(H, H, batch_first=True)
            measured = ratio(both_ways(layer, B, steps), both_ways(peer, B, steps), pairs)
            found.append((f"`{ours.__name__}` against torch.nn, T = {steps}", *against(measured, goal)))
    return found


def growth() -> list[Curve]:
    """Linear in T and in B. In H the products grow with its square and the gates with H: between 1 and 2."""
    return [
        curve("`LSTM`, both ways", "T (steps)", [50, 100, 200, 400, 800], lambda n: both_ways(LSTM(H, H), B, n)),
        curve("`LSTM`, both ways", "B (sequences)", [32, 64, 128, 256], lambda n: both_ways(LSTM(H, H), n, 50)),
        curve("`LSTM`, both ways", "H (units)", [128, 256, 512, 1024], lambda n: both_ways(LSTM(n, n), B, 25), 2.0),
    ]


if __name__ == "__main__":
    for row in rows():
        print(*row, sep=" | ")
    for line in growth():
        print(line.name, line.size, line.seconds, round(line.exponent, 2), line.theory)

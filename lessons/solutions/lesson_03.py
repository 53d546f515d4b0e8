"""Solutions of lesson 03."""

import math

import torch


def gru_count():
    """Return how many numbers the network of the exercise learns."""
    features, units, outputs = 40, 100, 10
    block = units * features + units * units + 2 * units
    gru = 3 * block  # reset gate, update gate, candidate
    return gru + outputs * units + outputs


def lstm_step(x, h, c, W_ih, W_hh, b):
    """Return the new h and c."""
    sums = x @ W_ih.T + h @ W_hh.T + b  # (B, 4H)
    i, f, g, o = sums.chunk(4, dim=1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def gru_step(x, h, W_ih, W_hh, b_ih, b_hh):
    """Return the new state."""
    x_r, x_z, x_n = (x @ W_ih.T + b_ih).chunk(3, dim=1)
    h_r, h_z, h_n = (h @ W_hh.T + b_hh).chunk(3, dim=1)
    r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
    n = torch.tanh(x_n + r * h_n)  # r acts after the product
    return (1 - z) * n + z * h


def latch(write, read):
    """Return the gates f, i, o of each step."""
    return torch.stack([1 - write, write, read], dim=1)


def keep_bias(share, steps):
    """Return the bias of a forget gate that leaves this share."""
    f = share ** (1 / steps)  # its n-th power is the share
    return math.log(f / (1 - f))  # the sigmoid, turned round

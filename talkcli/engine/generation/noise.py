"""Normal noise made where it is used: by a counter, so that no device needs another's numbers.

Philox 4x32 with ten rounds (Salmon et al. 2011) turns number and key into four words of 32 bits. Those are
whole numbers, the same on every device; the normals that become of them differ by rounding alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

_FACTORS = 0xD2511F53, 0xCD9E8D57
_STRIDES = 0x9E3779B9, 0xBB67AE85
_WORD = 0xFFFFFFFF
_ROUNDS = 10
_AT_ONCE = {"cpu": 1 << 14, "cuda": 1 << 22}
"""Counters of a piece: on a CPU as many as its caches hold."""


def philox(counters: Sequence[Int[Tensor, " n"]], key: int) -> list[Int[Tensor, " n"]]:
    """Four words of 32 bits for each counter of four such words; `key` has 64 bits."""
    a, b, c, d = counters
    low, high = key & _WORD, key >> 32 & _WORD
    for _ in range(_ROUNDS):
        first, second = a * _FACTORS[0], c * _FACTORS[1]
        a = (second >> 32).bitwise_xor_(b).bitwise_xor_(low).bitwise_and_(_WORD)
        c = (first >> 32).bitwise_xor_(d).bitwise_xor_(high).bitwise_and_(_WORD)
        b, d = second, first
        low, high = low + _STRIDES[0] & _WORD, high + _STRIDES[1] & _WORD
    return [a, b & _WORD, c, d & _WORD]


def normals(key: int, first: int, count: int, device: torch.device | str = "cpu") -> Float[Tensor, " count"]:
    """Numbers [first, first + count) of a key's: each is the same whatever others are asked for.

    From each pair of words a point of the plane (Box and Muller 1958), 24 bits of each.
    """
    numbers = torch.arange(first // 4, -(-(first + count) // 4), device=device)
    nothing = torch.zeros_like(numbers)
    words = philox([numbers & _WORD, numbers >> 32, nothing, nothing], key)
    points = torch.empty(len(numbers), 4, device=device)
    for place in (0, 2):
        radius = ((words[place] >> 8) + 1).float().mul_(2**-24).log_().mul_(-2).sqrt_()
        angle = (words[place + 1] >> 8).float().mul_(2**-24 * 2 * math.pi)
        torch.mul(radius, angle.cos(), out=points[:, place])
        torch.mul(radius, angle.sin_(), out=points[:, place + 1])
    return points.flatten()[first % 4 :][:count]


def normal_noise(
    shape: Sequence[int], generator: torch.Generator, device: torch.device | str
) -> Float[Tensor, "*shape"]:
    """Normal numbers on a device, by a key that is drawn from a generator on the CPU."""
    key = int(torch.randint(2**62, (), generator=generator))
    device = torch.device(device)
    there = device if device.type in _AT_ONCE else torch.device("cpu")
    count, piece = math.prod(shape), 4 * _AT_ONCE[there.type]
    parts = [normals(key, start, min(piece, count - start), there) for start in range(0, count, piece)]
    return torch.cat(parts).to(device).view(*shape)

"""Light and the values that screens show it by: sRGB."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float32]


def linear(srgb: NDArray[np.uint8]) -> _Floats:
    """sRGB bytes to linear light 0..1."""
    return decoded(np.arange(256, dtype=np.float32))[srgb]


def decoded(values: _Floats) -> _Floats:
    """sRGB values 0..255 to linear light 0..1."""
    x = values / 255
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4).astype(np.float32)


def srgb_of(light: _Floats) -> _Floats:
    """Linear light 0..1 to sRGB 0..255, not rounded."""
    x = np.clip(light, 0, 1)
    return np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055) * np.float32(255)

"""Colour of skin, hair and eyes from their pigments, by Beer-Lambert absorption in linear red, green and
blue.

The coefficients are fitted (log least squares, residual below 1 sRGB step) to eight tones that we chose, from
very light to very dark skin. A grey floor, light that never enters the skin, keeps dark skin brown where pure
absorption would turn it orange; a saturating yellow part stands for pheomelanin and carotene, which colour
light skin first.
"""

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.face import look

_Array = NDArray[np.floating]
_FLOOR = 0.012
DERMIS = np.array([0.898, 0.685, 0.575])
"""Reflectance of skin without melanin and with an average amount of blood."""
EUMELANIN = np.array([1.0, 1.092, 1.075])
YELLOW, YELLOW_SCALE = np.array([0.0, 0.508, 1.003]), 0.577
_HAEMOGLOBIN = np.array(look.HAEMOGLOBIN)
"""Oxygenated blood absorbs green most (542 and 577 nm), blue a little less, red hardly."""
HAIR_EUMELANIN = np.array([4.2, 4.9, 5.7])
HAIR_PHEOMELANIN = np.array([0.45, 1.5, 3.1])
"""Ratios after C. Donner and H. W. Jensen 2006; scaled to hair a few strands deep."""


def skin_colour(melanin: _Array, blood: _Array) -> _Array:
    """Linear reflectance [n, 3]. `melanin` [n] runs from 0.03 (very light) to 3 (very dark); `blood` [n] is
    the amount beyond the average."""
    absorbed = melanin[:, None] * EUMELANIN + (1 - np.exp(-melanin[:, None] / YELLOW_SCALE)) * YELLOW
    absorbed = absorbed + blood[:, None] * _HAEMOGLOBIN
    return _FLOOR + (1 - _FLOOR) * np.minimum(DERMIS * np.exp(-absorbed), 0.97)


def hair_colour(eumelanin: float, pheomelanin: float, grey: float) -> _Array:
    """Linear reflectance [3] of a strand: eumelanin 0 (white) .. 1 (black), pheomelanin 0 .. 1 (red), grey 0
    .. 1."""
    strand = 0.60 * np.exp(-(eumelanin * HAIR_EUMELANIN + pheomelanin * HAIR_PHEOMELANIN)) + 0.005
    return strand * (1 - grey) + grey * np.array([0.19, 0.187, 0.182])


def to_srgb(linear: _Array) -> NDArray[np.uint8]:
    """Linear 0..1 to encoded bytes."""
    linear = np.clip(linear, 0, 1)
    srgb = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return (srgb * 255 + 0.5).astype(np.uint8)


def from_srgb(encoded: NDArray) -> _Array:
    """Encoded 0..255 to linear 0..1."""
    value = np.asarray(encoded, np.float64) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)

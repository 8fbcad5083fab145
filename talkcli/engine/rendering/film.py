"""What light becomes in a camera: a little of it strays, and the sensor has a grain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from talkcli.engine.rendering.colours import srgb_of

_Floats = NDArray[np.float32]

STRAYS, STRAYS_FAR = 0.045, 0.012
"""Share of the light that strays in a lens; how far, standard deviation, of the picture's shorter side."""

COARSE_GRAIN, GRAIN_PIXELS = 1.5, 0.75
"""Standard deviations: of a middle grey, in sRGB values 0..255; of a grain's size."""

GREY_GRAIN, COLOUR_GRAIN = 0.8, 0.45
"""Of which so much is alike in all three channels, and so much each one's own."""


def printed(light: NDArray[np.floating], seed: int) -> NDArray[np.uint8]:
    """sRGB of display light 0..1 [height, width, 3]; or 4 with what is covered, by which light is multiplied:
    what is clear has no light to stray, and no grain."""
    covered = light[..., 3:]
    if light.shape[2] == 4:
        own = light[..., :3] / np.maximum(covered, 1e-6)
    else:
        reach = STRAYS_FAR * min(light.shape[:2])
        own = light + STRAYS * (gaussian_filter(light, (reach, reach, 0), truncate=3) - light)
    values = srgb_of(own.astype(np.float32))
    values = np.clip(values + _grain(values.mean(2) / 255, seed), 0, 255)
    if covered.size:
        values *= covered > 0
    return (np.concatenate([values, 255 * covered], 2) + 0.5).astype(np.uint8)


def _grain(level: _Floats, seed: int) -> _Floats:
    """[height, width, 3] what grain adds to values at levels [height, width] 0..1."""
    noise = np.random.default_rng(seed).standard_normal((*level.shape, 4), np.float32)
    noise = gaussian_filter(noise, (GRAIN_PIXELS, GRAIN_PIXELS, 0))
    noise /= noise.std()
    strength = COARSE_GRAIN * np.sqrt(np.clip(4 * level * (1 - level), 0.05, 1))
    return (GREY_GRAIN * noise[..., 3:] + COLOUR_GRAIN * noise[..., :3]) * strength[..., None]

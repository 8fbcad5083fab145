"""The skin of a picture without the folds of its expression, which a face at rest has not."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from talkcli.engine.capture.atlas import Atlas
from talkcli.engine.capture.even_room import Texels
from talkcli.engine.capture.photographed_skin import SeenSkin
from talkcli.engine.face.acting import GAMMA, skin_ratios
from talkcli.engine.face.look import Wrinkles, activations

_FOLDED = 0.05, 0.25
"""Of the logarithm of light, how much folds and ridges change where trust begins to fall, and from where on
none is left."""

_ABOUT = 4.0
"""Texels by which a fold lies beside where the rig has it (standard deviation)."""

_HAIR = 0.5
"""Hairiness from which on a texel is hair, which does not fold."""


def unfolded(seen: SeenSkin, folds: Texels, hairy: NDArray[np.float32], maps: Atlas) -> SeenSkin:
    """The same, not trusted where an expression folds the skin. `folds` [n]: `light_of_folds`; `hairy` [n]:
    `hairiness` of the skin."""
    low, high = _FOLDED
    share = np.clip((folds - low) / (high - low), 0, 1) * maps.face * ~(np.nan_to_num(hairy) > _HAIR)
    return seen._replace(trust=(seen.trust * (1 - share)).astype(np.float32))


def light_of_folds(weights: NDArray[np.floating], wrinkles: Wrinkles, maps: Atlas) -> Texels:
    """[n] logarithms by which folds and ridges of an expression, weights [shapes] of the rig, change the
    light on the skin about a texel."""
    size, atlas = wrinkles.height.shape[1] // 2, maps.canvas.size
    active = activations(wrinkles, torch.from_numpy(weights).float()[None])[0]
    logs = GAMMA * torch.einsum("m,mchw->hw", active, skin_ratios(wrinkles, size)).numpy() / 3
    about = gaussian_filter(np.abs(logs), _ABOUT * size / atlas)
    row, column = np.divmod(maps.canvas.texels, atlas)
    return about[row * size // atlas, column * size // atlas].astype(np.float32)

"""Gaussians on CUDA through gsplat (extra `gsplat`): the same pictures as our kernels draw."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.errors import MissingAsset
from talkcli.engine.rendering.rasterize import NEAR


def _gsplat() -> Any:
    try:
        from gsplat import rasterization  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingAsset(
            f"Gaussians on CUDA need gsplat: {error}.", "pip install 'talkcli[gsplat]', or --device cpu"
        ) from error
    return rasterization


def blended_by_gsplat(
    places: Float[Tensor, "*batch n 3"],
    axes: Float[Tensor, "*batch n 3 3"],
    opacity: Float[Tensor, "*batch n"],
    colours: Float[Tensor, "*colours n 3"],
    views: Float[Tensor, "*batch views 3 4"],
    lenses: Float[Tensor, "*batch views 4"],
    size: tuple[int, int],
) -> tuple[Float[Tensor, "*batch views 3 height width"], Float[Tensor, "*batch views height width"]]:
    """Colours over black, and coverage; views in OpenCV's axes. MissingAsset without gsplat.

    `colours`: [*batch, n, 3], or [*batch, views, n, 3] where they differ from view to view.
    """
    last = views.new_tensor([0, 0, 0, 1]).expand(*views.shape[:-2], 1, 4)
    intrinsics = views.new_zeros(*views.shape[:-2], 3, 3)
    intrinsics[..., 0, 0], intrinsics[..., 1, 1] = lenses[..., 0], lenses[..., 1]
    intrinsics[..., 0, 2], intrinsics[..., 1, 2] = lenses[..., 2], lenses[..., 3]
    intrinsics[..., 2, 2] = 1
    still = places.new_tensor([1.0, 0, 0, 0]).expand(*places.shape[:-1], 4)
    pictures, coverage, _ = _gsplat()(
        places, still, torch.ones_like(places), opacity, colours.contiguous(), torch.cat([views, last], -2),
        intrinsics, *size, near_plane=NEAR, packed=False, covars=axes @ axes.mT,
    )  # fmt: skip
    return pictures.movedim(-1, -3), coverage[..., 0]

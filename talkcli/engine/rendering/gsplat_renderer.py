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
    places: Float[Tensor, "n 3"],
    axes: Float[Tensor, "n 3 3"],
    opacity: Float[Tensor, " n"],
    colours: Float[Tensor, "*views n 3"],
    views: Float[Tensor, "views 3 4"],
    lenses: Float[Tensor, "views 4"],
    size: tuple[int, int],
) -> tuple[Float[Tensor, "views 3 height width"], Float[Tensor, "views height width"]]:
    """Colours over black, and coverage; views in OpenCV's axes. MissingAsset without gsplat."""
    matrices = torch.cat([views, views.new_tensor([0, 0, 0, 1]).expand(len(views), 1, 4)], 1)
    intrinsics = views.new_zeros(len(views), 3, 3)
    intrinsics[:, 0, 0], intrinsics[:, 1, 1], intrinsics[:, 0, 2], intrinsics[:, 1, 2] = lenses.unbind(1)
    intrinsics[:, 2, 2] = 1
    still = places.new_tensor([1.0, 0, 0, 0]).expand(len(places), 4)
    pictures, coverage, _ = _gsplat()(
        places, still, torch.ones_like(places), opacity, colours.contiguous(), matrices, intrinsics, *size,
        near_plane=NEAR, packed=False, covars=axes @ axes.mT,
    )  # fmt: skip
    return pictures.permute(0, 3, 1, 2), coverage[..., 0]

"""What makes a published config small enough to take steps in a test."""

from __future__ import annotations

from typing import Any

from talkcli.engine.config import with_values
from talkcli.engine.methods import load_method

HUBERT: dict[str, Any] = {
    "hidden": 32, "layers": 2, "heads": 4, "feed_forward": 48, "convolution": 8, "position_kernel": 16,
    "position_groups": 4,
}  # fmt: skip
MAPS: dict[str, Any] = {
    "size": 64,
    "width": 8,
    "multipliers": (1, 2, 2),
    "blocks": 1,
    "latent": 4,
    "codes": 16,
    "groups": 4,
}
NARROW: dict[str, dict[str, Any]] = {
    "textalker": {
        "ears": {"0": HUBERT},
        "motion": MAPS,
        "texture": MAPS,
        "denoiser": {
            "features": 16, "layers": 1, "feed_forward": 32, "steps": 20, "motion": 1024, "texture": 1024
        },
    },
    "memorytalker": {"ears": {"0": HUBERT}, "features": 16, "feed_forward": 32},
}  # fmt: skip


def paper(name: str, clips: Any) -> Any:
    method = load_method(name)
    return with_values(method.sizes["paper"](clips), NARROW[name])

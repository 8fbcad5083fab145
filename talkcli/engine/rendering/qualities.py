"""By what a mesh may be drawn, and how well."""

from __future__ import annotations

from talkcli.engine.errors import BadUsage, pick

RENDERERS = ("numba", "pyrender", "pytorch3d")
QUALITIES = ("standard", "fine")


def check_quality(renderer: str, quality: str) -> None:
    """BadUsage for a quality that the renderer has not."""
    if pick(quality, QUALITIES, "quality") == "fine" and renderer == "pyrender":
        raise BadUsage("pyrender draws in one quality.", "Use --renderer numba, or leave --quality out.")

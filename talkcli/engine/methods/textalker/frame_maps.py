"""What TexTalker learns from: every frame of a corpus as an offset map and a wrinkle map."""

from __future__ import annotations

import functools
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.clips import ClipSet
from talkcli.engine.errors import BadInput
from talkcli.engine.face.acting import acting_skin, rig_folds, skin_ratios
from talkcli.engine.face.rig_maps import rig_maps
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.face.uv_maps import UVMap, drawn, uv_map
from talkcli.engine.methods.textalker.maps import normalised_offsets, wrinkle, wrinkle_of
from talkcli.engine.methods.textalker.talker import TexTalker
from talkcli.engine.motion import Coefficients, Textures, ratios

UNWRINKLED_WEIGHT = 0.05
"""How much a texel counts that no wrinkle reaches, beside 1 for the mean texel."""
_NEUTRALS = 64
"""Neutral skins that are kept at hand."""
_CPU = torch.device("cpu")
LOOKED_AT, AT_ONCE = 4000, 64
"""Frames in which a range of offsets is sought, and how many of them are drawn at a time."""


def frame_maps(network: TexTalker, clips: ClipSet, size: int) -> FrameMaps:
    """Of the rig, where the network moves one."""
    config = network.config
    if not config.rig_shapes:
        return MeshFrameMaps(clips, size, config.contrast)
    return RigFrameMaps(clips, network, size)


class RigFrameMaps:
    """Clips of the studio: weights of a rig's shapes, drawn on its mean face.

    A rig moves alike on every face, so one face stands for all; its skin does what the rig's wrinkles do.
    """

    def __init__(self, clips: ClipSet, network: TexTalker, size: int) -> None:
        config, names = network.config, network.config.rig_shapes
        self._contrast, self._names, self._rig_name = config.contrast, names, config.rig
        self._model = load_rig(config.rig)
        self._skin = acting_skin(self._model)
        self._columns = self._model.columns(names)
        self._tracks = [self._track(clips, index) for index in range(len(clips))]
        self._rig = rig_maps(self._model, size, names)
        self._ratios = skin_ratios(self._skin, size)
        self._rig_on, self._ratios_on = functools.cache(self._rig.to), functools.cache(self._ratios.to)
        self.frames = [len(track) for track in self._tracks]
        """How many each clip has."""
        self.importance = self._rig.importance
        """How much each texel of an offset map counts."""
        strength = self._ratios.square().sum((0, 1)).sqrt()
        self.wrinkled = UNWRINKLED_WEIGHT + strength / strength.mean()
        """How much each texel of a wrinkle map counts: most of the skin never changes."""

    def _track(self, clips: ClipSet, index: int) -> Float[Tensor, "frames shapes"]:
        face = clips.motion(index).face
        if not isinstance(face, Coefficients) or face.rig != self._rig_name:
            raise BadInput(
                f"{clips.names[index]} is no motion of the rig {self._rig_name}.",
                "Use clips of talk prepare studio.",
            )
        return face.expression[:, self._columns]

    def weights(self, clip: int) -> Float[Tensor, "frames shapes"]:
        """Of the named shapes."""
        return self._tracks[clip]

    def range(self) -> tuple[Float[Tensor, " 3"], Float[Tensor, " 3"]]:
        """The least and the greatest offset along each axis, metres."""
        frames = torch.cat(self._tracks)[:: max(1, sum(self.frames) // LOOKED_AT)]
        parts = (self._rig.maps(part) for part in frames.split(AT_ONCE))
        low, high = zip(*((part.amin((0, 2, 3)), part.amax((0, 2, 3))) for part in parts), strict=True)
        return torch.stack(low).amin(0), torch.stack(high).amax(0)

    def motions(
        self, clip: int, start: int, stop: int, low: Float[Tensor, " 3"], high: Float[Tensor, " 3"]
    ) -> Float[Tensor, "n 3 size size"]:
        """Offset maps of frames [start, stop) where `low` is, which is drawn as 0, and `high` as 1; where
        nothing is drawn, the map rests."""
        weights, rig = self._tracks[clip][start:stop].to(low.device), self._rig_on(low.device)
        low, high = low[:, None, None], high[:, None, None]
        return ((rig.maps(weights) - low) / (high - low)).clamp(0, 1)

    def folds(self, clip: int, start: int = 0, stop: int | None = None) -> Float[Tensor, "n folds"]:
        """How far the rig's wrinkles are on."""
        track = self._tracks[clip][start:stop]
        return rig_folds(self._model.spread(track, self._names), self._skin).weights

    def wrinkles(
        self, clip: int, start: int, stop: int, device: torch.device = _CPU
    ) -> Float[Tensor, "n 3 size size"]:
        """Wrinkle maps of the same frames, in [0, 1), made on a device."""
        folds = self.folds(clip, start, stop).to(device)
        return wrinkle_of(ratios(Textures(folds, self._ratios_on(device))) ** self._contrast)


class MeshFrameMaps:
    """Clips of captured meshes and textures, such as TexTalk4D's."""

    def __init__(self, clips: ClipSet, size: int, contrast: float = 1.0) -> None:
        self._clips, self._size, self._contrast = clips, size, contrast
        self.importance = self.wrinkled = None
        self._atlas_on = functools.cache(lambda device: self._atlas.to(device))
        self._neutral = functools.lru_cache(maxsize=_NEUTRALS)(lambda film: film.neutral)
        self.frames = [len(clips.motion(index)) for index in range(len(clips))]
        for index in range(len(clips)):
            if clips.textures(index) is None:
                raise BadInput(
                    f"{clips.names[index]} has no textures.", "Prepare a corpus that has: textalk4d."
                )

    @cached_property
    def _atlas(self) -> UVMap:
        avatar = self._clips.avatar(0)
        if avatar.uv is None or avatar.uv_faces is None:
            raise BadInput(f"Avatar {avatar.name} has no UV layout.", "Prepare the corpus again.")
        return uv_map(avatar.faces, avatar.uv, avatar.uv_faces, self._size)

    def range(self) -> tuple[Float[Tensor, " 3"], Float[Tensor, " 3"]]:
        low, high = torch.full((3,), torch.inf), torch.full((3,), -torch.inf)
        for clip in range(len(self.frames)):
            offsets = self._clips.offsets(clip)
            low, high = low.minimum(offsets.amin((0, 1))), high.maximum(offsets.amax((0, 1)))
        return low, high

    def motions(
        self, clip: int, start: int, stop: int, low: Float[Tensor, " 3"], high: Float[Tensor, " 3"]
    ) -> Float[Tensor, "n 3 size size"]:
        """Where nothing is drawn, the map is 0, as published."""
        offsets = self._clips.offsets(clip, start, stop).to(low.device)
        return drawn(normalised_offsets(offsets, low, high), self._atlas_on(low.device))

    def wrinkles(
        self, clip: int, start: int, stop: int, device: torch.device = _CPU
    ) -> Float[Tensor, "n 3 size size"]:
        film = self._clips.textures(clip)
        assert film is not None
        frames = torch.stack([film.frame(i) for i in range(start, min(stop, film.count))])
        return wrinkle(frames.to(device), self._neutral(film).to(device), self._contrast)


FrameMaps = RigFrameMaps | MeshFrameMaps

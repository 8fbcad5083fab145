"""What TexTalker learns from: every frame of a corpus as an offset map and a wrinkle map."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.clips import ClipSet
from talkcli.engine.errors import BadInput
from talkcli.engine.face.acting import skin_ratios
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.look import activations
from talkcli.engine.face.rig_maps import RigMaps, rig_maps
from talkcli.engine.face.uv_maps import UVMap, drawn, uv_map
from talkcli.engine.methods.textalker.maps import wrinkle, wrinkle_of
from talkcli.engine.motion import Coefficients, Vertices


class Lessons(Protocol):
    """The frames of some clips, map by map."""

    frames: Sequence[int]
    """How many each clip has."""
    importance: Float[Tensor, "size size"] | None
    """How much each texel counts; None: all alike."""

    def offsets(self, clip: int, start: int, stop: int) -> Float[Tensor, "n 3 size size"]:
        """Offset maps of frames [start, stop), metres."""
        ...

    def wrinkles(self, clip: int, start: int, stop: int) -> Float[Tensor, "n 3 size size"]:
        """Wrinkle maps of the same frames, in [0, 1)."""
        ...


class RigLessons:
    """Clips of the studio: weights of the built-in head's shapes, drawn on its mean face.

    A rig moves alike on every face, so one face stands for all; its skin does what the rig's wrinkles do.
    """

    def __init__(self, clips: ClipSet, names: tuple[str, ...], size: int) -> None:
        known = load_face_model().shape_names
        self._columns = [known.index(name) for name in names]
        self._tracks = [self._track(clips, index) for index in range(len(clips))]
        self._rig, self._size = rig_maps(size, names), size
        self.frames = [len(track) for track in self._tracks]
        self.importance = self._rig.importance

    def _track(self, clips: ClipSet, index: int) -> Float[Tensor, "frames shapes"]:
        face = clips.motion(index).face
        if not isinstance(face, Coefficients) or face.space != "arkit":
            raise BadInput(
                f"{clips.names[index]} is no motion of the rig's named shapes.",
                "Use clips of talk prepare studio.",
            )
        return face.expression[:, self._columns]

    @property
    def rig(self) -> RigMaps:
        return self._rig

    def weights(self, clip: int) -> Float[Tensor, "frames shapes"]:
        """Of the named shapes."""
        return self._tracks[clip]

    def offsets(self, clip: int, start: int, stop: int) -> Float[Tensor, "n 3 size size"]:
        return self._rig.maps(self._tracks[clip][start:stop])

    def wrinkles(self, clip: int, start: int, stop: int) -> Float[Tensor, "n 3 size size"]:
        track = self._tracks[clip][start:stop]
        model = load_face_model()
        assert model.wrinkles is not None
        whole = track.new_zeros(len(track), len(model.shape_names))
        whole[:, self._columns] = track
        active, ratios = activations(model.wrinkles, whole), skin_ratios(self._size)
        return wrinkle_of((active @ ratios.flatten(1)).exp()).unflatten(1, ratios.shape[1:])


class CorpusLessons:
    """Clips of captured meshes and textures, such as TexTalk4D's."""

    importance = None

    def __init__(self, clips: ClipSet, size: int) -> None:
        self._clips, self._size = clips, size
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

    def offsets(self, clip: int, start: int, stop: int) -> Float[Tensor, "n 3 size size"]:
        face = self._clips.motion(clip).face
        assert isinstance(face, Vertices)
        return drawn(face.offsets[start:stop], self._atlas)

    def wrinkles(self, clip: int, start: int, stop: int) -> Float[Tensor, "n 3 size size"]:
        film = self._clips.textures(clip)
        assert film is not None
        neutral = film.frame(0)
        return torch.stack([wrinkle(film.frame(i), neutral) for i in range(start, min(stop, film.count))])

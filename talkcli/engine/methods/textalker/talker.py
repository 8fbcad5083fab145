"""TexTalker: speech to latents of motion and of skin, latents to UV maps, maps to a face.

Li et al., CVPR 2025.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.assets import DEFAULT_RIG
from talkcli.engine.audio.ear import Listened
from talkcli.engine.audio.ears import EarConfig
from talkcli.engine.audio.pauses import rests
from talkcli.engine.audio.wav2vec import HubertConfig
from talkcli.engine.config import check_limits
from talkcli.engine.device import exact_products
from talkcli.engine.errors import BadInput
from talkcli.engine.face.acting import acting_skin, folds_of, skin_ratios
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.look import FULL
from talkcli.engine.face.rig_maps import rig_maps
from talkcli.engine.face.rigs import check_wears, load_rig
from talkcli.engine.face.uv_maps import UVReader, read_maps, uv_reader
from talkcli.engine.methods.method import Talker, Track
from talkcli.engine.methods.textalker.autoencoder import Autoencoder, AutoencoderConfig
from talkcli.engine.methods.textalker.critic import Critic
from talkcli.engine.methods.textalker.denoiser import FPS, DenoiserConfig
from talkcli.engine.methods.textalker.diffuser import Diffuser
from talkcli.engine.methods.textalker.factors import Factors
from talkcli.engine.methods.textalker.hearing import EarHearing, HubertHearing, hearing
from talkcli.engine.methods.textalker.maps import (
    PUBLISHED_HIGH,
    PUBLISHED_LOW,
    denormalised_offsets,
    ratio_of,
)
from talkcli.engine.methods.textalker.regressor import Regressor
from talkcli.engine.motion import (
    WHAT_IS_SPOKEN,
    Coefficients,
    Face,
    Folds,
    Motion,
    Shapes,
    Textures,
    check_reach,
)
from talkcli.engine.scans import TEXTALK4D_UNIT
from talkcli.engine.speech import Counted, Speech

MOTION_STYLE, TEXTURE_STYLE = "textalker/motion", "textalker/texture"
"""Names of the two pivots among an avatar's styles."""
AXES = ("motion_axes", "texture_axes")
_FINE, _FAINT = 2e-5, 4e-3
"""What is let go where frames become mixtures: metres of a vertex, and logarithm of a texel's ratio."""
_LONG = 120
"""Seconds of speech from which on compiling what paints is repaid."""


@dataclass(frozen=True)
class Sampling:
    """How motion is drawn; changed by `talk animate --set steps=...`."""

    steps: int = 20
    """Of the fast sampler; 0 takes all steps of training, as published."""
    guidance: float = 1.0
    """How much more than the training data's the speech counts."""
    temperature: float = 1.0
    """Scale of the noise that a window begins with: less of it is calmer, 0 leaves nothing to chance."""
    flexibility: float = 0.0
    """Of the fresh noise where all steps are taken: 1 adds the most that the theory allows."""
    threshold: float = 0.0
    """Quantile of a window's magnitudes past which latents are cut at every step; 0 cuts nothing."""
    threshold_least: float = 1.0
    threshold_most: float = 4.0
    """Between which that threshold lies."""
    texture: bool = True
    """Whether the skin is made at all."""
    painted: bool = False
    """Whether a rig's weights are solved for in painted maps where they could be read from latents."""

    def __post_init__(self) -> None:
        check_limits(self, steps=(0, 10_000), guidance=(-100, 100), temperature=(0, 100), flexibility=(0, 1))
        check_limits(self, threshold=(0, 1), threshold_least=(0, 1e3), threshold_most=(0, 1e3))


@dataclass(frozen=True)
class TexTalkerConfig:
    """Sizes as published; `as_published` is so throughout. What was made before these settings is as they are
    by default."""

    motion: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    texture: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    denoiser: DenoiserConfig = field(default_factory=DenoiserConfig)
    ears: tuple[EarConfig, ...] = (HubertConfig(),)
    reach: int = 0
    """Frames on either side of which a frame hears what they hear; HuBERT alone needs none."""
    rig_shapes: tuple[str, ...] = ()
    """Named shapes of a rig that the talker moves; without them it moves vertices."""
    rig: str = DEFAULT_RIG
    """Of the faces that it learnt from, where it moves named shapes."""
    regressor: int = 0
    """Width of what reads weights of the rig's shapes and folds straight from latents; 0: maps are painted,
    and weights solved for."""
    sampling: Sampling = Sampling()
    """How it draws unless told otherwise."""
    contrast: float = 1.0
    """Wrinkle maps show texture ratios to this power: small codebooks see faint folds better."""
    counted: Counted = "nearest"
    """How many frames a recording has."""
    uv: Literal["511", "512"] = "511"
    """Where in a map a vertex is read (`uv_maps.uv_reader`)."""
    published: bool = False
    """Whether it learns as its authors' code taught it, and not as the starter is taught (`stages`)."""

    def __post_init__(self) -> None:
        check_limits(self, reach=(0, 1000), contrast=(0.01, 100), regressor=(0, 65_536))


def as_published(config: TexTalkerConfig) -> TexTalkerConfig:
    """The same network in all else as its authors have it."""
    return replace(config, sampling=Sampling(steps=0), counted="whole", uv="512", published=True)


class Part(NamedTuple):
    """What one window becomes."""

    face: Float[Tensor, "frames numbers"]
    """Weights of the rig's shapes, or offsets of vertices, metres."""
    skin: Float[Tensor, "frames folds"] | Float[Tensor, "frames 3 rows columns"] | None
    """How far the rig's wrinkles are on, or logarithms of texture ratios."""

    def at_rest(self, share: Float[Tensor, " frames"]) -> Part:
        """Nearer to the face at rest by this share."""
        left = 1 - share.to(self.face.device)
        face, skin = (None if part is None else part * left.view(-1, *[1] * (part.ndim - 1)) for part in self)
        assert face is not None
        return Part(face, skin)

    def cpu(self) -> Part:
        """Where all but networks live."""
        return Part(self.face.cpu(), None if self.skin is None else self.skin.cpu())


class TexTalker(Talker):
    """Speech to 30 frames a second of motion and skin, by diffusion over latents.

    It moves an avatar with a UV layout as Shapes with Textures, or the built-in rig as Coefficients with
    Folds; skin only where `sampling.texture` asks for it. BadInput for an avatar that it cannot move.
    """

    method = "textalker"
    low: Tensor
    high: Tensor
    """[3]: offsets that 0 and 1 of a motion map stand for, metres."""
    motion_pivot: Tensor
    texture_pivot: Tensor
    """[dims]: the mean latents of the speakers of the training data."""
    spread: Tensor
    """[2]: what latents of motion and texture, less their pivots, are divided by for the diffusion."""
    motion_axes: Tensor | None
    texture_axes: Tensor | None
    """[dims, parts]: principal components of the latents, where the diffusion draws fewer numbers than they
    have. None where it draws them all, as published."""

    def __init__(self, config: TexTalkerConfig) -> None:
        super().__init__()
        self.config = config
        self.sampling = config.sampling
        self.motion, self.texture = Autoencoder(config.motion), Autoencoder(config.texture)
        encoder = hearing(config.ears, config.reach)
        self.diffuser = Diffuser(config.denoiser, encoder, encoder.width)
        self.critic: Critic | None = None
        """Present while a codebook is being trained."""
        self.register_buffer("low", TEXTALK4D_UNIT * torch.tensor(PUBLISHED_LOW))
        self.register_buffer("high", TEXTALK4D_UNIT * torch.tensor(PUBLISHED_HIGH))
        self.register_buffer("motion_pivot", torch.zeros(config.motion.dims))
        self.register_buffer("texture_pivot", torch.zeros(config.texture.dims))
        self.register_buffer("spread", torch.ones(2))
        widths = (config.denoiser.motion, config.denoiser.texture)
        for name, maps, parts in zip(AXES, (config.motion, config.texture), widths, strict=True):
            self.register_buffer(name, torch.zeros(maps.dims, parts) if parts < maps.dims else None)
        self.weights_of: Regressor | None = None
        self.folds_of: Regressor | None = None
        """Straight from latents of motion and of skin."""
        if config.regressor and config.rig_shapes:
            folds, hidden = acting_skin(load_rig(config.rig)).names, config.regressor
            self.weights_of = Regressor(config.motion.dims, hidden, len(config.rig_shapes))
            self.folds_of = Regressor(config.texture.dims, hidden, len(folds))

    @property
    def moves(self) -> frozenset[Track]:
        return frozenset[Track]({"mouth", "skin"} if self.sampling.texture else {"mouth"})

    def leave_skin(self) -> None:
        self.sampling = replace(self.sampling, texture=False)

    def waits(self, seconds: float) -> str:
        device, paints = self.low.device, self.weights_of is None or self.sampling.painted
        if self.precision == "full" or device.type != "cuda" or not paints or seconds < _LONG:
            return ""
        done = all(maps.painter(self.precision).is_compiled for maps in self._painting())
        return "" if done else "Compiling what paints maps, for half a minute"

    def get_ready(self) -> None:
        for maps in self._painting():
            maps.painter(self.precision).compile(self.config.denoiser.window)

    def _painting(self) -> list[Autoencoder]:
        return [self.motion, self.texture] if self.sampling.texture else [self.motion]

    @property
    def hearing(self) -> HubertHearing | EarHearing:
        encoder = self.diffuser.audio_encoder
        assert isinstance(encoder, HubertHearing | EarHearing)
        return encoder

    @torch.no_grad()
    def animate(
        self,
        speech: Speech,
        avatar: Avatar,
        *,
        seed: int = 0,
        progress: Callable[[float], None] = lambda share: None,
    ) -> Motion:
        """Windows of `denoiser.window` frames, each continuing the one before; 30 frames a second."""
        face, texture = self._gathered(self._parts(speech, avatar, seed), self._frames(speech), progress)
        return Motion(Fraction(FPS), face, texture=texture, provenance=self.signed(avatar, seed))

    @torch.no_grad()
    def windows(self, speech: Speech, avatar: Avatar, *, seed: int = 0) -> Iterator[Part]:
        """The motion as it is made: three seconds at a time, the same numbers as all at once. In pauses that
        an ear hears for certain the face comes to rest."""
        yield from (part.cpu() for part in self._parts(speech, avatar, seed))

    def _parts(self, speech: Speech, avatar: Avatar, seed: int) -> Iterator[Part]:
        """Those of `windows`, on the device."""
        reader, pivots, frames = self._reader(avatar), self._pivots(avatar), self._frames(speech)
        features = self.hearing.listened(
            speech.waveform.to(self.low.device), frames, self.config.denoiser.window
        )
        rest = rests(lambda start, stop: self.hearing.silence(features(start, stop)), frames, FPS)
        done = 0
        for motion, texture in self.drawn(features, frames, pivots, seed):
            stop = done + len(motion)
            yield self.shown(motion, texture, reader).at_rest(rest(done, stop))
            done = stop

    def drawn(
        self,
        heard: Listened,
        frames: int,
        pivots: tuple[Float[Tensor, " motion_dims"], Float[Tensor, " texture_dims"]],
        seed: int,
    ) -> Iterator[tuple[Float[Tensor, "n motion_dims"], Float[Tensor, "n texture_dims"]]]:
        """Latents of motion and of skin, window by window, pivots included."""
        sampling = self.sampling
        generator = torch.Generator().manual_seed(seed)
        for part in self.diffuser.latents(
            heard,
            frames,
            generator,
            steps=sampling.steps,
            guidance=sampling.guidance,
            temperature=sampling.temperature,
            flexibility=sampling.flexibility,
            threshold=(sampling.threshold, sampling.threshold_least, sampling.threshold_most),
        ):
            codes = part[0].split([self.config.denoiser.motion, self.config.denoiser.texture], 1)
            motion, texture = (
                (code * spread if axes is None else code * spread @ axes.T) + pivot.to(code.device)
                for code, spread, axes, pivot in zip(
                    codes, self.spread, (self.motion_axes, self.texture_axes), pivots, strict=True
                )
            )
            yield motion, texture

    def shown(
        self,
        motion: Float[Tensor, "n motion_dims"],
        texture: Float[Tensor, "n texture_dims"],
        reader: UVReader | None,
    ) -> Part:
        """What the latents of one window look like, on the device."""
        return Part(self._face(motion, reader), self._skin(texture) if self.sampling.texture else None)

    def _gathered(
        self, windows: Iterator[Part], frames: int, progress: Callable[[float], None]
    ) -> tuple[Face, Textures | Folds | None]:
        """One face and one skin of all windows, an hour of dense maps as few mixtures."""
        weights = folds = None
        mesh, skin = Factors(_FINE), Factors(_FAINT)
        count = 0
        for part in windows:
            check_reach(WHAT_IS_SPOKEN, *(track for track in part if track is not None))
            if self.config.rig_shapes:
                part = part.cpu()
                weights = _filled(weights, part.face, count, frames)
            else:
                mesh.add(part.face)
            if part.skin is not None and self.config.rig_shapes:
                folds = _filled(folds, part.skin, count, frames)
            elif part.skin is not None:
                skin.add(part.skin)
            count += len(part.face)
            progress(count / frames)
        texture = None if folds is None else Folds(folds)
        if skin.basis is not None:
            size = self.config.texture.size
            texture = Textures(skin.weights().cpu(), skin.basis.view(-1, 3, size, size).cpu())
        return _mixed(mesh) if weights is None else self._named(weights), texture

    def _frames(self, speech: Speech) -> int:
        return speech.frames(FPS, self.config.counted)

    def _reader(self, avatar: Avatar) -> UVReader | None:
        """How a mesh reads its offsets from a map; None on the rig, whose weights are solved for."""
        if self.config.rig_shapes:
            check_wears(avatar, self.config.rig)
            return None
        if avatar.uv is None or avatar.uv_faces is None:
            raise BadInput(
                f"This model paints over a UV layout; avatar {avatar.name} has none.",
                "Prepare one with its textures: talk prepare textalk4d FOLDER CLIPS",
            )
        size = self.config.motion.size
        reader = uv_reader(
            avatar.faces, avatar.uv, avatar.uv_faces, size, self.config.uv, verts=len(avatar.neutral)
        )
        return reader.to(self.low.device)

    def _pivots(self, avatar: Avatar) -> tuple[Tensor, Tensor]:
        """The avatar's own manner of moving and of wearing its skin, or the training speakers' mean."""
        reasons = []
        for name, mean in ((MOTION_STYLE, self.motion_pivot), (TEXTURE_STYLE, self.texture_pivot)):
            pivot = avatar.styles.get(name, mean)
            if pivot.shape != mean.shape:
                raise BadInput(
                    f"The {name} in {avatar.name} has {len(pivot)} numbers, this model wants {len(mean)}.",
                    "Make it again with this model: talk personalize CLIPS --model ...",
                )
            reasons.append(pivot)
        return reasons[0], reasons[1]

    def _face(self, latents: Tensor, reader: UVReader | None) -> Float[Tensor, "frames numbers"]:
        if self.weights_of is not None and not self.sampling.painted:
            return self.weights_of(latents)
        grid = self.config.motion.grid
        motion_maps = self.motion.decode(latents.unflatten(1, (-1, grid, grid)), self.precision)
        offsets = denormalised_offsets(motion_maps, self.low, self.high)
        if reader is None:
            config = self.config
            maps = rig_maps(load_rig(config.rig), config.motion.size, config.rig_shapes)
            with exact_products():
                return maps.weights(offsets)
        return read_maps(offsets, reader).flatten(1)

    def _skin(self, latents: Tensor) -> Float[Tensor, "frames ..."]:
        if self.folds_of is not None and not self.sampling.painted:
            return self.folds_of(latents).clamp(0, FULL)
        grid = self.config.texture.grid
        maps = self.texture.decode(latents.unflatten(1, (-1, grid, grid)), self.precision)
        logs = ratio_of(maps).log() / self.config.contrast
        if not self.config.rig_shapes:
            return logs
        with exact_products():
            return folds_of(logs, skin_ratios(acting_skin(load_rig(self.config.rig)), logs.shape[-1])).weights

    def _named(self, weights: Float[Tensor, "frames shapes"]) -> Coefficients:
        expression = load_rig(self.config.rig).spread(weights, self.config.rig_shapes)
        return Coefficients(expression, torch.zeros(len(weights), 3), self.config.rig)


def _filled(
    track: Float[Tensor, "frames n"] | None, part: Float[Tensor, "window n"], start: int, frames: int
) -> Float[Tensor, "frames n"]:
    """The track with this part at its place; it is made whole at once, so that nothing small stays in memory
    between the large maps that go."""
    track = part.new_empty(frames, part.shape[1]) if track is None else track
    track[start : start + len(part)] = part
    return track


def _mixed(mesh: Factors) -> Face:
    assert mesh.basis is not None
    return Shapes(mesh.weights().cpu(), mesh.basis.unflatten(1, (-1, 3)).cpu())

"""What the diffusion learns from: two windows of speech, six seconds, and the latents of face and skin."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from talkcli.engine.clips import ClipSet, Example
from talkcli.engine.face.mouth_motion import attention_to, gap_of, importance, principal_motions, projected
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.layers.resampling import beside_neighbours
from talkcli.engine.methods.textalker.autoencoder import Autoencoder
from talkcli.engine.methods.textalker.denoiser import FPS
from talkcli.engine.methods.textalker.encodings import Maps, identity, latents_of, pivots
from talkcli.engine.methods.textalker.frame_maps import FrameMaps, RigFrameMaps
from talkcli.engine.methods.textalker.talker import TexTalker
from talkcli.engine.speech import SAMPLE_RATE
from talkcli.engine.struct import TensorStruct
from talkcli.engine.training.listening import heard_beforehand, misheard

VIEWS = 16
"""Principal motions of the mouth that are seen besides the latents."""
SAMPLE = 20_000
"""Frames from which they are sought."""


class SpeechWindows(TensorStruct):
    """Two windows of speech, alone or stacked."""

    waveform: Float[Tensor, "*batch samples"] | None
    """None where what is heard is known beforehand."""
    features: Float[Tensor, "*batch frames width"] | None
    """What is heard, known beforehand."""
    latents: Float[Tensor, "*batch frames dims"]
    """Less the speaker's pivots, along the network's axes, over the spread."""
    weight: Float[Tensor, "*batch frames"]
    """How much each frame counts."""
    lips: Float[Tensor, "*batch dims views"] | None
    """Latents to principal motions of the mouth: where an error is seen besides."""

    @property
    def audio(self) -> Float[Tensor, "*batch samples"] | Float[Tensor, "*batch frames width"]:
        """What the diffuser listens to."""
        audio = self.features if self.waveform is None else self.waveform
        assert audio is not None
        return audio


def centred(
    network: TexTalker, clips: ClipSet, motions: FrameMaps, skins: FrameMaps
) -> list[Float[Tensor, "frames dims"]]:
    """Latents of motion and skin of every clip, less its speaker's pivots.

    As published they are float32 as they come, else halves over their spread. Along their principal
    components, where the network has room for some of them only. Pivots' means, the spread and the components
    go into the network.
    """
    exact = network.config.published
    halves: list[list[Tensor]] = []
    for number, latents in enumerate(latents_of_both(network, clips, motions, skins)):
        own = pivots(latents, clips)
        centre = torch.stack(list(own.values())).mean(0)
        (network.motion_pivot if number == 0 else network.texture_pivot).copy_(centre)
        apart = [track.float() - own[clips.speaker(i)] for i, track in enumerate(latents)]
        axes = network.motion_axes if number == 0 else network.texture_axes
        if axes is not None:
            apart = along(apart, axes)
        if not exact:
            spread = torch.cat([track[::5] for track in apart]).square().mean().sqrt()
            network.spread[number] = spread
            apart = [(track / spread).half() for track in apart]
        halves.append(apart)
    return [torch.cat(pair, dim=1) for pair in zip(*halves, strict=True)]


def latents_of_both(
    network: TexTalker, clips: ClipSet, motions: FrameMaps, skins: FrameMaps
) -> Iterator[list[Float[Tensor, "frames dims"]]]:
    """Latents of motion of every clip, then those of skin."""
    low, high = network.low, network.high
    makers: tuple[tuple[Autoencoder, Maps, str], ...] = (
        (network.motion, lambda clip, start, stop: motions.motions(clip, start, stop, low, high), "motion"),
        (network.texture, lambda clip, start, stop: skins.wrinkles(clip, start, stop, low.device), "texture"),
    )
    for autoencoder, maps, name in makers:
        tag = f"{name}-{identity(autoencoder, low, high)}"
        yield latents_of(
            autoencoder, maps, clips, motions.frames, tag, network.config.published, network.precision
        )


def along(tracks: list[Float[Tensor, "frames dims"]], axes: Float[Tensor, "dims parts"]) -> list[Tensor]:
    """Tracks along their first principal components, [frames, parts], which become the `axes`."""
    rows = torch.cat([track[::5] for track in tracks]).double()
    _, vectors = torch.linalg.eigh(rows.T @ rows)
    axes.copy_(vectors.flip(1)[:, : axes.shape[1]])
    return [track @ axes.cpu() for track in tracks]


def mouth_readout(
    network: TexTalker, motions: RigFrameMaps, tracks: list[Tensor]
) -> Float[Tensor, "dims views"]:
    """Latents of motion to principal motions of the mouth, by least squares: what is seen of an error."""
    weights = torch.cat([motions.weights(clip) for clip in range(len(tracks))])
    stride, dims = max(1, len(weights) // SAMPLE), network.config.denoiser.motion
    form = importance(load_rig(network.config.rig), network.config.rig_shapes)
    views = projected(weights[::stride], principal_motions(weights[::stride], form, VIEWS), form)
    latents = torch.cat([track[:, :dims] for track in tracks])[::stride].double()
    latents = latents - latents.mean(0)
    views = views.double() - views.double().mean(0)
    ridge = 1e-3 * len(latents) * torch.eye(dims, dtype=torch.float64)
    matrix = torch.linalg.solve(latents.T @ latents + ridge, latents.T @ views).float()
    return F.pad(matrix, (0, 0, 0, network.config.denoiser.texture))


def speech_windows(
    network: TexTalker,
    clips: ClipSet,
    motions: FrameMaps,
    tracks: list[Float[Tensor, "frames dims"]],
    views: int,
    stress: float,
    mishear: float,
    lips: Float[Tensor, "dims views"] | None,
) -> Example[SpeechWindows]:
    """Random ones; a clip that is too short holds its last frame. Options: see `stages.diffuse`."""
    config, ears = network.config, network.hearing.features
    length = 2 * config.denoiser.window
    views_of = None
    if ears is not None:
        views_of = heard_beforehand(ears, clips, [len(track) for track in tracks], FPS, views)
    gap = gap_of(load_rig(config.rig), config.rig_shapes) if config.rig_shapes else None

    def cut(_: ClipSet, index: int, generator: torch.Generator) -> SpeechWindows:
        index %= len(tracks)  # the stage may learn from some of the clips
        frames = len(tracks[index])
        start = int(torch.randint(max(1, frames - length + 1), (), generator=generator))
        at = torch.arange(start, start + length).clamp(max=frames - 1)
        weight = torch.ones(length)
        if gap is not None and isinstance(motions, RigFrameMaps):
            weight = attention_to(motions.weights(index)[at] @ gap) ** stress
        latents = tracks[index][at].float()
        if views_of is not None:
            view = views_of[index][int(torch.randint(len(views_of[index]), (), generator=generator))]
            if mishear:
                view = misheard(view, mishear * float(torch.rand((), generator=generator)), generator)
            features = beside_neighbours(view, start, start + length, config.reach).float()
            return SpeechWindows(None, features, latents, weight, lips)
        rate = SAMPLE_RATE / FPS
        sound = clips.sound(index, round(start * rate), round((start + length) * rate))
        return SpeechWindows(
            F.pad(sound, (0, round(length * rate) - len(sound))), None, latents, weight, lips
        )

    return cut

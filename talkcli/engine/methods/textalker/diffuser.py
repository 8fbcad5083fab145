"""TexTalker's diffusion over latents: how it learns, and how it speaks window by window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from talkcli.engine.audio.ear import Listened
from talkcli.engine.errors import BadUsage
from talkcli.engine.generation.diffusion import Denoise, Schedule, ancestral, solve
from talkcli.engine.generation.guidance import bounded, guide
from talkcli.engine.generation.noise import normal_noise
from talkcli.engine.generation.replay import Replay
from talkcli.engine.generation.together import drawn_together
from talkcli.engine.generation.windows import continued
from talkcli.engine.methods.textalker.denoiser import FPS, Denoiser, DenoiserConfig
from talkcli.engine.speech import SAMPLE_RATE
from talkcli.engine.training.stage import Losses

TRUNCATE = (0.3, 0.4)
"""Probability that a batch's first and second window are cut short in training."""
UNBOUNDED = (0.0, 1.0, 1.0)
"""No threshold."""
BLIND = 0.8
"""Share of the steps past which little but noise is to be seen."""
DEAF = 0.1
"""Share of training windows that do not hear their audio, for guidance."""


class Diffuser(nn.Module):
    """Denoiser, schedule, hearing and learned starting points, under the names of the published checkpoints.

    `audio_encoder` maps (waveform [batch, samples], frames) to [batch, frames, width]. Features that another
    network made beforehand, [batch, frames, width], go past it.
    """

    def __init__(self, config: DenoiserConfig, audio_encoder: nn.Module, width: int) -> None:
        super().__init__()
        self.config = config
        self.start_audio_feat = nn.Parameter(torch.randn(1, config.context, config.features))
        self.start_motion_feat = nn.Parameter(torch.randn(1, config.context, config.motion))
        self.start_tex_feat = nn.Parameter(torch.randn(1, config.context, config.texture))
        self.null_audio_feat = nn.Parameter(torch.randn(1, 1, config.features))
        self.audio_encoder = audio_encoder
        self.audio_feature_map = nn.Linear(width, config.features)
        self.denoising_net = Denoiser(config)
        self.diffusion_sched = Schedule(config.steps)
        self.replay = Replay(self)

    @property
    def start(self) -> Float[Tensor, "1 context dims"]:
        """What the first window takes for its past."""
        return torch.cat([self.start_motion_feat, self.start_tex_feat], dim=-1)

    def hear(self, audio: Float[Tensor, "batch ..."], frames: int) -> Float[Tensor, "batch frames features"]:
        """From a waveform [batch, samples], or from ready features [batch, frames, width]."""
        return self.audio_feature_map(self.audio_encoder(audio, frames) if audio.ndim == 2 else audio)

    @torch.no_grad()
    def latents(
        self,
        heard: Listened,
        frames: int,
        generator: torch.Generator,
        *,
        steps: int = 0,
        guidance: float = 1.0,
        temperature: float = 1.0,
        flexibility: float = 0.0,
        threshold: tuple[float, float, float] = UNBOUNDED,
    ) -> Iterator[Float[Tensor, "1 n dims"]]:
        """Offsets from the pivots of `frames` frames, window by window: streamed or not, the same numbers.

        Where `heard` ends early, nothing (0) is heard. `steps` 0 takes all steps of training with fresh
        noise, as published; else so many of DPM-Solver++. Every window begins with the same noise, also as
        published, times `temperature`. `flexibility` is that of `ancestral`, `threshold` that of
        `bounded`.
        """
        net, config, window = self.denoising_net, self.config, self.config.window
        if temperature < 0:
            raise BadUsage(f"A temperature of {temperature} is below 0.", "Give 0 to 1.")
        if steps and flexibility:
            raise BadUsage(
                "Few steps have no fresh noise to be flexible with.", "Give --set steps=0 as well."
            )
        noise = temperature * torch.randn(1, window, config.dims, generator=generator).to(self.start)
        null = self.null_audio_feat.expand(-1, window, -1)
        places = torch.arange(window, device=noise.device)[None]

        def audio(begin: int) -> Float[Tensor, "1 window features"]:
            part = heard(begin, begin + window)[None]
            silence = part.new_zeros(1, window - part.shape[1], part.shape[2])
            return self.audio_feature_map(torch.cat([part, silence], dim=1))

        def prepared(heard: Tensor, past: Tensor, past_audio: Tensor, present: Tensor) -> Denoise:
            predict = partial(net.prepare, past=past, past_audio=past_audio, present=present)
            return bounded(guide(predict, heard, null.expand(len(heard), -1, -1), guidance), *threshold)

        def draw(dice: Sequence[torch.Generator], noise: Tensor, *known: Tensor) -> Tensor:
            denoise = self.replay(prepared, known, noise, settings=(guidance, threshold))
            if steps:
                return solve(denoise, noise, self.diffusion_sched, steps)
            return ancestral(denoise, noise, self.diffusion_sched, dice, flexibility)

        def make(begin: int, past: Tensor | None) -> Float[Tensor, "1 window dims"]:
            present = (places < frames - begin).to(noise)
            if past is None:
                past, past_audio = self.start, self.start_audio_feat
            else:
                past_audio = audio(begin - window)[:, -config.context :]
            return drawn_together(draw, (noise, audio(begin), past, past_audio, present), [generator])

        yield from continued(make, frames, window, config.context)


@dataclass(frozen=True)
class WindowDice:
    """The dice of one training window."""

    t: Int[Tensor, " batch"]
    """Diffusion steps, 1..T."""
    noise: Float[Tensor, "batch window dims"]
    deaf: Bool[Tensor, " batch"]
    """Whose audio is replaced by the learned null."""
    ends: Int[Tensor, " batch"] | None
    """Where each is cut short, 1..window-1; None leaves the batch whole."""


def draw(
    config: DenoiserConfig,
    batch: int,
    generator: torch.Generator,
    truncate: float,
    blind: float = 0.0,
    device: torch.device | str = "cpu",
) -> WindowDice:
    """On the CPU but for the noise, which is made on the device. `truncate` is the probability that the whole
    batch is cut short, `blind` the share of windows that begin from hardly more than noise, past BLIND."""
    shortening = bool(torch.rand((), generator=generator) < truncate)
    t = torch.randint(1, config.steps + 1, (batch,), generator=generator)
    if blind:
        late = torch.rand(batch, generator=generator) < blind
        t = torch.where(late, config.steps - (t * (1 - BLIND)).long(), t)
    return WindowDice(
        t,
        normal_noise((batch, config.window, config.dims), generator, device),
        torch.rand(batch, generator=generator) < DEAF,
        torch.randint(1, config.window, (batch,), generator=generator) if shortening else None,
    )


@dataclass(frozen=True)
class Readout:
    """A linear view of the latents, such as the lips, whose error and its differences count besides."""

    matrix: Float[Tensor, "dims views"]
    weight: float


def diffusion_losses(
    diffuser: Diffuser,
    audio: Float[Tensor, "batch ..."],
    latents: Float[Tensor, "batch 2*window dims"],
    generator: torch.Generator,
    *,
    weight: Float[Tensor, "batch 2*window"] | None = None,
    readout: Readout | None = None,
    blind: float = 0.0,
) -> Losses:
    """Two neighbouring windows, the second continuing the first (spec: mean square of x_0, nothing else).

    `audio` is a waveform or ready features (`Diffuser.hear`), `latents` are offsets from the pivots, `weight`
    says how much each frame counts, and `blind` is that of `draw`.
    """
    config, batch = diffuser.config, len(latents)
    dice = [draw(config, batch, generator, truncate, blind, latents.device) for truncate in TRUNCATE]
    first, second = dice
    return drawn_losses(diffuser, audio, latents, first, second, weight=weight, readout=readout)


def drawn_losses(
    diffuser: Diffuser,
    audio: Float[Tensor, "batch ..."],
    latents: Float[Tensor, "batch 2*window dims"],
    first: WindowDice,
    second: WindowDice,
    *,
    weight: Float[Tensor, "batch 2*window"] | None = None,
    readout: Readout | None = None,
) -> Losses:
    """`diffusion_losses` for given dice. Its two windows go through the network as one batch."""
    config, device = diffuser.config, latents.device
    window, context, batch = config.window, config.context, len(latents)
    features = diffuser.hear(audio, 2 * window)
    hearings = list(features.split(window, dim=1))
    half = _extent(audio, window)
    if first.ends is not None:
        hearings[0] = diffuser.hear(_truncated(audio[:, :half], first.ends), window)
    if second.ends is not None:
        whole = torch.cat([audio[:, :half], _truncated(audio[:, half:], second.ends)], dim=1)
        hearings[1] = diffuser.hear(whole, 2 * window)[:, window:]
    ends = torch.cat([torch.full((batch,), window) if d.ends is None else d.ends for d in (first, second)])
    valid = _before(ends.to(device, non_blocking=True), window)
    deaf = torch.cat([first.deaf, second.deaf]).to(device, non_blocking=True)[:, None, None]
    clean = torch.cat(latents.split(window, dim=1)) * valid[..., None]
    t = torch.cat([first.t, second.t]).to(device, non_blocking=True)
    noise = torch.cat([first.noise, second.noise]).to(device)
    tail, heard_tail = (part[:, window - context : window] for part in (latents, features.detach()))
    start, start_audio = (part.expand(batch, -1, -1) for part in (diffuser.start, diffuser.start_audio_feat))
    guess = diffuser.denoising_net(
        diffuser.diffusion_sched.corrupt(clean, t, noise),
        torch.where(deaf, diffuser.null_audio_feat, torch.cat(hearings)),
        torch.cat([start, tail]),
        torch.cat([start_audio, heard_tail]),
        t,
        valid.to(clean),
    )
    error = guess - torch.cat([torch.cat([start, tail]), clean], dim=1)
    share = latents.new_ones(batch, 2 * window) if weight is None else weight
    shares = torch.cat(share.split(window, dim=1)) * valid
    before = torch.cat([torch.zeros_like(share[:, :context]), share[:, window - context : window]])
    shares = torch.cat([before, shares], dim=1)
    losses = {"mse": _mean_square(error, shares)}
    if readout is not None:
        mouth_error = error @ readout.matrix.to(error)
        losses["readout"] = readout.weight * _mean_square(mouth_error, shares)
        losses["velocity"] = readout.weight * _mean_square(mouth_error.diff(dim=1), shares[:, 1:])
    return losses


def _mean_square(error: Tensor, shares: Tensor) -> Float[Tensor, ""]:
    """The first windows' mean and the second windows', added."""
    square = (error.square().mean(-1) * shares).unflatten(0, (2, -1)).sum((1, 2))
    return (square / shares.unflatten(0, (2, -1)).sum((1, 2))).sum()


def _before(ends: Int[Tensor, " batch"], frames: int) -> Bool[Tensor, "batch frames"]:
    return torch.arange(frames, device=ends.device) < ends[:, None]


def _extent(audio: Tensor, frames: int) -> int:
    """How much of a waveform, or of ready features, so many frames are."""
    return round(frames * SAMPLE_RATE / FPS) if audio.ndim == 2 else frames


def _truncated(audio: Float[Tensor, "batch ..."], ends: Int[Tensor, " batch"]) -> Float[Tensor, "batch ..."]:
    """Nothing (0) is heard from frame `ends` on."""
    stops = torch.tensor([_extent(audio, end) for end in ends.tolist()])
    mask = _before(stops.to(audio.device, non_blocking=True), audio.shape[1])
    return audio * mask.reshape(*mask.shape, *(1,) * (audio.ndim - 2))

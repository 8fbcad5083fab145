"""UniGAHA: expression codes of anybody's face, by diffusion from speech and lips (Teotia et al. 2025)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from talkcli.engine.audio.ear import Listened
from talkcli.engine.audio.ears import Ears
from talkcli.engine.audio.pauses import rests
from talkcli.engine.device import half_products
from talkcli.engine.errors import BadUsage
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.rigs import check_wears, load_rig
from talkcli.engine.generation.diffusion import (
    Denoise,
    Schedule,
    ancestral,
    denoise_of,
    denoise_of_velocity,
    solve,
)
from talkcli.engine.generation.guidance import guide
from talkcli.engine.generation.replay import Replay
from talkcli.engine.generation.together import drawn_together
from talkcli.engine.generation.windows import continued
from talkcli.engine.layers.resampling import beside_neighbours
from talkcli.engine.methods.method import Talker
from talkcli.engine.methods.unigaha.config import UnigahaConfig
from talkcli.engine.methods.unigaha.denoiser import Carried, CodeDenoiser, HeardWindow
from talkcli.engine.methods.unigaha.lip_reader import LipReader
from talkcli.engine.methods.unigaha.monocular import MonocularEncoder
from talkcli.engine.methods.unigaha.prior import Prior
from talkcli.engine.methods.unigaha.space import CodeNumbers
from talkcli.engine.motion import Coefficients, Motion
from talkcli.engine.speech import Speech


class Unigaha(Talker):
    """Speech to `config.fps` frames a second of Coefficients of its rig, by way of expression codes.

    BadInput for an avatar without that rig.
    """

    method = "unigaha"

    def __init__(self, config: UnigahaConfig) -> None:
        super().__init__()
        self.config, self.sampling = config, config.sampling
        self.ears = Ears(config.ears)
        heard = self.ears.width * (2 * config.reach + 1)
        self.space = CodeNumbers(config)
        self.lip_reader = LipReader(config, heard)
        self.denoiser = CodeDenoiser(config, heard)
        self.schedule = Schedule(config.steps)
        self.prior = None if config.prior is None else Prior(config.prior)
        self.seeing = None if config.seeing is None else MonocularEncoder(config.seeing)
        self.replay = Replay(self)

    @torch.no_grad()
    def animate(
        self,
        speech: Speech,
        avatar: Avatar,
        *,
        seed: int = 0,
        progress: Callable[[float], None] = lambda share: None,
    ) -> Motion:
        """Window by window, each going on from the last frames of the one before. In pauses that an ear hears
        for certain the mouth comes to rest."""
        config, model = self.config, load_rig(self.config.rig)
        check_wears(avatar, config.rig)
        frames, device = speech.frames(config.fps), self.space.rest.device
        listened = self.ears.listened(speech.waveform.to(device), frames, Fraction(config.fps))
        silence, parts = torch.zeros(frames), []

        def heard(start: int, stop: int) -> Float[Tensor, "n width"]:
            rows = listened(start, stop)
            silence[start:stop] = self.ears.silence(rows).cpu()
            return rows

        for part in self.drawn(heard, frames, seed):
            parts.append(self.space.weights(part).cpu())
            progress(sum(map(len, parts)) / frames)
        rest = rests(lambda start, stop: silence[start:stop], frames, config.fps)(0, frames)
        weights = torch.cat(parts) * (1 - rest)[:, None]
        weights = weights if model.signed else weights.clamp(0, 1)
        face = Coefficients(model.spread(weights, config.rig_shapes), torch.zeros(frames, 3), config.rig)
        return Motion(Fraction(config.fps), face, provenance=self.signed(avatar, seed))

    @torch.no_grad()
    def drawn(self, heard: Listened, frames: int, seed: int) -> Iterator[Float[Tensor, "n diffused"]]:
        """Numbers of `frames` frames as they are made: streamed or gathered, the same.

        The first window keeps no more of its frames than the others do, which know `config.carried` frames
        of the past instead.
        """
        config, generator = self.config, torch.Generator().manual_seed(seed)
        fresh = config.window - config.carried

        def make(begin: int, past: Tensor | None) -> Float[Tensor, "1 fresh diffused"]:
            known = 0 if past is None else past.shape[1]
            near = self._heard_from(heard, begin - known, frames)
            noise = torch.randn(1, config.window, config.diffused, generator=generator)
            carried = self.carried(past, noise.to(near))
            given = (near[None], carried.numbers, carried.known, noise.to(near))
            numbers = drawn_together(self._window, given, [generator])
            return numbers[:, known : known + fresh]

        yield from (part[0] for part in continued(make, frames, fresh, config.carried))

    def carried(
        self, past: Float[Tensor, "batch n diffused"] | None, like: Float[Tensor, "batch frames diffused"]
    ) -> Carried:
        """What windows go on from."""
        numbers = torch.zeros_like(like)
        known = torch.zeros(like.shape[:2], dtype=torch.bool, device=like.device)
        if past is not None:
            numbers[:, : past.shape[1]], known[:, : past.shape[1]] = past, True
        return Carried(numbers, known)

    def _heard_from(self, heard: Listened, begin: int, frames: int) -> Float[Tensor, "window spliced"]:
        """A whole window from a frame on, each beside its neighbours; ends are held."""
        reach, stop = self.config.reach, begin + self.config.window
        low, high = max(0, begin - reach), min(frames, stop + reach)
        return beside_neighbours(heard(low, high), begin - low, stop - low, reach)

    def _window(
        self,
        dice: Sequence[torch.Generator],
        heard: Float[Tensor, "batch window spliced"],
        numbers: Float[Tensor, "batch window diffused"],
        known: Bool[Tensor, "batch window"],
        noise: Float[Tensor, "batch window diffused"],
    ) -> Float[Tensor, "batch window diffused"]:
        """From noise to numbers, some of which are known; in bfloat16 on a GPU where that is asked for."""
        sampling = self.sampling
        if sampling.guidance != 1 and not self.config.mask:
            raise BadUsage(
                "This model never learnt to speak without hearing, so guidance means nothing.",
                "Leave guidance out, or train with: --set config.mask=0.1",
            )

        def prepared(heard: Tensor, numbers: Tensor, known: Tensor) -> Denoise:
            lips, past = self.lip_reader(heard), Carried(numbers, known)
            deaf = torch.ones(len(heard), dtype=torch.bool, device=heard.device)

            def predict(deaf: Tensor | None) -> Denoise:
                return self.denoise(self.denoiser.listen(heard, lips, deaf), past)

            return kept(guide(predict, None, deaf, sampling.guidance), past)

        with half_products(noise.device, self.precision):
            clean = self.replay(prepared, (heard, numbers, known), noise, settings=sampling.guidance)
            start = sampling.temperature * noise
            if sampling.steps:
                return solve(clean, start, self.schedule, sampling.steps)
            return ancestral(clean, start, self.schedule, dice)

    def denoise(self, heard: HeardWindow, past: Carried) -> Denoise:
        """Clean numbers, whatever it is that the network predicts."""

        def predict(x: Tensor, t: Tensor) -> Tensor:
            return self.denoiser(x, t, past, heard).float()

        if self.config.target == "x0":
            return predict
        turned = denoise_of if self.config.target == "eps" else denoise_of_velocity
        return turned(predict, self.schedule)


def kept(denoise: Denoise, past: Carried) -> Denoise:
    """The same, but that what is known already stays as it is."""
    return lambda x, t: torch.where(past.known[..., None], past.numbers, denoise(x, t))

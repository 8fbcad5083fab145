"""3DXTalker: a face that moves, feels and blinks by what it hears, drawn by flow matching (2026).

The symbols are the paper's: x_ref the reference frame, delta what differs from it, mu and sigma their mean
and deviation over the clips that it learnt from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from talkcli.engine.audio.amplitude import amplitude
from talkcli.engine.audio.pauses import rests
from talkcli.engine.device import half_products
from talkcli.engine.errors import BadInput, BadUsage
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.known_rigs import load_rig
from talkcli.engine.face.mouth_motion import lip_movers
from talkcli.engine.face.rigs import check_wears
from talkcli.engine.generation.flow import Flow, integrate
from talkcli.engine.generation.guidance import guide
from talkcli.engine.generation.replay import Replay
from talkcli.engine.generation.together import drawn_together
from talkcli.engine.generation.windows import blend, spans
from talkcli.engine.methods.dxtalker.anchors import anchored_noise
from talkcli.engine.methods.dxtalker.blinks import whole_blinks
from talkcli.engine.methods.dxtalker.config import DxTalkerConfig
from talkcli.engine.methods.dxtalker.face_vector import identity_of, motion_tracks, resting, scaled
from talkcli.engine.methods.dxtalker.hearing import HeardStreams, StreamHearing, Streams, anchors_of
from talkcli.engine.methods.dxtalker.smoothing import smooth_vectors
from talkcli.engine.methods.dxtalker.velocity import Condition, VelocityNetwork
from talkcli.engine.methods.method import Talker, Track
from talkcli.engine.motion import Motion
from talkcli.engine.speech import Speech
from talkcli.engine.struct import stack

_MOUTHS = ("jaw", "mouth", "tongue", "cheek", "nose")
"""Prefixes of shapes that are no part of the eyes."""
_AT_ONCE = 4096
"""Frames of which there are copies at the same time."""
_LIDS = ("eyeBlink",)
_LIPS = (
    "jaw", "tongue", "mouthClose", "mouthFunnel", "mouthPucker", "mouthUpperUp", "mouthLowerDown",
    "mouthRoll", "mouthShrug",
)  # fmt: skip
"""Prefixes of shapes that part lips; the others of a mouth show moods."""


class DxTalker(Talker):
    """Speech to `config.fps` frames a second of Coefficients of its rig, the head's too if clips move it.

    BadInput for an avatar without that rig.
    """

    method = "3dxtalker"
    mean: Tensor
    """mu, [dims]"""
    deviation: Tensor
    """sigma, [dims]; 0 where no clip moves a number, which then stays as in the reference."""
    reference_mean: Tensor
    reference_deviation: Tensor
    """Of the reference frames that it learnt from, [dims]."""

    taught: Tensor
    """Whether these are known."""

    def __init__(self, config: DxTalkerConfig) -> None:
        super().__init__()
        self.config, self.sampling = config, config.sampling
        self.hearing = StreamHearing(config)
        self.network = VelocityNetwork(
            config, self.hearing.speech_width, self.hearing.own_width, self.hearing.emotion_width
        )
        for name, value in (("mean", 0.0), ("deviation", 1.0)):
            self.register_buffer(name, torch.full((config.layout.dims,), value))
            self.register_buffer(f"reference_{name}", torch.full((config.layout.dims,), value))
        self.register_buffer("taught", torch.tensor(False))
        self.replay = Replay(self)

    @property
    def moves(self) -> frozenset[Track]:
        eyes = any(not name.startswith(_MOUTHS) for name in self.config.rig_shapes)
        return frozenset[Track](
            {"mouth", *(["eyes"] if eyes else []), *(["head"] if self.config.head else [])}
        )

    def restored(
        self, drawn: Float[Tensor, "*batch frames dims"], reference: Float[Tensor, "*batch dims"]
    ) -> Float[Tensor, "*batch frames dims"]:
        """x_ref + sigma z + mu (eq. 8 of the paper), where z is (x - x_ref - mu) / sigma (eq. 2)."""
        start = torch.zeros_like(reference) if self.config.absolute else reference
        return start[..., None, :] + (drawn * self.deviation + self.mean)

    def _numbers(self, prefixes: tuple[str, ...]) -> list[int]:
        """Those of the face vector that weigh shapes of such names. With the jaw's shapes its angles, and
        shapes that have numbers for names but move lips."""
        shapes, jaw = self.config.layout.part("expression"), self.config.layout.part("jaw")
        rig, names = load_rig(self.config.rig), self.config.rig_shapes
        found = [i for i, name in enumerate(names, shapes.start) if name.startswith(prefixes)]
        if "jaw" not in prefixes:
            return found
        if rig.signed:
            found += (shapes.start + torch.nonzero(lip_movers(rig, names))[:, 0]).tolist()
        return [*found, *range(jaw.start, jaw.stop)]

    def _warmth(self) -> Float[Tensor, " dims"]:
        """What the noise of each number is multiplied by."""
        warmth = torch.full((self.config.layout.dims,), float(self.sampling.temperature))
        warmth[self._numbers(_MOUTHS)] *= self.sampling.mouth
        return warmth

    def seen(self, reference: Float[Tensor, "*batch dims"]) -> Float[Tensor, "*batch dims"]:
        """A reference frame as the network is told of it."""
        return scaled(reference - self.reference_mean, self.reference_deviation)

    def animate(
        self,
        speech: Speech,
        avatar: Avatar,
        *,
        seed: int = 0,
        progress: Callable[[float], None] = lambda share: None,
    ) -> Motion:
        """The face vectors that begin at the avatar at rest, or at the frame that is known of it."""
        layout = self.config.layout
        check_wears(avatar, self.config.rig)
        vectors = self.vectors(speech, self._reference(avatar), seed, progress)
        face, head, codes = motion_tracks(vectors, avatar, self.config.rig, self.config.rig_shapes, layout)
        signed = self.signed(avatar, seed)
        return Motion(Fraction(self.config.fps), face, head, codes=codes, provenance=signed)

    def _reference(self, avatar: Avatar) -> Float[Tensor, " dims"]:
        layout, known = self.config.layout, avatar.styles.get(self.method)
        if known is not None and known.shape != (layout.dims,):
            raise BadInput(
                f"The frame of {avatar.name} has {len(known)} numbers, this model wants {layout.dims}.",
                "Make it again with this model: talk personalize PICTURE --model ...",
            )
        return resting(identity_of(avatar), layout) if known is None else known

    @torch.no_grad()
    def vectors(
        self,
        speech: Speech,
        reference: Float[Tensor, " dims"],
        seed: int = 0,
        progress: Callable[[float], None] = lambda share: None,
    ) -> Float[Tensor, "frames dims"]:
        """Face vectors by their differences from `reference`, in overlapping windows whose noise is one for
        all. In pauses that an ear hears for certain lips come to rest; what a mood does stays."""
        config, layout = self.config, self.config.layout
        frames, device = speech.frames(config.fps), self.mean.device
        loud = amplitude(speech.waveform, frames, config.fps)
        heard = self.hearing.listened(speech.waveform.to(device), loud.to(device), Fraction(config.fps))
        anchors, warmth = anchors_of(loud, config), self._warmth()
        silence = torch.zeros(frames)

        def streams(start: int, stop: int) -> Streams:
            near = heard(start, stop)
            silence[start:stop] = self.hearing.silence(near).cpu()
            return near

        def noise(start: int, stop: int) -> Float[Tensor, "frames dims"]:
            return warmth * anchored_noise(anchors, start, stop, layout.dims, seed)

        reference = reference.to(device)
        windows = self._windows(streams, noise, reference, frames, progress)
        vectors = blend(lambda start, stop: next(windows)[None], frames, config.window, config.overlap)[0]
        for part in vectors.split(_AT_ONCE):
            part.copy_(self.restored(part.to(device), reference))
        if layout.identity and not self.sampling.drift:
            part = layout.part("identity")
            vectors[:, part] = vectors[:, part].mean(0)
        if self.sampling.smooth:
            smooth_vectors(vectors, layout)
        for name in ("head", "translation"):
            part = vectors[:, layout.part(name)]
            part.copy_(reference.cpu()[layout.part(name)].lerp(part, self.sampling.head))
        lids, lips = self._numbers(_LIDS), self._numbers(_LIPS)
        rest, still = (
            rests(lambda start, stop: silence[start:stop], frames, config.fps),
            reference.cpu()[lips],
        )
        for start, part in zip(range(0, frames, _AT_ONCE), vectors.split(_AT_ONCE), strict=True):
            share = rest(start, start + len(part))[:, None]
            part[:, lips] += share * (still - part[:, lips])
        if self.sampling.whole_blinks and lids:
            vectors[:, lids] = whole_blinks(vectors[:, lids], config.fps)
        return vectors

    def _windows(
        self,
        heard: HeardStreams,
        noise: Callable[[int, int], Tensor],
        reference: Float[Tensor, " dims"],
        frames: int,
        progress: Callable[[float], None],
    ) -> Iterator[Float[Tensor, "n dims"]]:
        """Each window of `spans` in turn, drawn `at_once` together where they are of one length."""
        places = spans(frames, self.config.window, self.config.overlap)
        while places:
            length = places[0][1] - places[0][0]
            group = [place for place in places[: self.sampling.at_once] if place[1] - place[0] == length]
            places = places[len(group) :]
            streams = stack([heard(*place) for place in group])
            start = torch.stack([noise(*place) for place in group]).to(reference.device)
            yield from self._drawn(streams, start, reference.expand(len(group), -1)).cpu()
            progress(group[-1][1] / frames)

    def _drawn(
        self,
        streams: Streams,
        noise: Float[Tensor, "batch frames dims"],
        reference: Float[Tensor, "batch dims"],
    ) -> Float[Tensor, "batch frames dims"]:
        """From noise to normalised differences; in bfloat16 on a GPU where that is asked for."""
        sampling, device = self.sampling, noise.device
        if sampling.guidance != 1 and not self.config.drop:
            raise BadUsage(
                "This model never learnt to speak without hearing, so guidance means nothing.",
                "Leave guidance out, or train with: --set config.drop=0.1",
            )

        heard: list[Tensor] = []
        streams.map(lambda stream: heard.append(stream) or stream)

        def prepared(reference: Tensor, *heard: Tensor) -> Flow:
            each = iter(heard)
            near = streams.map(lambda _: next(each))
            nothing = torch.zeros(len(reference), dtype=torch.bool, device=device)

            def flow(hears: Bool[Tensor, " batch"] | None) -> Flow:
                condition: Condition = self.network.condition(near, self.seen(reference), heard=hears)
                return lambda x, t: self.network(x, t, condition).float()

            return guide(flow, None, nothing, sampling.guidance)

        def draw(dice: Sequence[torch.Generator], noise: Tensor, *known: Tensor) -> Tensor:
            with half_products(device, self.precision):
                velocity = self.replay(prepared, known, noise, times=noise.dtype, settings=sampling.guidance)
                return integrate(velocity, noise, sampling.steps, sampling.solver)

        return drawn_together(draw, (noise, reference, *heard))

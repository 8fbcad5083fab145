"""MemoryTalker: speech as text, text as remembered motion, motion as a face (Kim et al., ICCV 2025).

The symbols are the paper's: L letter logits, f_txt their projection, K the address that text gives, M the
memory, f_m motion features, V the address that motion gives, f_s a voice's style, w_s its gains.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from talkcli.engine.assets import DEFAULT_RIG
from talkcli.engine.audio.ears import EarConfig, PhoneEarConfig
from talkcli.engine.audio.pauses import FrameValues, rests
from talkcli.engine.audio.wav2vec import HubertConfig, mean_and_deviation
from talkcli.engine.config import check_limits
from talkcli.engine.errors import BadInput
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.rigs import check_wears, load_rig
from talkcli.engine.generation.windows import blend
from talkcli.engine.layers.attention import alignment_mask, padding_mask
from talkcli.engine.layers.positions import periodic
from talkcli.engine.layers.resampling import fitted, resampled, spliced
from talkcli.engine.methods.memorytalker.letters import ReadLetters, reader
from talkcli.engine.methods.memorytalker.memory import Memory
from talkcli.engine.methods.memorytalker.style import Style
from talkcli.engine.methods.method import Talker
from talkcli.engine.motion import Coefficients, Motion, Shapes
from talkcli.engine.phones import PHONES
from talkcli.engine.speech import Counted, Speech
from talkcli.engine.spilt import let_go


@dataclass(frozen=True)
class MemoryTalkerConfig:
    """Sizes as published for VOCASET; `Method.sizes` fit it to other data, and `as_published` is so
    throughout. What was made before these settings is as they are by default."""

    verts: int = 5023
    fps: int = 30
    period: int = 30
    """Frames after which the positions begin again."""
    ears: tuple[EarConfig, ...] = (HubertConfig(),)
    double_rate: bool = False
    """HuBERT at 50 a second and motion at 25: two letters a frame (BIWI)."""
    slots: int = 32
    """n, the number of letters: HuBERT's, or of phones, where an ear hears them."""
    features: int = 96
    """c, the width of what stands for a frame inside the network."""
    heads: int = 4
    feed_forward: int = 192
    layers: int = 1
    dropout: float = 0.1
    text_scaling: float = 16.0
    """kappa of K."""
    motion_scaling: float = 16.0
    """kappa of V."""
    reach: int = 0
    """Frames on either side that the text projection sees as well."""
    rig_shapes: tuple[str, ...] = ()
    """Named shapes of a rig that the talker moves; without them it moves vertices."""
    rig: str = DEFAULT_RIG
    """Of the faces that it learnt from, where it moves named shapes."""
    components: int = 0
    """Principal motions of the rig's shapes between which E_m and the output layer work."""
    window: int = 20
    """Periods that are spoken at a time; windows overlap by two."""

    counted: Counted = "nearest"
    """How many frames a recording has."""
    first_gain: float = 1.0
    """What every slot's gain begins near: at 1 stage 2 begins where stage 1 ended; 0 leaves it to chance."""
    published: bool = False
    """Whether it learns as its authors' code taught it, and not as the starter is taught (`stages`)."""

    def __post_init__(self) -> None:
        check_limits(self, verts=(1, 10_000_000), fps=(1, 240), period=(1, 100_000), slots=(1, 100_000))
        check_limits(self, features=(2, 65_536), heads=(1, 1024), feed_forward=(1, 1 << 20), layers=(1, 256))
        check_limits(self, dropout=(0, 0.99), text_scaling=(-1e4, 1e4), motion_scaling=(-1e4, 1e4))
        check_limits(self, reach=(0, 1000), components=(0, 100_000), window=(3, 100_000), first_gain=(0, 100))
        if self.features % self.heads or self.features % 2:
            raise ValueError(f"features are {self.features}, not an even multiple of {self.heads} heads")
        hears_phones = any(isinstance(ear, PhoneEarConfig) for ear in self.ears)
        if hears_phones and self.slots != len(PHONES):
            raise ValueError(f"slots are {self.slots}, and an ear of phones hears {len(PHONES)}")

    @property
    def dims(self) -> int:
        """Numbers that make one frame of motion."""
        return self.components or len(self.rig_shapes) or 3 * self.verts


def as_published(config: MemoryTalkerConfig) -> MemoryTalkerConfig:
    """The same network in all else as its authors have it."""
    return replace(config, counted="heard", first_gain=0.0, published=True)


class Decoder(nn.Module):
    """D_m: self-attention over the whole window, cross-attention to each frame's own text."""

    def __init__(self, config: MemoryTalkerConfig) -> None:
        super().__init__()
        self.period, self.memories = config.period, 2 if config.double_rate else 1
        self.dropout = nn.Dropout(config.dropout)
        layer = nn.TransformerDecoderLayer(
            config.features, config.heads, config.feed_forward, config.dropout, batch_first=True
        )
        self.layers = nn.TransformerDecoder(layer, config.layers)

    def forward(
        self,
        x: Float[Tensor, "batch frames features"],
        text: Float[Tensor, "batch ticks features"],
        frames: Int[Tensor, " batch"],
    ) -> Float[Tensor, "batch frames features"]:
        longest = x.shape[1]
        x = self.dropout(x + periodic(longest, x.shape[2], self.period, x.device).to(x))
        past_end = padding_mask(frames, longest, x.device) if bool((frames != longest).any()) else None
        own_text = alignment_mask(longest, self.memories, x.device)
        return self.layers(x, text, memory_mask=own_text, tgt_key_padding_mask=past_end)


@dataclass(frozen=True)
class SpokenText:
    """What is said in a batch."""

    letters: Float[Tensor, "batch frames slots"]
    """L, one a frame."""
    text: Float[Tensor, "batch frames features"]
    """f_txt"""
    memory: Float[Tensor, "batch ticks features"]
    """f_txt where the decoder's cross-attention looks: one or two a frame."""


class MemoryTalker(Talker):
    """Speech to `config.fps` frames a second of motion, by memory; the manner is the avatar's or the voice's.

    It moves the mesh that it was trained on as Shapes, metres, or the built-in rig as Coefficients. BadInput
    for an avatar that it cannot move.
    """

    method = "memorytalker"
    mixing: Tensor
    """[dims, rig shapes]: each component as a mixture of the rig's named shapes."""

    def __init__(self, config: MemoryTalkerConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = reader(config.ears, config.slots, config.fps, config.double_rate)
        self.text = nn.Linear(config.slots * (2 * config.reach + 1), config.features)
        self.motion = nn.Linear(config.dims, config.features)
        self.memory = Memory(config.slots, config.features, config.text_scaling, config.motion_scaling)
        self.fusion = nn.Linear(2 * config.features, config.features)
        self.decoder = Decoder(config)
        self.output = nn.Linear(config.features, config.dims)
        self.style = Style(config.slots, config.first_gain)
        if config.rig_shapes:
            self.register_buffer("mixing", torch.eye(config.dims, len(config.rig_shapes)))
        for linear in (self.text, self.motion, self.fusion):
            nn.init.xavier_uniform_(linear.weight)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def read(
        self,
        letters: Float[Tensor, "batch ticks slots"],
        ticks: Int[Tensor, " batch"],
        frames: Int[Tensor, " batch"],
    ) -> SpokenText:
        """f_txt = W_t L + b_t, where the decoder wants it."""

        def each(x: Tensor, make: Callable[[Tensor, int], Tensor]) -> Tensor:
            """`make` of all clips at once where they are equally long, else of each alone."""
            if bool((ticks == x.shape[1]).all()) and bool((frames == frames[0]).all()):
                return make(x, int(frames[0]))
            parts = [
                make(row[None, :n], int(count))[0] for row, n, count in zip(x, ticks, frames, strict=True)
            ]
            return nn.utils.rnn.pad_sequence(parts, batch_first=True)

        text = each(letters, lambda part, count: self.text(spliced(part, self.config.reach)))
        if not self.config.double_rate:
            return SpokenText(letters, text, text)
        return SpokenText(
            each(letters, resampled), each(text, resampled), each(text, lambda part, n: fitted(part, 2 * n))
        )

    def decode(
        self, spoken: SpokenText, f_m: Float[Tensor, "batch frames features"], frames: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch frames features"]:
        """D_m(fusion([f_txt ; f_m]))"""
        return self.decoder(self.fusion(torch.cat([spoken.text, f_m], dim=-1)), spoken.memory, frames)

    def speak(
        self,
        spoken: SpokenText,
        frames: Int[Tensor, " batch"],
        gain: Float[Tensor, "batch slots"] | None = None,
    ) -> Float[Tensor, "batch frames features"]:
        """What the output layer turns into motion, from speech alone: f_key = K diag(w_s) M."""
        f_key = self.memory.recall(self.memory.text_address(spoken.letters), gain)
        return self.decode(spoken, f_key, frames)

    def forward(
        self,
        waveform: Float[Tensor, "batch samples"],
        samples: Int[Tensor, " batch"],
        frames: Int[Tensor, " batch"],
        gain: Float[Tensor, "batch slots"] | None = None,
    ) -> Float[Tensor, "batch frames dims"]:
        """Motion of whole clips of any lengths, none of which hears another."""
        letters, ticks = self.encoder(waveform, samples, frames)
        return self.output(self.speak(self.read(letters, ticks, frames), frames, gain))

    @torch.no_grad()
    def manner(self, speech: Speech) -> Float[Tensor, " slots"]:
        """w_s of a voice."""
        if not self.style.learnt:
            return torch.ones(self.config.slots)
        device = self.output.weight.device
        mean, deviation = mean_and_deviation(speech.waveform)

        def ready(part: Tensor) -> Tensor:
            heard = ((part - mean) / deviation).to(device)
            let_go(part)
            return heard

        return self.style.gain(self.style.hear_long(speech.waveform, ready))[0].cpu()

    @torch.no_grad()
    def animate(
        self,
        speech: Speech,
        avatar: Avatar,
        *,
        seed: int = 0,
        progress: Callable[[float], None] = lambda share: None,
    ) -> Motion:
        """Speech of any length in overlapping windows that begin with a period; nothing here is random. In
        pauses that an ear hears for certain the face comes to rest."""
        self._check(avatar)
        frames = speech.frames(self.config.fps, self.config.counted)
        letters, gain = self.encoder.listened(speech, frames), self._gain(speech, avatar)
        rest = rests(self.encoder.silence(letters), frames, self.config.fps)
        track = self._spoken(self.spoken_text(letters, frames), rest, frames, gain, progress)
        return Motion(Fraction(self.config.fps), self._face(track), provenance=self.signed(avatar, seed))

    def spoken_text(self, letters: ReadLetters, frames: int) -> Callable[[int, int], SpokenText]:
        """What is said in frames [start, stop); where the encoder hears on, each with its neighbours."""
        reach, device = self.config.reach, self.output.weight.device

        def window(start: int, stop: int) -> SpokenText:
            low, high = max(0, start - reach), min(frames, stop + reach)
            phones = self.read(*letters(low, high), torch.tensor([high - low], device=device))
            parts = (phones.letters, phones.text, phones.memory)
            rates = (part.shape[1] // (high - low) for part in parts)
            return SpokenText(
                *(
                    part[:, rate * (start - low) : rate * (stop - low)]
                    for part, rate in zip(parts, rates, strict=True)
                )
            )

        return window

    def _spoken(
        self,
        text: Callable[[int, int], SpokenText],
        rest: FrameValues,
        frames: int,
        gain: Float[Tensor, " slots"],
        progress: Callable[[float], None],
    ) -> Float[Tensor, "frames numbers"]:
        """What becomes a face, in overlapping windows that begin with a period: components of the rig's
        motion, or numbers for the output layer's columns and for its bias."""
        config, device = self.config, self.output.weight.device

        def window(start: int, stop: int) -> Tensor:
            count = torch.tensor([stop - start], device=device)
            features = self.speak(text(start, stop), count, gain.to(device)[None])
            progress(stop / frames)
            numbers = self.output(features) if config.rig_shapes else F.pad(features, (0, 1), value=1.0)
            return numbers.cpu() * (1 - rest(start, stop))[:, None]

        return blend(window, frames, config.window * config.period, 2 * config.period)[0]

    def _check(self, avatar: Avatar) -> None:
        if self.config.rig_shapes:
            check_wears(avatar, self.config.rig)
        elif len(avatar.neutral) != self.config.verts:
            raise BadInput(
                f"This model moves {self.config.verts} vertices; {avatar.name} has {len(avatar.neutral)}.",
                "Give an avatar of the corpus that the model was trained on.",
            )

    def _gain(self, speech: Speech, avatar: Avatar) -> Float[Tensor, " slots"]:
        """The avatar's own manner if it has one, else that of the voice."""
        if self.method not in avatar.styles:
            return self.manner(speech)
        gain = avatar.styles[self.method]
        if gain.shape != (self.config.slots,):
            raise BadInput(
                f"The style in {avatar.name} has {len(gain)} numbers, this model wants {self.config.slots}.",
                "Make it again with this model: talk personalize VOICE_OR_CLIPS --model ...",
            )
        return gain

    def _face(self, spoken: Tensor) -> Coefficients | Shapes:
        """Weights of the rig's shapes by name, or of the output layer's own columns."""
        if not self.config.rig_shapes:
            basis = torch.cat([self.output.weight.T, self.output.bias[None]]).unflatten(1, (-1, 3))
            return Shapes(spoken, basis.detach().cpu().clone())
        weights = spoken @ self.mixing.cpu()
        expression = load_rig(self.config.rig).spread(weights, self.config.rig_shapes)
        return Coefficients(expression, torch.zeros(len(spoken), 3), self.config.rig)

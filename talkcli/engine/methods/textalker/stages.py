"""How TexTalker learns: two codebooks of maps, then latents from speech."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from talkcli.engine.assets import asset
from talkcli.engine.audio.ears import UNTAUGHT_HUBERT, take_phone_ear, take_pretrained
from talkcli.engine.audio.logmel_encoder import LogMelEncoderConfig
from talkcli.engine.audio.wav2vec import HubertConfig
from talkcli.engine.checkpoint import load_checkpoint
from talkcli.engine.clips import ClipSet, Example
from talkcli.engine.device import bfloat16_products
from talkcli.engine.methods.textalker.autoencoder import Autoencoder, AutoencoderConfig
from talkcli.engine.methods.textalker.critic import (
    Critic,
    CriticConfig,
    autoencoder_losses,
    critic_losses,
)
from talkcli.engine.methods.textalker.diffuser import Readout, diffusion_losses
from talkcli.engine.methods.textalker.frame_maps import RigFrameMaps, frame_maps
from talkcli.engine.methods.textalker.latent_frames import LatentFrame, latent_frames
from talkcli.engine.methods.textalker.perception import perception
from talkcli.engine.methods.textalker.speech_windows import (
    SpeechWindows,
    centred,
    mouth_readout,
    speech_windows,
)
from talkcli.engine.methods.textalker.talker import TexTalker, TexTalkerConfig
from talkcli.engine.struct import TensorStruct
from talkcli.engine.training.listening import PhoneExample, listening
from talkcli.engine.training.stage import (
    TO_HALF,
    TO_TENTH,
    TO_THREEFOLD,
    Losses,
    RateSchedule,
    Stage,
    Update,
    cosine,
)

CRITIC_FROM = 20_001
"""Step at which the critic of a codebook joins, as published."""
MARGIN = 0.02
"""Of a range of offsets, left free on either side of it."""
MAPS_AT_ONCE, WINDOWS_AT_ONCE = 3, 8
"""What one of the four published GPUs had of a batch, with a critic's pull and a cut of its own."""
CLIP_NORM = 1.0
"""Of the gradients of a starter; as published they are not clipped."""
NO_LPIPS = "Edges of maps are compared where the paper compares what VGG sees (LPIPS): give --set lpips=FILE."


class Frame(TensorStruct):
    """One map, or a batch."""

    maps: Float[Tensor, "*batch 3 size size"]
    importance: Float[Tensor, "*batch size size"] | None
    """How much each texel's error counts; None for all alike."""


def listen(config: TexTalkerConfig, *, ears_of: str = "") -> Stage[TexTalker, PhoneExample] | None:
    """Stage 0 of a log-mel encoder: phones, from clips that know them. None where it is taken over from
    another checkpoint (`ears_of`)."""
    no_lesson = ears_of or not any(isinstance(ear, LogMelEncoderConfig) for ear in config.ears)
    return None if no_lesson else listening()


def motion(
    config: TexTalkerConfig, *, critic: int = CRITIC_FROM, lpips: str = "", settled: bool = False
) -> Stage[TexTalker, Frame]:
    """The codebook of motion, from offset maps, as published: Adam at 2e-5, 12 maps a step.

    The critic joins at step `critic`, never if that is negative. `lpips` is a file of LPIPS weights; without
    it edges are compared instead (`perception.Edges`). `settled`: the generator alone learns, so that latents
    made before stay true.
    """

    def begin(network: TexTalker, clips: ClipSet) -> Example[Frame]:
        maps = frame_maps(network, clips, config.motion.size)
        if isinstance(maps, RigFrameMaps) and not settled:
            low, high = maps.range()
            network.low.copy_(low - MARGIN * (high - low))
            network.high.copy_(high + MARGIN * (high - low))
        low, high = network.low.cpu(), network.high.cpu()

        def cut(clips: ClipSet, index: int, generator: torch.Generator) -> Frame:
            at = int(torch.randint(maps.frames[index], (), generator=generator))
            importance = None if config.published else maps.importance
            return Frame(maps.motions(index, at, at + 1, low, high)[0], importance)

        return cut

    schedule = TO_HALF if config.published else cosine
    return _codebook(
        begin, lambda network: network.motion, config.published, schedule, critic, lpips, settled
    )


def texture(
    config: TexTalkerConfig, *, critic: int = CRITIC_FROM, lpips: str = "", settled: bool = False
) -> Stage[TexTalker, Frame]:
    """The codebook of the skin, from wrinkle maps; options as those of `motion`."""

    def begin(network: TexTalker, clips: ClipSet) -> Example[Frame]:
        maps = frame_maps(network, clips, config.texture.size)

        def cut(clips: ClipSet, index: int, generator: torch.Generator) -> Frame:
            at = int(torch.randint(maps.frames[index], (), generator=generator))
            importance = None if config.published else maps.wrinkled
            return Frame(maps.wrinkles(index, at, at + 1)[0], importance)

        return cut

    schedule = TO_THREEFOLD if config.published else cosine
    return _codebook(
        begin, lambda network: network.texture, config.published, schedule, critic, lpips, settled
    )


def _codebook(
    begin: Callable[[TexTalker, ClipSet], Example[Frame]],
    part: Callable[[TexTalker], Autoencoder],
    published: bool,
    schedule: RateSchedule,
    critic: int,
    lpips: str,
    settled: bool,
) -> Stage[TexTalker, Frame]:
    likeness = perception(Path(lpips) if lpips else None)

    def started(network: TexTalker, clips: ClipSet, generator: torch.Generator) -> Example[Frame]:
        if critic >= 0:
            network.critic = new_critic(part(network).config, generator)
        return begin(network, clips)

    def losses(network: TexTalker, batch: Frame, generator: torch.Generator) -> Losses:
        terms = autoencoder_losses(
            part(network),
            batch.maps,
            likeness=likeness.to(batch.maps.device),
            critic=network.critic if critic >= 0 else None,
            importance=None if batch.importance is None else batch.importance[0],
            half=not published,
            generator=generator,
            settled=settled,
        )
        return {likeness.name if name == "likeness" else name: term for name, term in terms.items()}

    def verdict(network: TexTalker, batch: Frame, generator: torch.Generator) -> Losses:
        assert network.critic is not None
        return critic_losses(part(network), network.critic, batch.maps, half=not published)

    def ended(network: TexTalker) -> None:
        network.critic = None

    def judge(network: TexTalker) -> Iterable[nn.Parameter]:
        assert network.critic is not None
        return network.critic.parameters()

    def learning(network: TexTalker) -> Iterable[nn.Parameter]:
        return (part(network).generator if settled else part(network)).parameters()

    clip_norm = None if published else CLIP_NORM
    updates = [Update[TexTalker, Frame](learning, losses, 2e-5, betas=BETAS, clip_norm=clip_norm)]
    if critic >= 0:
        updates.append(Update(judge, verdict, 2e-5, betas=BETAS, clip_norm=clip_norm, start=critic))
    return Stage(
        tuple(updates),
        started,
        steps=500_000,
        batch=12,
        ema=0.995,
        ema_rises=not published,
        schedule=schedule,
        at_once=MAPS_AT_ONCE if published else 0,
        notes=(NO_LPIPS,) if published and not lpips else (),
        end=ended,
    )


def new_critic(config: AutoencoderConfig, generator: torch.Generator) -> Critic:
    """For maps of that size: small ones have few patches."""
    halvings = min(CriticConfig.stages, config.size.bit_length() - 4)
    with torch.random.fork_rng():
        torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
        return Critic(CriticConfig(config.channels, stages=halvings))


BETAS = (0.9, 0.99)
"""Adam's, in every stage."""


def diffuse(
    config: TexTalkerConfig,
    *,
    ears_of: str = "",
    every: int = 1,
    views: int = 0,
    mouth: float = 0.0,
    stress: float = 0.0,
    blind: float = 0.0,
    mishear: float = 0.0,
    hubert: str = "",
) -> Stage[TexTalker, SpeechWindows]:
    """Latents from speech, as published: Adam at 1e-4, 32 pairs of windows, six seconds a step.

    `ears_of`: a checkpoint, or a starter by name, whose ear that hears phones is taken over; `hubert`: the
    folder of the pretrained HuBERT to begin with, without which it begins untaught; `every`: one of so many
    clips of each speaker; `views`: other rooms in which each clip is heard beforehand; `mouth`: weight of the
    error that is seen at the mouth; `stress`: power of how much more frames of shut lips count (too much
    shuts them too often); `blind`: share of windows that are guessed from hardly more than noise, which is
    what few steps need; `mishear`: by how much what is heard errs at most (standard deviation of logits, as
    in `misheard`).
    """

    def begin(network: TexTalker, clips: ClipSet, generator: torch.Generator) -> Example[SpeechWindows]:
        clips = clips.thinned(every)
        if ears_of:
            path = Path(ears_of) if Path(ears_of).is_file() else asset(f"{ears_of}.ckpt")
            take_phone_ear(network, load_checkpoint(path).weights)
        if hubert:
            take_pretrained(network, Path(hubert))
        motions = frame_maps(network, clips, config.motion.size)
        skins = frame_maps(network, clips, config.texture.size)
        tracks = centred(network, clips, motions, skins)
        lips = (
            mouth_readout(network, motions, tracks) if mouth and isinstance(motions, RigFrameMaps) else None
        )
        return speech_windows(network, clips, motions, tracks, views, stress, mishear, lips)

    def losses(network: TexTalker, batch: SpeechWindows, generator: torch.Generator) -> Losses:
        half = not config.published
        with bfloat16_products(batch.latents.device, half):
            return diffusion_losses(
                network.diffuser,
                batch.audio,
                batch.latents,
                generator,
                weight=batch.weight,
                readout=None if batch.lips is None else Readout(batch.lips[0], mouth),
                blind=blind,
            )

    def weights(network: TexTalker) -> Iterable[nn.Parameter]:
        diffuser = network.diffuser
        yield from (diffuser.start_audio_feat, diffuser.start_motion_feat, diffuser.start_tex_feat)
        yield diffuser.null_audio_feat
        yield from (*diffuser.audio_feature_map.parameters(), *diffuser.denoising_net.parameters())
        yield from network.hearing.taught()

    published = config.published
    untaught = not hubert and any(isinstance(ear, HubertConfig) for ear in config.ears)
    update = Update(weights, losses, lr=1e-4, betas=BETAS, clip_norm=None if published else CLIP_NORM)
    return Stage(
        (update,),
        begin,
        steps=120_000,
        batch=32,
        ema=0.995,
        ema_rises=not published,
        schedule=TO_TENTH if published else cosine,
        at_once=WINDOWS_AT_ONCE if published else 0,
        awake=lambda network: network.hearing.awake(),
        notes=(UNTAUGHT_HUBERT,) if untaught else (),
    )


def regress(config: TexTalkerConfig, *, every: int = 1) -> Stage[TexTalker, LatentFrame] | None:
    """What the rig does, straight from latents: mean squares of what is seen, and of folds. None for a model
    that paints. `every`: one of so many clips of each speaker."""
    if not (config.regressor and config.rig_shapes):
        return None

    def begin(network: TexTalker, clips: ClipSet, generator: torch.Generator) -> Example[LatentFrame]:
        return latent_frames(network, clips.thinned(every))

    def losses(network: TexTalker, batch: LatentFrame, generator: torch.Generator) -> Losses:
        assert network.weights_of is not None and network.folds_of is not None
        weights, folds = network.weights_of(batch.motion), network.folds_of(batch.texture)
        return {
            "seen": ((weights - batch.weights) @ batch.seen[0]).square().sum(-1).mean(),
            "folds": (folds - batch.folds).square().sum(-1).mean(),
        }

    def weights(network: TexTalker) -> Iterable[nn.Parameter]:
        assert network.weights_of is not None and network.folds_of is not None
        yield from (*network.weights_of.parameters(), *network.folds_of.parameters())

    update = Update(weights, losses, lr=1e-3, clip_norm=None)
    return Stage((update,), begin, steps=6000, batch=128, ema=0.998, schedule=cosine)

"""Sizes of UniGAHA that speak as clips move."""

from __future__ import annotations

from dataclasses import replace

from talkcli.engine.assets import DEFAULT_RIG
from talkcli.engine.audio.starter_ear import StarterEarConfig
from talkcli.engine.clips import ClipSet
from talkcli.engine.face.gaussian_head import DecoderConfig
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.methods.method import rig_motion
from talkcli.engine.methods.unigaha.config import CodeSampling, UnigahaConfig
from talkcli.engine.methods.unigaha.monocular_config import MonocularConfig
from talkcli.engine.methods.unigaha.prior_config import PriorConfig

_SPOKEN = ("jaw", "mouth", "tongue", "cheek", "nose")
"""Prefixes of the shapes that speech moves; eyes and brows live a life of their own."""
CALM_CODES = CodeSampling(steps=4, temperature=0.4)
"""Chosen on human recordings: after 8 steps from all of the noise lips follow the voice less."""
_DIFFUSED = 32
"""Rotated numbers that carry a mouth that talks to a few hundredths of a millimetre."""


def paper_size(clips: ClipSet) -> UnigahaConfig:
    """As published, but for what the clips' rig has: its shapes, and as many codes as its expressions."""
    motion, _, rig = rig_motion(clips, "unigaha")
    model = load_rig(rig)
    spoken = tuple(name for name in model.shape_names if name.startswith(_SPOKEN))
    codes = min(UnigahaConfig.codes, len(model.expression))
    return UnigahaConfig(
        fps=int(motion.fps),
        rig=rig,
        rig_shapes=spoken or model.shape_names,
        codes=codes,
        diffused=min(UnigahaConfig.diffused, codes),
        prior=_published_prior(rig, codes),
        seeing=_published_eye(rig, codes),
    )


def _published_prior(rig: str, codes: int) -> PriorConfig:
    """A million Gaussians; nothing but codes of expressions is solved."""
    decoder = DecoderConfig(rig, 4, (256, 256, 128, 128, 64, 64, 32, 16), codes, identity=512)
    return PriorConfig(decoder, solved=0, encoder=(32, 32, 64, 64, 128, 128, 256), hidden=512)


def _published_eye(rig: str, codes: int) -> MonocularConfig:
    """A whole ResNet34 and sixteen tokens to a side, of pictures of 512 pixels."""
    return MonocularConfig(
        rig, codes, 512, (3, 4, 6, 3), (64, 128, 256, 512), (64, 96, 128), features=256, layers=4, heads=8,
        pooled=1, marks=0,
    )  # fmt: skip


def starter_size(clips: ClipSet) -> UnigahaConfig:
    """Small enough to learn and to speak on two CPU cores, with an ear that is taught already."""
    size = paper_size(clips)
    return replace(
        size,
        diffused=min(_DIFFUSED, size.codes),
        ears=(StarterEarConfig(),),
        reach=6,
        joined=True,
        lip_features=128,
        lip_layers=2,
        lip_feed_forward=256,
        features=144,
        layers=3,
        heads=4,
        feed_forward=288,
        listening_layers=1,
        dropout=0.0,
        mask=0.1,
        sampling=CALM_CODES,
        prior=PriorConfig() if size.rig == DEFAULT_RIG else None,
        seeing=MonocularConfig() if size.rig == DEFAULT_RIG else None,
    )

"""TexTalker (CVPR 2025): motion and skin as codes, drawn together from noise and speech."""

from __future__ import annotations

from talkcli.engine.audio.starter_ear import StarterEarConfig
from talkcli.engine.clips import ClipSet
from talkcli.engine.errors import BadInput
from talkcli.engine.face.rigs import DEFAULT_RIG, load_rig, rig_of
from talkcli.engine.methods.method import Method
from talkcli.engine.methods.textalker.autoencoder import AutoencoderConfig
from talkcli.engine.methods.textalker.denoiser import FPS, DenoiserConfig
from talkcli.engine.methods.textalker.original import read_original
from talkcli.engine.methods.textalker.stages import diffuse, listen, motion, regress, texture
from talkcli.engine.methods.textalker.style import capture_folder
from talkcli.engine.methods.textalker.talker import (
    MOTION_STYLE,
    TEXTURE_STYLE,
    Sampling,
    TexTalker,
    TexTalkerConfig,
    as_published,
)
from talkcli.engine.motion import Coefficients

SMALL = AutoencoderConfig(
    size=128,
    patch=2,
    width=32,
    multipliers=(1, 1, 2, 2),
    blocks=1,
    latent=8,
    codes=512,
    groups=8,
    restart=0.1,
)
"""Of the starter, for motion and for the skin: 512 numbers a map."""
COMPONENTS = 24
"""Principal components of each map's latents that are drawn: they hold 99.9 % of the motion's variance."""
CALM = Sampling(steps=2, temperature=0.0)
"""Chosen on the human recordings of benchmarks/real_speech.py: noise made the mouth more restless, and
neither it nor more steps made lips truer."""
REGRESSOR = 64
"""Hidden numbers between latents and weights of the rig."""
STILL = ("eyeBlink", "eyeLook")
"""Prefixes of the shapes about which speech says nothing: `editing.life` moves them."""


def moved_shapes(clips: ClipSet) -> tuple[str, tuple[str, ...]]:
    """The rig and those of its shapes that a talker for these clips moves; none where they move vertices."""
    motion = clips.motion(0)
    if motion.fps != FPS:
        raise BadInput(f"TexTalker makes {FPS} frames a second, not {motion.fps}.", "Resample the clips.")
    if not isinstance(motion.face, Coefficients):
        return DEFAULT_RIG, ()
    rig = rig_of(clips.avatar(0))
    return rig, tuple(name for name in load_rig(rig).shape_names if not name.startswith(STILL))


def paper_size(clips: ClipSet) -> TexTalkerConfig:
    """As published; on a rig the maps are drawn from its shapes and read as their weights."""
    rig, names = moved_shapes(clips)
    return as_published(TexTalkerConfig(rig=rig, rig_shapes=names))


def starter_size(clips: ClipSet) -> TexTalkerConfig:
    """Small enough to learn and to speak on two CPU cores, with an ear that is taught already."""
    rig, names = moved_shapes(clips)
    denoiser = DenoiserConfig(
        features=160, layers=3, heads=4, feed_forward=640, motion=COMPONENTS, texture=COMPONENTS
    )
    return TexTalkerConfig(
        SMALL,
        SMALL,
        denoiser,
        ears=(StarterEarConfig(),),
        reach=6,
        regressor=REGRESSOR,
        rig=rig,
        rig_shapes=names,
        contrast=5 / 3,
        sampling=CALM,
    )


METHOD = Method(
    name="textalker",
    paper="Li et al., Towards High-fidelity 3D Talking Avatar with Personalized Dynamic Texture, CVPR 2025",
    config=TexTalkerConfig,
    build=TexTalker,
    sizes={"paper": paper_size, "starter": starter_size},
    stages={"listen": listen, "motion": motion, "texture": texture, "diffuse": diffuse, "regress": regress},
    moves=frozenset({"mouth", "skin"}),
    captures={"clips": capture_folder},
    styles={"motion": MOTION_STYLE, "skin": TEXTURE_STYLE},
    original=read_original,
    original_files=("motion", "texture", "diffusion"),
)

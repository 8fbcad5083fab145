"""TexTalker (CVPR 2025): motion and skin as codes, drawn together from noise and speech."""

from __future__ import annotations

from talkcli.engine.clips import ClipSet
from talkcli.engine.errors import BadInput
from talkcli.engine.face.rigs import load_rig, rig_of
from talkcli.engine.methods.method import Method
from talkcli.engine.methods.textalker.autoencoder import AutoencoderConfig
from talkcli.engine.methods.textalker.denoiser import FPS, DenoiserConfig
from talkcli.engine.methods.textalker.original import read_original
from talkcli.engine.methods.textalker.stages import diffuse, listen, motion, texture
from talkcli.engine.methods.textalker.style import capture_folder
from talkcli.engine.methods.textalker.talker import Sampling, TexTalker, TexTalkerConfig
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
PARTS = 24
"""Principal components of each map's latents that are drawn: they hold 99.9 % of the motion's variance."""
CALM = Sampling(steps=2, temperature=0.0)
"""Chosen on the human recordings of benchmarks/real_speech.py: noise made the mouth more restless, and
neither it nor more steps made lips truer."""
STILL = ("eyeBlink", "eyeLook")
"""Beginnings of the names of shapes that speech says nothing of: `editing.life` moves them."""


def config_for(clips: ClipSet) -> TexTalkerConfig:
    """As published for captured meshes and textures; small and on the rig for the studio's clips."""
    motion = clips.motion(0)
    if motion.fps != FPS:
        raise BadInput(f"TexTalker makes {FPS} frames a second, not {motion.fps}.", "Resample the clips.")
    if not isinstance(motion.face, Coefficients):
        return TexTalkerConfig()
    rig = rig_of(clips.avatar(0))
    names = tuple(name for name in load_rig(rig).shape_names if not name.startswith(STILL))
    denoiser = DenoiserConfig(features=160, layers=3, heads=4, feed_forward=640, motion=PARTS, texture=PARTS)
    return TexTalkerConfig(
        SMALL,
        SMALL,
        denoiser,
        encoder="logmel",
        reach=6,
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
    config_for=config_for,
    stages={"listen": listen, "motion": motion, "texture": texture, "diffuse": diffuse},
    capture_folder=capture_folder,
    original=read_original,
    original_files=("motion", "texture", "diffusion"),
)

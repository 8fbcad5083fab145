"""Sizes of 3DXTalker that speak as clips move."""

from __future__ import annotations

from dataclasses import replace

from talkcli.engine.audio.affect import AffectConfig
from talkcli.engine.audio.starter_ear import StarterEarConfig
from talkcli.engine.clips import ClipSet
from talkcli.engine.editing.moods import MOODS
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.methods.dxtalker.config import DxTalkerConfig, FlowSampling
from talkcli.engine.methods.method import rig_motion

CALM_MOUTH = FlowSampling(steps=8, temperature=0.7, mouth=0.43, head=2.5, whole_blinks=True)
"""Chosen on human recordings: more steps make lips no truer, more noise lets lips and nods follow the voice
less, and with less of it eyes and head hardly move. The studio's heads, from which it learns, nod by 0.7
degrees on a stress where people nod by one to three."""


def paper_size(clips: ClipSet) -> DxTalkerConfig:
    """As published, but for the numbers that make a face: those of the clips' rig. On FLAME 284."""
    motion, face, rig = rig_motion(clips, "3dxtalker")
    codes, head = motion.codes, motion.head
    names = load_rig(rig).shape_names[: face.expression.shape[1]]
    return DxTalkerConfig(
        fps=int(motion.fps),
        identity=0 if codes is None else codes.identity.shape[1],
        expression=len(names),
        head=0 if head is None else 3,
        detail=0 if codes is None else codes.detail.shape[1],
        translation=3 if head is not None and bool(head.translation.any()) else 0,
        rig=rig,
        rig_shapes=names,
    )


def starter_size(clips: ClipSet) -> DxTalkerConfig:
    """Small enough to learn and to speak on two CPU cores, with an ear that is taught already."""
    return replace(
        paper_size(clips),
        ears=(StarterEarConfig(),),
        affect=AffectConfig(moods=tuple(MOODS)),
        reach=6,
        features=160,
        heads=4,
        feed_forward=2,
        shared_blocks=4,
        pose_blocks=1,
        expression_blocks=1,
        identity_blocks=1,
        dropout=0.0,
        sampling=CALM_MOUTH,
    )

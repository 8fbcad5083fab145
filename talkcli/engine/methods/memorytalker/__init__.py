"""MemoryTalker (ICCV 2025): a memory of motions, addressed by speech, coloured by style."""

from __future__ import annotations

from dataclasses import replace

from talkcli.engine.errors import BadInput
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.methods.memorytalker.manner import capture_folder
from talkcli.engine.methods.memorytalker.motions import paper_size, starter_size
from talkcli.engine.methods.memorytalker.original import read_original
from talkcli.engine.methods.memorytalker.stages import listen, memorise, stylise
from talkcli.engine.methods.memorytalker.talker import MemoryTalker, MemoryTalkerConfig
from talkcli.engine.methods.method import Method
from talkcli.engine.speech import Speech


def capture(talker: MemoryTalker, speech: Speech, avatar: Avatar) -> Avatar:
    """The same face with this voice's manner of speaking."""
    if not talker.style.learnt:
        hint = "Train on with: talk train CLIPS --stage stylise --from CHECKPOINT"
        raise BadInput("This model has learnt to speak but not to imitate.", hint)
    return replace(avatar, styles={**avatar.styles, talker.method: talker.manner(speech)})


METHOD = Method(
    name="memorytalker",
    paper="Kim et al., MemoryTalker: Personalized Speech-Driven 3D Facial Animation, ICCV 2025",
    config=MemoryTalkerConfig,
    build=MemoryTalker,
    sizes={"paper": paper_size, "starter": starter_size},
    stages={"listen": listen, "memorise": memorise, "stylise": stylise},
    captures={"voice": capture, "clips": capture_folder},
    styles={"motion": MemoryTalker.method},
    original=read_original,
)

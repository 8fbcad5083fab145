"""3DXTalker (2026): face, head and feelings drawn together by flow matching."""

from __future__ import annotations

from talkcli.engine.methods.dxtalker.config import DxTalkerConfig
from talkcli.engine.methods.dxtalker.reference import capture_codes, capture_picture
from talkcli.engine.methods.dxtalker.sizes import paper_size, starter_size
from talkcli.engine.methods.dxtalker.stages import affect, flow
from talkcli.engine.methods.dxtalker.talker import DxTalker
from talkcli.engine.methods.method import Method

METHOD = Method(
    name=DxTalker.method,
    paper="3DXTalker: expressive 3D talking avatars by flow matching, arXiv 2602.10516, 2026",
    config=DxTalkerConfig,
    build=DxTalker,
    sizes={"paper": paper_size, "starter": starter_size},
    stages={"affect": affect, "flow": flow},
    moves=frozenset({"mouth", "eyes", "head"}),
    captures={"picture": capture_picture, "codes": capture_codes},
)

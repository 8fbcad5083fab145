"""Whoever gets something made with the built-in head is told whose form it has."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from films import header

from talkcli.engine.assets import DEFAULT_RIG, FACEKIT_CREDIT, asset, head_credit
from talkcli.engine.face.avatar import Avatar, load_avatar
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.methods.method import Talker
from talkcli.engine.motion import Coefficients, Motion, Vertices
from talkcli.engine.rendering.shot import Shot
from talkcli.engine.rendering.write import Act, write

NOTICE = "Copyright (c) 2020 USC Institute for Creative Technologies"


class Mime(Talker):
    method = "mime"

    def animate(self, speech: Any, avatar: Avatar, **_: Any) -> Motion:
        raise NotImplementedError


def test_the_credit_is_the_notice_of_its_licence():
    text = (Path(__file__).parent.parent / "LICENSES" / "ICT-FaceKit.txt").read_text()
    assert NOTICE in text and NOTICE in FACEKIT_CREDIT
    assert head_credit(DEFAULT_RIG) == {"head": FACEKIT_CREDIT}
    assert head_credit("another") == head_credit(None) == {}


def test_a_motion_of_the_built_in_head_is_signed_with_it_and_one_of_a_mesh_is_not(bare_face):
    assert Mime().signed(load_avatar(asset("ada.avatar")), 7)["head"] == FACEKIT_CREDIT
    assert "head" not in Mime().signed(load_avatar(bare_face), 7)


@pytest.mark.parametrize("suffix", [".mp4", ".npz", ".obj", ".ply"])
def test_films_and_meshes_say_it_of_the_heads_that_they_show(suffix, bare_face, tmp_path):
    """Whatever the motion says; a mesh of one's own beside it is not credited."""
    ada, bare = load_avatar(asset("ada.avatar")), load_avatar(bare_face)
    still = load_rig(DEFAULT_RIG).weight_vector()[None]
    with_head = Motion(Fraction(25), Coefficients(still, torch.zeros(1, 3)), provenance={"seed": 3})
    mesh = Motion(Fraction(25), Vertices(torch.zeros(1, *bare.neutral.shape)), provenance={"seed": 3})
    for name, acts in {"ada": [Act(with_head, ada)], "bare": [Act(mesh, bare)]}.items():
        path = tmp_path / f"{name}{suffix}"
        write(acts, path, Shot(size="32"))
        told = provenance_in(path)
        assert told["seed"] == 3 and told.get("head") == (FACEKIT_CREDIT if name == "ada" else None)


def provenance_in(path: Path) -> dict[str, Any]:
    if path.suffix == ".mp4":
        return json.loads(header(path).metadata["comment"])
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return json.loads(str(arrays["provenance"]))
    text = (path / f"000000{path.suffix}").read_bytes().split(b"end_header")[0].decode()
    word = "# {" if path.suffix == ".obj" else "comment {"
    return json.loads(next(line for line in text.splitlines() if line.startswith(word))[len(word) - 1 :])

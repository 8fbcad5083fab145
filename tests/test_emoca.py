"""EMOCA's detail: the decoder out of a checkpoint of its form, and what it does to a FLAME."""

from __future__ import annotations

import sys
import types
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_flame import FACES, VERTS, Thief, arrays, speaking, template_obj, written

from talkcli.engine.errors import Untrusted
from talkcli.engine.face.avatar import load_avatar
from talkcli.engine.face.detail import DEEPEST, DetailDecoder, normals_of, shows_detail
from talkcli.engine.face.flame import import_flame
from talkcli.engine.face.geometry import vertices
from talkcli.engine.face.known_rigs import load_rig
from talkcli.engine.face.uv_maps import read_maps, uv_reader
from talkcli.engine.methods.dxtalker.emoca import detail_weights, import_emoca
from talkcli.engine.motion import Coefficients, FrameCodes
from talkcli.engine.rendering.shot import Shot, notes_on


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALK_DATA", str(tmp_path / "data"))


class Settings:
    """A class that settings beside weights are made of."""

    def __init__(self) -> None:
        self.content = {"exp": 50}


@pytest.fixture
def emoca(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, DetailDecoder]:
    """A checkpoint of its form: the decoder among other weights, and settings of a library's classes."""
    torch.manual_seed(0)
    decoder = DetailDecoder().eval()
    for name, buffer in decoder.named_buffers():
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 2)
    for parameter in decoder.parameters():
        parameter.data.mul_(3)
    names = [f"deca.D_detail.{name}" for name in decoder.state_dict()]
    state = {"deca.E_flame.x": torch.ones(2)}
    state |= dict(zip(names, decoder.state_dict().values(), strict=True))
    library = types.ModuleType("omegaconf.dictconfig")
    monkeypatch.setattr(Settings, "__module__", library.__name__)
    library.Settings = Settings  # type: ignore[attr-defined]
    for name in ("omegaconf", library.__name__):
        monkeypatch.setitem(sys.modules, name, library)
    torch.save({"state_dict": state, "hyper_parameters": Settings()}, tmp_path / "detail.ckpt")
    return tmp_path / "detail.ckpt", decoder


def test_detail_moves_vertices_along_their_normals_by_what_the_map_says_where_they_lie(emoca, tmp_path):
    path, decoder = emoca
    template_obj(tmp_path / "head_template.obj")
    fixed = np.full((256, 256), 1e-3)
    np.save(tmp_path / "fixed.npy", fixed)
    model = written(arrays(), tmp_path / "FLAME2020" / "generic_model.pkl")
    made = import_flame({"model": model, "uv": tmp_path / "head_template.obj"})
    who = load_avatar(made["output"].with_suffix(".avatar"))
    coarse = replace(speaking("flame2020"), head=None)
    codes = FrameCodes(torch.zeros(6, 1), torch.randn(6, 128, generator=torch.Generator().manual_seed(2)))
    motion = replace(coarse, codes=codes)
    plain = vertices(coarse, who)
    assert torch.equal(vertices(motion, who), plain), "without the decoder codes are carried"
    assert "not drawn" in notes_on(Shot(), motion, who, [])[0]
    import_emoca({"model": path, "fixed": tmp_path / "fixed.npy"})
    topology = load_rig("flame2020").topology
    assert isinstance(motion.face, Coefficients) and shows_detail(motion, topology)
    moved = vertices(motion, who) - plain
    depth = (moved * normals_of(plain, FACES)).sum(-1)
    torch.testing.assert_close(moved, depth[..., None] * normals_of(plain, FACES), atol=1e-6, rtol=0)
    with torch.no_grad():
        maps = decoder(torch.cat([motion.face.jaw, motion.face.expression[:, :50], codes.detail], 1)) + 1e-3
    read = read_maps(maps[:, None], uv_reader(FACES, topology.uv, topology.uv_faces, 256, verts=VERTS))
    torch.testing.assert_close(depth, read[..., 0], atol=1e-6, rtol=0)
    assert depth.abs().max() <= DEEPEST + 1e-3 + 1e-6 and depth.std() > 1e-5
    assert torch.equal(vertices(coarse, who), plain)
    assert not notes_on(Shot(), motion, who, []) and not notes_on(Shot(), coarse, who, [])


def test_a_checkpoint_without_the_decoder_or_of_other_libraries_is_refused(emoca, tmp_path, monkeypatch):
    torch.save({"state_dict": {"deca.E_flame.x": torch.ones(2)}}, tmp_path / "coarse.ckpt")
    with pytest.raises(Untrusted, match="0 tensors of D_detail"):
        import_emoca({"model": tmp_path / "coarse.ckpt"})
    torch.save({"D_detail": DetailDecoder().state_dict(), "x": Thief()}, tmp_path / "thief.ckpt")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Untrusted):
        import_emoca({"model": tmp_path / "thief.ckpt"})
    assert not (tmp_path / "stolen").exists()
    torch.save({"D_detail": emoca[1].state_dict(), "epoch": 3}, tmp_path / "deca_model.tar")
    weights = detail_weights(tmp_path / "deca_model.tar")
    assert all(torch.equal(weights[name], tensor) for name, tensor in emoca[1].state_dict().items())

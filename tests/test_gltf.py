"""A .glb read back by its format alone: it moves as the motion does, in the avatar's skin."""

from __future__ import annotations

import io
import json
import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

from talkcli.engine.assets import avatar_files
from talkcli.engine.face.avatar import Avatar, load_avatar
from talkcli.engine.face.geometry import vertices
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.motion import Coefficients, Head, Motion, save_motion
from talkcli.engine.rendering.export import WRITERS
from talkcli.engine.rendering.meshes import dressed_mesh, dressed_vertices

KINDS = {5126: "<f4", 5125: "<u4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3}


class Read:
    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        magic, version, length, size = struct.unpack("<4sIII", data[:16])
        assert (magic, version, length) == (b"glTF", 2, len(data)) and data[16:20] == b"JSON"
        self.content = json.loads(data[20 : 20 + size])
        self.binary = data[28 + size :]
        assert self.content["buffers"] == [{"byteLength": len(self.binary)}]

    def view(self, number: int) -> bytes:
        view = self.content["bufferViews"][number]
        return self.binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]

    def array(self, number: int) -> np.ndarray:
        told = self.content["accessors"][number]
        width, kind = WIDTHS[told["type"]], KINDS[told["componentType"]]
        values = np.zeros((told["count"], width), kind)
        if "bufferView" in told:
            values[:] = np.frombuffer(self.view(told["bufferView"]), kind).reshape(-1, width)
        if "sparse" in told:
            sparse = told["sparse"]
            places = np.frombuffer(self.view(sparse["indices"]["bufferView"]), "<u4")
            assert (np.diff(places.astype(int)) > 0).all() and len(places) == sparse["count"]
            values[places] = np.frombuffer(self.view(sparse["values"]["bufferView"]), kind).reshape(-1, width)
        if "min" in told:
            assert np.array_equal(values.min(0), np.float32(told["min"]))
            assert np.array_equal(values.max(0), np.float32(told["max"]))
        return values


@pytest.fixture(scope="module")
def noor() -> Avatar:
    return load_avatar(avatar_files()["noor"])


@pytest.fixture(scope="module")
def motion(noor) -> Motion:
    draw = torch.Generator().manual_seed(0)
    shapes = torch.rand(7, len(load_rig(noor.rig).shape_names), generator=draw) ** 3
    head = Head(0.1 * torch.randn(7, 3, generator=draw), 0.01 * torch.randn(7, 3, generator=draw))
    return Motion(Fraction(30000, 1001), Coefficients(shapes, torch.zeros(7, 3), noor.rig), head)


@pytest.fixture(scope="module")
def read(noor, motion, tmp_path_factory) -> Read:
    path = tmp_path_factory.mktemp("glb") / "a.glb"
    WRITERS[".glb"](motion, noor, path)
    return Read(path)


def test_a_glb_moves_all_that_is_worn_as_the_motion_does(noor, motion, read):
    mesh, (sampler,) = dressed_mesh(noor), read.content["animations"][0]["samplers"]
    times, whole = read.array(sampler["input"])[:, 0], read.content["meshes"][0]
    weights = read.array(sampler["output"]).reshape(len(motion), -1)
    assert np.allclose(times, np.arange(7) * 1001 / 30000) and np.abs(weights).max() <= 1.0001
    assert len(whole["extras"]["targetNames"]) == weights.shape[1] and len(mesh.parts) > 2
    assert [m["name"] for m in read.content["materials"]] == [part.name for part in mesh.parts]
    for frame in (0, 3, 6):
        seen = dressed_vertices(mesh.dressing, vertices(motion, noor, frame, frame + 1)[0].numpy())
        for part, primitive in zip(mesh.parts, whole["primitives"], strict=True):
            place = read.array(primitive["attributes"]["POSITION"])
            for weight, target in zip(weights[frame], primitive["targets"], strict=True):
                place = place + weight * read.array(target["POSITION"])
            corners = read.array(primitive["indices"])[:, 0]
            assert np.abs(place[corners] - seen[part.faces.reshape(-1)]).max() < 4e-4, part.name


def test_a_glb_wears_the_skin_where_it_is(noor, read):
    assert noor.look is not None
    with Image.open(io.BytesIO(read.view(read.content["images"][0]["bufferView"]))) as picture:
        skin = np.asarray(picture)
    assert np.array_equal(skin, noor.look.albedo.numpy())
    mesh, primitive = dressed_mesh(noor), read.content["meshes"][0]["primitives"][0]
    uv = read.array(primitive["attributes"]["TEXCOORD_0"])[read.array(primitive["indices"])[:, 0]]
    part = mesh.parts[0]
    assert part.uv_faces is not None
    assert np.allclose(uv, mesh.uv[part.uv_faces.reshape(-1)] * [1, -1] + [0, 1], atol=1e-6)
    normals = read.array(primitive["attributes"]["NORMAL"])
    assert np.allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)


def test_other_readers_take_it(talk, noor, motion, tmp_path):
    save_motion(motion, tmp_path / "a.motion")
    talk("render", tmp_path / "a.motion", "-a", "noor", "-o", tmp_path / "a.glb")
    scene = trimesh.load(tmp_path / "a.glb", process=False)
    assert isinstance(scene, trimesh.Scene)
    parts = dressed_mesh(noor).parts
    assert [len(each.faces) for each in scene.geometry.values()] == [len(part.faces) for part in parts]
    assert Read(tmp_path / "a.glb").content["asset"]["extras"]["head"]

"""A user's FLAME becomes a rig: here a model of its form, pickled as the authors' files are."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
import types
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch
from fuzz.flame import flame_arrays, write_flame
from procedural_head import ball
from test_another_rig import skinned
from typer.testing import CliRunner

from talkcli.app import app
from talkcli.engine.assets import sha256
from talkcli.engine.errors import BadInput, BadUsage, Untrusted
from talkcli.engine.face.arkit import LOOK_ASIDE, LOOK_UP
from talkcli.engine.face.avatar import load_avatar
from talkcli.engine.face.face_model import JOINTS
from talkcli.engine.face.flame import edition_of, flame_model, import_flame
from talkcli.engine.face.geometry import vertices
from talkcli.engine.face.known_rigs import imported_rigs, load_rig
from talkcli.engine.face.rotations import matrix
from talkcli.engine.face.topology import contour_points
from talkcli.engine.installation import findings
from talkcli.engine.motion import Coefficients, Head, Motion, save_motion

POINTS, FACES, _ = ball(8, 12)
VERTS = len(POINTS)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TALK_DATA", str(tmp_path / "data"))
    return tmp_path / "data" / "talk"


@pytest.fixture
def libraries(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[type, type, type]]:
    """Classes that pickle as those of chumpy and scipy do; the reader never sees them."""
    kinds = []
    for module, name in (
        ("chumpy.ch", "Ch"),
        ("chumpy.reordering", "Select"),
        ("scipy.sparse.csc", "csc_matrix"),
    ):
        kind = type(name, (), {"__module__": module})
        stand_in = types.ModuleType(module)
        setattr(stand_in, name, kind)
        for part in (module.rpartition(".")[0], module):
            if part not in sys.modules:
                monkeypatch.setitem(sys.modules, part, types.ModuleType(part))
        monkeypatch.setitem(sys.modules, module, stand_in)
        kinds.append(kind)
    yield kinds[0], kinds[1], kinds[2]


def holding(kind: type, **state: Any) -> Any:
    made = kind()
    made.__dict__.update(state)
    return made


def arrays() -> dict[str, Any]:
    dice = np.random.default_rng(0)
    weights = dice.random((VERTS, 5))
    weights[:, 0] = 0
    regressor = dice.random((5, VERTS)) * (dice.random((5, VERTS)) < 0.3)
    return {
        "v_template": POINTS.numpy().astype(np.float64),
        "f": FACES.numpy().astype(np.uint32),
        "shapedirs": 0.005 * dice.standard_normal((VERTS, 3, 400)),
        "posedirs": 0.002 * dice.standard_normal((VERTS, 3, 36)),
        "J_regressor": regressor / regressor.sum(1, keepdims=True),
        "weights": weights / weights.sum(1, keepdims=True),
        "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], [0, 1, 2, 3, 4]], np.uint32),
        "bs_style": "lbs",
    }


def as_published(libraries: tuple[type, type, type]) -> dict[str, Any]:
    """Some arrays inside chumpy's objects, the regressor sparse by columns."""
    chumpy, select, sparse = libraries
    tree = arrays()
    dense = tree["J_regressor"]
    columns, rows = np.nonzero(dense.T)
    starts = np.concatenate([[0], np.bincount(columns, minlength=VERTS).cumsum()])
    state = {"_shape": dense.shape, "data": dense[rows, columns], "indices": rows, "indptr": starts}
    tree["J_regressor"] = holding(sparse, **state, format="csc", maxprint=50)
    tree["posedirs"] = holding(chumpy, x=tree["posedirs"])
    flat, shape = tree["shapedirs"].ravel(), tree["shapedirs"].shape
    backwards = holding(chumpy, x=flat[::-1].copy())
    tree["shapedirs"] = holding(
        select, a=backwards, idxs=np.arange(len(flat))[::-1].copy(), preferred_shape=shape
    )
    return tree


def written(tree: Any, path: Path, protocol: int = 2) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(tree, protocol))
    return path


def speaking(rig: str) -> Motion:
    dice = torch.Generator().manual_seed(1)
    jaw = torch.rand(6, 3, generator=dice) * torch.tensor([0.4, 0.1, 0.1])
    head = Head(0.4 * torch.rand(6, 3, generator=dice), torch.zeros(6, 3))
    return Motion(Fraction(25), Coefficients(torch.randn(6, 100, generator=dice), jaw, rig), head)


@pytest.mark.parametrize("protocol", [2, 4])
def test_what_chumpy_and_scipy_hold_is_read_without_them(libraries, protocol, tmp_path):
    path = written(as_published(libraries), tmp_path / "FLAME2020" / "generic_model.pkl", protocol)
    model, plain = flame_model({"model": path}, "flame2020"), arrays()
    directions = torch.from_numpy(plain["shapedirs"]).float().permute(2, 0, 1)
    assert torch.equal(model.identity, directions[:300]) and torch.equal(model.shapes[:100], directions[300:])
    assert model.joint_regressor is not None and model.pose_shapes is not None
    torch.testing.assert_close(model.joint_regressor, torch.from_numpy(plain["J_regressor"]).float())
    poses = torch.from_numpy(plain["posedirs"]).float()
    for joint in range(1, len(JOINTS)):
        columns = poses[..., 9 * (joint - 1) : 9 * joint].permute(2, 0, 1)
        assert torch.equal(model.pose_shapes[joint], columns)
    assert not model.pose_shapes[0].any()


def test_it_moves_as_linear_blend_skinning_with_joints_and_correctives_of_its_own(tmp_path):
    path = written(arrays(), tmp_path / "FLAME2020" / "generic_model.pkl")
    made = import_flame({"model": path})
    who, motion = load_avatar(made["output"].with_suffix(".avatar")), speaking("flame2020")
    torch.testing.assert_close(
        vertices(motion, who), skinned(load_rig("flame2020"), who, motion), atol=1e-5, rtol=0
    )
    still = Motion(Fraction(25), Coefficients(torch.zeros(1, 100), torch.zeros(1, 3), "flame2020"))
    torch.testing.assert_close(vertices(still, who)[0], POINTS, atol=1e-6, rtol=0)


def test_eyes_look_by_their_joints_under_the_names_of_arkit():
    """Left is the subject's: +x, as the face looks along +z."""
    tree = arrays()
    tree["weights"] = np.eye(5)[np.full(VERTS, 1)]
    tree["weights"][:2] = np.eye(5)[[JOINTS.index("left_eye"), JOINTS.index("right_eye")]]
    with TemporaryDirectory() as folder:
        model = flame_model({"model": written(tree, Path(folder) / "x.pkl")}, "flame")
    for name, axis, degrees in (
        ("eyeLookOutLeft", 1, LOOK_ASIDE), ("eyeLookInRight", 1, LOOK_ASIDE),
        ("eyeLookOutRight", 1, -LOOK_ASIDE), ("eyeLookUpLeft", 0, -LOOK_UP), ("eyeLookDownRight", 0, LOOK_UP),
    ):  # fmt: skip
        vertex, joint = (0, "left_eye") if name.endswith("Left") else (1, "right_eye")
        turn = torch.zeros(1, 3)
        turn[0, axis] = math.radians(degrees)
        wanted = model.turned(POINTS[None], joint, model.joints, turn)[0] - POINTS
        (shape,) = model.columns([name])
        torch.testing.assert_close(model.shapes[shape], wanted, atol=1e-6, rtol=0)
        assert model.shapes[shape, vertex].any() and not model.shapes[shape, 2:].any()
    ahead = torch.tensor([0.0, 0.0, 1.0])
    left = matrix(torch.tensor([0.0, math.radians(LOOK_ASIDE), 0.0])) @ ahead
    assert left[0] > 0 and (matrix(torch.tensor([-0.3, 0.0, 0.0])) @ ahead)[1] > 0


class Thief:
    def __reduce__(self) -> tuple[Any, ...]:
        return subprocess.getoutput, ("touch stolen",)


@pytest.mark.parametrize(
    ("spoilt", "told"),
    [
        ({"v_template": Thief()}, "wants commands.getoutput"),
        ({"weights": np.ones((VERTS, 4))}, "weights is float64"),
        ({"weights": np.ones((VERTS, 5))}, "do not sum to 1"),
        ({"f": np.full((3, 3), VERTS, np.uint32)}, "no list of triangles"),
        ({"kintree_table": np.array([[0, 0, 0, 1, 1]] * 2)}, "joints hang on"),
        ({"posedirs": np.full((VERTS, 3, 36), np.nan)}, "no number"),
    ],
)
def test_what_is_no_flame_or_would_run_is_refused_with_its_reason(spoilt, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Untrusted, match=told):
        flame_model({"model": written({**arrays(), **spoilt}, tmp_path / "x.pkl")}, "flame")
    assert not (tmp_path / "stolen").exists()


def test_masks_and_embeddings_say_where_lips_eyes_and_points_are(tmp_path):
    parts = ("lips", "nose", "neck", "scalp", "left_ear", "right_ear", "forehead", "eye_region")
    eye = np.unique(FACES[:4].numpy())
    masks = {part: np.arange(number, number + 6) for number, part in enumerate(parts)}
    masks |= {"left_eyeball": eye, "right_eyeball": eye}
    dice = np.random.default_rng(1)
    corners = dice.dirichlet([1, 1, 1], 51)
    points = {"lmk_face_idx": dice.integers(len(FACES), size=51).astype(np.uint32), "lmk_b_coords": corners}
    np.savez(tmp_path / "mediapipe.npz", **points, landmark_indices=np.arange(51))
    files = {
        "model": written(arrays(), tmp_path / "x.pkl"),
        "masks": written(masks, tmp_path / "masks.pkl"),
        "landmarks": written(points, tmp_path / "static.pkl"),
        "mediapipe": tmp_path / "mediapipe.npz",
    }
    model = flame_model(files, "flame")
    topology = model.topology
    assert topology.regions["lips"].tolist() == list(range(6))
    assert topology.regions["upper_face"].tolist() == list(range(6, 13))
    assert (topology.materials[:4] > 0).all() and not topology.materials[-4:].any()
    expected = (POINTS[FACES[points["lmk_face_idx"].astype(int)]].numpy() * corners[..., None]).sum(1)
    for kind in ("ibug51", "mediapipe105"):
        np.testing.assert_allclose(model.landmarks(POINTS, kind).numpy(), expected, atol=1e-6)
    assert topology.lip_pairs.shape == (3, 2)
    files["masks"] = written({**masks, "lips": np.array([VERTS])}, tmp_path / "masks.pkl")
    with pytest.raises(BadInput, match="lips speaks of vertices outside"):
        flame_model(files, "flame")


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30, 1e300])
@pytest.mark.parametrize("file", ["model", "landmarks", "mediapipe"])
def test_a_file_of_what_is_no_number_is_named(value, file, tmp_path):
    write_flame(tmp_path)
    files = {name: tmp_path / f"{name}.pkl" for name in ("model", "landmarks")}
    files["mediapipe"] = tmp_path / "mediapipe.npz"
    assert flame_model(files, "flame").signed
    if file == "model":
        tree = flame_arrays()
        tree["v_template"][1, 1] = value
        files[file].write_bytes(pickle.dumps(tree, protocol=2))
    else:
        points = {"lmk_face_idx": np.zeros(51, int), "lmk_b_coords": np.full((51, 3), value)}
        files[file].write_bytes(pickle.dumps(points, protocol=2))
        if file == "mediapipe":
            np.savez(files[file], **points)
    with pytest.raises((BadInput, Untrusted), match=files[file].name):
        flame_model(files, "flame")


@pytest.mark.parametrize(
    ("path", "edition"),
    [
        ("FLAME2020/generic_model.pkl", "2020"),
        ("models/flame2023.pkl", "2023"),
        ("models/flame2023_Open.pkl", "2023_open"),
        ("flame-2019/female_model.pkl", "2019"),
        ("models/generic_model.pkl", ""),
    ],
)
def test_the_edition_is_read_from_names(path, edition):
    assert edition_of(Path(path)) == edition


def test_imported_once_it_is_an_avatar_of_every_verb(home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(arrays(), tmp_path / "FLAME2020" / "generic_model.pkl")
    save_motion(speaking("flame2020"), tmp_path / "x.motion")
    invoke = CliRunner().invoke
    before = invoke(app, ["render", "x.motion", "--avatar", "flame", "-o", "x.npz"])
    assert before.exit_code == 2 and "talk models import flame" in before.output
    command = ["models", "import", "flame", "FLAME2020/generic_model.pkl", "--json"]
    first = invoke(app, command)
    assert first.exit_code == 0 and '"edition": "2020"' in first.output, first.output
    assert set(imported_rigs()) == {"flame2020"} and (home / "flame2020.avatar").is_file()
    assert invoke(app, command).exit_code == BadUsage.exit_code
    assert invoke(app, [*command, "--overwrite"]).exit_code == 0
    for name in ("x.npz", "x.obj", "x.png"):
        done = invoke(
            app, ["render", "x.motion", "--avatar", "flame", "-o", name, "--size", "64", "--overwrite"]
        )
        assert done.exit_code == 0, done.output
    with np.load(tmp_path / "x.npz") as saved:
        who = load_avatar(home / "flame2020.avatar")
        np.testing.assert_allclose(saved["vertices"], vertices(speaking("flame2020"), who).numpy(), atol=1e-6)
    wrong = invoke(app, ["animate", "x.wav", "--avatar", "flame", "-o", "y.npz"])
    assert wrong.exit_code == 3


def test_a_contour_is_the_set_of_the_degree_that_the_head_turns(tmp_path):
    dice = np.random.default_rng(2)
    triangles, corners = dice.integers(len(FACES), size=(79, 17)), dice.dirichlet([1, 1, 1], (79, 17))
    holder = np.empty((), object)
    holder[()] = {"lmk_face_idx": triangles, "lmk_b_coords": corners}
    np.save(tmp_path / "contour.npy", holder, allow_pickle=True)
    model = written(arrays(), tmp_path / "x.pkl")
    topology = flame_model({"model": model, "contour": tmp_path / "contour.npy"}, "flame").topology
    sets = {0.0: 0, -7.4: 7, -39.0: 39, -60.0: 39, 1.0: 40, 7.4: 46, 39.0: 78, 60.0: 78}
    turns = torch.tensor([[0.0, degrees, 0.0] for degrees in sets]).deg2rad()
    found = contour_points(POINTS.expand(len(sets), -1, -1), topology, turns)
    for row, which in zip(found, sets.values(), strict=True):
        wanted = (POINTS[FACES[triangles[which]]].numpy() * corners[which][..., None]).sum(1)
        np.testing.assert_allclose(row.numpy(), wanted, atol=1e-6)
    holder[()] = {"lmk_face_idx": triangles, "lmk_b_coords": Thief()}
    np.save(tmp_path / "contour.npy", holder, allow_pickle=True)
    with pytest.raises(Untrusted, match=r"contour.npy"):
        flame_model({"model": model, "contour": tmp_path / "contour.npy"}, "flame")


def template_obj(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The model's triangles, each with texture coordinates of its own: [uv, 2] and the corners' numbers."""
    side = int(np.ceil(len(FACES) ** 0.5))
    cells = np.stack(np.divmod(np.arange(len(FACES)), side)[::-1], 1) / side
    uv = (cells[:, None] + np.array([[0.1, 0.1], [0.9, 0.1], [0.1, 0.9]]) / side).reshape(-1, 2)
    corners = np.arange(len(uv)).reshape(-1, 3)
    lines = [f"v {x} {y} {z}" for x, y, z in POINTS.tolist()] + [f"vt {u} {v}" for u, v in uv]
    for face, own in zip(FACES.tolist(), corners.tolist(), strict=True):
        lines.append("f " + " ".join(f"{v + 1}/{t + 1}" for v, t in zip(face, own, strict=True)))
    path.write_text("\n".join(lines), encoding="utf-8")
    return uv, corners


def test_texture_coordinates_are_those_of_the_authors_template(tmp_path):
    uv, corners = template_obj(tmp_path / "head_template.obj")
    model = written(arrays(), tmp_path / "x.pkl")
    topology = flame_model({"model": model, "uv": tmp_path / "head_template.obj"}, "flame").topology
    np.testing.assert_allclose(topology.uv.numpy(), uv, atol=1e-6)
    assert topology.uv_faces.tolist() == corners.tolist()
    text = (tmp_path / "head_template.obj").read_text(encoding="utf-8").replace("f 1/", "f 2/", 1)
    (tmp_path / "head_template.obj").write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match="triangles are not the model's"):
        flame_model({"model": model, "uv": tmp_path / "head_template.obj"}, "flame")


def test_what_a_rig_was_made_of_and_its_licence_are_kept_and_doctor_tells(home, tmp_path):
    model = written(arrays(), tmp_path / "FLAME2020" / "generic_model.pkl")
    (model.parent / "Licence.txt").write_text("on these terms", encoding="utf-8")
    import_flame({"model": model})
    rows = {finding.name: finding for finding in findings() if finding.section == "rig"}
    assert sha256(model) in rows["flame2020"].found and "generic_model.pkl" in rows["flame2020"].found
    assert rows["emoca.detail"].missing
    assert (home / "flame2020.licence.txt").read_text(encoding="utf-8") == "on these terms"

"""FLAME as a rig: a user's own copy of the model, made a file of ours (Li et al., SIGGRAPH Asia 2017).

Nothing of FLAME travels with the program. Beside the model a user may have its masks (regions of the face),
its embedding of landmarks and a mesh with texture coordinates; each unlocks what needs it.
"""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from talkcli.engine.assets import data_folder, sha256
from talkcli.engine.destinations import made_folder, replacing
from talkcli.engine.errors import BadUsage, Untrusted, pick, reading
from talkcli.engine.face.arkit import LOOK_ASIDE, LOOK_UP
from talkcli.engine.face.avatar import Avatar, save_avatar
from talkcli.engine.face.face_model import JOINTS, PARENTS, FaceModel
from talkcli.engine.face.known_rigs import ORIGIN_SUFFIX, RIG_SUFFIX
from talkcli.engine.face.obj_mesh import load_obj
from talkcli.engine.face.rotations import matrix
from talkcli.engine.face.topology import CONTOURS, MATERIALS, Landmarks, Topology
from talkcli.engine.files import save_struct
from talkcli.engine.pickles import Plain, StandIn, StandIns, load_arrays, load_tree

FILES = {
    "model": "generic_model.pkl",
    "masks": "FLAME_masks.pkl",
    "landmarks": "flame_static_embedding.pkl",
    "mediapipe": "mediapipe_landmark_embedding.npz",
    "contour": "flame_dynamic_embedding.npy",
    "uv": "head_template.obj",
}
"""What `talk models import flame NAME=FILE` takes, as their authors call them; all but the model may be
missing."""
UNLOCKED = {
    "masks": "metrics of the lips and of the upper face",
    "landmarks": "points of iBUG, gaps between the lips",
    "mediapipe": "points of MediaPipe",
    "contour": "the contour of a face as its head turns",
    "uv": "its authors' texture coordinates, by which detail is drawn",
}
EDITIONS = ("2023_open", "2023", "2020", "2019", "2017")
"""As names of files and folders have them; expression codes of one are not those of another."""
IDENTITY, EXPRESSION = 300, 100
"""Columns of `shapedirs`: identity, then expression."""
MOST_VERTS = 100_000
LARGEST = 1e6
"""Of any number: metres, shares."""
LONGEST_LICENCE = 1_000_000
"""Bytes of a text that is kept."""
MOST_BYTES = 100_000_000
"""Of an archive of landmarks, unpacked."""
_HINT = "Get it again from its authors' site: generic_model.pkl of an edition."
_INNER_LIPS = ((44, 50), (45, 49), (46, 48))
"""Facing points of the inner lips among iBUG's 51, upper and lower: 61 and 67, 62 and 66, 63 and 65 of the
68."""


class _Chumpy(StandIn):
    """chumpy.Ch: the value is under `x`."""

    def array(self, plain: Plain) -> NDArray[Any]:
        return np.asarray(plain(self.state["x"]))


class _Selection(StandIn):
    """chumpy.reordering.Select: some numbers of another array."""

    def array(self, plain: Plain) -> NDArray[Any]:
        numbers = np.asarray(plain(self.state["a"])).ravel()[np.asarray(plain(self.state["idxs"]))]
        shape = plain(self.state.get("preferred_shape"))
        return numbers if shape is None else numbers.reshape([int(size) for size in shape])


class _Sparse(StandIn):
    """A matrix of scipy.sparse by columns."""

    by_columns = True

    def array(self, plain: Plain) -> NDArray[Any]:
        rows, columns = (int(size) for size in plain(self.state["_shape"]))
        data, indices, starts = (
            np.asarray(plain(self.state[name])) for name in ("data", "indices", "indptr")
        )
        if not 0 < rows <= len(JOINTS) or not 0 < columns <= MOST_VERTS:
            raise ValueError(f"a sparse matrix claims to be {rows} x {columns}")
        counts = np.diff(starts)
        if (counts < 0).any() or counts.sum() != len(data):
            raise ValueError(f"a sparse matrix of {len(data)} numbers claims others")
        major = np.repeat(np.arange(len(counts)), counts)
        whole = np.zeros((rows, columns), data.dtype)
        whole[(indices, major) if self.by_columns else (major, indices)] = data
        return whole


class _SparseRows(_Sparse):
    by_columns = False


STAND_INS: StandIns = {
    ("chumpy.ch", "Ch"): _Chumpy,
    ("chumpy.reordering", "Select"): _Selection,
    **{(f"scipy.sparse.{module}", "csc_matrix"): _Sparse for module in ("csc", "_csc")},
    **{(f"scipy.sparse.{module}", "csr_matrix"): _SparseRows for module in ("csr", "_csr")},
}


def edition_of(path: Path) -> str:
    """The edition that the names of a file and its folder tell; empty where they tell none."""
    named = f"{path.parent.name}/{path.name}".lower().replace("-", "_").replace("2023open", "2023_open")
    return next((edition for edition in EDITIONS if edition in named), "")


def import_flame(files: Mapping[str, Path], *, overwrite: bool = False) -> dict[str, Any]:
    """A user's files as a rig and its mean face in the data folder, `flame2020` or as the edition is called;
    what was made. BadUsage where that is there already."""
    edition = edition_of(files["model"]) if "model" in files else ""
    name = f"flame{edition}"
    rig, face = data_folder() / f"{name}{RIG_SUFFIX}", data_folder() / f"{name}.avatar"
    if rig.exists() and not overwrite:
        raise BadUsage(f"{name} is imported already: {rig}.", "Give --overwrite to import it anew.")
    model = flame_model(files, name)
    made_folder(rig.parent)
    save_struct(model, rig)
    lips = model.topology.regions["lips"]
    mean = torch.zeros(len(model.identity))
    save_avatar(Avatar(name, model.template, model.topology.faces, lips, name, mean), face)
    made = {
        "rig": name,
        "edition": edition or "unknown",
        "files": {kind: {"name": path.name, "sha256": sha256(path)} for kind, path in files.items()},
        "licence": _kept_licence(files["model"].parent, name),
        "unlocked": [what for kind, what in UNLOCKED.items() if kind in files],
    }
    with replacing(rig.with_suffix(ORIGIN_SUFFIX)) as temporary:
        temporary.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    return {**made, "output": rig}


def _kept_licence(folder: Path, name: str) -> str:
    """Where the licence is kept whose text lay beside the model; whose it is where there was none."""
    texts = (path for path in sorted(folder.iterdir()) if re.search("licen[cs]e", path.name, re.IGNORECASE))
    for path in texts:
        if path.is_file() and path.stat().st_size < LONGEST_LICENCE:
            kept = data_folder() / f"{name}.licence{path.suffix}"
            with replacing(kept) as temporary:
                shutil.copyfile(path, temporary)
            return str(kept)
    return "that of its authors: see where you got it"


def flame_model(files: Mapping[str, Path], name: str) -> FaceModel:
    """The rig of that name out of a user's files, which FILES names. BadUsage where the model is not among
    them, Untrusted where one is damaged, does not fit or could do harm."""
    for kind in files:
        pick(kind, FILES, "file of FLAME")
    if "model" not in files:
        raise BadUsage("The model itself is missing.", "talk models import flame model=generic_model.pkl")
    path = files["model"]
    tree = load_tree(path, STAND_INS)
    with reading(path, "a FLAME model", _HINT, Untrusted):
        template = _numbers(tree, "v_template", (None, 3))
        verts = len(template)
        if verts > MOST_VERTS:
            raise ValueError(f"it has {verts} vertices")
        directions = _numbers(tree, "shapedirs", (verts, 3, IDENTITY + EXPRESSION))
        poses = _numbers(tree, "posedirs", (verts, 3, 9 * (len(JOINTS) - 1)))
        weights = _numbers(tree, "weights", (verts, len(JOINTS)))
        regressor = _numbers(tree, "J_regressor", (len(JOINTS), verts))
        faces = _triangles(tree["f"], verts)
        parents = np.asarray(tree["kintree_table"])[0].astype(np.int64)
        if tuple(parents[1:]) != PARENTS[1:]:
            raise ValueError(f"its joints hang on {parents.tolist()}, not {list(PARENTS)}")
        if not torch.allclose(weights.sum(1), torch.ones(verts), atol=1e-3):
            raise ValueError("its skinning shares do not sum to 1")
    correctives = poses.unflatten(2, (len(JOINTS) - 1, 9)).permute(2, 3, 0, 1)
    shapes, joints = directions.permute(2, 0, 1), regressor @ template
    looks = _looks(template, joints, weights)
    return FaceModel(
        topology=_topology(files, name, template, faces),
        template=template,
        identity=shapes[:IDENTITY].contiguous(),
        shapes=torch.cat([shapes[IDENTITY:], *(look[None] for look in looks.values())]),
        shape_names=(*(f"expression{number:03}" for number in range(EXPRESSION)), *looks),
        expression=torch.eye(EXPRESSION, EXPRESSION + len(looks)),
        joints=joints,
        weights=weights,
        joint_regressor=regressor,
        pose_shapes=torch.cat([torch.zeros_like(correctives[:1]), correctives]),
        signed=True,
    )


def _looks(
    template: Float[Tensor, "verts 3"],
    joints: Float[Tensor, "joints 3"],
    weights: Float[Tensor, "verts joints"],
) -> dict[str, Float[Tensor, "verts 3"]]:
    """Glances by ARKit's names: what the eyes' joints do, straight to where it ends. None where nothing hangs
    on those joints."""
    down, left = math.radians(LOOK_UP), math.radians(LOOK_ASIDE)
    looks: dict[str, Tensor] = {}
    for side, joint, outwards in (("Left", "left_eye", left), ("Right", "right_eye", -left)):
        place = JOINTS.index(joint)
        share, arm = weights[:, place, None], template - joints[place]
        ways = {"Up": (-down, 0), "Down": (down, 0), "Out": (0, outwards), "In": (0, -outwards)}
        for way, (nod, turn) in ways.items():
            if share.any():
                moved = arm @ matrix(torch.tensor([nod, turn, 0.0])).mT - arm
                looks[f"eyeLook{way}{side}"] = share * moved
    return looks


def _numbers(tree: Mapping[Any, Any], key: str, shape: tuple[int | None, ...]) -> Float[Tensor, ...]:
    array = np.asarray(tree[key])
    fits = array.ndim == len(shape) and all(
        wanted in (None, size) for size, wanted in zip(array.shape, shape, strict=True)
    )
    if not fits or array.dtype.kind not in "fiu":
        raise ValueError(f"{key} is {array.dtype} {list(array.shape)}")
    return torch.from_numpy(_single(array))


def _single(array: Any) -> NDArray[np.float32]:
    """In single precision; ValueError for what is no number, or none of a head's."""
    with np.errstate(over="ignore"):
        numbers = np.ascontiguousarray(array, np.float32)
    if not (np.abs(numbers) < LARGEST).all():
        raise ValueError("it holds what is no number of a head")
    return numbers


def _triangles(array: Any, verts: int) -> Int[Tensor, "faces 3"]:
    faces = np.asarray(array)
    if (
        faces.ndim != 2
        or faces.shape[1] != 3
        or faces.dtype.kind not in "iu"
        or faces.min(initial=0) < 0
        or faces.max(initial=0) >= verts
    ):
        raise ValueError(f"f is no list of triangles of {verts} vertices")
    return torch.from_numpy(faces.astype(np.int64))


def _topology(
    files: Mapping[str, Path], name: str, template: Float[Tensor, "verts 3"], faces: Int[Tensor, "faces 3"]
) -> Topology:
    regions = _regions(files["masks"], len(template)) if "masks" in files else {}
    eyes = torch.cat([regions.get(side, _NOBODY) for side in ("left_eye", "right_eye")])
    materials = torch.full((len(faces),), MATERIALS.index("skin"))
    materials[torch.isin(faces, eyes).all(1)] = MATERIALS.index("eye")
    landmarks = {
        kind: _embedding(files[file], len(faces), load)
        for file, kind, load in (
            ("landmarks", "ibug51", load_arrays),
            ("mediapipe", "mediapipe105", _archive),
        )
        if file in files
    }
    if "contour" in files:
        landmarks["contour"] = _contours(files["contour"], len(faces))
    uv, uv_faces = _unrolled(template), faces.clone()
    if "uv" in files:
        uv, uv_faces = _layout(files["uv"], faces)
    pairs = torch.zeros(0, 2, dtype=torch.long)
    if "ibug51" in landmarks:
        marks = landmarks["ibug51"]
        nearest = faces[marks.triangles].gather(1, marks.weights.argmax(1, keepdim=True))[:, 0]
        pairs = nearest[torch.tensor(_INNER_LIPS)]
    return Topology(
        name,
        faces,
        uv,
        uv_faces,
        materials,
        {"lips": _NOBODY, **regions},
        landmarks,
        pairs,
    )


_NOBODY = torch.zeros(0, dtype=torch.long)
_REGIONS = {
    "lips": ("lips",),
    "nose": ("nose",),
    "neck": ("neck",),
    "scalp": ("scalp",),
    "ears": ("left_ear", "right_ear"),
    "upper_face": ("forehead", "eye_region"),
    "left_eye": ("left_eyeball",),
    "right_eye": ("right_eyeball",),
}
"""Region of ours -> those of FLAME's masks that it is made of."""


def _regions(path: Path, verts: int) -> dict[str, Int[Tensor, " indices"]]:
    masks = load_arrays(path)
    with reading(path, "FLAME's masks", "Give FLAME_masks.pkl."):
        regions = {}
        for name, parts in _REGIONS.items():
            indices = np.unique(np.concatenate([np.asarray(masks[part]).ravel() for part in parts]))
            if indices.dtype.kind not in "iu" or indices.min() < 0 or indices.max() >= verts:
                raise ValueError(f"{name} speaks of vertices outside 0..{verts - 1}")
            regions[name] = torch.from_numpy(indices.astype(np.int64))
        return regions


def _archive(path: Path) -> dict[str, NDArray[Any]]:
    archive = "an archive of arrays"
    with reading(path, archive), path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        if sum(member.file_size for member in arrays.zip.infolist()) > MOST_BYTES:
            raise ValueError(f"it unpacks to more than {MOST_BYTES} bytes")
        return {name: arrays[name] for name in ("lmk_face_idx", "lmk_b_coords")}


def _embedding(path: Path, faces: int, load: Callable[[Path], Mapping[str, NDArray[Any]]]) -> Landmarks:
    arrays = load(path)
    with reading(path, "an embedding of landmarks", "Give the one that belongs to this model."):
        triangles = np.asarray(arrays["lmk_face_idx"])
        weights = _single(arrays["lmk_b_coords"])
        if triangles.ndim != 1 or triangles.min() < 0 or triangles.max() >= faces:
            raise ValueError(f"it speaks of triangles outside 0..{faces - 1}")
        if weights.shape != (len(triangles), 3):
            raise ValueError(f"its places in {len(triangles)} triangles are not three numbers each")
        return Landmarks(torch.from_numpy(triangles.astype(np.int64)), torch.from_numpy(weights))


def _contours(path: Path, faces: int) -> Landmarks:
    """One set of points for each of CONTOURS, one after the other."""
    arrays = load_arrays(path)
    with reading(path, "contours of a face", "Give flame_dynamic_embedding.npy."):
        triangles = np.asarray(arrays["lmk_face_idx"])
        weights = _single(arrays["lmk_b_coords"])
        if triangles.ndim != 2 or len(triangles) != CONTOURS or weights.shape != (*triangles.shape, 3):
            raise ValueError(f"its triangles are {list(triangles.shape)}, their places {list(weights.shape)}")
        if triangles.min() < 0 or triangles.max() >= faces:
            raise ValueError(f"it speaks of triangles outside 0..{faces - 1}")
        places = torch.from_numpy(triangles.astype(np.int64).ravel())
        return Landmarks(places, torch.from_numpy(weights.reshape(-1, 3)))


def _layout(path: Path, faces: Int[Tensor, "faces 3"]) -> tuple[Tensor, Tensor]:
    """Texture coordinates of a mesh that has the model's triangles."""
    mesh = load_obj(path)
    with reading(path, "a template of this model", "Give head_template.obj."):
        if not torch.equal(mesh.faces, faces):
            raise ValueError("its triangles are not the model's")
        if len(mesh.uv_faces) != len(faces) or not bool(((mesh.uv >= 0) & (mesh.uv <= 1)).all()):
            raise ValueError("it has no texture coordinates in 0..1 at every corner")
        return mesh.uv, mesh.uv_faces


def _unrolled(template: Float[Tensor, "verts 3"]) -> Float[Tensor, "verts 2"]:
    """A layout where the model brings none: round the head, its seam at the back."""
    around = torch.atan2(template[:, 0], template[:, 2]) / (2 * math.pi) + 0.5
    height = template[:, 1] - template[:, 1].min()
    return torch.stack([around, height / height.max().clamp(min=1e-9)], 1)

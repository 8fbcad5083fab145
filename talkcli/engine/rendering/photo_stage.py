"""A talking photograph: the picture that an avatar was made from bends with its head, and the drawn face is
feathered into it, with its glasses whole. Hair, ears, neck, clothes and what stands behind are the picture's
own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import map_coordinates

from talkcli.engine.device import cores
from talkcli.engine.errors import BadInput, pick
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.expressed import rested
from talkcli.engine.face.face_model import JOINTS, FaceModel, carried_by
from talkcli.engine.face.geometry import vertices
from talkcli.engine.face.photograph import Photograph
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.motion import Coefficients, Motion
from talkcli.engine.rendering.bending import lay_over, trace_back
from talkcli.engine.rendering.camera import EYES_FROM_TOP, Camera
from talkcli.engine.rendering.drawn_glasses import (
    DRAWN_BACK,
    TAKEN_BACK,
    GlassesFront,
    glasses_front,
    lay_frame,
    without_frame,
)
from talkcli.engine.rendering.membrane import PINNED, Membrane
from talkcli.engine.rendering.photo_share import PartsSeen, kept_share, outline_share
from talkcli.engine.rendering.picture import Painter, Pixels, PosedMoment
from talkcli.engine.rendering.render import QUALITIES, by_thread, drawn_in_order, mesh_scene
from talkcli.engine.rendering.view import Places, seen_at, view_of

FARTHEST_TURN = 12.0
"""Degrees that a head turns from its photograph: beyond, hair and ears show what nobody saw."""

FREE_TURN = 9.0
"""Degrees up to which it turns as it is told; from there on less and less, so that it never stops dead."""

FACES_TALL = 2.4
"""Heights of the face, from hairline to chin, that a picture is high at most."""

CELLS = 64
"""Of the grid that bends, along the longer side."""

STIFF = 30.0
"""How much stiffer than what stands behind it the person is: hair goes along whole."""

FADE = 9.0
"""Cells over which what stands behind the person comes to rest."""

HEAD_SHARE, BODY_SHARE = 0.98, 0.1
"""Shares of the head's turn from which on skin is the head's, and up to which it is the shoulders'."""

MOST_SHOWN = 1 - 1e-9
"""Of the photograph, what is shown of it at most: rounding may not reach beyond its edge."""

AHEAD = 0.02
"""Metres before the middle of the mean head from which on skin carries: cheeks hide ears when a head turns,
which no picture can show by bending, so that ears go with the cheeks."""


class PhotoStage(NamedTuple):
    """Of one size of picture."""

    camera: Camera
    """The photograph's own, on the part of it that is shown"""
    picture: NDArray[np.float32]
    """[height, width, 4] values 0..255; how much of the drawn face is shown"""
    carriers: NDArray[np.int64]
    """Vertices that carry the picture along"""
    before: Places
    """[carriers, 2] where the photograph has them, pixels"""
    stiffness: NDArray[np.float64]
    pull: NDArray[np.float64]
    """See `Membrane`"""
    pitch: float
    shown: NDArray[np.bool_]
    """[faces] what of the head is drawn"""
    glasses: GlassesFront | None

    def membrane(self) -> Membrane:
        return Membrane(self.before, self.stiffness, self.pull, self.pitch)


def photo_stage(avatar: Avatar, size: tuple[int, int]) -> PhotoStage:
    """The stage of an avatar made from a photograph, in pictures of (width, height). BadInput for another."""
    photo = avatar.photograph
    if photo is None or avatar.rig is None:
        raise BadInput(
            f"Avatar {avatar.name} holds no photograph.", "Make one of a picture: talk personalize me.jpg"
        )
    model, faces = load_rig(avatar.rig), avatar.faces.long().numpy()
    body, (width, height) = as_photographed(photo, avatar), size
    left, top, scale = _window(body, model, photo, size)
    lens = photo.lens * scale
    lens[2:] -= torch.tensor([left, top]) * scale
    camera = Camera(photo.view[None], lens[None], torch.tensor([size]))
    place, focal = _before_camera(body, camera)
    spots = seen_at(place, focal, size)
    ids = view_of(place, faces, focal, size, both=True).ids
    inside = (ids >= 0) & np.all(_face(model)[faces], 1)[ids]
    metre = focal / -np.median(place[:, 2])
    share = outline_share(inside, metre)
    at = map_coordinates(share, (spots[:, ::-1] - 0.5).T, order=1, mode="constant")
    shown = np.any((at > 0)[faces], 1)
    box = (left, top, left + width / scale, top + height / scale)
    values = Image.fromarray(photo.picture.numpy()).resize(size, Image.Resampling.LANCZOS, box)
    bare, glasses = np.asarray(values, np.float32), glasses_front(avatar, TAKEN_BACK)
    frame = np.zeros(ids.shape, bool)
    if glasses is not None:
        there, near = glasses.seen(body, camera.centred(0)[0].numpy(), focal, size)
        bare = without_frame(bare, there, near, ids >= 0)
        column, row = np.clip(there, 0, np.array(size) - 1).astype(int).T
        frame[row, column] = True
    drawing = _drawn_still(photo, avatar, camera, shown)
    share *= kept_share(bare, drawing, _parts_seen(model, faces, ids, frame), metre)
    picture = np.concatenate([bare, share[..., None].astype(np.float32)], -1)
    at = map_coordinates(share, (spots[:, ::-1] - 0.5).T, order=1, mode="constant")
    visible = np.zeros(len(spots), bool)
    visible[faces[np.unique(ids[ids >= 0])]] = True
    carriers = np.flatnonzero(visible & _carries(model) & (at < 0.5))
    pitch = max(size) / CELLS
    stiffness, pull = _give(photo, box, size, pitch)
    return PhotoStage(
        camera,
        picture,
        carriers,
        spots[carriers],
        stiffness,
        pull,
        pitch,
        shown,
        glasses_front(avatar, DRAWN_BACK),
    )


def photo_frames(
    motion: Motion,
    avatar: Avatar,
    size: tuple[int, int] = (512, 512),
    *,
    wrinkles: bool = True,
    texture: bool = True,
    quality: str = "standard",
    workers: int | None = None,
) -> Iterator[Pixels]:
    """The pictures of a motion on the photograph of its avatar, uint8 [height, width, 3].

    Options as in `frames`; the same bytes for any number of `workers`. The head is held within FARTHEST_TURN.
    What is wrong is said at the call, before the first picture.
    """
    pick(quality, QUALITIES, "quality")
    motion, avatar = rested(motion, avatar)
    stage = photo_stage(avatar, size)
    scene = mesh_scene(
        held_head(motion), drawn_there(avatar), stage.camera, "transparent", wrinkles=wrinkles,
        texture=texture, quality=quality, shown=stage.shown,
    )  # fmt: skip

    picture = stage.picture.reshape(-1, 4)

    def draw(tools: tuple[Painter, Membrane], moment: PosedMoment) -> Pixels:
        painter, membrane = tools
        view, places = moment.view, moment.vertices[stage.carriers]
        after = seen_at(places @ view[:3, :3].T + view[:3, 3], moment.focal, size)
        offsets = np.empty((*stage.stiffness.shape, 2))
        trace_back(membrane.spread(after - stage.before), stage.pitch, offsets)
        room = np.empty(size[1] * size[0] * 3 + 1, np.uint8)
        out = room[:-1].reshape(size[1], size[0], 3)
        here = np.empty((stage.stiffness.shape[1], 2), np.float32)
        drawing = painter.draw(moment)
        lay_over(picture, offsets, stage.pitch, drawing.reshape(-1, 4), here, size[0], room)
        if stage.glasses is not None:
            lay_frame(*stage.glasses.seen(moment.vertices, view, moment.focal, size), drawing, out)
        return out

    tools = by_thread(lambda: (scene.painter(), stage.membrane()), draw)
    return drawn_in_order(scene.moments, tools, workers or cores())


def drawn_there(avatar: Avatar) -> Avatar:
    """What of an avatar is drawn in its photograph: hair and clothes are in it."""
    return replace(avatar, worn=tuple(each for each in avatar.worn if each.kind == "hard"))


def held_head(motion: Motion) -> Motion:
    """With its head turned less and less beyond FREE_TURN, never beyond FARTHEST_TURN."""
    if motion.head is None:
        return motion
    angle = motion.head.rotation.norm(dim=1, keepdim=True).rad2deg()
    room = FARTHEST_TURN - FREE_TURN
    less = torch.where(
        angle > FREE_TURN, FREE_TURN + room * ((angle - FREE_TURN) / room).tanh(), angle
    ) / angle.clamp(min=1e-6)
    return replace(motion, head=replace(motion.head, rotation=motion.head.rotation * less.clamp(max=1)))


def farthest_turn(motion: Motion) -> float:
    """Degrees that a motion turns the head at most."""
    return 0.0 if motion.head is None else float(motion.head.rotation.norm(dim=1).max().rad2deg())


def as_photographed(photo: Photograph, avatar: Avatar) -> Places:
    """[V, 3] the head with the expression of the photograph, metres."""
    return vertices(_still(photo), replace(avatar, rest=None))[0].double().numpy()


def _still(photo: Photograph) -> Motion:
    return Motion(Fraction(25), Coefficients(photo.weights[None], torch.zeros(1, 3)))


def _drawn_still(photo: Photograph, avatar: Avatar, camera: Camera, shown: NDArray[np.bool_]) -> Pixels:
    """[height, width, 4] what is drawn of the moment of the photograph."""
    bare = replace(avatar, rest=None, worn=())
    scene = mesh_scene(
        _still(photo), bare, camera, "transparent", wrinkles=True, texture=True, quality="standard",
        shown=shown,
    )  # fmt: skip
    [moment] = scene.moments
    return scene.painter().draw(moment)


def _parts_seen(
    model: FaceModel, faces: NDArray[np.int64], ids: NDArray[np.int64], frame: NDArray[np.bool_]
) -> PartsSeen:
    def seen(*names: str) -> NDArray[np.bool_]:
        part = np.zeros(len(model.template), bool)
        part[torch.cat([model.topology.regions[name] for name in names]).long()] = True
        return (ids >= 0) & np.all(part[faces], 1)[ids]

    mouth = seen("lips", "teeth", "gums", "tongue", "cavity")
    return PartsSeen(seen("nose"), seen("left_eye", "right_eye"), mouth, frame)


def _before_camera(body: Places, camera: Camera) -> tuple[Places, float]:
    """[V, 3] in the frame of a camera with its axis in the middle, and its focal length."""
    view, focal = camera.centred(0)
    return body @ view.numpy()[:3, :3].T + view.numpy()[:3, 3], focal


def _window(
    body: Places, model: FaceModel, photo: Photograph, size: tuple[int, int]
) -> tuple[float, float, float]:
    """Left and top of the part of the photograph that is shown, and how much larger it is shown."""
    height, width = photo.picture.shape[:2]
    whole = Camera(photo.view[None], photo.lens[None], torch.tensor([[width, height]]))
    spots = seen_at(*_before_camera(body, whole), (width, height))
    face = spots[model.topology.regions["face"].long().numpy()]
    eyes = spots[torch.cat([model.topology.regions[f"{side}_eye"] for side in ("left", "right")]).long()]
    tall = min(FACES_TALL * np.ptp(face[:, 1]), MOST_SHOWN * height, MOST_SHOWN * width * size[1] / size[0])
    wide = tall * size[0] / size[1]
    left = np.clip(face[:, 0].mean() - wide / 2, 0, width - wide)
    top = np.clip(eyes[:, 1].mean() - EYES_FROM_TOP * tall, 0, height - tall)
    return float(left), float(top), float(size[1] / tall)


def _face(model: FaceModel) -> NDArray[np.bool_]:
    """[V] what of the head is drawn: the face with all that is in it."""
    regions, face = model.topology.regions, np.zeros(len(model.template), bool)
    face[torch.cat([regions[name] for name in ("face", "lips", "eyes", "nose")]).long()] = True
    face[np.setdiff1d(np.arange(len(face)), _skin(model))] = True
    face[torch.cat([regions[name] for name in ("scalp", "ears", "neck")]).long()] = False
    return face


def _skin(model: FaceModel) -> NDArray[np.int64]:
    materials = model.topology.materials.numpy()
    return np.unique(model.topology.faces.long().numpy()[materials == 0])


def _carries(model: FaceModel) -> NDArray[np.bool_]:
    """[V] skin of the head's front and of the shoulders; the neck bends from one to the other."""
    share = model.weights[:, carried_by(JOINTS.index("neck"))].sum(1).numpy()
    skin = np.zeros(len(share), bool)
    skin[_skin(model)] = True
    face = (share >= HEAD_SHARE) & (model.template[:, 2].numpy() > AHEAD)
    return skin & (face | (share <= BODY_SHARE))


def _give(
    photo: Photograph, box: tuple[float, ...], size: tuple[int, int], pitch: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Stiffness and pull of the grid's nodes, see `Membrane`: the person goes along, what stands behind comes
    to rest a little way off, and the picture's border and the body at its lower end stay."""
    rows, columns = (int(np.ceil(size[k] / pitch)) + 1 for k in (1, 0))
    person, (height, width) = photo.person.numpy() / 255, photo.picture.shape[:2]
    scale = (box[2] - box[0]) / size[0]
    row = (box[1] + np.arange(rows) * pitch * scale) * person.shape[0] / height - 0.5
    column = (box[0] + np.arange(columns) * pitch * scale) * person.shape[1] / width - 0.5
    here = map_coordinates(person, np.meshgrid(row, column, indexing="ij"), order=1, mode="nearest")
    pull = (1 - here) / FADE**2
    for edge in (np.s_[0], np.s_[:, 0], np.s_[:, -1]):
        pull[edge] += PINNED * (1 - here[edge])
    pull[-1] += PINNED
    return 1 + (STIFF - 1) * here, pull

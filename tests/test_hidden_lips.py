"""What lips hide in a photograph has the colour of the lip, not of what is seen between them."""

from __future__ import annotations

import functools
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from talkcli.engine.assets import asset
from talkcli.engine.capture.atlas import skin_atlas
from talkcli.engine.capture.captured_person import CapturedPerson
from talkcli.engine.capture.even_room import shown_by_even_room
from talkcli.engine.capture.marks import marks_on
from talkcli.engine.capture.normal_equations import FaceFit
from talkcli.engine.capture.photographed_skin import SeenSkin, own_skin, painted_skin, seen_skin
from talkcli.engine.capture.sight import sight_of
from talkcli.engine.face.avatar import Avatar, load_avatar
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.look import Look
from talkcli.engine.face.topology import landmark_points
from talkcli.engine.motion import Coefficients, Motion
from talkcli.engine.rendering.camera import centred_camera
from talkcli.engine.rendering.render import frames
from talkcli.engine.rendering.textures import linear
from talkcli.engine.rendering.view import seen_at

SIZE, FOCAL = 512, 1200.0
SHELTER = np.full(len(skin_atlas().corners), 0.7, np.float32)
SMILING = {"mouthUpperUp": 0.3, "mouthLowerDown": 0.3, "jawOpen": 0.05}


@functools.cache
def ada() -> tuple[Avatar, Look]:
    avatar = load_avatar(asset("ada.avatar"))
    assert avatar.look is not None
    look = replace(avatar.look, light="even", exposure=1.0)
    return replace(avatar, look=look, worn=()), look


def albedo(look: Look) -> NDArray[np.floating]:
    return linear(look.albedo.numpy()).reshape(-1, 3)[skin_atlas().canvas.texels]


def hidden(upper: bool) -> NDArray[np.bool_]:
    """[n] texels of a lip that face inwards."""
    maps = skin_atlas()
    inner = maps.face & (maps.canvas.lip > -0.8) & (maps.canvas.lip < 0.1)
    return inner & ((maps.canvas.lip_upper > 0.5) == upper)


def test_teeth_between_parted_lips_are_not_painted_on_what_the_lips_hide():
    """The fit takes the mouth for shut, as it may where lips part by a millimetre or two."""
    (avatar, look), maps, model = ada(), skin_atlas(), load_face_model()
    view = np.eye(4)
    view[:3, 3] = [0, 0.01, -0.86]
    camera = centred_camera(torch.from_numpy(view).float()[None], FOCAL, SIZE, SIZE)
    smile = Motion(Fraction(25), Coefficients(model.weight_vector(**SMILING)[None], torch.zeros(1, 3)))
    picture = next(iter(frames(smile, avatar, camera, background="#808080", workers=1)))
    marks = marks_on(model, avatar.neutral)
    points = landmark_points(avatar.neutral, model.topology, "mediapipe").double().numpy()
    points = seen_at(points + view[:3, 3], FOCAL, (SIZE, SIZE))[None]
    still = np.zeros((1, len(marks.names)))
    fit = FaceFit(FOCAL, np.zeros(1), view[None, :3, :3], view[None, :3, 3], still)
    person = CapturedPerson(avatar.neutral, marks, fit, sight_of(points, (SIZE, SIZE), marks), 0.0)
    body = avatar.neutral.double().numpy()
    seen = seen_skin(picture, np.ones((SIZE, SIZE)), body, person, maps)
    made = albedo(painted_skin(look, seen, SHELTER, maps, bald=False))
    for upper in (True, False):
        change = np.log(made[hidden(upper)].clip(0.01) / albedo(look)[hidden(upper)].clip(0.01))
        assert np.percentile(np.abs(change.mean(1)), 95) < 0.3


@pytest.mark.parametrize("tint", [(0.6, 0.4, 0.4), (1.1, 0.8, 0.9)])
def test_what_lips_hide_has_the_colour_of_the_red_that_is_seen(tint):
    """Lips that are darker and of another hue than ours, while the face about them is as ours is."""
    (_, look), maps = ada(), skin_atlas()
    own, _ = own_skin(look, maps, bald=False)
    lip = maps.face & (maps.canvas.lip < 1.0)
    real = np.where(lip[:, None], own * np.asarray(tint, np.float32), own)
    trust = (maps.face & (maps.canvas.lip > 0.3)).astype(np.float32)
    seen = SeenSkin(shown_by_even_room(real, SHELTER), trust)
    made = albedo(painted_skin(look, seen, SHELTER, maps, bald=False))
    for upper in (True, False):
        there = hidden(upper)
        assert np.abs(np.log(made[there].mean(0) / real[there].mean(0))).max() < 0.03

"""Hair of the built-in head: it grows out of the skin at the hairline, and hangs where it is long."""

import numpy as np
import pytest

from talkcli.engine.assets import asset
from talkcli.engine.face.avatar import load_avatar
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.look import Look
from talkcli.engine.rendering.surface import surface_of
from talkcli.engine.studio import scalp
from talkcli.engine.studio.looks import bake_look
from talkcli.engine.studio.paint.canvas import Canvas, make_canvas
from talkcli.engine.studio.paint.complexion import SkinParameters
from talkcli.engine.studio.paint.pigment import from_srgb
from talkcli.engine.studio.scalp import directions
from talkcli.engine.studio.shape import anatomy, hair
from talkcli.engine.studio.shape.assembly import average_head, build_head, modes
from talkcli.engine.studio.shape.head_mesh import HeadMesh
from talkcli.engine.studio.shape.identity import MODE_NAMES, HeadParameters
from talkcli.engine.studio.shape.sdf import march

COLUMNS, BANDS = hair.COLUMNS, hair.BANDS


@pytest.fixture(scope="module")
def head() -> HeadMesh:
    return average_head()


@pytest.fixture(scope="module")
def canvas(head: HeadMesh) -> Canvas:
    return make_canvas(head, 512)


@pytest.fixture(scope="module")
def look(canvas: Canvas) -> Look:
    person = SkinParameters(melanin=0.1, hair_eumelanin=1.0, moles=0, mottling=0.0, seed=5)
    return bake_look(person, canvas)


def shell(vertices: np.ndarray, head: HeadMesh) -> np.ndarray:
    """[bands, columns, 3] mm, from the whorl to the hairline."""
    return vertices[head.parts["hair"][: BANDS * COLUMNS]].reshape(BANDS, COLUMNS, 3)


def test_every_way_from_the_whorl_meets_the_hairline_once():
    turns = np.unwrap(scalp.bearing(scalp.border(2000)))
    assert (np.diff(turns) * np.sign(turns[-1] - turns[0]) > 0).all()
    edge = scalp.border(200)
    assert np.abs(scalp.ends(scalp.inwards(edge, np.full(200, 30.0))) - edge).max() < 0.01
    for depth in (-10.0, 25.0):
        inside = scalp.inside(scalp.inwards(edge, np.full(200, depth)))
        assert (inside * depth > 0).all()
        assert np.abs(inside).max() < abs(depth) + 0.1
        assert inside[100] == pytest.approx(depth, abs=0.5)


def test_the_shell_rises_from_the_skin_at_the_hairline(head: HeadMesh):
    rise = np.linalg.norm(hair_rise(head), axis=1)[: BANDS * COLUMNS].reshape(BANDS, COLUMNS)
    assert rise[-1].max() < 0.7
    assert (np.diff(rise[-3:], axis=0) < 0).all()
    assert rise[-2].max() < 6.0


def hair_rise(head: HeadMesh) -> np.ndarray:
    """[hair, 3] mm that hair stands off the scalp: a quarter of it is one `hair_volume`."""
    return 4 * modes()[MODE_NAMES.index("hair_volume")][head.parts["hair"]]


def test_locks_stay_under_the_shell(head: HeadMesh):
    locks = head.vertices[head.parts["hair"][BANDS * COLUMNS + 1 :]]
    way = directions(locks)
    inward = scalp.inside(way)
    stand = np.linalg.norm(hair_rise(head)[BANDS * COLUMNS + 1 :], axis=1)
    assert inward.min() > 2
    assert (stand < hair.thickness(way, inward) + 0.5).all()


def test_long_hair_hangs_to_the_collar_at_the_sides_and_leaves_the_forehead_alone(head: HeadMesh):
    short = shell(head.vertices, head)[-1]
    long = shell(build_head(HeadParameters.of(hair_length=2.0)).vertices, head)[-1]
    moved = np.linalg.norm(long - short, axis=1)
    azimuth = np.abs(np.arctan2(short[:, 0], short[:, 2]))
    assert moved[azimuth < 0.5].max() == 0
    assert np.abs(long[azimuth > 1.5][:, 1] - hair.COLLAR).max() < 25
    assert (np.abs(long[:, 0]) >= np.abs(short[:, 0]) - 1e-9).all()


@pytest.mark.parametrize("length", [1.2, 1.6])
def test_long_hair_hangs_outside_the_head(length: float, head: HeadMesh):
    short = shell(head.vertices, head)
    long = shell(build_head(HeadParameters.of(hair_length=length)).vertices, head)
    hanging = long[np.linalg.norm(long - short, axis=2) > 20]
    ground = march(anatomy.head(), scalp.CENTRE, directions(hanging), 190.0)
    stands = np.linalg.norm(hanging - scalp.CENTRE, axis=1) - np.linalg.norm(ground - scalp.CENTRE, axis=1)
    assert len(hanging) > 100
    assert stands.min() > 0


def test_skin_darkens_evenly_into_the_hair(canvas: Canvas, look: Look):
    """Painted hair has no step at the hairline: from forehead to scalp in more than a centimetre."""
    front = canvas.within("skin") & (canvas.position[:, 2] > 30) & (np.abs(canvas.position[:, 0]) < 40)
    inward = scalp.inside(directions(canvas.position[front].astype(np.float64)))
    light = from_srgb(look.albedo.numpy().reshape(-1, 3)[canvas.texels[front]]).mean(1)
    steps = np.arange(-14, 12, 2)
    mean = np.array([light[(inward >= low) & (inward < low + 2)].mean() for low in steps])
    assert (np.diff(mean) < 0.01).all()
    assert mean[-1] < 0.15 * mean[0]
    assert np.abs(np.diff(mean)).max() < 0.3 * (mean[0] - mean[-1])


def test_some_light_reaches_the_skin_under_the_hair(head: HeadMesh):
    light = surface_of(load_avatar(asset("emil.avatar")), load_face_model().topology).occlusion
    skin = head.parts["skin"]
    deep = scalp.inside(directions(head.vertices[skin])) > 20
    assert np.median(light[skin][deep]) < 0.4
    assert np.percentile(light[skin][deep], 5) > 0.1

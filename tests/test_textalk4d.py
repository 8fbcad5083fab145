"""TexTalk4D as its authors distribute it, in miniature: a mesh of two quads and textures of 8 x 8 texels."""

from __future__ import annotations

import itertools
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from talkcli.engine.clips import ClipSet
from talkcli.engine.corpora import convert
from talkcli.engine.corpora.textalk4d import CORPUS
from talkcli.engine.errors import BadInput, BadUsage, MissingAsset
from talkcli.engine.motion import Vertices
from talkcli.engine.scans import TEXTALK4D_UNIT
from talkcli.engine.speech import Speech, save_speech

NEUTRAL = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [2, 0, 0.5], [2, 1, 0.5]])
UV = np.array([[0, 0], [0.5, 0], [0.5, 1], [0, 1], [1, 0], [1, 1], [0.5, 0.5]])
FACES = ["1/1 2/2 3/3 4/4", "2/7 5/5 6/6 3/3"]
FRAMES = 20


def mesh(number: int) -> str:
    """Frame `number` stands (number - 1) / 100 higher than frame 1."""
    places = NEUTRAL + np.array([0, (number - 1) / 100, 0])
    lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in places] + [f"vt {u} {v}" for u, v in UV]
    return "\n".join([*lines, "vn 0 0 1", "s 0", *(f"f {face}" for face in FACES)]) + "\n"


def skin(person: int, number: int) -> np.ndarray:
    return np.random.default_rng([person, number]).integers(0, 256, (8, 8, 3), np.uint8)


def write_person(folder: Path, person: int, seconds: float) -> None:
    root = folder / f"ID{person:03d}"
    (root / "Records").mkdir(parents=True)
    sound = torch.arange(int(16_000 * seconds)) / 64_000
    save_speech(Speech(sound), root / "Records" / "enhanced_vocal.wav")
    for number in range(1, FRAMES + 1):
        for kind in ("Models", "Textures_512"):
            (root / kind / f"{number:06d}").mkdir(parents=True)
        (root / "Models" / f"{number:06d}" / "face_aligned.obj").write_text(mesh(number))
        Image.fromarray(skin(person, number)).save(root / "Textures_512" / f"{number:06d}" / "face.png")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    """Eleven people; the recording of the first is too short for its frames, its neutral skin is large."""
    folder = tmp_path_factory.mktemp("TexTalkData")
    for person in range(1, 12):
        write_person(folder, person, 0.5 if person == 1 else 1.0)
    Image.fromarray(np.full((3000, 3000, 3), 90, np.uint8)).save(folder / "ID001/Models/000001/face.png")
    (folder / "lips.txt").write_text("2 3")
    return folder


def test_textalk4d_becomes_clips_with_textures(corpus, talk, tmp_path):
    said = talk("prepare", "textalk4d", corpus, "-o", tmp_path / "clips", "--json")
    assert json.loads(said.stdout)["written"] == 21
    clips = ClipSet(tmp_path / "clips")
    assert clips.contents.splits["train"] == ["ID001/whole"] + [
        f"ID{person:03d}/first" for person in range(2, 12)
    ]
    assert clips.contents.splits["test"] == [f"ID{person:03d}/second" for person in range(2, 12)]
    assert "CC BY-NC" in clips.contents.licence

    short, train = ClipSet(tmp_path / "clips", "train")[0], ClipSet(tmp_path / "clips", "train")[1]
    test = ClipSet(tmp_path / "clips", "test")[0]
    assert [len(clip.motion) for clip in (short, train, test)] == [15, 10, 10] and train.motion.fps == 30
    for clip, first, person in ((train, 0, 2), (test, 10, 2)):
        face, textures = clip.motion.face, clip.textures
        assert isinstance(face, Vertices) and textures is not None and textures.count == 10
        rise = TEXTALK4D_UNIT * torch.arange(first, first + 10)[:, None].expand(-1, 6) / 100
        torch.testing.assert_close(face.offsets[..., 1], rise, atol=1e-6, rtol=0)
        assert not face.offsets[..., [0, 2]].any()
        for i in range(10):
            assert np.array_equal(textures.frame(i).numpy(), skin(person, first + i + 1))
        assert np.array_equal(textures.neutral.numpy(), skin(person, 1))
        at = (first * 16_000 // 30 + torch.arange(len(clip.speech))) / 64_000
        torch.testing.assert_close(clip.speech.waveform, at, atol=1e-4, rtol=0)


def test_the_face_keeps_its_quads_its_seams_and_its_skin(corpus):
    get = CORPUS.read(corpus)
    avatar, large = get["ID002/first"]().avatar, get["ID001/whole"]().avatar.look
    assert avatar.faces.tolist() == [[0, 1, 2], [0, 2, 3], [1, 4, 5], [1, 5, 2]]
    assert avatar.uv is not None and avatar.uv_faces is not None and avatar.look is not None
    assert avatar.uv_faces.tolist() == [[0, 1, 2], [0, 2, 3], [6, 4, 5], [6, 5, 2]]
    torch.testing.assert_close(avatar.uv.double(), torch.from_numpy(UV))
    torch.testing.assert_close(
        avatar.neutral.double(), torch.from_numpy(TEXTALK4D_UNIT * NEUTRAL), atol=1e-6, rtol=0
    )
    assert avatar.lips.tolist() == [2, 3] and np.array_equal(avatar.look.albedo.numpy(), skin(2, 1))
    assert large is not None and large.albedo.shape == (2048, 2048, 3) and (large.albedo == 90).all()


def test_a_neutral_skin_is_kept_as_large_as_it_is_when_asked(corpus, talk, tmp_path):
    talk("prepare", "textalk4d", corpus, "-o", tmp_path / "clips", "--set", "skin=8192")
    look = ClipSet(tmp_path / "clips", "train")[0].avatar.look
    assert look is not None and look.albedo.shape == (3000, 3000, 3)
    said = talk("prepare", "textalk4d", corpus, "-o", tmp_path / "clips", "--set", "skn=1", code=2)
    assert "skin" in said.stderr


def test_clips_can_be_made_in_other_processes(corpus):
    name, get = list(CORPUS.read(corpus).items())[-1]
    assert name == "ID011/second" and len(pickle.loads(pickle.dumps(get))().motion) == 10


def test_a_stopped_run_goes_on_where_it_stopped(corpus, tmp_path):
    done = [each.name for each in itertools.islice(convert("textalk4d", corpus, tmp_path / "clips"), 3)]
    left = [each.name for each in convert("textalk4d", corpus, tmp_path / "clips")]
    assert len(left) == 18 and not set(done) & set(left) and len(ClipSet(tmp_path / "clips")) == 21


def test_other_settings_are_refused_or_begun_anew_and_never_mixed(corpus, tmp_path):
    list(itertools.islice(convert("textalk4d", corpus, tmp_path, settings={"skin": 4}), 3))
    stale = tmp_path / "ID002" / "0123.latents"
    stale.touch()
    with pytest.raises(BadUsage, match="skin = 4, not 2048"):
        next(convert("textalk4d", corpus, tmp_path))
    assert len(list(convert("textalk4d", corpus, tmp_path, settings={"skin": 4}))) == 18
    assert len(list(convert("textalk4d", corpus, tmp_path, overwrite=True))) == 21 and not stale.exists()
    clips = ClipSet(tmp_path)
    looks = [clips.avatar(indices[0]).look for indices in clips.speakers.values()]
    assert [look.albedo.shape[0] for look in looks if look] == [2048] + [8] * 10


@pytest.mark.parametrize(
    "spoil, kind, named",
    [
        (lambda root: (root / "Records/enhanced_vocal.wav").unlink(), MissingAsset, "enhanced_vocal"),
        (lambda root: (root / "Models/000007/face_aligned.obj").unlink(), MissingAsset, "000007"),
        (lambda root: (root / "Textures_512/000009/face.png").unlink(), MissingAsset, "Textures_512/000009"),
        (lambda root: (root / "Models/000005/face_aligned.obj").write_text("v 0 0"), BadInput, "000005"),
        (lambda root: (root / "Textures_512/000004/face.png").write_bytes(b"PNG"), BadInput, "000004"),
        (
            lambda root: Image.new("RGB", (4, 4)).save(root / "Textures_512/000003/face.png"),
            BadInput,
            "000003.*4x4",
        ),
        (
            lambda root: (root / "Models/000001/face_aligned.obj").write_text("v 0 0 0\nf 1 1 1"),
            BadInput,
            "texture coordinates",
        ),
    ],
)
def test_what_is_missing_or_damaged_is_named(tmp_path, spoil, kind, named):
    write_person(tmp_path, 1, 1.0)
    spoil(tmp_path / "ID001")
    with pytest.raises(kind, match=named):
        CORPUS.read(tmp_path)["ID001/first"]()


def test_a_folder_without_people_says_which_to_give(tmp_path, talk):
    said = talk("prepare", "textalk4d", tmp_path, "-o", tmp_path / "clips", code=4)
    assert "ID001" in said.stderr

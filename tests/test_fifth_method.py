"""Another method, written here: a package and one line in the roll, and every verb knows it."""

from __future__ import annotations

import json
import sys
import tomllib
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from talkcli.engine import assets, installation
from talkcli.engine.checkpoint import load_checkpoint
from talkcli.engine.clips import Clip, Contents, save_clip, save_contents
from talkcli.engine.face.avatar import load_avatar
from talkcli.engine.methods import METHODS, open_talker
from talkcli.engine.methods.adapted import adapted
from talkcli.engine.motion import Motion, Vertices, load_motion
from talkcli.engine.speech import Speech, save_speech
from talkcli.engine.training import fit

PACKAGE = '''
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

import torch
from jaxtyping import Float
from torch import Tensor, nn

from talkcli.engine.checkpoint import load_pickled
from talkcli.engine.clips import clips_of_one
from talkcli.engine.methods.method import Method, Talker
from talkcli.engine.motion import Head, Motion, Vertices
from talkcli.engine.struct import TensorStruct
from talkcli.engine.training.stage import Stage, Update


@dataclass(frozen=True)
class HummerConfig:
    verts: int = 5023
    layers: int = 9


@dataclass(frozen=True)
class Mood:
    volume: float = 1.0


class Face(TensorStruct):
    offsets: Float[Tensor, "*batch verts 3"]


class Hummer(Talker):
    """A mouth that is as far open as everybody's is on average, times a manner; and a head that nods."""

    method = "hummer"

    def __init__(self, config):
        super().__init__()
        self.config, self.sampling = config, Mood()
        self.mouth = nn.Parameter(torch.zeros(config.verts, 3))
        self.manner = nn.Parameter(torch.ones(1))

    @property
    def moves(self):
        return frozenset({"mouth", "head"})

    def animate(self, speech, avatar, *, seed=0, progress=lambda share: None):
        frames = speech.frames(Fraction(30))
        manner = avatar.styles.get("hummer", self.manner.detach().cpu())
        offsets = (self.sampling.volume * manner * self.mouth.detach().cpu()).expand(frames, -1, -1)
        nod = Head(torch.full((frames, 3), 0.1), torch.zeros(frames, 3))
        progress(1.0)
        return Motion(Fraction(30), Vertices(offsets), nod, provenance=self.signed(avatar, seed))


def shown(network, clips, dice):
    def example(clips, index, dice):
        return Face(clips.offsets(index)[int(torch.randint(30, (), generator=dice))])

    return example


def error(network, batch, dice):
    return {"error": 1e6 * (network.manner * network.mouth - batch.offsets).square().mean()}


def hum(config, *, firm: bool = False):
    update = Update(lambda network: [network.mouth], error, lr=2e-4, clip_norm=None)
    return Stage((update,), shown, steps=60, batch=4)


def attune(config, *, eager: bool = False):
    update = Update(lambda network: [network.manner], error, lr=0.1 if eager else 0.05, clip_norm=None)
    return Stage((update,), shown, steps=100, batch=4)


def from_voice(talker, speech, avatar):
    return replace(avatar, styles={**avatar.styles, "hummer": speech.waveform.abs().max()[None]})


def from_clips(talker, folder, avatar):
    assert len(clips_of_one(folder))
    return replace(avatar, styles={**avatar.styles, "hummer": talker.manner.detach().cpu().clone()})


def published(mouth, manner):
    talker = Hummer(HummerConfig(len(load_pickled(mouth)["w"])))
    talker.load_state_dict({"mouth": load_pickled(mouth)["w"], "manner": load_pickled(manner)["w"]})
    return talker


METHOD = Method(
    name="hummer",
    paper="Nobody, A Mouth That Stays Open, 2026",
    config=HummerConfig,
    build=Hummer,
    sizes={
        "paper": lambda clips: HummerConfig(len(clips.avatar(0).neutral)),
        "starter": lambda clips: HummerConfig(len(clips.avatar(0).neutral), layers=1),
    },
    stages={"hum": hum},
    moves=frozenset({"mouth", "head"}),
    captures={"voice": from_voice, "clips": from_clips},
    adapt={"attune": attune},
    styles={"manner": "hummer"},
    original=published,
    original_files=("mouth", "manner"),
)
'''


@pytest.fixture(autouse=True)
def roll(monkeypatch, tmp_path: Path):
    (tmp_path / "site" / "hummer").mkdir(parents=True)
    (tmp_path / "site" / "hummer" / "__init__.py").write_text(PACKAGE)
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setitem(METHODS, "hummer", "hummer")
    yield
    sys.modules.pop("hummer", None)


@pytest.fixture
def clips(tmp_path: Path, bare_face) -> Path:
    """Ada opens her mouth by 1 mm, Ben by 3."""
    names, dice = [], torch.Generator().manual_seed(0)
    for speaker, height in (("ada", 1e-3), ("ben", 3e-3)):
        offsets = torch.zeros(30, 12, 3)
        offsets[:, 4, 1] = height
        for number in range(2):
            names.append(f"{speaker}/{number}")
            sound = Speech(0.1 * torch.randn(16_000, generator=dice))
            clip = Clip(sound, Motion(Fraction(30), Vertices(offsets)), load_avatar(bare_face))
            save_clip(clip, tmp_path / "clips", names[-1])
    splits = {"train": names, "test": names[2:]}
    save_contents(Contents(splits, "CC0-1.0", "this test"), tmp_path / "clips")
    return tmp_path / "clips"


@pytest.fixture
def trained(talk, clips: Path, tmp_path: Path) -> Path:
    talk("train", clips, "-m", "hummer", "-o", tmp_path / "hummer.ckpt", "--device", "cpu")
    return tmp_path / "hummer.ckpt"


def lift(path: Path) -> float:
    """How far a motion raises the vertex that opens, metres."""
    face = load_motion(path).face
    assert isinstance(face, Vertices)
    return float(face.offsets[:, 4, 1].mean())


@pytest.mark.parametrize("size, layers", [("paper", 9), ("starter", 1)])
def test_it_is_trained_in_both_sizes(size, layers, talk, clips, tmp_path):
    out = tmp_path / f"{size}.ckpt"
    words = ("train", clips, "-m", "hummer", "--size", size, "--steps", 3, "--device", "cpu")
    shown = tomllib.loads(talk(*words, "--print-config", "--set", "firm=true").stdout)
    assert shown["hum"]["firm"] is True and shown["size"] == size
    assert set(json.loads(talk(*words, "-o", out, "--json").stdout)["losses"]) == {"hum"}
    checkpoint = load_checkpoint(out)
    assert checkpoint.method == "hummer" and checkpoint.config == {"verts": 12, "layers": layers}


def test_it_animates_and_life_leaves_alone_what_it_moves(talk, trained, hello, bare_face, tmp_path):
    out = tmp_path / "said.motion"
    talk("animate", hello, "-m", trained, "-a", bare_face, "-o", out, "--set", "volume=0.5")
    head = load_motion(out).head
    assert head is not None and torch.equal(head.rotation, torch.full_like(head.rotation, 0.1))
    assert lift(out) == pytest.approx(1e-3, rel=0.2), "half of the average"
    assert (
        "leaves the skin as it is"
        in talk(
            "animate", hello, "-m", trained, "-a", bare_face, "-o", tmp_path / "x.textures", code=2
        ).stderr
    )
    talk("render", out, "-a", bare_face, "--size", 32, "-o", tmp_path / "said.gif")
    assert (tmp_path / "said.gif").stat().st_size


def test_it_is_adapted_to_a_person_from_clips_by_its_own_stage(
    talk, trained, clips, hello, bare_face, tmp_path
):
    ben, motion = tmp_path / "ben.avatar", tmp_path / "ben.motion"
    words = ("personalize", clips / "ben", "-m", trained, "-a", bare_face, "-o", ben, "--device", "cpu")
    talk(*words, "--seed", 3, "--set", "attune.eager=true", "--set", "steps=200")
    assert float(load_avatar(ben).styles["hummer"]) == pytest.approx(1.5, rel=0.2), "3 mm where 2 are usual"
    talk("animate", hello, "-m", trained, "-a", ben, "-o", motion)
    assert lift(motion) == pytest.approx(3e-3, rel=0.1)
    assert not list(tmp_path.rglob("*.state"))
    assert "eagre" in talk(*words, "--overwrite", "--set", "eagre=true", code=2).stderr
    said = talk("animate", hello, "-m", trained, "-a", bare_face, "--style", f"skin={ben}", code=2).stderr
    assert "Known: manner" in said
    talk(
        "animate",
        hello,
        "-m",
        trained,
        "-a",
        bare_face,
        "--style",
        f"manner={ben}",
        "-o",
        tmp_path / "s.motion",
    )
    assert lift(tmp_path / "s.motion") == pytest.approx(lift(motion))


def test_an_adaptation_that_stopped_is_lost_only_when_asked_and_resumes_exactly(
    talk, trained, clips, bare_face, tmp_path, monkeypatch
):
    monkeypatch.setattr(fit, "SAVED_AFTER", 0)
    whole, ben = tmp_path / "whole.avatar", tmp_path / "ben.avatar"
    folder = tmp_path / "ben.avatar.run"
    settings = {"attune": {"steps": 12}}
    words = ("personalize", clips / "ben", "-m", trained, "-a", bare_face, "--device", "cpu")
    words = (*words, "--set", "attune.steps=12")
    talk(*words, "-o", whole)
    for moment in adapted(open_talker(str(trained), "cpu"), clips / "ben", settings, folder=folder):
        if moment.step is not None and moment.step.number == 6:
            break
    [state] = folder.glob("*.state")
    assert f"{folder.name} holds an unfinished run" in talk(*words, "-o", ben, code=2).stderr
    assert state.exists() and not ben.exists()
    talk(*words, "-o", ben, "--resume")
    assert torch.equal(load_avatar(ben).styles["hummer"], load_avatar(whole).styles["hummer"])
    assert not state.exists()
    state.write_bytes(b"half")
    talk(*words, "-o", ben, "--overwrite")
    assert torch.equal(load_avatar(ben).styles["hummer"], load_avatar(whole).styles["hummer"])


def test_it_is_adapted_from_a_voice_without_its_stage(talk, trained, bare_face, tmp_path):
    save_speech(Speech(0.25 * torch.ones(16_000)), tmp_path / "voice.wav")
    words = ("personalize", tmp_path / "voice.wav", "-m", trained, "-a", bare_face)
    talk(*words, "-o", tmp_path / "me.avatar")
    assert float(load_avatar(tmp_path / "me.avatar").styles["hummer"]) == pytest.approx(0.25, abs=1e-3)
    said = talk(*words, "-o", tmp_path / "other.avatar", "--set", "steps=3", code=2).stderr
    assert "learns from clips only" in said
    said = talk(*words, "-o", tmp_path / "other.avatar", "--resume", code=2).stderr
    assert "nothing can be resumed" in said


def test_it_is_scored_beside_the_baselines(talk, trained, clips):
    rows = json.loads(talk("evaluate", clips, "-m", trained, "--metric", "lve", "--json").stdout)["scores"]
    scores = {row["system"]: row["value"] for row in rows}
    assert set(scores) == {"template", "hummer"} and scores["hummer"] < 0.3 * scores["template"]


def test_it_is_imported_listed_and_looked_for(talk, tmp_path, monkeypatch):
    folder = tmp_path / "assets"
    folder.mkdir()
    torch.save({"w": torch.ones(12, 3)}, tmp_path / "a.pth")
    torch.save({"w": torch.ones(1)}, tmp_path / "b.pth")
    files = (f"manner={tmp_path / 'b.pth'}", f"mouth={tmp_path / 'a.pth'}")
    talk("models", "import", "hummer", *files, "-o", folder / "hummer.ckpt")
    assert torch.equal(open_talker(str(folder / "hummer.ckpt")).state_dict()["mouth"], torch.ones(12, 3))
    said = talk("models", "import", "hummer", tmp_path / "a.pth", "-o", folder / "x.ckpt", code=2).stderr
    assert "mouth=FILE manner=FILE" in " ".join(said.split())
    absent = {row.name: row for row in installation.findings()}["hummer.ckpt"]
    assert absent.missing and not absent.needed and "hummer" in absent.unlocks
    for module in (assets, installation):
        monkeypatch.setattr(module, "assets_folder", lambda: folder)
    [listed] = json.loads(talk("models", "--json").stdout)["models"]
    assert listed["model"] == "hummer" and listed["moves"] == ["head", "mouth"]
    assert listed["styles_from"] == ["voice", "clips"]
    found = json.loads(talk("doctor", "--json", code=4).stdout)["found"]
    assert any(row["name"] == "hummer.ckpt" and row["found"] for row in found)

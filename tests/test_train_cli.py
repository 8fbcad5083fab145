"""talk train and talk personalize from the shell's side, on clips of ten vertices."""

import dataclasses
import json
import tomllib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from talkcli import console
from talkcli.app import app
from talkcli.engine.assets import asset
from talkcli.engine.checkpoint import load_checkpoint
from talkcli.engine.clips import Clip, Contents, load_contents, save_clip, save_contents
from talkcli.engine.config import from_values, parse_settings
from talkcli.engine.face.avatar import Avatar, load_avatar, save_avatar
from talkcli.engine.methods import METHODS, load_method, open_talker
from talkcli.engine.methods.plan import plan_for, without_folders
from talkcli.engine.motion import Motion, Vertices
from talkcli.engine.speech import Speech, save_speech
from talkcli.engine.training.settings import as_toml, by_dotted_name

pytest.importorskip("transformers")

SMALL = [
    "features=16", "feed_forward=32", "ears.0.hidden=48", "ears.0.layers=1", "ears.0.heads=4",
    "ears.0.feed_forward=64", "ears.0.convolution=16", "ears.0.position_kernel=16",
    "ears.0.position_groups=4",
]  # fmt: skip
SETTINGS = ["--size", "paper"] + [part for setting in SMALL for part in ("--set", setting)]


def talk(*args: object, code: int = 0):
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert result.exit_code == code, result.output + repr(result.exception)
    return result


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    dice, names = torch.Generator().manual_seed(0), []
    for speaker in ("ada", "ben"):
        neutral = torch.rand(10, 3, generator=dice)
        avatar = Avatar(speaker, neutral, torch.tensor([[0, 1, 2]]), torch.tensor([1, 2]))
        for number in range(2):
            offsets = torch.randn(30, 10, 3, generator=dice) * 1e-3
            sound = Speech(torch.randn(16_000, generator=dice) * 0.1)
            names.append(f"{speaker}/{number}")
            save_clip(
                Clip(sound, Motion(Fraction(30), Vertices(offsets)), avatar), tmp_path / "clips", names[-1]
            )
    save_contents(Contents({"train": names, "test": []}, "CC0-1.0", "this test"), tmp_path / "clips")
    return tmp_path / "clips"


def test_a_checkpoint_tells_no_folder_of_the_machine_it_was_trained_on():
    given = {"ears": "/home/ada/ears.ckpt", "diffuse": {"steps": 3, "ears": "memorytalker"}}
    assert without_folders(given) == {"ears": "ears.ckpt", "diffuse": {"steps": 3, "ears": "memorytalker"}}


def test_train_then_speak_in_somebodys_manner(clips, tmp_path):
    out = tmp_path / "x.ckpt"
    said = talk("train", clips, "-o", out, "--steps", 3, "--json", "--device", "cpu", *SETTINGS)
    report = json.loads(said.stdout)
    assert set(report["losses"]) == {"memorise", "stylise"}
    made = load_checkpoint(out).provenance
    assert (
        made["licence"] == made["data"]["licence"] == "CC0-1.0" and made["training"]["memorise"]["steps"] == 3
    )
    run = tomllib.loads((tmp_path / "x.run" / "settings.toml").read_text())
    assert run["config"]["verts"] == 10 and run["stylise"]["lr"] == 5e-5
    assert list((tmp_path / "x.run" / "log").rglob("events*")) and not list(tmp_path.rglob("*.state"))

    voice, base, person = tmp_path / "voice.wav", tmp_path / "base.avatar", tmp_path / "ada.avatar"
    save_speech(Speech(torch.randn(16_000) * 0.1), voice)
    save_avatar(load_avatar(clips / "ada" / "avatar"), base)
    talk("personalize", voice, "-m", out, "-a", base, "-o", person)
    style = load_avatar(person).styles["memorytalker"]
    assert style.shape == (32,) and torch.isfinite(style).all()
    assert torch.equal(load_avatar(person).neutral, load_avatar(base).neutral)
    talk("personalize", voice, "-m", out, "-a", base, "-o", person, code=2)


def test_the_same_seed_trains_the_same_weights_and_a_stage_may_run_alone(clips, tmp_path):
    for name in ("a", "b"):
        options = ("--stage", "memorise", "--steps", 2, "--device", "cpu", "--seed", 5)
        talk("train", clips, "-o", tmp_path / f"{name}.ckpt", *options, *SETTINGS)
    a, b = (load_checkpoint(tmp_path / f"{name}.ckpt").weights for name in ("a", "b"))
    assert all(torch.equal(a[key], b[key]) for key in a)
    save_contents(replace(load_contents(clips), licence="CC BY-NC 4.0"), clips)
    options = ("--stage", "stylise", "--steps", 2, "--from", tmp_path / "a.ckpt", "--precision", "fast")
    talk("train", clips, "-o", tmp_path / "c.ckpt", *options)
    c = load_checkpoint(tmp_path / "c.ckpt")
    came_from = c.provenance["from"]["provenance"]["training"]
    assert (came_from["precision"], c.provenance["training"]["precision"]) == ("full", "fast")
    changed = {key for key, value in c.weights.items() if not torch.equal(value, a[key])}
    assert changed and all(key.startswith("style.") for key in changed)
    assert c.provenance["from"]["provenance"]["data"]["licence"] == "CC0-1.0"
    assert c.licence == "CC BY-NC 4.0; what it began with: CC0-1.0"
    assert open_talker(str(tmp_path / "c.ckpt"), "cpu").weights_sha256


def test_an_unfinished_run_is_gone_on_with_only_when_asked(clips, tmp_path):
    out, folder = tmp_path / "x.ckpt", tmp_path / "x.run"
    options = ("train", clips, "-o", out, "--stage", "memorise", "--steps", 2, "--device", "cpu", *SETTINGS)
    folder.mkdir()
    (folder / "memorise.state").write_bytes(b"half")
    assert "--resume" in talk(*options, code=2).stderr
    assert "not a talk file" in talk(*options, "--resume", code=6).stderr
    talk(*options, "--overwrite")
    before = out.read_bytes()
    said = talk(*options, "--resume", code=2)
    assert f"--from {out}" in said.stderr and "--steps" in said.stderr and out.read_bytes() == before
    more = ("--from", out, "--steps", 1, "--stage", "memorise", "-o", tmp_path / "more.ckpt", "--resume")
    talk("train", clips, "--device", "cpu", *more)
    assert load_checkpoint(tmp_path / "more.ckpt").provenance["from"]


@pytest.mark.parametrize("name", METHODS)
def test_a_run_finds_its_network_again_in_what_it_wrote(name):
    config = dataclasses.asdict(open_talker(name).config)
    again = from_values(load_method(name).config, tomllib.loads(as_toml(config)))
    assert dataclasses.asdict(again) == config


def test_a_model_that_ships_is_begun_with_by_its_name(clips):
    assert plan_for(clips, model="memorytalker", start=Path("memorytalker")).start == asset(
        "memorytalker.ckpt"
    )


def test_a_checkpoint_to_begin_with_must_be_there(clips, tmp_path):
    said = talk("train", clips, "--from", "gone.ckpt", "-o", tmp_path / "x.ckpt", code=3)
    assert "gone.ckpt does not exist" in said.stderr


def test_off_a_terminal_a_run_says_where_it_is_and_what_came_of_it(clips, tmp_path, monkeypatch):
    options = ("train", clips, "--stage", "memorise", "--steps", 3, "--device", "cpu", *SETTINGS)
    lines = talk(*options, "-o", tmp_path / "a.ckpt").stderr.splitlines()
    assert "memorise: 3 steps on 4 clips" in lines and lines[-1].startswith("memorise: ")
    assert len([line for line in lines if line.startswith("memorise: step")]) == 1
    monkeypatch.setattr(console, "LINE_EVERY", 0.0)
    lines = talk(*options, "-o", tmp_path / "b.ckpt").stderr.splitlines()
    assert [line.split(",")[0] for line in lines if " of 3" in line] == [
        f"memorise: step {number} of 3" for number in (1, 2, 3)
    ]
    assert not talk(*options, "-o", tmp_path / "c.ckpt", "-q").stderr.count("memorise")


@pytest.mark.parametrize("method", METHODS)
def test_every_listed_setting_can_be_set(method):
    lines = talk("train", "--list-settings", method).stdout.splitlines()
    names = [line.split(" = ")[0] for line in lines]
    assert len(names) == len(set(names)) > 30 and any(name.endswith(".lr") for name in names)
    settings = json.loads(talk("train", "--list-settings", method, "--json").stdout)["settings"]
    assert lines == [f"{name} = {value}" for name, value in settings.items()]
    pairs = [f"{name}={value}" for name, value in settings.items()]
    values = {"size": "starter", "seed": 0, "model": method}
    again = plan_for(asset("clips"), values, parse_settings(pairs), model=method)
    assert by_dotted_name(again.settings) == settings
    assert "Did you mean" in talk("train", "--list-settings", f"{method}r", code=2).stderr


def test_settings_are_shown_and_can_be_given_back(clips, tmp_path):
    shown = talk("train", clips, "--print-config", "--set", "lr=1e-3", "--set", "stylise.lr=2e-3", *SETTINGS)
    values = tomllib.loads(shown.stdout)
    assert (values["memorise"]["lr"], values["stylise"]["lr"]) == (1e-3, 2e-3)
    assert values["config"]["ears"][0]["hidden"] == 48 and not (tmp_path / "talk.run").exists()
    (tmp_path / "mine.toml").write_text(shown.stdout)
    again = talk("train", clips, "--print-config", "--config", tmp_path / "mine.toml")
    as_json = talk("train", clips, "--print-config", "--config", tmp_path / "mine.toml", "--json")
    assert json.loads(as_json.stdout) == tomllib.loads(again.stdout)
    assert tomllib.loads(again.stdout) == values


def test_an_explicit_seed_wins_over_the_settings_file(clips, tmp_path):
    (tmp_path / "mine.toml").write_text("seed = 7\n")
    words = ("train", clips, "--print-config", "--config", tmp_path / "mine.toml", *SETTINGS)
    assert tomllib.loads(talk(*words).stdout)["seed"] == 7
    assert tomllib.loads(talk(*words, "--seed", 0).stdout)["seed"] == 0


def test_settings_of_another_method_than_the_one_named_are_refused(clips, tmp_path):
    (tmp_path / "mine.toml").write_text('model = "memorytalker"\n')
    words = ("train", clips, "--print-config", "--config", tmp_path / "mine.toml", *SETTINGS, "--model")
    assert "trains memorytalker, not textalker" in talk(*words, "textalker", code=2).stderr
    assert tomllib.loads(talk(*words, "memorytalker").stdout)["model"] == "memorytalker"


def test_a_checkpoint_without_its_suffix_is_refused_before_the_work(clips, tmp_path):
    said = talk("train", clips, "-o", tmp_path / "t5.txt", code=2)
    assert "t5.ckpt" in said.stderr and sorted(path.name for path in tmp_path.iterdir()) == ["clips"]


@pytest.mark.parametrize(
    "options, said",
    [
        (("--set", "lrr=1"), "lr"),
        (("--set", "memorise.stepz=1"), "steps"),
        (("--set", "features=wide"), "features"),
        (("--set", "memorise.lr=fast"), "lr"),
        (("--set", "memorise.lr=nan"), "lr"),
        (("--stage", "memorize"), "memorise"),
        (("--model", "memorytaker"), "memorytalker"),
        (("--set", "schedule=cosin"), "cosine"),
    ],
)
def test_a_setting_that_does_not_exist_shows_its_neighbour(clips, options, said):
    assert said in talk("train", clips, "--print-config", *SETTINGS, *options, code=2).stderr


def test_one_speaker_teaches_no_style(clips, tmp_path):
    save_contents(Contents({"train": ["ada/0", "ada/1"]}, "CC0-1.0", "this test"), clips)
    said = talk(
        "train", clips, "-o", tmp_path / "x.ckpt", "--stage", "stylise", "--steps", 1, *SETTINGS, code=3
    )
    assert "two speakers" in said.stderr


def test_a_folder_without_clips_is_refused(tmp_path):
    assert "talk prepare" in talk("train", tmp_path, "-o", tmp_path / "x.ckpt", code=3).stderr


ODD = ("critic=[]", "lpips=-1", "config.regressor=-1", "steps=0x" + "f" * 5000)


@pytest.mark.parametrize("setting", ODD)
def test_a_setting_that_cannot_be_is_usage_by_name(setting, clips, talk, tmp_path):
    words = ("train", clips, "-m", "textalker", "--stage", "motion", "--set", setting, "--print-config")
    said = talk(*words, code=2).stderr
    assert setting.partition("=")[0].rpartition(".")[2] in said and len(said) < 800


def test_a_count_below_0_is_usage(clips, talk):
    assert "excerpt cannot be -1" in talk("train", clips, "--set", "excerpt=-1", code=2).stderr

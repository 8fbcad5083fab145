"""talk doctor: what is here, what is missing, and the exit code that scripts read."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest

from talkcli import __version__
from talkcli.commands import animate
from talkcli.engine import installation
from talkcli.engine.assets import FOREIGN_LICENCES, OURS_ON_FACEKIT, asset, assets_folder, sha256
from talkcli.engine.face.avatar import load_avatar
from talkcli.engine.methods.captured import model_for


def test_doctor_is_content_where_the_default_path_works(talk):
    said = talk("doctor")
    assert "talk animate works." in said.stdout and __version__ in said.stdout


def test_json_holds_every_finding(talk):
    told = json.loads(talk("doctor", "--json").stdout)
    assert told["works"] is True and told["lacking"] == [] and told["version"] == __version__
    sections = {row["section"] for row in told["found"]}
    assert sections == {"program", "device", "renderer", "encoder", "extra", "synthesiser", "asset", "rig"}
    for row in told["found"]:
        assert row["found"] or (row["unlocks"] and row["remedy"]), row


def test_every_default_asset_is_listed_with_its_sum_and_licence():
    rows = {row.name: row.found for row in installation.findings() if row.section == "asset"}
    for name in installation.DEFAULTS:
        licence = FOREIGN_LICENCES.get(name) or FOREIGN_LICENCES.get(Path(name).suffix, "Apache-2.0")
        assert sha256(assets_folder() / name) in rows[name] and licence in rows[name]


def test_what_others_made_is_not_called_ours():
    rows = {row.name: row.found for row in installation.findings() if row.section == "asset"}
    for name in ("head.safetensors", "head_fields.safetensors"):
        assert "MIT" in rows[name] and "Apache" not in rows[name]
    for name in ("ada.avatar", "clips/"):
        assert OURS_ON_FACEKIT in rows[name], "painted and recorded by us, on a form that is theirs"
    assert "MIT" in rows["ears.ckpt"] and "Whisper tiny.en, OpenAI" in rows["ears.ckpt"]
    for name in ("ICT-FaceKit.txt", "Whisper.txt"):
        notice = Path(__file__).parents[1] / "LICENSES" / name
        assert "Permission is hereby granted" in notice.read_text(encoding="utf-8")


def test_a_missing_asset_is_exit_code_4(talk, monkeypatch, tmp_path):
    monkeypatch.setattr(installation, "assets_folder", lambda: tmp_path)
    said = talk("doctor", code=4)
    assert all(name in said.stderr for name in installation.DEFAULTS)
    told = json.loads(talk("doctor", "--json", code=4).stdout)
    assert told["works"] is False and set(told["lacking"]) == set(installation.DEFAULTS)


def test_without_what_animate_takes_by_default_it_does_not_work(talk, monkeypatch, tmp_path):
    avatar = inspect.signature(animate.run).parameters["avatar"].default
    for number, name in enumerate((model_for(load_avatar(asset(f"{avatar}.avatar"))), avatar)):
        folder = tmp_path / str(number)
        folder.mkdir()
        without(name, folder, monkeypatch)
        assert f"talk animate lacks: {name}." in talk("doctor", code=4).stderr


def without(name: str, folder: Path, monkeypatch) -> None:
    [lost] = [path for path in assets_folder().iterdir() if path.stem == name]
    for path in assets_folder().iterdir():
        if path != lost:
            (folder / path.name).symlink_to(path)
    monkeypatch.setattr(installation, "assets_folder", lambda: folder)


def test_an_asset_that_animate_can_do_without_is_absent_and_no_fault(monkeypatch, tmp_path):
    monkeypatch.setattr(installation, "assets_folder", lambda: tmp_path)
    [row] = [row for row in installation.findings() if row.name == "memorytalker.ckpt"]
    assert row.missing and not row.needed and "talk personalize" in row.unlocks


def test_a_missing_extra_says_how_to_get_it_and_is_no_fault(talk, monkeypatch):
    monkeypatch.setitem(installation.EXTRAS, "film", (("no_such_module",), "several motions side by side"))
    said = talk("doctor")
    assert any(
        line.split()[:2] == ["absent", "film"] and "pip install" in line for line in said.stdout.splitlines()
    )


@pytest.mark.parametrize("codec", ["libx264", "aac"])
def test_a_missing_encoder_is_exit_code_4(codec, talk, monkeypatch):
    import av.codec

    monkeypatch.setattr(av.codec, "codecs_available", av.codec.codecs_available - {codec})
    assert codec in talk("doctor", code=4).stderr

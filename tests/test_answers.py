"""What programs are told: with --json one object on stdout, whatever the mode and whatever fails."""

from __future__ import annotations

import json

import pytest

from talkcli.engine.assets import assets_folder


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("models", 0),
        ("models list", 0),
        ("doctor", 0),
        ("evaluate --list", 0),
        ("train --list-settings textalker", 0),
        (f"train {assets_folder() / 'clips'} --print-config", 0),
        ("train", 2),
        ("train nowhere", 3),
        ("prepare studio", 2),
        ("prepare nothing here", 2),
        ("animate", 2),
        ("animate nothing.wav", 3),
        ("animate nothing.wav --size 3", 2),
        ("render nothing.motion", 3),
        ("personalize nothing.wav", 3),
        ("evaluate nothing.motion nothing.motion", 3),
        ("models import", 2),
        ("models export", 2),
        ("sing", 2),
    ],
)
def test_with_json_every_mode_and_every_failure_is_one_object(words, code, talk, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = json.loads(talk(*words.split(), "--json", code=code).stdout)
    assert isinstance(told, dict)
    assert not code or code in (told.get("exit"), *(failure["exit"] for failure in told.get("failed", ())))
    assert not list(tmp_path.iterdir())

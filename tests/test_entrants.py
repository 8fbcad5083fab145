"""The systems that evaluate scores: who is among them, in which order, and when they are opened."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
import torch

from talkcli.engine.errors import BadUsage
from talkcli.engine.face.avatar import load_avatar
from talkcli.engine.face.rigs import talking_head
from talkcli.engine.methods import entrants, installed
from talkcli.engine.speech import Speech

SPEECH = Speech(0.1 * torch.randn(8_000, generator=torch.Generator().manual_seed(0)))


def test_the_ears_of_any_method_serve_the_viseme_baseline(monkeypatch):
    """Without pocketsphinx, whichever method is asked."""
    for module in (entrants, entrants.baselines):
        monkeypatch.setattr(module, "has_pocketsphinx", lambda: False)
    for model in installed():
        notes: list[str] = []
        systems = dict(entrants.entrants([model], talking_head(), note=notes.append))
        assert list(systems) == ["template", "loudness jaw", "own encoder + visemes", model] and not notes
        assert len(systems["own encoder + visemes"](SPEECH, talking_head(), Fraction(30))) == 15


def test_a_talker_is_opened_when_its_turn_comes_and_a_wrong_name_before_all(monkeypatch, untaught, bare_face):
    opened: list[str] = []
    real = entrants.open_talker
    monkeypatch.setattr(entrants, "open_talker", lambda *words: opened.append(words[0]) or real(*words))
    notes: list[str] = []
    systems = entrants.entrants([str(untaught)], load_avatar(bare_face), note=notes.append)
    assert next(systems)[0] == "template" and not opened
    assert next(systems)[0] == untaught.stem and opened == [str(untaught)]
    assert notes == [entrants.NO_RIG]
    with pytest.raises(BadUsage, match="memorytalkr"):
        entrants.entrants(["memorytalkr"], talking_head())


def test_where_nothing_is_installed_the_baselines_stand_alone_and_it_is_said(monkeypatch, bare_face):
    monkeypatch.setattr(entrants, "installed", dict[str, Path])
    notes: list[str] = []
    systems = entrants.entrants([], load_avatar(bare_face), note=notes.append)
    assert [name for name, _ in systems] == ["template"] and entrants.NO_TALKER in notes


def test_no_skin_is_made_where_nobody_looks_at_it():
    for skin in (True, False):
        systems = dict(entrants.entrants(["textalker"], talking_head(), skin=skin))
        motion = systems["textalker"](SPEECH, talking_head(), Fraction(30))
        assert (motion.texture is not None) == skin


def test_two_models_of_one_name_are_refused_before_any_is_dropped(untaught, tmp_path):
    other = tmp_path / untaught.name
    other.write_bytes(untaught.read_bytes())
    with pytest.raises(BadUsage, match="2 models would be shown as untaught"):
        entrants.entrants([str(untaught), str(other)], talking_head())

"""Entrants: the systems that `talk evaluate` scores, each by the name it is shown under."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path

from talkcli.engine.assets import REINSTALL
from talkcli.engine.audio.alignment import has_pocketsphinx
from talkcli.engine.audio.ear import TICKS
from talkcli.engine.audio.ears import phone_ear
from talkcli.engine.errors import BadUsage
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.methods import checkpoint_path, installed, open_talker
from talkcli.engine.methods.method import Talker
from talkcli.engine.metrics import baselines
from talkcli.engine.metrics.takes import System
from talkcli.engine.motion import Motion
from talkcli.engine.speech import Speech

NO_TALKER = f"No checkpoint is installed ({REINSTALL}). Only the baselines are measured."
NO_RIG = "The other baselines need the built-in head and are left out."
NO_RECOGNISER = "The viseme baseline needs pocketsphinx: pip install 'talkcli[align]'. It is left out."

Note = Callable[[str], None]
"""Is told what is left out, and why."""


def entrants(
    models: Sequence[str],
    avatar: Avatar,
    *,
    seed: int = 0,
    device: str = "cpu",
    precision: str = "full",
    skin: bool = True,
    note: Note = lambda text: None,
) -> Iterator[tuple[str, System]]:
    """The baselines that fit the avatar, then the talkers named or else all installed ones.

    Talkers are opened when their turn comes and forgotten after it; that all are there is checked first.
    Without `skin` they leave it out. BadUsage where two models would have one name.
    """
    names = [_shown(model) for model in models]
    for name in names:
        if names.count(name) > 1:
            hint = "Name them once each, or copy one to a file of another name."
            raise BadUsage(f"{names.count(name)} models would be shown as {name}.", hint)
    paths = {name: checkpoint_path(model) for name, model in zip(names, models, strict=True)} or installed()
    if not paths:
        note(NO_TALKER)
    return _in_turn(paths, avatar, seed, (device, precision), skin, note)


def _shown(model: str) -> str:
    return Path(model).stem if Path(model).is_file() else model


def _in_turn(
    paths: dict[str, Path], avatar: Avatar, seed: int, where: tuple[str, str], skin: bool, note: Note
) -> Iterator[tuple[str, System]]:
    yield "template", baselines.template
    if avatar.rig is None:
        note(NO_RIG)
    else:
        yield "loudness jaw", baselines.loudness_jaw
        logits = None if has_pocketsphinx() else _logits(paths, where)
        recogniser = baselines.recogniser(logits, TICKS)
        if recogniser is None:
            note(NO_RECOGNISER)
        else:
            yield f"{recogniser[1]} + visemes", partial(baselines.viseme_table, recogniser[0])
    for name, path in paths.items():
        talker = open_talker(str(path), *where)
        if not skin:
            talker.leave_skin()
        yield name, _performing(talker, seed)


def _performing(talker: Talker, seed: int) -> System:
    def perform(speech: Speech, avatar: Avatar, fps: Fraction) -> Motion:
        return talker.animate(speech, avatar, seed=seed)

    return perform


def _logits(paths: dict[str, Path], where: tuple[str, str]) -> baselines.Logits | None:
    """The phone logits of the first talker whose ears know phones."""
    for path in paths.values():
        named_ear = phone_ear(open_talker(str(path), *where))
        if named_ear is not None:
            ear = named_ear[1]
            device = next(ear.parameters()).device
            return lambda speech: ear.heard_at_ticks(speech.waveform.to(device)).detach().cpu()
    return None

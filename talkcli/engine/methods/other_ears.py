"""Other ears for a talker: the encoder in a user's folder, under a head of ours that was taught on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from talkcli.engine.assets import STARTER_EARS, WHISPER_BASE_HEAD, asset, assets_folder, sha256
from talkcli.engine.audio.ears import ear_config, frozen_encoder, is_part_of, phone_ear
from talkcli.engine.audio.starter_ear import StarterEar, StarterEarConfig
from talkcli.engine.checkpoint import Checkpoint, load_checkpoint
from talkcli.engine.config import from_values
from talkcli.engine.errors import BadUsage, MissingAsset, Untrusted, reading
from talkcli.engine.hub import SAFE, ears_folder
from talkcli.engine.methods.method import Talker

HEAD = "phones.ckpt"
"""In a folder of transformers' form: a head that was taught on what it holds (recipes/ears.py)."""
_ROUNDING = 4e-3
"""Share of a weight, and difference, by which those differ at most that were once in half precision."""


@dataclass(frozen=True)
class OtherEar:
    ear: StarterEar
    origin: str
    """What the encoder is, and the SHA-256 of its weights."""
    licence: str


def hear_with(talker: Talker, ears: str | None) -> None:
    """Put the ears in a folder, or fetched by that name, in place of those with which a talker names phones.

    The lean of its hearing stays, and what it makes of what is heard. Nothing where `ears` is None. BadUsage
    for a talker that names no phones; MissingAsset where no head is known for what the folder holds.
    """
    if ears is None:
        return
    named = phone_ear(talker)
    if named is None:
        raise BadUsage(
            f"{talker.method} does not hear phones, so it has no ears to change.", "Leave --ears out."
        )
    name, own = named
    given = ear_in(ears_folder(ears))
    other = given.ear
    with torch.no_grad():
        other.leave.bias.add_(lean_of(own))
    if isinstance(own, StarterEar):
        other.config = replace(other.config, firmness=own.config.firmness, faint=own.config.faint)
    place, _, leaf = name.rpartition(".")
    setattr(talker.get_submodule(place), leaf, other.to(next(own.parameters()).device))
    talker.other_ears = given.origin


def ear_in(folder: Path) -> OtherEar:
    """The encoder of a transformers folder under the head that was taught on it, ready to hear phones."""
    theirs = ear_config(folder)
    hint = "Fetch Whisper base, for which one ships (talk models fetch whisper-base), or teach one: "
    hint += f"python recipes/ears.py CLIPS {folder / HEAD} CHOOSING --encoder {folder}"
    others = ""
    for path, head in _heads(folder):
        with reading(path, "a head that was taught on an encoder", "Teach it again.", Untrusted):
            config = from_values(StarterEarConfig, head.config)
        if not is_part_of(config.encoder, theirs):
            continue
        ear = StarterEar(config)
        ear.encoder = frozen_encoder(folder, config.encoder)
        if _taught_on(head.weights, ear):
            with reading(path, "a head that was taught on an encoder", "Teach it again.", Untrusted):
                ear.load_state_dict(ear.state_dict() | head.weights)
            origin = f"{theirs.kind}, SHA-256 {sha256(folder / SAFE)}"
            return OtherEar(ear.eval(), origin, head.licence)
        others = f" {path.name} was taught on one of these sizes with other weights."
    blocks = f"{theirs.kind} of {theirs.layers} blocks"
    raise MissingAsset(f"No head that names phones is known for the {blocks} in {folder}.{others}", hint)


def _heads(folder: Path) -> Iterator[tuple[Path, Checkpoint]]:
    """The user's own, and those that ship."""
    for path in (folder / HEAD, assets_folder() / WHISPER_BASE_HEAD):
        if path.is_file():
            yield path, load_checkpoint(path)


def _taught_on(head: dict[str, Tensor], ear: StarterEar) -> bool:
    """Whether the encoder has the biases that a head remembers of the one it was taught on."""
    own = ear.state_dict()
    known = [name for name in head if name.startswith("encoder.")]
    return bool(known) and all(
        name in own
        and own[name].shape == head[name].shape
        and torch.allclose(own[name].float(), head[name].float(), rtol=_ROUNDING, atol=_ROUNDING)
        for name in known
    )


def lean_of(ear: torch.nn.Module) -> Tensor:
    """By how much the logits of an ear were leaned since it was the one that ships; 0 for any other."""
    shipped, own = load_checkpoint(asset(STARTER_EARS)).weights, ear.state_dict()
    same = isinstance(ear, StarterEar) and own["leave.weight"].shape == shipped["leave.weight"].shape
    if same and torch.equal(own["leave.weight"].cpu().half(), shipped["leave.weight"].half()):
        return own["leave.bias"].cpu().float() - shipped["leave.bias"].float()
    return torch.zeros(len(own["leave.bias"]))

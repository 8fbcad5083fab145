"""Ears that somebody else taught: transformers' models, their weights from a folder that the user fetched."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

from safetensors.torch import load_file
from torch import Tensor, nn

from talkcli.engine.audio.ear import PiecewiseEar
from talkcli.engine.config import from_values
from talkcli.engine.errors import BadInput, BadUsage, MissingAsset, reading
from talkcli.engine.speech import SAMPLE_RATE, TICK
from talkcli.engine.text_files import text_of

_Config = TypeVar("_Config")
LONGEST = 30 * SAMPLE_RATE // TICK
"""Ticks that are heard at a time, unless a model is made for fewer."""


class Pretrained(nn.Module):
    """What holds a transformers model, the `body`, that may be taught elsewhere."""

    kind: str
    """transformers' name of it (`model_type`)."""

    @property
    def body(self) -> nn.Module:
        raise NotImplementedError


class PretrainedEar(PiecewiseEar, Pretrained):
    """An ear that holds one."""

    longest: int = LONGEST


def settings_in(folder: Path) -> dict[str, Any]:
    """config.json of a transformers folder. MissingAsset, BadInput where there is none."""
    path = folder / "config.json"
    if folder.is_dir() and not path.is_file():
        raise _lacking(folder, path.name)
    with reading(path, "a config of transformers", "Fetch the folder again."):
        settings = json.loads(text_of(path))
        if not isinstance(settings, dict):
            raise TypeError("it is no object")
        preprocessor = folder / "preprocessor_config.json"
        if preprocessor.is_file():
            settings["do_normalize"] = json.loads(text_of(preprocessor)).get("do_normalize")
        return settings


def sized_as_told(kind: type[_Config], values: Mapping[str, Any]) -> _Config:
    """A config of these values, as a folder says them. ValueError for what cannot be."""
    try:
        return from_values(kind, values)
    except BadUsage as error:
        raise ValueError(error.message) from error


def take_body(network: Pretrained, folder: Path) -> None:
    """The weights in a transformers folder into a network of their sizes; a head that they bring is left.

    Read from safetensors as numbers: nothing in the folder is run, and nothing is fetched.
    """
    kind = settings_in(folder).get("model_type")
    if kind != network.kind:
        raise BadUsage(f"{folder} holds a {kind}, no {network.kind}.", "Give another folder.")
    file = folder / "model.safetensors"
    if not file.is_file():
        raise _lacking(folder, file.name)
    own = network.body.state_dict()
    with reading(file, "a file of weights", "Fetch it again."):
        theirs = _body_in({modern(name): tensor for name, tensor in load_file(file).items()}, own)
    if not theirs:
        raise BadInput(f"{file} does not hold a {kind}.", "Give another folder.")
    # SpecAugment's stand-in is for training alone, and some checkpoints lack it.
    theirs = {name: own[name] for name in own if name == "masked_spec_embed"} | theirs
    try:
        network.body.load_state_dict(theirs)
    except RuntimeError as error:
        hint = f"Set its hidden, layers ... to the sizes in {folder / 'config.json'}."
        raise BadUsage(f"The {kind} in {folder} has other sizes than this model's.", hint) from error


def _body_in(weights: Mapping[str, Tensor], own: Collection[str]) -> dict[str, Tensor]:
    """What lies in the body's parts, by the body's own names: a model with a head has it under a name."""
    parts = {name.split(".")[0] for name in own}
    stripped = (
        {name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)}
        for prefix in ("", "hubert.", "wavlm.", "wav2vec2.", "encoder.", "model.encoder.")
    )
    best = max(stripped, key=lambda found: len(set(found) & set(own)))
    return {name: tensor for name, tensor in best.items() if name.split(".")[0] in parts}


def modern(key: str) -> str:
    """Weight norm's names since torch 2.1, from either spelling."""
    return key.replace("conv.weight_g", "conv.parametrizations.weight.original0").replace(
        "conv.weight_v", "conv.parametrizations.weight.original1"
    )


def transformers(kind: str) -> Any:
    try:
        import transformers
    except ImportError as error:
        raise MissingAsset(f"A {kind} needs transformers.", "pip install 'talkcli[hubert]'") from error
    return transformers


def _lacking(folder: Path, name: str) -> MissingAsset:
    hint = (
        "Give a HuBERT, WavLM, wav2vec 2.0 or Whisper in safetensors form, as talk models fetch brings them."
    )
    return MissingAsset(f"{folder} lacks {name}.", hint)

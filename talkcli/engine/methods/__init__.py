"""The roll of methods, read without importing any of them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from talkcli.engine.errors import BadUsage, Untrusted, pick, reading

if TYPE_CHECKING:
    from talkcli.engine.methods.method import Method, Talker

METHODS = {
    "textalker": "talkcli.engine.methods.textalker",
    "memorytalker": "talkcli.engine.methods.memorytalker",
    "3dxtalker": "talkcli.engine.methods.dxtalker",
    "unigaha": "talkcli.engine.methods.unigaha",
}

DEFAULT_PUPIL = "memorytalker"
"""Whom `talk train` and `talk personalize` take unasked: it takes a manner from a voice alone. What `talk
animate` speaks with is `assets.DEFAULT_MODEL`."""


BODY_GIVER = "unigaha"
"""Whose heads `Avatar.gaussian_head` are, and who speaks with one unasked."""


def load_method(name: str) -> Method:
    return importlib.import_module(METHODS[pick(name, METHODS, "method")]).METHOD


def methods_that(able: Callable[[Method], bool]) -> list[str]:
    """The names of the methods for which a question is answered with yes; it imports all of them."""
    return [name for name in METHODS if able(load_method(name))]


def checkpoint_path(model: str) -> Path:
    """The file behind `--model`: itself, there or not where it has a suffix, or the bundled checkpoint of a
    method."""
    from talkcli.engine.assets import asset

    if Path(model).is_file() or Path(model).suffix:
        return Path(model)
    return asset(f"{pick(model, METHODS, 'model')}.ckpt")


def installed() -> dict[str, Path]:
    """The bundled checkpoints by method name."""
    from talkcli.engine.assets import assets_folder

    paths = {name: assets_folder() / f"{name}.ckpt" for name in METHODS}
    return {name: path for name, path in paths.items() if path.is_file()}


def open_talker(model: str, device: str = "cpu", precision: str = "full") -> Talker:
    """A trained talker, ready to speak, from a checkpoint file or by the name of a method.

    `precision` is that of all that this process computes on CUDA from then on (`device.set_precision`).
    """
    from talkcli.engine.assets import sha256
    from talkcli.engine.checkpoint import Undrawn, check_shapes, load_checkpoint
    from talkcli.engine.config import from_values
    from talkcli.engine.device import pick_device, set_precision

    path = checkpoint_path(model)
    checkpoint = load_checkpoint(path)
    if checkpoint.method not in METHODS:
        hint = f"This version knows {', '.join(METHODS)}."
        raise Untrusted(f"{path} is a checkpoint of the unknown method {checkpoint.method!r}.", hint)
    method = load_method(checkpoint.method)
    hint = "Train it again with this version."
    with reading(path, "a checkpoint of this version", hint, Untrusted):
        try:
            config = from_values(method.config, checkpoint.config)
        except BadUsage as error:
            raise ValueError(error.message) from error
        with Undrawn(checkpoint.weights):
            talker = method.build(config)
        check_shapes(talker, checkpoint.weights)
        talker.load_state_dict(checkpoint.weights)
    talker.weights_sha256 = sha256(path)
    talker.precision = set_precision(precision)
    return talker.to(pick_device(device)).eval()

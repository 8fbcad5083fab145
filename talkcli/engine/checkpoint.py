"""Checkpoint: a method's name, its config, its weights and where they come from, in one safetensors file."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from talkcli.engine.errors import BadInput, Untrusted, reading
from talkcli.engine.files import FORMAT, load_tensors, save_tensors, with_article


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    method: str
    config: dict[str, Any]
    weights: dict[str, Tensor]
    provenance: dict[str, Any]
    """Data, steps, seed, scores, licence."""

    @property
    def licence(self) -> str:
        """On what terms the weights stand, as whoever made them says."""
        return str(self.provenance.get("licence", "unknown"))


def save_checkpoint(
    method: str, config: Any, weights: Mapping[str, Tensor], provenance: Mapping[str, Any], path: Path
) -> None:
    header = {
        "format": FORMAT,
        "kind": "Checkpoint",
        "method": method,
        "config": dataclasses.asdict(config),
        "provenance": dict(provenance),
    }
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    maps = [name for name, tensor in tensors.items() if tensor.dtype == torch.int8]
    save_tensors(tensors, header, path, packed=maps)  # maps in whole steps are mostly alike: deflated


def load_checkpoint(path: Path) -> Checkpoint:
    """Raises BadInput for a talk file of another kind, Untrusted for a damaged or foreign one."""
    weights, header = load_tensors(path)
    if header.get("kind") != "Checkpoint":
        raise BadInput(
            f"{path} holds {with_article(header.get('kind'))}, not a checkpoint.",
            "Train one with: talk train CLIPS",
        )
    method, config, provenance = (header.get(name) for name in ("method", "config", "provenance"))
    if not (isinstance(method, str) and isinstance(config, dict) and isinstance(provenance, dict)):
        raise Untrusted(
            f"{path} is damaged: its method, config or provenance is missing.",
            "Fetch it again, or train it again.",
        )
    return Checkpoint(method, config, weights, provenance)


def check_shapes(build: Callable[[], nn.Module], weights: Mapping[str, Tensor]) -> None:
    """ValueError unless weights have the shapes of a network's; it is planned, and not made, to find out."""
    with torch.device("meta"):
        shapes = {name: tuple(tensor.shape) for name, tensor in build().state_dict().items()}
    for name in {**shapes, **weights}:
        there = tuple(weights[name].shape) if name in weights else "missing"
        if there != shapes.get(name, "unknown"):
            raise ValueError(f"{name} is {there}, not {shapes.get(name, 'known')}")


def load_pickled(path: Path) -> Any:
    """What other people `torch.save`d: tensors and arrays in plain containers, and nothing that runs."""
    rebuild: Any = np.zeros(0).__reduce__()[0]
    numbers = [type(np.dtype(kind)) for kind in (np.float16, np.float32, np.float64, np.int32, np.int64)]
    old = (rebuild, "numpy.core.multiarray._reconstruct")
    hint = "Only tensors and arrays are read from other people's files; get a plain state dict."
    with (
        reading(path, "a plain file of tensors", hint, Untrusted),
        torch.serialization.safe_globals([rebuild, old, np.ndarray, np.dtype, *numbers]),
        warnings.catch_warnings(action="ignore"),
    ):
        return torch.load(path, map_location="cpu", weights_only=True)

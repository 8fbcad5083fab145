"""Checkpoint: a method's name, its config, its weights and where they come from, in one safetensors file."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from talkcli.engine.assets import STARTER_EARS, asset
from talkcli.engine.errors import BadInput, Untrusted, reading
from talkcli.engine.files import FORMAT, load_tensors, save_tensors, with_article
from talkcli.engine.pickles import Inert, check_claims, is_archive, module_within


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
    method: str,
    config: Any,
    weights: Mapping[str, Tensor],
    provenance: Mapping[str, Any],
    path: Path,
    *,
    whole: bool = False,
) -> None:
    """Large tensors that the bundled ear (assets/ears.ckpt) has number for number are named and not kept:
    five million bytes less for whatever hears with it. `whole`: they are kept."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    shared = {} if whole else _in_the_ear(tensors)
    header = {
        "format": FORMAT,
        "kind": "Checkpoint",
        "method": method,
        "config": dataclasses.asdict(config),
        "provenance": dict(provenance),
        "ear": shared,
    }
    tensors = {name: tensor for name, tensor in tensors.items() if name not in shared}
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
    shared = header.get("ear", {})
    if not (
        isinstance(method, str)
        and isinstance(config, dict)
        and isinstance(provenance, dict)
        and isinstance(shared, dict)
    ):
        raise Untrusted(
            f"{path} is damaged: its method, config or provenance is missing.",
            "Fetch it again, or train it again.",
        )
    return Checkpoint(method, config, weights | _from_the_ear(shared, path), provenance)


def _digest(tensor: Tensor) -> str:
    """Of kind, shape and numbers."""
    numbers = tensor.contiguous().flatten().view(torch.uint8).numpy()
    return hashlib.sha256(f"{tensor.dtype} {tuple(tensor.shape)} ".encode() + numbers.tobytes()).hexdigest()


def _in_the_ear(tensors: Mapping[str, Tensor]) -> dict[str, list[str]]:
    """Those that the bundled ear has as well: its name for each, and the digest."""
    large = {name: tensor for name, tensor in tensors.items() if tensor.numel() >= _LARGE}
    if not any(tensor.dtype == torch.int8 for tensor in large.values()):
        return {}  # its matrices are in bytes
    names = {_digest(tensor): name for name, tensor in load_tensors(asset(STARTER_EARS))[0].items()}
    digests = {name: _digest(tensor) for name, tensor in large.items()}
    return {name: [names[digest], digest] for name, digest in digests.items() if digest in names}


def _from_the_ear(shared: Mapping[str, Any], path: Path) -> dict[str, Tensor]:
    """Those tensors again; Untrusted where the bundled ear is not the one that they were left out for."""
    if not shared:
        return {}
    ear = load_tensors(asset(STARTER_EARS))[0]
    for name, entry in shared.items():
        if not (isinstance(entry, list) and entry[0] in ear and [entry[0], _digest(ear[entry[0]])] == entry):
            raise Untrusted(
                f"{path} hears with an ear that this version of talk does not have ({name} differs).",
                "Use it with the version that made it, or train it again.",
            )
    return {name: ear[entry[0]] for name, entry in shared.items()}


_LARGE = 4096
"""Numbers of a tensor that is worth leaving out."""

_MAKERS = (torch.empty, torch.zeros, torch.ones, torch.randn, torch.rand, torch.eye, torch.arange, torch.full)
_SPARE = 1 << 24
"""Numbers that a network may make besides its weights, masks and tables among them."""


class Undrawn(TorchFunctionMode):
    """Networks made under it draw no first weights, since a checkpoint's come instead; ValueError before they
    ask for much more memory than these weights take."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self._left = 2 * sum(tensor.numel() for tensor in weights.values()) + _SPARE

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__module__", "") == nn.init.__name__:
            return args[0] if args else kwargs["tensor"]
        if func in _MAKERS:
            sizes = args[0] if args and isinstance(args[0], tuple | list) else args
            self._left -= math.prod(size for size in sizes if isinstance(size, int))
            if self._left < 0:
                raise ValueError("its settings ask for a larger network than its weights are")
        return func(*args, **(kwargs or {}))


def check_shapes(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """ValueError unless weights have the shapes of a network's."""
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    for name in {**shapes, **weights}:
        there = tuple(weights[name].shape) if name in weights else "missing"
        if there != shapes.get(name, "unknown"):
            raise ValueError(f"{name} is {there}, not {shapes.get(name, 'known')}")


def load_pickled(path: Path, unread: tuple[str, ...] = ()) -> Any:
    """What other people `torch.save`d: tensors and arrays in plain containers, and nothing that runs. Objects
    of the packages `unread`, such as "omegaconf.", are made nothing of."""
    rebuild: Any = np.zeros(0).__reduce__()[0]
    numbers = [type(np.dtype(kind)) for kind in (np.float16, np.float32, np.float64, np.int32, np.int64)]
    old = (rebuild, "numpy.core.multiarray._reconstruct")
    hint = "Only tensors and arrays are read from other people's files; get a plain state dict."
    with (
        reading(path, "a plain file of tensors", hint, Untrusted),
        torch.serialization.safe_globals(
            [rebuild, old, np.ndarray, np.dtype, *numbers, *_read_as_nothing(path, unread)]
        ),
        warnings.catch_warnings(action="ignore"),
    ):
        check_claims(path, unread)
        return torch.load(path, map_location="cpu", weights_only=True)


def _read_as_nothing(path: Path, packages: tuple[str, ...]) -> list[Any]:
    """What torch is to make of classes of these packages that a file names."""
    if not packages or not is_archive(path):
        return []
    strangers = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    return [(Inert, name) for name in strangers if module_within(name.rpartition(".")[0], packages)]

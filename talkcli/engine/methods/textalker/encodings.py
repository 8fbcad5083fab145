"""Latents of whole clips, computed once and kept beside them under the name of the encoder that made them."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from talkcli.engine.clips import ClipSet
from talkcli.engine.device import Precision, bfloat16_products, painting_kind
from talkcli.engine.errors import BadInput, Untrusted
from talkcli.engine.files import FORMAT, load_tensors, save_tensors
from talkcli.engine.methods.textalker.autoencoder import Autoencoder
from talkcli.engine.training.ahead import THREADS, ahead

BATCH = 32
"""Maps that are encoded at once."""
_KIND = "Latents"

Maps = Callable[[int, int, int], Float[Tensor, "n 3 size size"]]
"""Clip, first frame and the one past the last, to maps."""


def identity(autoencoder: Autoencoder, *besides: Tensor) -> str:
    """Changes with any weight of the encoder, and with what else its maps depend on."""
    digest = hashlib.sha256(repr(autoencoder.config).encode())
    for tensor in (*autoencoder.encoder.state_dict().values(), *besides):
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def latents_of(
    autoencoder: Autoencoder,
    maps: Maps,
    clips: ClipSet,
    frames: Sequence[int],
    name: str,
    exact: bool = False,
    precision: Precision = "full",
) -> list[Float[Tensor, "frames dims"]]:
    """Of every clip before quantisation, in half precision unless `exact`; `name` tells this encoder from
    others.

    What a speaker's folder holds already is read; the rest is made and written speaker by speaker.
    """
    latents: dict[int, Tensor] = {}
    for speaker, indices in clips.speakers.items():
        ways = f"{'-exact' if exact else ''}{'-fast' if precision == 'fast' else ''}"
        path = clips.folder / speaker / f"{name}{ways}.latents"
        archive = _kept(path)
        missing = [i for i in indices if len(archive.get(clips.names[i], ())) != frames[i]]
        for index in missing:
            archive[clips.names[index]] = encoded(autoencoder, maps, index, frames[index], exact, precision)
        if missing:
            save_tensors(archive, {"format": FORMAT, "kind": _KIND}, path)
        latents |= {index: archive[clips.names[index]] for index in indices}
    return [latents[index] for index in range(len(clips))]


@torch.no_grad()
def encoded(
    autoencoder: Autoencoder,
    maps: Maps,
    clip: int,
    frames: int,
    exact: bool = False,
    precision: Precision = "full",
) -> Float[Tensor, "frames dims"]:
    """One clip's latents, in half precision unless `exact`. What is `fast` on a card is multiplied in half
    precision either way."""
    autoencoder.eval()
    device = autoencoder.quantize.embedding.weight.device
    halved = painting_kind(device, precision) == torch.float16
    encode = in_half_precision(autoencoder) if halved else autoencoder.encode
    parts = []

    def drawn(number: int) -> Tensor:
        return maps(clip, number * BATCH, min((number + 1) * BATCH, frames))

    for batch in ahead(drawn, 0, -(-frames // BATCH), THREADS if device.type == "cuda" else 0):
        with bfloat16_products(device, not (exact or halved)):
            latents = encode(batch.to(device)).flatten(1)
        parts.append((latents if exact else latents.half()).cpu())
    return torch.cat(parts)


def in_half_precision(
    autoencoder: Autoencoder,
) -> Callable[[Float[Tensor, "b channels size size"]], Float[Tensor, "b latent g g"]]:
    """`autoencoder.encode` in float16, channels last; its last norm and convolution in float32."""
    chain = copy.deepcopy(autoencoder.encoder).requires_grad_(False)
    for block in chain.blocks[:-2]:
        block.half()
    chain = chain.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def encode(maps: Tensor) -> Tensor:
        texels = F.pixel_unshuffle(maps, autoencoder.config.patch)
        return chain(texels.half().contiguous(memory_format=torch.channels_last))

    return encode


def _kept(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        return {}
    try:
        return load_tensors(path)[0]
    except (Untrusted, BadInput):  # half written by a full disk, say: it is made again
        return {}


def pivots(
    latents: Sequence[Float[Tensor, "frames dims"]], clips: ClipSet
) -> dict[str, Float[Tensor, " dims"]]:
    """Each speaker's mean latents, over the clips that are given and no others (section 3.3 of the paper)."""
    return {
        speaker: torch.cat([latents[index].float() for index in indices]).mean(0)
        for speaker, indices in clips.speakers.items()
    }

"""HuBERT with a CTC head: speech as letter logits, through transformers."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from talkcli.engine.errors import BadInput, MissingAsset
from talkcli.engine.layers.attention import padding_mask
from talkcli.engine.layers.resampling import resampled

FIELD = 400
"""Samples under one output of the convolutions; they step by 320, so about 50 a second."""


@dataclass(frozen=True)
class HubertConfig:
    """HuBERT-base by default (Hsu et al. 2021, table I)."""

    hidden: int = 768
    layers: int = 12
    heads: int = 12
    feed_forward: int = 3072
    convolution: int = 512
    """Channels of the seven convolutions."""
    position_kernel: int = 128
    position_groups: int = 16
    letters: int = 32
    """Outputs of the CTC head."""
    dropout: float = 0.1
    """Everywhere in the transformer, and the share of layers dropped in training."""
    time_mask: float = 0.05
    """Share of the ticks where a masked span of 10 begins in training (SpecAugment)."""


class HubertEncoder(nn.Module):
    """Convolutions, transformer and letters as separate steps: the rate may change in between."""

    def __init__(self, config: HubertConfig = HubertConfig()) -> None:
        super().__init__()
        self.config = config
        transformers = _transformers()
        settings = transformers.HubertConfig(
            hidden_size=config.hidden,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            intermediate_size=config.feed_forward,
            conv_dim=(config.convolution,) * 7,
            num_conv_pos_embeddings=config.position_kernel,
            num_conv_pos_embedding_groups=config.position_groups,
            hidden_dropout=config.dropout,
            attention_dropout=config.dropout,
            activation_dropout=config.dropout,
            feat_proj_dropout=config.dropout,
            layerdrop=config.dropout,
            mask_time_prob=config.time_mask,
            vocab_size=config.letters,
        )
        self.hubert: Any = transformers.HubertModel(settings)
        self.hubert.feature_extractor._freeze_parameters()
        self.dropout = nn.Dropout(config.dropout)
        self.letters = nn.Linear(config.hidden, config.letters)

    def convolve(self, waveform: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch ticks channels"]:
        """About 50 ticks a second. Its group norm spans time, so clips of unlike length must come apart."""
        short = FIELD - waveform.shape[1]
        return self.hubert.feature_extractor(F.pad(waveform, (0, max(0, short)))).transpose(1, 2)

    def transform(
        self, features: Float[Tensor, "batch ticks channels"], counts: Int[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch ticks letters"]:
        """Letter logits; `counts` says how many ticks of each sequence are real."""
        mask = None if counts is None else ~padding_mask(counts, features.shape[1])
        hidden = self.hubert.feature_projection(features)
        if self.training and self.config.time_mask > 0:
            spans = time_mask(hidden.shape[:2], self.config.time_mask).to(hidden.device)
            hidden = torch.where(spans[..., None], self.hubert.masked_spec_embed, hidden)
        hidden = self.hubert.encoder(hidden, attention_mask=mask).last_hidden_state
        return self.letters(self.dropout(hidden))

    def forward(
        self,
        waveform: Float[Tensor, "batch samples"],
        samples: Int[Tensor, " batch"],
        frames: Int[Tensor, " batch"],
        *,
        double: bool = False,
    ) -> tuple[Float[Tensor, "batch ticks letters"], Int[Tensor, " batch"]]:
        """Letter logits and how many each clip has, whatever the clips beside it.

        The features are stretched to one a frame before the transformer hears them (FaceFormer on VOCASET),
        or, when `double`, kept at two a frame (on BIWI), less an odd one and those past the motion.
        """
        parts = []
        for sound, n, count in zip(waveform, samples.tolist(), frames.tolist(), strict=True):
            ticks = self.convolve(sound[None, :n])
            if double:
                parts.append(ticks[0, : max(1, min(len(ticks[0]) // 2 * 2, 2 * count))])
            else:
                parts.append(resampled(ticks, count)[0])
        counts = torch.tensor([len(part) for part in parts], device=waveform.device)
        ragged = bool((counts != counts[0]).any())
        features = nn.utils.rnn.pad_sequence(parts, batch_first=True)
        return self.transform(features, counts if ragged else None), counts


def normalised(waveform: Float[Tensor, " samples"]) -> Float[Tensor, " samples"]:
    """Zero mean, unit variance over the clip, as HuBERT's processor makes it."""
    return (waveform - waveform.mean()) / torch.sqrt(waveform.var(correction=0) + 1e-7)


def load_hubert(folder: Path) -> HubertEncoder:
    """Pretrained weights from a local folder (config.json, model.safetensors) that the user fetched.

    A folder without a CTC head (`hubert-base-ls960` has none) leaves the head as it starts.
    """
    config_file, weights_file = folder / "config.json", folder / "model.safetensors"
    if not (config_file.is_file() and weights_file.is_file()):
        hint = "Fetch facebook/hubert-base-ls960 in safetensors form into that folder."
        raise MissingAsset(f"{folder} lacks config.json or model.safetensors.", hint)
    try:
        found = json.loads(config_file.read_text(encoding="utf-8"))
        config = HubertConfig(
            hidden=found["hidden_size"],
            layers=found["num_hidden_layers"],
            heads=found["num_attention_heads"],
            feed_forward=found["intermediate_size"],
            convolution=found["conv_dim"][0],
            position_kernel=found["num_conv_pos_embeddings"],
            position_groups=found["num_conv_pos_embedding_groups"],
        )
        weights = {modern(k).removeprefix("hubert."): v for k, v in load_file(weights_file).items()}
        if "lm_head.weight" in weights:
            config = replace(config, letters=len(weights["lm_head.weight"]))
        encoder = HubertEncoder(config)
        if "lm_head.weight" in weights:
            head = {"weight": weights.pop("lm_head.weight"), "bias": weights.pop("lm_head.bias")}
            encoder.letters.load_state_dict(head)
        encoder.hubert.load_state_dict(weights)
    except (ValueError, KeyError, RuntimeError) as error:
        raise BadInput(f"{folder} does not hold a HuBERT: {error}.", "Give another folder.") from error
    return encoder


def modern(key: str) -> str:
    """Weight norm's names since torch 2.1, from either spelling."""
    return key.replace("conv.weight_g", "conv.parametrizations.weight.original0").replace(
        "conv.weight_v", "conv.parametrizations.weight.original1"
    )


def time_mask(shape: torch.Size, share: float, span: int = 10) -> Tensor:
    """[batch, ticks] True in random spans, two at least; nothing where a clip is too short for one."""
    batch, ticks = shape
    if ticks <= span:
        return torch.zeros(batch, ticks, dtype=torch.bool)
    count = max(2, int(share * ticks / span + torch.rand(()).item()))
    starts = torch.randint(ticks - span + 1, (batch, count))
    at = torch.arange(ticks)
    return ((at >= starts[..., None]) & (at < starts[..., None] + span)).any(1)


def _transformers() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise MissingAsset("HuBERT needs transformers.", "pip install 'talkcli[hubert]'") from error
    return transformers

"""Ears: what a network hears speech with."""

from __future__ import annotations

from torch import nn

from talkcli.engine.audio.logmel_encoder import LogMelEncoder


def phone_ear(network: nn.Module) -> tuple[str, LogMelEncoder] | None:
    """The ear of a network, of any method, that hears phones, and its name among the network's modules.

    None where it has none. `phone_ear(talker)` is the one way to it: its weights in a checkpoint begin with
    the name, and `ear.listen(waveform[None])[0]` gives phone logits, TICKS a second.
    """
    return next(
        ((name, ear) for name, ear in network.named_modules() if isinstance(ear, LogMelEncoder)), None
    )

"""Networks of the tests at work on an accelerator, and back at home before a test looks at them."""

from __future__ import annotations

import sys
from collections.abc import Generator
from functools import wraps
from typing import Any

import torch
from torch import nn


def move_networks(device: str) -> None:
    """From now on every talker animates and every network learns on `device`, whatever a test asks for."""
    from talkcli.engine.methods import METHODS, load_method
    from talkcli.engine.training import fit, run

    for name in METHODS:
        talker: Any = load_method(name).build
        talker.animate = _there(talker.animate, device)
    here = fit.fit

    def fit_there(network: nn.Module, *given: Any, **options: Any) -> Generator[Any, None, None]:
        try:
            yield from here(network, *given, **{**options, "device": device})
        finally:
            network.cpu()

    for module in (fit, run, *sys.modules.values()):
        if getattr(module, "fit", None) is here:
            module.fit = fit_there  # type: ignore[union-attr]


def _there(animate: Any, device: str) -> Any:
    @wraps(animate)
    def moved(talker: nn.Module, *given: Any, **options: Any) -> Any:
        home = next((weight.device for weight in talker.parameters()), torch.device("cpu"))
        talker.to(device)
        try:
            return animate(talker, *given, **options)
        finally:
            talker.to(home)

    return moved

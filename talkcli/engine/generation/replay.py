"""Steps that are taken many times: on CUDA their launches are recorded once and replayed.

The same kernels run on the same numbers, so that nothing differs; on other devices nothing is recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

_Step = Callable[[Tensor, Tensor], Tensor]
"""x [batch, ...] and its time or step t [batch] to what a network makes of them."""
_Prepare = Callable[..., _Step]
"""Some tensors that no step changes to the step that knows them. It must read nothing else that changes."""


class Replay:
    """The steps of one network, for windows of one shape at a time.

    What comes once is not recorded: the second window of a shape is, and those after it are replayed.
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = [network]  # in a list: a module must not find it among its own
        self._kind: Hashable = None
        self._record: _Record | None = None
        self.fault = ""
        """Why this machine cannot record."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Replay:
        """A copied network knows its own: `memo` names it, for it is being copied."""
        network = self._network[0]
        return Replay(memo.get(id(network), network))

    def __call__(
        self,
        prepare: _Prepare,
        given: Sequence[Tensor],
        x: Tensor,
        times: torch.dtype = torch.long,
        settings: Hashable = (),
    ) -> _Step:
        """`prepare(*given)`, for steps that look like `x` at times of one type. `settings` are all else that
        `prepare` depends on. The step is to be used up before the next window is prepared."""
        if x.device.type != "cuda" or self.fault:
            return prepare(*given)
        weights = (weight.data_ptr() for weight in self._network[0].parameters())
        shapes = tuple((tensor.shape, tensor.dtype) for tensor in (x, *given))
        flags = torch.is_autocast_enabled("cuda"), torch.backends.cuda.matmul.allow_tf32
        kind = (shapes, times, settings, flags, tuple(weights))
        if kind != self._kind:
            self._kind, self._record = kind, None
            return prepare(*given)
        if self._record is None:
            try:
                self._record = _recorded(prepare, given, x, times)
            except RuntimeError as error:
                self.fault = str(error)
                return prepare(*given)
        return self._record.begun(given)


@dataclass(frozen=True)
class _Record:
    given: list[Tensor]
    x: Tensor
    t: Tensor
    made: Tensor
    """Where the launches read and write."""
    preparing: torch.cuda.CUDAGraph
    stepping: torch.cuda.CUDAGraph
    step: _Step
    """Holds what was prepared, so that nothing else is written there."""

    def begun(self, given: Sequence[Tensor]) -> _Step:
        for place, tensor in zip(self.given, given, strict=True):
            place.copy_(tensor)
        self.preparing.replay()

        def step(x: Tensor, t: Tensor) -> Tensor:
            self.x.copy_(x)
            self.t.copy_(t)
            self.stepping.replay()
            return self.made.clone()

        return step


def _recorded(prepare: _Prepare, given: Sequence[Tensor], x: Tensor, times: torch.dtype) -> _Record:
    own, at = [tensor.clone() for tensor in given], torch.ones(len(x), dtype=times, device=x.device)
    place, aside = x.clone(), torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):  # what is made at first use is made before
        prepare(*own)(place, at)
    torch.cuda.current_stream().wait_stream(aside)
    torch.clear_autocast_cache()
    preparing, stepping = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()
    with torch.cuda.graph(preparing, capture_error_mode="thread_local"):
        step = prepare(*own)
    with torch.cuda.graph(stepping, pool=preparing.pool(), capture_error_mode="thread_local"):
        made = step(place, at)
    torch.clear_autocast_cache()
    return _Record(own, place, at, made, preparing, stepping, step)

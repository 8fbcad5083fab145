"""Windows of several recordings drawn as one batch, which a card does in hardly more time than one of them.

Each recording is spoken in a thread of its own, but only one of them is at work at any time: it goes on to
where it wants a window drawn and waits there, until all others want one as well or are at their end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from talkcli.engine.errors import TalkError

_T = TypeVar("_T")
DrawBatch = Callable[..., Tensor]
"""`draw(dice, *given)`: the generators of each row, and tensors [batch, ...], to a tensor [batch, ...]. No
row sees another."""


_PATIENCE = 5.0
"""Seconds for whoever is given up."""


class _GivenUp(BaseException):
    """Nobody waits for this recording any more."""


class _Wish:
    """What a recording wants drawn, and then what was drawn."""

    def __init__(self, draw: DrawBatch, given: Sequence[Tensor], dice: Sequence[torch.Generator]) -> None:
        self.draw, self.given, self.dice = draw, given, dice
        self.drawn: Tensor | None = None
        self.fault: Exception | None = None

    @property
    def kind(self) -> tuple[tuple[torch.Size, torch.dtype], ...]:
        """Wishes of one kind fit into one batch."""
        return tuple((tensor.shape[1:], tensor.dtype) for tensor in self.given)


class _Speaker(Generic[_T]):
    """A thread that is at work only while it is told to go on."""

    def __init__(self, task: Callable[[], _T]) -> None:
        self._task = task
        self._go, self._rests = threading.Semaphore(0), threading.Semaphore(0)
        self._left = False
        self._made: list[_T] = []
        self._fault: BaseException | None = None
        self.wish: _Wish | None = None
        self.done = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def go_on(self) -> None:
        """Work up to the next wish, or to the end."""
        self.wish = None
        self._go.release()
        self._rests.acquire()

    def give_up(self) -> None:
        """End where it next looks up, which is waited for a while."""
        self._left = True
        self._go.release()
        self._thread.join(_PATIENCE)

    def outcome(self) -> _T | TalkError:
        """What came of it; raises what is no TalkError."""
        if isinstance(self._fault, TalkError):
            return self._fault
        if self._fault is not None:
            raise self._fault
        return self._made[0]

    def waits(self, wish: _Wish) -> Tensor:
        """What is drawn for this wish; called by its own thread."""
        self.wish = wish
        self._rests.release()
        self._take_turn()
        if wish.fault is not None:
            raise wish.fault
        assert wish.drawn is not None
        return wish.drawn

    def _take_turn(self) -> None:
        self._go.acquire()
        if self._left:
            raise _GivenUp

    def _run(self) -> None:
        try:
            self._take_turn()
            _thread.speaker = self
            self._made.append(self._task())
        except BaseException as fault:
            self._fault = fault
        self.done = True
        self._rests.release()


class _Thread(threading.local):
    speaker: _Speaker[Any] | None = None
    """Whose thread this is."""


_thread = _Thread()


def drawn_together(draw: DrawBatch, given: Sequence[Tensor], dice: Sequence[torch.Generator] = ()) -> Tensor:
    """`draw(dice, *given)`; within `together` in one batch with what others want drawn."""
    if _thread.speaker is None:
        return draw(dice, *given)
    return _thread.speaker.waits(_Wish(draw, given, dice))


@torch.no_grad()
def together(tasks: Sequence[Callable[[], _T]]) -> list[_T | TalkError]:
    """What each task gives, or the TalkError that it fails with, which is no harm to the others.

    What tasks want drawn must differ in its tensors and generators alone. Any other exception ends all.
    """
    if len(tasks) == 1:
        try:
            return [tasks[0]()]
        except TalkError as error:
            return [error]
    speakers = [_Speaker(task) for task in tasks]
    try:
        while working := [speaker for speaker in speakers if not speaker.done]:
            for speaker in working:
                speaker.go_on()
                if speaker.done:
                    speaker.outcome()
            _fulfil([speaker.wish for speaker in working if speaker.wish is not None])
        return [speaker.outcome() for speaker in speakers]
    finally:
        for speaker in speakers:
            speaker.give_up()


def _fulfil(wishes: Sequence[_Wish]) -> None:
    """Draw what is wished for, each kind as one batch, in the order in which kinds come."""
    kinds: dict[object, list[_Wish]] = {}
    for wish in wishes:
        kinds.setdefault(wish.kind, []).append(wish)
    for group in kinds.values():
        given = [torch.cat(parts) for parts in zip(*(wish.given for wish in group), strict=True)]
        dice = [generator for wish in group for generator in wish.dice]
        try:
            rows = group[0].draw(dice, *given).split([len(wish.given[0]) for wish in group])
        except Exception as error:
            for wish in group:
                wish.fault = error
            continue
        for wish, part in zip(group, rows, strict=True):
            wish.drawn = part

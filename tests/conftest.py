"""A face of a dozen vertices and a network that was never taught: enough to go through every door."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from elsewhere import move_networks
from fuzz.small import bare_avatar, save_untaught
from goldens import WHOLE
from typer.testing import CliRunner, Result

from talkcli.app import app
from talkcli.engine.face.avatar import save_avatar

Talk = Callable[..., Result]


def pytest_addoption(parser: pytest.Parser) -> None:
    told = "Where networks of all tests work, such as cuda; they come back to the CPU to be looked at."
    parser.addoption("--device", default="cpu", help=told)


def pytest_configure(config: pytest.Config) -> None:
    if (device := str(config.getoption("device"))) != "cpu":
        move_networks(device)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out, not skip, what compares with numbers that are not here: a part of them always is."""
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="no accelerator is here"))
    absent = [item for item in items if item.get_closest_marker("whole") and not WHOLE.is_dir()]
    if absent:
        config.hook.pytest_deselected(items=absent)
        items[:] = [item for item in items if item not in absent]


@pytest.fixture
def talk() -> Talk:
    """Run the program in this process: `talk("animate", wav, code=3)`."""

    def run(*words: object, code: int = 0, stdin: bytes | None = None) -> Result:
        result = CliRunner().invoke(app, [str(word) for word in words], input=stdin)
        assert result.exit_code == code, f"{result.exit_code}: {result.output}{result.exception!r}"
        return result

    return run


@pytest.fixture(scope="session")
def bare_face(tmp_path_factory) -> Path:
    """An avatar without a rig."""
    path = tmp_path_factory.mktemp("faces") / "bare.avatar"
    save_avatar(bare_avatar(), path)
    return path


@pytest.fixture(scope="session")
def untaught(tmp_path_factory) -> Path:
    """A checkpoint of MemoryTalker for `bare_face`."""
    path = tmp_path_factory.mktemp("networks") / "untaught.ckpt"
    save_untaught(path)
    return path


@pytest.fixture
def hello(tmp_path) -> Path:
    """A second of something like speech."""
    time = np.arange(16_000) / 16_000
    wave = 0.3 * np.sin(2 * np.pi * 200 * time) * (1 + np.sin(2 * np.pi * 4 * time)) / 2
    soundfile.write(tmp_path / "hello.wav", wave, 16_000)
    return tmp_path / "hello.wav"

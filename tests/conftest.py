"""A face of a dozen vertices and a network that was never taught: enough to go through every door."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from goldens import WHOLE
from typer.testing import CliRunner, Result

from talkcli.app import app
from talkcli.engine.checkpoint import save_checkpoint
from talkcli.engine.face.avatar import Avatar, save_avatar

Talk = Callable[..., Result]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out, not skip, what compares with numbers that are not here: a part of them always is."""
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
    """An avatar without a rig: an icosahedron the size of a head."""
    golden = (1 + math.sqrt(5)) / 2
    corners = [(0, a, b * golden) for a in (-1, 1) for b in (-1, 1)]
    points = torch.tensor([corner[i:] + corner[:i] for i in range(3) for corner in corners]) * 0.06
    near = torch.cdist(points, points) < 0.13
    faces = [
        (i, j, k)
        if torch.dot(torch.linalg.cross(points[j] - points[i], points[k] - points[i]), points[i]) > 0
        else (i, k, j)
        for i in range(12)
        for j in range(i + 1, 12)
        for k in range(j + 1, 12)
        if near[i, j] and near[j, k] and near[i, k]
    ]
    path = tmp_path_factory.mktemp("faces") / "bare.avatar"
    save_avatar(Avatar("bare", points, torch.tensor(faces), torch.tensor([4, 5])), path)
    return path


@pytest.fixture(scope="session")
def untaught(tmp_path_factory) -> Path:
    """A checkpoint of MemoryTalker for `bare_face`."""
    from talkcli.engine.audio.logmel_encoder import LogMelEncoderConfig
    from talkcli.engine.methods.memorytalker import METHOD

    torch.manual_seed(0)
    config = METHOD.config(verts=12, fps=30, ears=(LogMelEncoderConfig(),), slots=40)
    network = METHOD.build(config)
    torch.nn.init.normal_(network.output.weight, std=1e-3)  # type: ignore[attr-defined]
    path = tmp_path_factory.mktemp("networks") / "untaught.ckpt"
    save_checkpoint("memorytalker", config, network.state_dict(), {"licence": "Apache-2.0"}, path)
    return path


@pytest.fixture
def hello(tmp_path) -> Path:
    """A second of something like speech."""
    time = np.arange(16_000) / 16_000
    wave = 0.3 * np.sin(2 * np.pi * 200 * time) * (1 + np.sin(2 * np.pi * 4 * time)) / 2
    soundfile.write(tmp_path / "hello.wav", wave, 16_000)
    return tmp_path / "hello.wav"

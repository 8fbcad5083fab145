"""The wheel is whole: built from this tree and installed elsewhere, it talks from any folder."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the installed wheel and nothing of the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", folder, ROOT], check=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
    for name in ("head.safetensors", "memorytalker.ckpt", "textalker.ckpt", "hello.wav", "ada.avatar"):
        assert f"talkcli/assets/{name}" in names
    assert not any(name.startswith(("tests", "recipes", "assets")) for name in names)
    site = folder / "site"
    subprocess.run([*pip, "install", "--no-deps", "--target", site, wheel], check=True)
    return site


def test_the_wheel_animates_from_any_folder(installed: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "some where"
    elsewhere.mkdir()
    speech = installed / "talkcli" / "assets" / "hello.wav"
    command = [sys.executable, "-m", "talkcli", "animate", str(speech), "-o", "hello.motion"]
    environment = {**os.environ, "PYTHONPATH": str(installed), "TALK_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (elsewhere / "hello.motion").stat().st_size > 10_000


def test_the_installed_code_is_the_wheels_own(installed: Path) -> None:
    code = "import talkcli, talkcli.engine.assets as a; print(talkcli.__file__, a.assets_folder())"
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-c", code]
    said = subprocess.run(command, cwd=installed, env=environment, capture_output=True, text=True).stdout
    assert said.count(str(installed)) == 2

"""Pictures with cameras in little: as NeRF has them, with points of the face, and as COLMAP has them."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
from PIL import Image

from talkcli.engine.capture.marks import marks_on
from talkcli.engine.capture.person_shots import person_shots
from talkcli.engine.capture.posed_pictures import posed_pictures
from talkcli.engine.capture.world_alignment import aligned_pictures
from talkcli.engine.face.rigs import load_rig, talking_head

SIDE, FOCAL, AWAY, POINTS = 16, 60.0, 1.2, 468


def write_posed(folder: Path) -> None:
    """Two pictures a folder, from two sides."""
    sides, mean = (-0.4, 0.4), marks_on(load_rig("facekit"), talking_head().neutral).mean[:POINTS]
    frames, points = [], {}
    for place in ("nerf", "pointed", "text", "bytes"):
        (folder / place / "images").mkdir(parents=True)
    for number, yaw in enumerate(sides):
        across, along = np.cos(yaw), np.sin(yaw)
        turn = np.array([[across, 0, -along], [0, 1, 0], [along, 0, across]])
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = turn.T, AWAY * turn[2]
        there = (mean - pose[:3, 3]) @ turn.T
        spots = SIDE / 2 - FOCAL * there[:, :2] / there[:, 2:] * [1, -1]
        name = f"{number}.png"
        frames.append({"file_path": f"images/{name}", "transform_matrix": pose.tolist()})
        points[name] = spots.round(2).tolist()
        for place in ("nerf", "pointed", "text", "bytes"):
            Image.new("RGBA", (SIDE, SIDE), (200, 150, 120, 255)).save(folder / place / "images" / name)
    lens = {"fl_x": FOCAL, "w": SIDE, "h": SIDE}
    for place, aligned in (("nerf", True), ("pointed", False)):
        told = {**lens, "aligned": aligned, "frames": frames}
        (folder / place / "transforms.json").write_text(json.dumps(told))
    (folder / "pointed/landmarks.json").write_text(json.dumps(points))
    (folder / "text/cameras.txt").write_text(f"1 PINHOLE {SIDE} {SIDE} {FOCAL} {FOCAL} 8 8\n")
    lines = "".join(f"{n + 1} 1 0 0 0 0 0 1.2 1 {n}.png\n\n" for n in range(2))
    (folder / "text/images.txt").write_text(lines)
    camera = struct.pack("<QiiQQ4d", 1, 1, 1, SIDE, SIDE, FOCAL, FOCAL, 8, 8)
    (folder / "bytes/cameras.bin").write_bytes(camera)
    images = struct.pack("<Q", 2)
    for number in range(2):
        images += struct.pack("<i7di", number + 1, 1, 0, 0, 0, 0, 0, AWAY, 1) + f"{number}.png\0".encode()
        images += struct.pack("<Q", 0)
    (folder / "bytes/images.bin").write_bytes(images)


def read_posed(path: Path, seeds: Path) -> None:
    """As `talk personalize` does, as far as the fit."""
    source, model = posed_pictures(path), load_rig("facekit")
    if path.name in ("nerf", "pointed"):
        source = aligned_pictures(source, marks_on(model, talking_head().neutral), None)
    person_shots(source, model, SIDE, None)

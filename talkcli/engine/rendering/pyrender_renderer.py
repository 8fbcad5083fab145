"""The same pictures through pyrender (extra `pyrender`, OpenGL by OSMesa): a second opinion."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.errors import BadUsage, MissingAsset
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.mesh_normals import mesh_normals
from talkcli.engine.rendering.backdrop import backdrop
from talkcli.engine.rendering.camera import Camera
from talkcli.engine.rendering.lights import LAMPS
from talkcli.engine.rendering.meshes import dressed_mesh, dressed_vertices
from talkcli.engine.rendering.textures import srgb_of

INSTALL = "pip install 'talkcli[pyrender]', and the system library OSMesa: apt install libosmesa6"
BRIGHTNESS = 2.6
"""pyrender's lights for ours."""


def _pyrender() -> Any:
    os.environ.setdefault("PYOPENGL_PLATFORM", "osmesa")
    try:
        import pyrender  # pyright: ignore[reportMissingImports]
    except (ImportError, AttributeError, OSError) as error:
        raise MissingAsset(f"--renderer pyrender cannot start: {error}.", INSTALL) from error
    return pyrender


class Window:
    """A scene of one avatar before one camera. Keep it to one thread; call `close` at the end."""

    def __init__(self, avatar: Avatar, camera: Camera, background: str) -> None:
        behind = backdrop(background, camera.width, camera.height)
        if behind is None:
            raise BadUsage("pyrender has no transparent background.", "Leave --renderer or --background out.")
        focal, down, x, y = camera.lenses[0].tolist()
        centred = (down, x, y) == (focal, camera.width / 2, camera.height / 2)
        if not centred or bool((camera.lenses != camera.lenses[0]).any()):
            raise BadUsage("pyrender draws through one lens, with its axis in the middle.", "Use numba.")
        self._behind = np.rint(srgb_of(behind)).astype(np.uint8)
        self._library = pyrender = _pyrender()
        self._mesh = mesh = dressed_mesh(avatar)
        self._faces = np.concatenate([part.faces for part in mesh.parts])
        look = avatar.look
        on_look = [(part.faces, part.uv_faces) for part in mesh.parts if part.uv_faces is not None]
        self._painted = [corners for _, corners in on_look] if look is not None else []
        self._coloured = [part.faces for part in mesh.parts if look is None or part.uv_faces is None]
        self._owner = np.zeros(len(mesh.uv), np.int64)
        for faces, corners in on_look:
            self._owner[corners] = faces
        surface = {"metallicFactor": 0.0, "roughnessFactor": 0.6, "doubleSided": True}
        skin = None if look is None else pyrender.Texture(source=look.albedo.numpy(), source_channels="RGB")
        self._skin = pyrender.MetallicRoughnessMaterial(baseColorTexture=skin, **surface)
        self._plain_material = pyrender.MetallicRoughnessMaterial(**surface)
        self._scene = pyrender.Scene(bg_color=[0, 0, 0, 0], ambient_light=[0.3, 0.3, 0.3])
        lens = pyrender.IntrinsicsCamera(focal, focal, x, y, znear=0.01, zfar=100)
        self._eye = self._scene.add(lens)
        lamps = LAMPS.get(str(look.light) if look else "studio", LAMPS["studio"])
        for direction, colour in zip(lamps.directions, lamps.colours, strict=True):
            strength = float(colour.max())
            lamp = pyrender.DirectionalLight(color=colour / strength, intensity=BRIGHTNESS * strength)
            self._scene.add(lamp, pose=_aimed(direction))
        self._node: Any = None
        try:
            self._screen = pyrender.OffscreenRenderer(camera.width, camera.height)
        except Exception as error:  # OpenGL's faults have no common type
            raise MissingAsset(f"--renderer pyrender finds no OpenGL: {error}.", INSTALL) from error

    def shot(
        self, vertices: NDArray[np.float32], view: NDArray[np.float64]
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """The picture [height, width, 3] of a head that wears its things, and where they cover it."""
        pyrender, mesh = self._library, self._mesh
        vertices = dressed_vertices(mesh.dressing, vertices)
        normals = mesh_normals(vertices, self._faces)
        pieces = []
        if self._painted:
            corners = np.concatenate(self._painted).astype(np.uint32)
            points = {"positions": vertices[self._owner], "normals": normals[self._owner]}
            pieces.append(
                pyrender.Primitive(**points, texcoord_0=mesh.uv, indices=corners, material=self._skin)
            )
        if self._coloured:
            corners = np.concatenate(self._coloured).astype(np.uint32)
            points = {"positions": vertices, "normals": normals, "color_0": mesh.colours / np.float32(255)}
            pieces.append(pyrender.Primitive(**points, indices=corners, material=self._plain_material))
        if self._node is not None:
            self._scene.remove_node(self._node)
        self._node = self._scene.add(pyrender.Mesh(pieces))
        self._scene.set_pose(self._eye, np.linalg.inv(view))
        colour, depth = self._screen.render(self._scene, flags=pyrender.RenderFlags.SKIP_CULL_FACES)
        inside = depth > 0
        return np.where(inside[..., None], colour[..., :3], self._behind), inside

    def shots(self, moments: Iterator[Any]) -> Iterator[NDArray[np.uint8]]:
        """One picture a moment (vertices, view, ...), and then the end of the window."""
        try:
            for vertices, view, *_ in moments:
                yield self.shot(vertices, view)[0]
        finally:
            self.close()

    def close(self) -> None:
        self._screen.delete()


def open_window(avatar: Avatar, camera: Camera, background: str = "studio") -> Window:
    """MissingAsset if pyrender or OSMesa is not installed."""
    return Window(avatar, camera, background)


def _aimed(direction: NDArray[np.float64]) -> NDArray[np.float64]:
    """The pose of a lamp that shines from that direction."""
    across = np.cross([0.0, 1.0, 0.0], direction)
    across /= np.linalg.norm(across)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([across, np.cross(direction, across), direction], 1)
    return pose

"""What benchmarks/gpu.py measures, section by section."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.gpu_card import (
    Card,
    Row,
    clips_for,
    face_of,
    forget,
    frames_a_second,
    gigabytes,
    precisely,
    published,
    spoken,
)
from benchmarks.splats import egg, portrait_of
from talkcli.engine.assets import asset
from talkcli.engine.device import PRECISIONS, Precision
from talkcli.engine.face.avatar import Avatar, load_avatar
from talkcli.engine.face.gaussian_head import DecoderConfig
from talkcli.engine.face.gaussians import Gaussians
from talkcli.engine.face.geometry import offsets
from talkcli.engine.generation.together import together
from talkcli.engine.methods import METHODS, load_method, open_talker
from talkcli.engine.methods.method import Talker
from talkcli.engine.methods.speaking import recordings_together
from talkcli.engine.methods.textalker.encodings import encoded
from talkcli.engine.methods.textalker.frame_maps import frame_maps
from talkcli.engine.methods.unigaha.head_fit import FacePictures, HeadFit
from talkcli.engine.methods.unigaha.heads import sampled_code
from talkcli.engine.methods.unigaha.prior import Prior
from talkcli.engine.methods.unigaha.prior_config import PriorConfig
from talkcli.engine.methods.unigaha.talker import Unigaha
from talkcli.engine.motion import Motion
from talkcli.engine.rendering.camera import Camera, centred_camera, portrait
from talkcli.engine.rendering.pytorch3d_renderer import CardPainter, pytorch3d_finder
from talkcli.engine.rendering.render import mesh_scene
from talkcli.engine.rendering.splats import draw_views
from talkcli.engine.training.ahead import dice
from talkcli.engine.training.fit import fit
from talkcli.engine.training.settings import tuned

LONG = 10.0, 60.0
"""Seconds of speech."""
GREY = torch.full((1, 3, 1, 1), 0.5)


def agreement(card: Card) -> Iterator[Row]:
    """Every starter on CPU and card, in both precisions, and the card beside itself."""
    avatar, said = load_avatar(asset("ada.avatar")), spoken(card.pick(4.0, 1.0))

    def apart(one: Motion, other: Motion) -> float:
        return 1000 * float((offsets(one, avatar) - offsets(other, avatar)).norm(dim=-1).max())

    for method in METHODS:
        here = open_talker(method, "cpu").animate(said, avatar, seed=3)
        talker = open_talker(method, str(card.device))
        for precision in PRECISIONS:
            precisely(talker, precision)
            once, twice = (talker.animate(said, avatar, seed=3) for _ in range(2))
            most, name = 0.001 if precision == "full" else None, f"{method}, {precision}"
            yield Row(f"{name}: CPU and card apart", apart(here, once), "mm at most", most=most)
            yield Row(f"{name}: the same seed apart", apart(once, twice), "mm at most", most=0)


def rates(card: Card, talker: Talker, avatar: Avatar, name: str, goals: dict[float, float]) -> Iterator[Row]:
    """Frames a second of LONG recordings, the first one spoken beforehand."""
    lengths = card.pick(LONG, (1.0,))
    talker.animate(spoken(lengths[0]), avatar)
    for seconds in lengths:
        said = spoken(seconds)
        rate = max(frames_a_second(card, talker, said, avatar) for _ in range(2))
        yield Row(f"{name}, {seconds:.0f} s of speech", rate, "frames/s", least=goals.get(seconds))


def starters(card: Card) -> Iterator[Row]:
    avatar = load_avatar(asset("ada.avatar"))
    for method in METHODS:
        talker = open_talker(method, str(card.device))
        goals = {60.0: 5000.0} if method in ("textalker", "memorytalker") else {}
        yield from rates(card, talker, avatar, f"{method}, starter", goals)
        if recordings_together(talker) > 1:
            yield from _folder(card, talker, avatar, method)


def _folder(card: Card, talker: Talker, avatar: Avatar, method: str) -> Iterator[Row]:
    """Recordings spoken one by one and with each other, and how far the motions are apart."""
    tasks = [partial(talker.animate, spoken(card.pick(20.0, 1.0)), avatar, seed=seed) for seed in range(8)]
    alone: list[Motion] = []
    both: list[Motion] = []

    def speak_together() -> None:
        both[:] = [motion for motion in together(tasks) if isinstance(motion, Motion)]

    apart_seconds = card.seconds(lambda: alone.extend(task() for task in tasks))
    speak_together()
    spent, frames = card.seconds(speak_together), sum(map(len, alone))
    yield Row(f"{method}, starter, 8 recordings one by one", frames / apart_seconds, "frames/s")
    yield Row(f"{method}, starter, 8 recordings together", frames / spent, "frames/s")
    apart = 1000 * float((offsets(alone[0], avatar) - offsets(both[0], avatar)).norm(dim=-1).max())
    yield Row(f"{method}, starter, together and alone apart", apart, "mm at most", most=0.001)


def memorytalker(card: Card) -> Iterator[Row]:
    talker, avatar = published(card, "memorytalker"), face_of(card, "memorytalker")
    for precision in PRECISIONS:
        precisely(talker, precision)
        goals = {60.0: 40_000.0} if precision == "fast" else {}
        yield from rates(card, talker, avatar, f"MemoryTalker as published, {precision}", goals)
    yield gigabytes(card)


def textalker(card: Card) -> Iterator[Row]:
    """Both maps, 20 steps of denoising; each recording once, for it takes long."""
    talker, avatar = published(card, "textalker"), face_of(card, "textalker")
    for precision in PRECISIONS:
        precisely(talker, precision)
        least = 90.0 if precision == "fast" else None
        yield from _textalker_rates(card, talker, avatar, precision, least)
    talker.leave_skin()
    yield from _textalker_rates(card, talker, avatar, "fast, no skin", None)


def compiled_textalker(card: Card) -> Iterator[Row]:
    talker, avatar = published(card, "textalker"), face_of(card, "textalker")
    precisely(talker, "fast")
    yield _error_of_fast(card, talker)
    yield Row("TexTalker: to compile", card.seconds(talker.get_ready), "s")
    yield from _textalker_rates(card, talker, avatar, "fast, compiled", 200.0)


def _textalker_rates(
    card: Card, talker: Talker, avatar: Avatar, how: str, least: float | None
) -> Iterator[Row]:
    talker.animate(spoken(card.pick(3.2, 0.3)), avatar)
    forget(card)
    for seconds in card.pick(LONG if how.startswith("fast") else LONG[:1], (1.0,)):
        name = f"TexTalker as published, {how}, {seconds:.0f} s of speech"
        rate = frames_a_second(card, talker, spoken(seconds), avatar)
        yield Row(name, rate, "frames/s", least=least)
    yield gigabytes(card)


@torch.no_grad()
def _error_of_fast(card: Card, talker: Any) -> Row:
    """Of maps in (0, 1), against those of full precision."""
    config = talker.config.motion
    codes = torch.randn(8, config.latent, config.grid, config.grid, generator=dice(0)).to(card.device)
    precisely(talker, "full")
    full = talker.motion.decode(codes, "full")
    precisely(talker, "fast")
    apart = float((talker.motion.decode(codes, "fast") - full).abs().max())
    return Row("TexTalker: a fast map and an exact one apart", apart, "of 1 at most", most=0.006)


def dxtalker(card: Card) -> Iterator[Row]:
    talker, avatar = published(card, "3dxtalker"), load_avatar(asset("ada.avatar"))
    precisely(talker, "fast")
    yield from rates(card, talker, avatar, "3DXTalker as published, fast", {60.0: 1000.0})
    talker.sampling = replace(talker.sampling, at_once=8)
    yield from rates(card, talker, avatar, "3DXTalker, 8 windows at once, fast", {60.0: 1000.0})
    yield gigabytes(card)


_WAYS: list[tuple[str, Precision, dict[str, Any]]] = [
    ("fast", "fast", {}),
    ("fast, bf16", "fast", {"bf16": True}),
    ("fast, bf16, the batch as one", "fast", {"bf16": True, "at_once": 0}),
    ("full", "full", {}),
]
"""In which a stage with a goal learns; the others in the first alone."""


def learns(card: Card, name: str, stage_name: str, least: float | None, **options: Any) -> Iterator[Row]:
    """Steps a second of a stage at its published batch, and what share of them is spent waiting for data."""
    with tempfile.TemporaryDirectory() as folder:
        clips, talker = clips_for(card, name, Path(folder)), published(card, name)
        settings = {"steps": 10_000, **({"batch": 2} if card.tiny else {}), **options}
        stage = tuned(load_method(name).stages[stage_name], talker.config, settings, stage_name)
        assert stage is not None
        precisely(talker, "fast")
        begun = time.perf_counter()
        example = stage.begin(talker, clips, dice(0))
        yield Row(f"{name} {stage_name}: before the first step", time.perf_counter() - begun, "s")
        draw = clips.batches(example, stage.batch, stage.drawn_by)
        for way, precision, changes in _WAYS if least else _WAYS[:1]:
            if "at_once" in changes and not stage.at_once:
                continue
            precisely(talker, precision)
            run = fit(talker, replace(stage, **changes), draw, seed=0, device=card.device)
            for _ in range(card.pick(4, 1)):
                next(run)
            forget(card)
            card.finish()
            begun, waited, steps = time.perf_counter(), 0.0, 0
            while steps < card.pick(40, 2) and (steps < 5 or time.perf_counter() - begun < 5):
                waited, steps = waited + next(run).waited, steps + 1
            card.finish()
            spent = time.perf_counter() - begun
            run.close()
            goal = least if precision == "fast" else None
            what = f"{name} {stage_name}, {way}"
            yield Row(f"{what}: batch of {stage.batch}", steps / spent, "steps/s", least=goal)
            yield Row(f"{what}: waiting for data", 100 * waited / spent, "% of time", most=10)
            yield gigabytes(card)


def learns_diffuse(card: Card) -> Iterator[Row]:
    return learns(card, "textalker", "diffuse", 10)


def learns_motion(card: Card) -> Iterator[Row]:
    return learns(card, "textalker", "motion", 6, critic=-1)


def learns_texture(card: Card) -> Iterator[Row]:
    return learns(card, "textalker", "texture", None, critic=-1)


def learns_memorise(card: Card) -> Iterator[Row]:
    return learns(card, "memorytalker", "memorise", 60)


def learns_stylise(card: Card) -> Iterator[Row]:
    return learns(card, "memorytalker", "stylise", None)


def learns_flow(card: Card) -> Iterator[Row]:
    return learns(card, "3dxtalker", "flow", None)


def encoding(card: Card) -> Iterator[Row]:
    """A corpus of captured meshes and textures on the way to latents, reading included."""
    with tempfile.TemporaryDirectory() as folder:
        talker = published(card, "textalker")
        clips = clips_for(card, "textalker", Path(folder))
        precisely(talker, "fast")
        low, high = talker.low, talker.high
        motions = frame_maps(talker, clips, talker.config.motion.size)
        skins = frame_maps(talker, clips, talker.config.texture.size)
        makers = {
            "motion": (talker.motion, lambda clip, a, b: motions.motions(clip, a, b, low, high)),
            "skin": (talker.texture, lambda clip, a, b: skins.wrinkles(clip, a, b, low.device)),
        }
        for name, (autoencoder, maps) in makers.items():
            frames = motions.frames[1]
            encoded(autoencoder, maps, 0, 32, True, "fast")
            spent = card.seconds(lambda a=autoencoder, m=maps, n=frames: encoded(a, m, 1, n, True, "fast"))
            yield Row(f"TexTalker encodes maps of {name}", frames / spent, "frames/s", least=500)


def around(side: int, views: int) -> Camera:
    """So many cameras alike."""
    one = portrait_of(side)
    return centred_camera(one.views.expand(views, -1, -1), float(one.lenses[0, 0]), side, side)


def splats(card: Card) -> Iterator[Row]:
    for count, side in card.pick([(16_384, 512), (65_536, 1024)], [(500, 32)]):
        for views in (1, 8):
            camera = around(side, views)
            leaves = egg(count).to(card.device).map(lambda tensor: tensor.clone().requires_grad_())
            goal = torch.randn(views, 3, side, side, generator=dice(1)).to(card.device)

            def both(leaves: Gaussians = leaves, camera: Camera = camera, goal: Tensor = goal) -> None:
                draw_views(leaves, camera).colour.backward(goal)

            def forward(leaves: Gaussians = leaves, camera: Camera = camera) -> None:
                with torch.no_grad():
                    draw_views(leaves, camera)

            name = f"{count} Gaussians, {side}², {views} views"
            yield Row(f"{name}: forward", card.milliseconds(forward), "ms")
            yield Row(f"{name}: both ways", card.milliseconds(both), "ms")
    yield from _parity(card)


def _parity(card: Card) -> Iterator[Row]:
    """gsplat beside our kernels."""
    count, side = card.pick((16_384, 256), (500, 32))
    camera, goal = around(side, 2), torch.randn(2, 3, side, side, generator=dice(1))
    pictures, gradients = [], []
    for device in ("cpu", card.device):
        leaves = egg(count).to(device).map(lambda tensor: tensor.clone().requires_grad_())
        colour = draw_views(leaves, camera).colour
        colour.backward(goal.to(device))
        pictures.append(colour.detach().cpu())
        gradients.append({name: tensor.grad.cpu() for name, tensor in vars(leaves).items()})
    apart = float((pictures[0] - pictures[1]).abs().max())
    yield Row("gsplat and our kernels: picture apart", apart, "of 1 at most", most=5e-3)
    for name, ours in gradients[0].items():
        error = float((gradients[1][name] - ours).norm() / ours.norm())
        yield Row(f"gsplat and our kernels: gradient of {name}", error, "relative", most=1e-2)


@torch.no_grad()
def heads(card: Card) -> Iterator[Row]:
    """Universal heads decoded and drawn, four frames at a time: of the starter, and of published size."""
    whole = DecoderConfig("facekit", 4, (256, 256, 128, 128, 64, 64, 32, 16), 48, identity=512)
    paper = PriorConfig(whole, solved=0, encoder=(32, 32, 64, 64, 128, 128, 256), hidden=512)
    small = PriorConfig(replace(whole, coarsest=2, widths=(16, 16, 8)), solved=0, encoder=(4, 8), hidden=16)
    torch.manual_seed(0)
    unlearnt = Prior(card.pick(paper, small)).to(card.device).eval()
    for name, prior in (("starter", _starter_prior(card)), ("published size", unlearnt)):
        config, side = prior.config.decoder, card.pick(512, 64)
        camera, at_once = around(side, 1), 4
        identity = torch.zeros(config.identity, device=card.device)
        codes = torch.randn(at_once, config.expression, generator=dice(0)).to(card.device)
        maps = prior.maps(identity)

        def frames(prior: Prior = prior, identity: Tensor = identity, codes: Tensor = codes) -> None:
            meshes = prior.guide_mesh(codes, identity)
            for cloud in prior.decoder(meshes, codes, identity, maps):  # noqa: B023
                draw_views(cloud, camera, GREY)  # noqa: B023

        rate = 1000 * at_once / card.milliseconds(frames)
        count = len(prior.decoder.layout.texels)
        yield Row(f"head of {name}, {count} Gaussians, {side}²", rate, "frames/s", least=25)
    yield gigabytes(card)


def _starter_prior(card: Card) -> Prior:
    talker = open_talker("unigaha", str(card.device))
    assert isinstance(talker, Unigaha) and talker.prior is not None
    return talker.prior


def meshes(card: Card) -> Iterator[Row]:
    """ada as films draw her, face, clothes and hair, by PyTorch3D and by our own kernels."""
    ada, side = load_avatar(asset("ada.avatar")), card.pick(512, 24)
    said = open_talker("memorytalker", "cpu").animate(spoken(1.0), ada)
    camera = portrait(ada, "front", (side, side))
    scene = mesh_scene(said, ada, camera, "studio", wrinkles=True, texture=True, quality="standard")
    moments, ours = list(scene.moments), scene.painter()
    theirs = CardPainter(scene.painter(), pytorch3d_finder(), card.device)
    for name, painter in (("PyTorch3D", theirs), ("our kernels, one thread of the CPU", ours)):
        some = moments[: card.pick(12, 1)]
        spent = card.milliseconds(lambda painter=painter: [painter.draw(moment) for moment in some])  # noqa: B023
        yield Row(f"ada at {side}², {name}", 1000 * len(some) / spent, "frames/s")
    one, other = (painter.draw(moments[0]).astype(float) for painter in (ours, theirs))
    yield Row("PyTorch3D and our kernels apart", float(abs(one - other).mean()), "of 255, mean", most=2)


def person(card: Card) -> Iterator[Row]:
    """A head fitted to 500 pictures of somebody whom the starter's prior made up."""
    prior, shots, side = _starter_prior(card), card.pick(500, 6), card.pick(512, 64)
    config = prior.config.decoder
    with torch.no_grad():
        identity = sampled_code(prior.cpu(), 7)[0]
        weights = 0.3 * torch.rand(shots, len(prior.rig.shape_names), generator=dice(0))
        codes, camera, maps = weights @ prior.codes.to_codes, around(side, shots), prior.maps(identity)
        pictures = torch.empty(shots, side, side, 4, dtype=torch.uint8)
        for shot in range(shots):
            mesh = prior.guide_mesh(codes[[shot]], identity)
            seen = draw_views(prior.decoder(mesh, codes[[shot]], identity, maps)[0], camera.part([shot]))
            drawn = torch.cat([seen.colour[0], seen.coverage]).clamp(0, 1)
            pictures[shot] = (255 * drawn).round().byte().permute(1, 2, 0)
    assert config.expression == codes.shape[1]
    given = FacePictures(pictures, camera, weights)
    losses: list[float] = []

    def fitted() -> None:
        losses.extend(HeadFit(prior.to(card.device), given.to(card.device)).run())

    spent = card.seconds(fitted)
    yield Row(f"a person from {shots} pictures of {side}²", spent, "s", most=90)
    yield Row("its loss, of the loss before", losses[-1] / losses[0], "", most=0.5)

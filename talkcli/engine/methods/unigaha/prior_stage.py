"""How the prior learns: a few faces of a person, before a few cameras each (the losses of UHAP's eq. 3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from talkcli.engine.clips import ClipSet, Example
from talkcli.engine.errors import BadUsage
from talkcli.engine.face.gaussian_head import HeadMaps
from talkcli.engine.face.gaussians import Gaussians
from talkcli.engine.face.texel_layout import texels_on
from talkcli.engine.methods.unigaha.prior import Prior
from talkcli.engine.methods.unigaha.prior_anchors import code_people, leave_people, solve_anchors
from talkcli.engine.methods.unigaha.prior_people import Sitter, captured_people
from talkcli.engine.rendering.camera import Camera
from talkcli.engine.rendering.likeness import window_ssim
from talkcli.engine.rendering.splats import draw_clouds
from talkcli.engine.struct import TensorStruct
from talkcli.engine.studio.captures import CAPTURES
from talkcli.engine.studio.sessions import people_files
from talkcli.engine.training.stage import Losses, Stage, Update, cosine

SPOTS = {"lips": (0.02, 6.0), "left_eye": (0.012, 3.0), "right_eye": (0.012, 3.0)}
"""Parts of the head whose pixels count more: how far around them, metres, and how much."""
LARGE = 10.0
"""Millimetres of a Gaussian's three deviations together, beyond which it is too large."""


class SessionExample(TensorStruct):
    """Some faces of one person, each before some cameras."""

    on_host = "views", "lenses", "sizes"

    row: Int[Tensor, "*batch"]
    """Of the person in the table of people."""
    identity: Float[Tensor, "*batch n_identity"]
    weights: Float[Tensor, "*batch faces shapes"]
    vertices: Float[Tensor, "*batch faces verts 3"]
    rest: Float[Tensor, "*batch verts 3"]
    looks: Float[Tensor, "*batch faces n 3"]
    skin: Float[Tensor, "*batch n 3"]
    known: Bool[Tensor, "*batch n"]
    views: Float[Tensor, "*batch shots 4 4"]
    lenses: Float[Tensor, "*batch shots 4"]
    sizes: Int[Tensor, "*batch shots 2"]
    pictures: UInt8[Tensor, "*batch shots height width 4"]
    """Those of the first face, as many of the next, and so on."""


def head_prior(
    config: Any,
    *,
    captures: str = "",
    l1: float = 10.0,
    ssim: float = 0.5,
    coverage: float = 0.5,
    neutral: float = 2.0,
    mesh: float = 0.3,
    kl: float = 1e-3,
    size: float = 0.02,
    keep: float = 1e-3,
    blur: float = 0.5,
    nobody: float = 0.25,
    faces: int = 2,
    shots: int = 2,
    coarse: float = 0.0,
    fixed: str = "",
) -> Stage[Any, SessionExample] | None:
    """Adam at 1e-3 along a cosine, `batch` people a step.

    `captures`: the folder that `talk prepare captures` fills. Weights: `l1` and `ssim` of pictures, sRGB
    0..1; `coverage` of their L1 of coverage; `neutral` of the L1 of the lit skin at rest; `mesh` of square
    millimetres of the guide mesh; `kl` of codes; `size` of millimetres that Gaussians are too large; `keep`
    of what codes of people differ from those solved. `blur`: deviation of noise on what the networks are told
    of who it is, and `nobody` the share of steps in which they are told nothing, so that faces between those
    of a few people look like faces. `faces` of a person and `shots` of each make a step; `coarse`: the share
    of steps in which pictures are seen at half their size. A prior that has learnt before (--from) keeps what
    was solved for it; `fixed`: of what begins with one of these names, split by commas, it keeps the weights.
    """
    if config.prior is None:
        return None
    if not (1 <= faces <= 64 and 1 <= shots <= 64):
        raise BadUsage(f"{faces} faces and {shots} shots make no step.", "Give 1 to 64 of each.")
    parts = {"l1": l1, "ssim": ssim, "coverage": coverage, "neutral": neutral, "mesh": mesh, "kl": kl}
    parts |= {"size": size, "keep": keep, "blur": blur, "nobody": nobody, "coarse": coarse}
    kept = tuple(name.strip() for name in fixed.split(",") if name.strip())
    solved: list[Tensor] = []
    learnt: dict[str, int] = {}

    def check() -> None:
        if not captures:
            hint = "Give them: talk prepare captures FOLDER, then --set captures=FOLDER; or --stage lips."
            raise BadUsage("The prior of unigaha learns from captures, and none are given.", hint)
        people_files(CAPTURES, Path(captures))

    def begin(network: Any, clips: ClipSet, generator: torch.Generator) -> Example[SessionExample]:
        check()
        people = captured_people(Path(captures), network.prior.decoder.layout)
        learnt["people"] = len(people)
        anchored = bool(network.prior.skin_step.any())
        (code_people if anchored else solve_anchors)(network.prior, people)
        solved[:] = [network.prior.solved_codes()]
        return _sessions(people, faces, shots)

    def losses(network: Any, batch: SessionExample, generator: torch.Generator) -> Losses:
        solved[:] = [solved[0].to(batch.row.device)]
        return session_losses(network.prior, batch, solved[0], generator, parts)

    def weights(network: Any) -> Iterable[nn.Parameter]:
        names = [name for name, _ in network.prior.named_parameters()]
        for start in kept:
            if not any(name.startswith(start) for name in names):
                tops = ", ".join(sorted({name.split(".")[0] for name in names}))
                raise BadUsage(f"Nothing of the prior begins with {start}, to be fixed.", f"It has {tops}.")
        return [part for name, part in network.prior.named_parameters() if not name.startswith(kept)]

    def end(network: Any) -> None:
        leave_people(network.prior)

    update = Update[Any, SessionExample](weights, losses, lr=1e-3, betas=(0.9, 0.99), clip_norm=2.0)
    return Stage(
        (update,), begin, steps=14_000, batch=1, ema=0.995, schedule=cosine, end=end, check=check,
        learnt=lambda: learnt,
    )  # fmt: skip


def _sessions(people: list[Sitter], most: int, each: int) -> Example[SessionExample]:
    def cut(clips: ClipSet, index: int, generator: torch.Generator) -> SessionExample:
        row = int(torch.randint(len(people), (), generator=generator))
        person = people[row]
        faces = torch.randperm(person.learnt, generator=generator)[:most]
        shots: list[int] = []
        for face in faces.tolist():
            own = person.shots_of(face)
            shots += own[torch.randperm(len(own), generator=generator)[:each]].tolist()
        cameras = person.cameras.part(person.camera[shots].tolist())
        return SessionExample(
            torch.tensor(row), person.identity, person.weights[faces], person.vertices[faces],
            person.vertices[0], person.looks[faces].float(), person.skin, person.known,
            cameras.views, cameras.lenses, cameras.sizes,
            torch.stack([person.picture(shot) for shot in shots]),
        )  # fmt: skip

    return cut


def session_losses(
    prior: Prior,
    session: SessionExample,
    solved: Float[Tensor, "3*n expression"],
    generator: torch.Generator,
    parts: dict[str, float],
) -> Losses:
    """Of some people; `solved` are the `Prior.solved_codes`. Half of the people decode the codes that are
    solved from the rig's weights, as speech will, the others what the encoder draws."""
    assert prior.people is not None
    layout, config = prior.decoder.layout, prior.config
    who = prior.people.weight[session.row]
    people, faces = session.weights.shape[:2]

    def by_face(of_people: Tensor) -> Tensor:
        return of_people.repeat_interleave(faces, 0)

    texels, vertices = layout.texels.to(who.device), session.vertices.flatten(0, 1)
    at_rest = texels_on(session.rest, layout).places
    moved = texels_on(vertices, layout).places - by_face(at_rest)
    mean, deviation = prior.encoder(session.looks.flatten(0, 1), moved, solved.to(who), texels)
    noise = torch.randn(mean.shape, generator=generator).to(mean)
    told = by_face(torch.rand(people, 1, generator=generator) < 0.5).to(who.device)
    coded = session.weights.flatten(0, 1) @ prior.codes.to_codes.to(mean)
    how = torch.where(told, coded, mean + deviation.exp() * noise)
    known = (torch.rand(people, 1, generator=generator) >= parts["nobody"]).to(who)
    told_who = known * who + parts["blur"] * torch.randn(who.shape, generator=generator).to(who)
    maps = prior.maps(told_who, who)
    own = HeadMaps(tuple(map(by_face, maps.form)), tuple(map(by_face, maps.look)), by_face(maps.base))
    clouds = prior.decoder(vertices, how, by_face(told_who), own)
    background = torch.rand(3, generator=generator).to(who)
    views = Camera(*(part.flatten(0, 1).cpu() for part in (session.views, session.lenses, session.sizes)))
    pictures = session.pictures.flatten(0, 1)
    if bool(torch.rand((), generator=generator) < parts["coarse"]):
        views, pictures = at_half_size(views, pictures)
    regions = prior.rig.topology.regions
    spots = torch.stack([vertices[:, regions[name]].mean(1) for name in SPOTS], 1)
    weight = importance_of(spots.repeat_interleave(len(pictures) // len(clouds), 0), views)
    terms = picture_terms(clouds, views, pictures, background, weight)
    extent = 1000 * torch.stack([cloud.axes for cloud in clouds]).square().sum((2, 3)).sqrt()
    terms["size"] = (extent - LARGE).clamp(min=0).mean()
    losses = {name: parts[name] * value for name, value in terms.items()}
    skin = maps.base.flatten(2)[:, :, texels].mT
    losses["neutral"] = parts["neutral"] * ((skin - session.skin).abs() * session.known[..., None]).mean()
    guided = prior.guide_mesh(how.detach(), by_face(who))
    losses["mesh"] = parts["mesh"] * 1e6 * (guided - vertices).square().sum(-1).mean()
    kl = 0.5 * (mean.square() + (2 * deviation).exp() - 1) - deviation
    losses["kl"] = parts["kl"] * kl.mean()
    kept = who[:, : config.shape] - session.identity[:, : config.shape]
    squares = kept.square().mean(1) + who[:, config.shape :].square().mean(1)
    losses["keep"] = parts["keep"] * squares.mean()
    return losses


def at_half_size(
    camera: Camera, pictures: UInt8[Tensor, "views height width 4"]
) -> tuple[Camera, UInt8[Tensor, "views height/2 width/2 4"]]:
    """The same at half the size: colours by how much of each pixel is covered."""
    planes = pictures.permute(0, 3, 1, 2).float().contiguous()
    colour, cover = planes[:, :3], planes[:, 3:]
    total = F.avg_pool2d(cover, 2)
    colour = F.avg_pool2d(colour * cover, 2) / total.clamp(min=1e-3)
    small = torch.cat([colour, total], 1).round().byte().permute(0, 2, 3, 1)
    return Camera(camera.views, camera.lenses / 2, camera.sizes // 2), small


def picture_terms(
    clouds: Sequence[Gaussians],
    camera: Camera,
    pictures: UInt8[Tensor, "views height width 4"],
    background: Float[Tensor, " 3"],
    weight: Float[Tensor, "views height width"],
    cut_out: bool = False,
) -> Losses:
    """What drawn pictures of each cloud, by as many views as of the others, differ by from true ones on the
    same background: `l1` weighted, 1 - SSIM of grey, and the L1 of coverage. `cut_out`: a true one tells
    nothing where it is not covered."""
    truth = pictures.permute(0, 3, 1, 2).float() / 255
    covered = truth[:, 3]
    behind = background[None, :, None, None]
    target = truth[:, :3] * covered[:, None] + behind * (1 - covered[:, None])
    seen = draw_clouds(clouds, camera, behind, workers=1)
    if cut_out:
        told = covered > 0
        target = torch.where(told[:, None], target, seen.colour.detach())
        covered = torch.where(told, covered, seen.coverage.detach())
    return {
        "l1": ((seen.colour - target).abs() * weight[:, None]).mean(),
        "ssim": 1 - window_ssim(seen.colour.mean(1), target.mean(1)),
        "coverage": (seen.coverage - covered).abs().mean(),
    }


def importance_of(
    spots: Float[Tensor, "views spots 3"], camera: Camera
) -> Float[Tensor, "views height width"]:
    """How much pixels count: 1, and more about what SPOTS names, which is at `spots` of each
    view, metres."""
    views, lenses = camera.views.to(spots), camera.lenses.to(spots)
    there = spots @ views[:, :3, :3].mT + views[:, None, :3, 3]
    radius, more = spots.new_tensor([*SPOTS.values()]).unbind(1)
    across, down = (-lenses[:, at, None] / there[..., 2] for at in (0, 1))
    x = lenses[:, 2, None] + across * there[..., 0]
    y = lenses[:, 3, None] - down * there[..., 1]
    columns = torch.arange(camera.width, device=spots.device) + 0.5
    rows = torch.arange(camera.height, device=spots.device) + 0.5
    reach = (across * radius)[..., None]
    right = torch.exp(-(((columns - x[..., None]) / reach) ** 2) / 2)
    below = torch.exp(-(((rows - y[..., None]) / reach) ** 2) / 2)
    return 1 + torch.einsum("s,vsh,vsw->vhw", more, below, right)

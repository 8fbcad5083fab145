"""From a picture to a skin: texels looked up where they are seen, their mirror images and our own skin where
nothing is. The light of the picture stays in it: it is to be seen in an even room (`Look.light`)."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.spatial import KDTree

from talkcli.engine.assets import DEFAULT_RIG
from talkcli.engine.capture.atlas import Atlas
from talkcli.engine.capture.beard_places import shaven
from talkcli.engine.capture.captured_person import CapturedPerson
from talkcli.engine.capture.detector import Photo
from talkcli.engine.capture.even_room import Texels, printed_albedo, shown_by_even_room
from talkcli.engine.face.look import Look
from talkcli.engine.face.mesh_normals import mesh_normals
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.rendering.surface import DrawnSurface
from talkcli.engine.rendering.textures import linear, srgb_of
from talkcli.engine.rendering.view import View, read_at, seen_at, view_of
from talkcli.engine.studio.arrays import Array

STEEP = 0.20, 0.55
"""Cosines to the camera between which trust in a texel rises from 0 to 1."""

HIDDEN_BEHIND, UNDER_LIDS = 0.004, 0.001
"""Metres behind what is seen at a place from which on a texel is hidden; the same of eyes, since lids lie on
them."""

CLIFF, SHORE = 0.012, 0.005
"""Metres: a jump of depth that is an outline, and how far inside it texels are trusted in full."""

LID_SHORE = 0.0008, 0.0015
"""Metres inside lids between which trust in an iris rises from 0 to 1: lashes and skin lie nearer, for lids
are followed to half a millimetre."""

INNER_LIP = 0.0, 0.3
"""Of a lip from where lips meet to the border of its red, the places between which trust rises from 0 to 1:
further in it is hidden, and lips are followed to a millimetre, beside teeth."""

RED, RED_BEGINS = (0.35, 1.0), 0.3
"""The same, where the red tells the colour of what is hidden of a lip; and how far inside its border it
does."""

LENT = 0.6
"""Trust below which the other side of the face lends."""

EYES_SHUT = 0.93
"""Weight of both blinks from which on upper lids are unfolded."""

IRIS_RING, WHITE_RING = (0.14, 0.38), (0.55, 1.0)
"""Radians off the axis between which eyes show either."""

IRIS_ENDS = 0.33, 0.38
"""Radians off the axis between which an iris ends: what an iris turns into has no white in it."""

IRIS_CHANGE = 3.0
"""Of the logarithm, the most by which an iris differs from our own: blue on dark brown is 2.6 in its blue."""

IRIS_LEVEL, WHITE_LEVEL = 35, 40
"""Percentiles of brightness that are its own: lashes darken, highlights brighten."""

WET_WHITE, IN_MOUTH = 0.86, 1.0
"""Of the light on the whites: as little stays of it since they are wet, and as much falls on teeth."""

WHITE_HUE = 0.06, -0.01, -0.05
"""Logarithms by which pictures show whites warmer than the light is: lids and lashes are mixed with them."""

BESIDE_SKIN, BLUER_THAN_SKIN = -0.05, (-0.1, 0.7)
"""Logarithms: how bright teeth are beside skin at least, and how much bluer: whites in the shade of lids, or
among what is painted on them, do not tell the light."""

MOUTH_DEPTH = 8.0, 24.0
"""mm behind the foremost tooth up to which an open mouth is lit in full, and over which a third of that is
left."""

MOUTH_SHELTER = 0.25, 0.7
"""Shares of the room's light that reach what is deepest and what is foremost in an open mouth."""

FEATHER = 10.0
"""Texels over which two skins merge."""

HAIRY = 0.5
"""Of the logarithm of a ratio, how far it is from the median where brows and beards are, not skin."""

HUED = 0.1
"""The same of its hue: a grey beard is as bright as skin."""

SPREAD, NEIGHBOURS, SPARSE = 12.0, 96, (4, 16)
"""mm over which the ratio of two skins is averaged, of how many texels that are known, and every which
at least and at most."""

BEYOND = 25.0
"""mm from what is known at which its ratio, that of the shade under a jaw, counts half beside the face's."""


class SeenSkin(NamedTuple):
    """Of each texel of the atlas."""

    light: Texels
    """[n, 3] linear display light"""
    trust: Texels
    """[n] 0..1"""


def seen_skin(
    picture: Photo, bare: NDArray[np.floating], body: Array, person: CapturedPerson, maps: Atlas
) -> SeenSkin:
    """What a picture shows of each texel; `bare` [h, w]: how surely a pixel shows the person and nothing
    before them; `body`: vertices before head pose, metres. Upper lids are seen of eyes that are shut."""
    fit, size = person.fit, person.sight.size
    faces, turn = load_rig(DEFAULT_RIG).topology.faces.long().numpy(), fit.turns[0]
    place = body @ turn.T + fit.shifts[0]
    view = view_of(place, faces, fit.focal, size, both=True)
    at = maps.across(place)
    spots = seen_at(at, fit.focal, size)
    normals = maps.across(mesh_normals(place, faces))
    cosine = -(normals * at).sum(1) / np.linalg.norm(normals, axis=1).clip(1e-9) / np.linalg.norm(at, axis=1)
    column, row = (np.clip(spots[:, k], 0, size[k] - 1).astype(int) for k in (0, 1))
    inside = ((spots > 1) & (spots < np.array(size) - 1)).all(1)
    distance = view.distance[row, column]
    behind = np.where(maps.eyes, UNDER_LIDS, HIDDEN_BEHIND)
    visible = inside & ((distance == 0) | (-at[:, 2] < distance + behind))
    share = np.clip((cosine - STEEP[0]) / (STEEP[1] - STEEP[0]), 0, 1)
    blinks = [person.marks.names.index(f"eyeBlink{side}") for side in ("Left", "Right")]
    folded = maps.folded * (fit.weights[0, blinks].min() < EYES_SHUT)
    low, high = INNER_LIP
    outside = np.where(maps.face, np.clip((maps.canvas.lip - low) / (high - low), 0, 1), 1)
    trust = share * share * (3 - 2 * share) * visible * (1 - folded) * outside
    trust = trust * read_at(bare * _inland(view.distance, fit.focal), spots)
    irises = maps.eyes & (maps.off_axis < IRIS_ENDS[1])
    trust[irises] *= read_at(_inside_lids(view, place, fit.focal), spots[irises])
    return SeenSkin(read_at(linear(picture), spots), trust.astype(np.float32))


def _inside_lids(view: View, place: Array, focal: float) -> Texels:
    """[h, w] 0 where eyes are not seen and beside what hides them, to 1 further in."""
    topology, ball = load_rig(DEFAULT_RIG).topology, np.zeros(len(place), bool)
    for eye in ("left_eye", "right_eye"):
        ball[topology.regions[eye].long().numpy()] = True
    of_eye: NDArray[np.bool_] = np.all(ball[topology.faces.long().numpy()], axis=1)
    seen = (view.ids >= 0) & of_eye[view.ids.clip(0)]
    away = np.asarray(distance_transform_edt(seen)) * np.median(-place[ball, 2]) / focal
    return np.clip((away - LID_SHORE[0]) / (LID_SHORE[1] - LID_SHORE[0]), 0, 1).astype(np.float32)


def _inland(distance: Texels, focal: float) -> Texels:
    """[h, w] 0 at outlines, where a picture may show what is behind, to 1 a few millimetres inside."""
    deep, jump = np.where(distance > 0, distance, 10.0), np.zeros(distance.shape, bool)
    down, across = (np.abs(np.diff(deep, axis=axis)) > CLIFF for axis in (0, 1))
    jump[:-1] |= down
    jump[1:] |= down
    jump[:, :-1] |= across
    jump[:, 1:] |= across
    away = np.asarray(distance_transform_edt(~jump)) * np.median(distance[distance > 0]) / focal
    return np.clip(away / SHORE - 0.3, 0, 1).astype(np.float32)


def painted_skin(base: Look, seen: SeenSkin, shelter: Texels, maps: Atlas, bald: bool) -> Look:
    """The base's look with the picture's skin where it is trusted and its own, recoloured, elsewhere; of
    somebody `bald` the scalp is skin too. `shelter` [n]: share of the room's light that each texel gets."""
    own, skin = own_skin(base, maps, bald)
    photo = SeenSkin(printed_where_seen(seen, shelter), seen.trust)
    out, firm = merged_albedo(photo, own, skin, maps, bald)
    _paint_eyes(out, own, photo, maps)
    relief = flattened_relief(base, firm, maps)
    return replace(base, albedo=albedo_bytes(out, base, maps), relief=relief, light="even", exposure=1.0)


def merged_albedo(
    photo: SeenSkin, own: Texels, skin: NDArray[np.bool_], maps: Atlas, bald: bool
) -> tuple[Texels, Texels]:
    """[n, 3] linear albedo: a picture's where it is trusted, its mirror image's beside it, and our own,
    recoloured, elsewhere; and [n] how much of it is the picture's. `photo` is of albedo."""
    painted = maps.face | (maps.scalp & skin)
    sure = photo.trust * painted
    lend = np.clip(1 - sure / LENT, 0, 1) * sure[maps.mirror]
    both = sure + lend
    lent = _as_bright_as(photo.light, sure > LENT, photo.light[maps.mirror], maps)
    merged = (photo.light * sure[:, None] + lent * lend[:, None]) / both.clip(1e-6)[:, None]
    firm = gaussian_filter(_image(np.clip(both, 0, 1), maps), FEATHER).ravel()[maps.canvas.texels]
    firm = (np.clip((firm * (both > 0.05) - 0.3) / 0.65, 0, 1) * painted).astype(np.float32)
    firm = firm * firm * (3 - 2 * firm)
    ratio = np.log(merged.clip(1e-3) / own.clip(1e-3))
    known = (firm > 0.9) & (maps.canvas.lip > 1.2)
    if not bald:
        known &= ~maps.scalp
    smooth = spread_ratio(ratio, _alike(ratio, known), maps)
    red = (firm > 0.9) & maps.face & (maps.canvas.lip > RED[0]) & (maps.canvas.lip < RED[1])
    if red.sum() >= NEIGHBOURS * SPARSE[0]:
        of_lip = np.where(maps.face, np.clip((RED[1] - maps.canvas.lip) / RED_BEGINS, 0, 1), 0)[:, None]
        smooth += of_lip * (spread_ratio(ratio, red, maps) - smooth)
    out = np.where((skin | maps.scalp)[:, None], own * np.exp(np.clip(smooth, -2.5, 1.5)), own)
    out = (merged * firm[:, None] + out * (1 - firm[:, None])).astype(np.float32)
    return out, firm


def _alike(ratio: Texels, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """[n] of what is known, where the ratio [n, 3] of two skins is about that of most: no brows, no beard."""
    if not known.any():
        return known
    off = ratio - np.median(ratio[known], 0)
    bright = off.mean(1, keepdims=True)
    return known & (np.abs(bright[:, 0]) < HAIRY) & (np.abs(off - bright).max(1) < HUED)


def _as_bright_as(light: Texels, sure: NDArray[np.bool_], mirrored: Texels, maps: Atlas) -> Texels:
    """The mirror image [n, 3] in the light of the side that it is lent to, as where both sides are seen."""
    both = sure & sure[maps.mirror] & maps.face & (maps.canvas.lip > 1.2)
    ratio, left = np.log(light.clip(1e-3) / mirrored.clip(1e-3)), maps.places[:, 0] > 0
    change = spread_ratio(ratio, both & left, maps)
    change = np.where(left[:, None], change, -change[maps.mirror])
    return mirrored * np.exp(np.clip(change, -1.5, 1.5))


def flattened_relief(base: Look, firm: Texels, maps: Atlas) -> torch.Tensor:
    """The base's, less of it where a picture shows pores and lines itself."""
    relief = base.relief.numpy() * (1 - 0.7 * _image(firm, maps)[::2, ::2])
    return torch.from_numpy(np.rint(relief).astype(np.int8))


def own_skin(base: Look, maps: Atlas, bald: bool) -> tuple[Texels, NDArray[np.bool_]]:
    """[n, 3] linear albedo of our own skin, shaven; [n] what is skin: of somebody `bald` the scalp, too."""
    own = shaven(linear(base.albedo.numpy()).reshape(-1, 3)[maps.canvas.texels])
    if not bald:
        return own, maps.face | maps.flesh
    own[maps.scalp] = np.median(own[maps.flesh], 0)
    return own, maps.face | maps.flesh | maps.scalp


def albedo_bytes(texels: Texels, base: Look, maps: Atlas) -> torch.Tensor:
    """The base's albedo with other texels [n, 3], linear; its cloth stays."""
    skin = np.flatnonzero(~maps.cloth)
    return _with_texels(base, skin, maps.canvas.image(texels).reshape(-1, 3)[skin]).albedo


def spread_ratio(ratio: Texels, known: NDArray[np.bool_], maps: Atlas) -> Texels:
    """[n, 3] a smooth ratio on all skin from where it is known: of each vertex the mean of what is nearest on
    the mean face, so that islands of the atlas agree where they meet."""
    places, here = maps.places, np.flatnonzero(known)
    here = here[:: int(np.clip(len(here) // NEIGHBOURS, *SPARSE))]
    if len(here) < NEIGHBOURS:
        return np.zeros_like(ratio)
    template = load_rig(DEFAULT_RIG).template.double().numpy()
    skin = np.zeros(len(template), bool)
    skin[maps.corners[maps.face | maps.flesh | maps.scalp]] = True
    far, near = KDTree(places[here]).query(template[skin] * 1000, NEIGHBOURS)
    share = 1 / (far**2 + SPREAD**2)
    values = (ratio[here][near] * share[..., None]).sum(1) / share.sum(1, keepdims=True)
    middle = np.median(ratio[here], 0)
    spread = np.zeros_like(template)
    spread[skin] = middle + (values - middle) / (1 + (far[:, :1] / BEYOND) ** 2)
    return maps.across(spread).astype(np.float32)


def _with_texels(look: Look, texels: NDArray[np.int64], light: NDArray[np.floating]) -> Look:
    """With other albedo [n, 3], linear, in some texels [n] of the rows and columns of its picture."""
    albedo = look.albedo.numpy().copy()
    albedo.reshape(-1, 3)[texels] = np.rint(srgb_of(np.asarray(light, np.float32)))
    return replace(look, albedo=torch.from_numpy(albedo))


def _image(values: NDArray, maps: Atlas) -> NDArray:
    """[size, size, ...] with 0 where no triangle is."""
    size = maps.canvas.size
    out = np.zeros((size * size, *values.shape[1:]), np.float32)
    out[maps.canvas.texels] = values
    return out.reshape(size, size, *values.shape[1:])


def eye_ratios(light: Texels, trust: Texels, own: Texels, maps: Atlas) -> tuple[Texels, Texels] | None:
    """[3] logarithms of how much brighter irises and whites are seen than our own; None where they are not
    seen."""
    bright, use = light.mean(1), maps.eyes & (trust > 0.3)
    ratios = []
    for (low, high), level in ((IRIS_RING, IRIS_LEVEL), (WHITE_RING, WHITE_LEVEL)):
        ring = maps.eyes & (maps.off_axis > low) & (maps.off_axis < high)
        there = ring & use
        if there.sum() < 12:
            return None
        middle = np.percentile(bright[there], level)
        near = there & (np.abs(bright - middle) < 0.5 * middle + 0.01)
        ratios.append(np.log(light[near].mean(0).clip(2e-3) / own[ring].mean(0)))
    return ratios[0], ratios[1]


def iris_share(maps: Atlas) -> Texels:
    """[eyes' texels, 1] how much of an iris each is, 0..1."""
    low, high = IRIS_ENDS
    return np.clip((high - maps.off_axis[maps.eyes]) / (high - low), 0, 1)[:, None]


def _paint_eyes(out: Texels, own: Texels, seen: SeenSkin, maps: Atlas) -> None:
    """In place: irises and whites as bright and coloured as in the picture, the base's own detail kept;
    teeth, gums and tongue as the light on the whites shows them when the mouth opens."""
    ratios = eye_ratios(seen.light, seen.trust, own, maps)
    if ratios is None:
        return
    iris, white = ratios
    white = white - WHITE_HUE + np.log(WET_WHITE)
    inside = iris_share(maps)
    change = np.clip(iris, -IRIS_CHANGE, IRIS_CHANGE) * inside + np.clip(white, -3, 1.2) * (1 - inside)
    out[maps.eyes] = own[maps.eyes] * np.exp(change)
    ahead = maps.places[maps.mouth, 2]
    lit, fading = MOUTH_DEPTH
    shelter = MOUTH_SHELTER[1] * np.exp(-(ahead.max() - lit - ahead).clip(0) / fading)
    shelter = shelter.clip(MOUTH_SHELTER[0]).astype(np.float32)
    lamp = (IN_MOUTH * np.exp(_as_beside_skin(white, own, seen, maps))).astype(np.float32)
    shown = shown_by_even_room(own[maps.mouth], shelter, lamp)
    out[maps.mouth] = printed_albedo(shown, shelter)


def _as_beside_skin(white: Texels, own: Texels, seen: SeenSkin, maps: Atlas) -> Texels:
    """[3] logarithms of the light on teeth as whites tell it, within what teeth are beside a face's skin."""
    skin = maps.face & (seen.trust > LENT) & (maps.canvas.lip > 1.2)
    if not skin.any():
        return white
    teeth = np.log(own[maps.canvas.within("upper_teeth", "lower_teeth")].mean(0))
    beside = teeth + white - np.log(np.median(seen.light[skin], 0).clip(1e-3))
    blue = beside[2] - beside[0]
    lift = max(BESIDE_SKIN - beside.mean(), 0.0)
    return white + lift + (np.clip(blue, *BLUER_THAN_SKIN) - blue) * np.array([-0.5, 0, 0.5])


LIGHT_STRAND = 1.6
"""Times the mean of hair, the lightest of what is painted of it."""


def recoloured_hair(look: Look, colour: Texels, maps: Atlas) -> Look:
    """The painted scalp in the mean colour [3] of the hair, linear: what is as dark as its hair wholly, what
    is nearly skin hardly."""
    albedo, scalp = look.albedo.numpy().reshape(-1, 3), maps.canvas.texels[maps.scalp]
    pale = np.median(linear(albedo[maps.canvas.texels[maps.flesh]]).mean(1)) * 0.7
    light = linear(albedo[scalp])
    dark = light.mean(1) < pale
    if not dark.any():
        return look
    light = light[dark]
    level = light.mean(1)
    middle = max(float(np.median(level)), 1e-3)
    share = ((pale - level) / max(pale - middle, 1e-3)).clip(0, 1)[:, None]
    painted = colour * (level / middle).clip(max=LIGHT_STRAND)[:, None]
    return _with_texels(look, scalp[dark], share * painted + (1 - share) * light)


def recoloured_cloth(look: Look, colour: Texels, maps: Atlas) -> Look:
    """Garments in the mean colour [3] of the picture's cloth, linear."""
    cloth = np.flatnonzero(maps.cloth)
    light = linear(look.albedo.numpy().reshape(-1, 3)[cloth])
    return _with_texels(look, cloth, light * np.clip(colour / np.median(light, 0).clip(1e-3), 0.02, 20))


def shelter_of(surface: DrawnSurface, maps: Atlas) -> Texels:
    return maps.across(surface.occlusion[:, None].astype(np.float64))[:, 0].astype(np.float32)


def printed_where_seen(seen: SeenSkin, shelter: Texels) -> Texels:
    """`printed_albedo` of what is trusted at all, 0 elsewhere."""
    out, there = np.zeros_like(seen.light), seen.trust > 0
    out[there] = printed_albedo(seen.light[there], shelter[there])
    return out

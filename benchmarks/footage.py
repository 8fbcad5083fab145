"""Films of studio people become avatars again: python -m benchmarks.footage FOLDER

People say the bundled held-out clips and turn their heads, before a hand-held camera in the light of
some room, with noise, an exposure that wanders and compression: phone videos of which everything is known
(kept in FOLDER; extra capture). Lips and lids: correlation of their opening with the truth, over all frames;
blinks: how many of the true ones shut. Faces at rest, laid on the true ones and of their size: how far off on
average. Jitter: second differences of the head's points in the picture beside those of the detector's. CPU
milliseconds a picture, of one thread (OMP_NUM_THREADS=1): looking for faces with decoding, and following. A
sentence that was not filmed, as TexTalker says it with the pivots of all and with those of the film. Face and
person: PSNR and SSIM of the pictures kept out. A sheet a person is kept. A minute of one core a person. With
--splats Gaussians as well, and both from beside the film's camera (beside.py): two minutes more.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from trimesh.registration import procrustes

from benchmarks.beside import MOMENTS, Shown, from_beside
from talkcli.engine.assets import asset, assets_folder
from talkcli.engine.capture.detector import MediaPipe
from talkcli.engine.capture.film_likeness import film_likeness
from talkcli.engine.capture.film_splats import film_fit
from talkcli.engine.capture.film_track import TrackedFilm, seen_motion
from talkcli.engine.capture.film_watch import watched_film
from talkcli.engine.capture.filmed_person import avatar_of_film, followed_film
from talkcli.engine.capture.footage_clips import bare_person
from talkcli.engine.capture.landmark_sets import MIDDLE_LIPS, SKIN_POINTS
from talkcli.engine.capture.normal_equations import errors, rotation_of
from talkcli.engine.clips import ClipSet
from talkcli.engine.face.avatar import Avatar, load_avatar
from talkcli.engine.face.face_contact import FaceContact
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.geometry import vertices
from talkcli.engine.face.lip_contact import measured
from talkcli.engine.face.rigs import talking_head
from talkcli.engine.face.topology import landmark_points
from talkcli.engine.methods import open_talker
from talkcli.engine.methods.film_manners import with_film_manners
from talkcli.engine.metrics.articulation import BILABIALS
from talkcli.engine.motion import Coefficients, Head, Motion
from talkcli.engine.rendering.camera import centred_camera
from talkcli.engine.rendering.render import frames
from talkcli.engine.studio.arrays import Array
from talkcli.engine.studio.scanned.avatars import sample_avatar
from talkcli.engine.video import write_video

PEOPLE = {"noor": 0, "ada": 1, "otto": 2, "marta": 3, "emil": 0, "kofi": 1}
"""Who speaks which of the bundled clips; anybody who is drawn, the one of their number, modulo 4."""
KNOWN = f"{', '.join(PEOPLE)}, or a number by which the studio draws somebody"
USUAL = ("noor", "ada", "otto", "marta")
"""By whom films' fits were chosen first."""
SIZE, FPS = (544, 960), Fraction(30)
NOISE, QUALITY = 2.5, 72
"""Of a pixel, in bytes; of a picture's JPEG, before the film's own compression."""
SHUT_LIDS = 1.0
"""Millimetres between lids that a blink leaves at most."""
MET = 5e-4
"""Metres between lips that meet."""
MIDDLE = slice(12, 19)
"""Of the rings of the lips: those in the middle of the mouth."""


def performed(number: int) -> Motion:
    """A bundled clip by a head that turns further."""
    motion = ClipSet(assets_folder() / "clips")[number].motion
    assert isinstance(motion.face, Coefficients) and motion.head
    time_ = np.arange(len(motion)) / float(FPS)
    waves = zip((4, 12, 3), (5.1, 5.3, 4.3), (1, 0, 0), strict=True)
    sway = np.stack([a * np.sin(2 * np.pi * time_ / t + p) for a, t, p in waves], 1)
    turns = 1.5 * motion.head.rotation + torch.from_numpy(np.radians(sway)).float()
    face = Coefficients(motion.face.expression, torch.zeros(len(motion), 3))
    return Motion(FPS, face, Head(turns, torch.zeros(len(motion), 3)))


def before_phone(avatar: Avatar, motion: Motion, chance: np.random.Generator) -> Shown:
    """Somebody in the light of some room, before a phone in somebody's hand."""
    light, views = np.zeros((9, 3)), []
    light[0] = chance.uniform(0.55, 0.7) * np.array([1.05, 1, 0.92])
    light[1], light[2], light[3] = chance.uniform(-0.3, 0.3), 0.15, chance.uniform(0.15, 0.3)
    assert avatar.look is not None
    lit = replace(avatar, look=replace(avatar.look, light=torch.from_numpy(light).float()))
    for t in np.arange(len(motion)) / float(FPS):
        view = np.eye(4)
        view[:3, :3] = rotation_of(np.radians([1.5 * np.sin(1.3 * t), 4 + np.sin(0.9 * t), 1.0]))
        away = [0.01 * np.sin(t), -0.03 + 0.01 * np.cos(0.7 * t), -0.62 + 0.01 * np.sin(0.5 * t)]
        view[:3, 3] = view[:3, :3] @ [0, 0, -0.06] + away
        views.append(view)
    views = torch.from_numpy(np.array(views)).float()
    return Shown(lit, motion, centred_camera(views, 0.94 * SIZE[1], *SIZE))


def filmed(shown: Shown, chance: np.random.Generator) -> Iterator[np.ndarray]:
    """What the phone makes of it."""
    behind = "#{:02x}{:02x}{:02x}".format(*chance.integers(60, 200, 3))
    for number, picture in enumerate(frames(shown.motion, shown.avatar, shown.camera, background=behind)):
        exposed = picture * (1 + 0.04 * np.sin(0.8 * number / float(FPS)))
        noisy = np.clip(exposed + chance.normal(0, NOISE, picture.shape), 0, 255).astype(np.uint8)
        file = io.BytesIO()
        Image.fromarray(noisy).save(file, "JPEG", quality=QUALITY)
        yield np.asarray(Image.open(file).convert("RGB"))


def somebody(name: str) -> str:
    if name in PEOPLE or name.isdecimal():
        return name
    raise argparse.ArgumentTypeError(f"'{name}' is not one of {KNOWN}")


def clip_of(name: str) -> int:
    return PEOPLE[name] if name in PEOPLE else int(name) % 4


def film_of(name: str, folder: Path) -> tuple[Path, Shown]:
    """Of one of PEOPLE, or of whom the studio draws by a number; drawn where it is not there; and the truth
    of it."""
    path, drawn = folder / f"{name}.mp4", name not in PEOPLE
    chance = np.random.default_rng(int(name) if drawn else PEOPLE[name])
    avatar = sample_avatar(int(name)) if drawn else load_avatar(asset(f"{name}.avatar"))
    shown = before_phone(avatar, performed(clip_of(name)), chance)
    if not path.exists():
        write_video(filmed(shown, chance), FPS, path)
    return path, shown


def faces_of(neutral: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """[frames, verts, 3] of a face that does not turn."""
    still = Motion(FPS, Coefficients(weights.float(), torch.zeros(len(weights), 3)))
    return vertices(still, replace(talking_head(), neutral=neutral))


def openings(bodies: torch.Tensor) -> tuple[Array, Array]:
    """Millimetres between the middles of the lips, where the detector's points lie on them, and between lids,
    both [frames]."""
    model = load_face_model()
    assert isinstance(model.contact, FaceContact)
    upper, lower = np.array(MIDDLE_LIPS).T
    points = landmark_points(bodies, model.topology, "mediapipe").numpy()
    lips = np.linalg.norm(points[:, upper] - points[:, lower], axis=-1).mean(1)
    lids = []
    for eye in (model.contact.left, model.contact.right):
        edge = bodies[:, eye.edge]
        lids.append((edge - edge[:, eye.opposite]).norm(dim=2).amax(1))
    return 1000 * lips, 1000 * torch.stack(lids).mean(0).numpy()


def jitter(points: Array) -> float:
    return float(np.abs(np.diff(points, 2, axis=0)).mean())


def scores(avatar: Avatar, motion: Motion, tracked: TrackedFilm) -> dict[str, float]:
    assert isinstance(motion.face, Coefficients)
    person = tracked.person
    bodies = faces_of(avatar.neutral, motion.face.expression)
    followed = faces_of(person.neutral, torch.from_numpy(person.fit.weights))
    true, found = openings(bodies), openings(followed)
    shut = true[1] < SHUT_LIDS
    blinks = np.split(np.flatnonzero(shut), np.flatnonzero(np.diff(np.flatnonzero(shut)) > 1) + 1)
    met = [float(found[1][blink].min()) < SHUT_LIDS for blink in blinks if len(blink)]
    face = load_face_model().topology.regions["face"].long()
    rest, wanted = (each[face].double().numpy() for each in (person.neutral, avatar.neutral))
    laid = procrustes(rest, wanted, reflection=False)[1]
    seen = person.sight.points[:, :SKIN_POINTS]
    drawn = seen + errors(person.marks, person.fit, person.sight)[:, :SKIN_POINTS] * person.sight.unit
    return {
        "lips r": float(np.corrcoef(true[0], found[0])[0, 1]),
        "lids r": float(np.corrcoef(true[1], found[1])[0, 1]),
        "blinks": len(met),
        "shut": sum(met),
        "jitter": jitter(drawn) / jitter(seen),
        "residual %": 100 * person.residual,
        "face mm": float(1000 * np.linalg.norm(laid - wanted, axis=1).mean()),
    }


def spoken(avatar: Avatar, tracked: TrackedFilm, number: int) -> dict[str, float]:
    """How TexTalker says a sentence of the same speaker that was not filmed: with the pivots of all, and of
    the film. Millimetres from the lips of the film's face to where the true ones are, both faces laid on each
    other as the film shows them; share of p, b and m on which its lips come within half a millimetre."""
    model, clips, other = load_face_model(), ClipSet(assets_folder() / "clips"), number ^ 1
    talker: Any = open_talker("textalker")
    plain, speech = bare_person(tracked, "me"), clips.speech(number)
    mannered = with_film_manners(plain, tracked, speech, [talker])
    done, held = clips.motion(number).face, clips.motion(other).face
    assert isinstance(done, Coefficients) and isinstance(held, Coefficients)
    face, lips = (model.topology.regions[name].long().numpy() for name in ("face", "lips"))
    shown = faces_of(plain.neutral, torch.from_numpy(tracked.person.fit.weights)).mean(0)
    wanted = faces_of(avatar.neutral, done.expression).mean(0)
    onto = procrustes(shown[face].double(), wanted[face].double(), reflection=False)[0]
    says = torch.zeros(len(model.shape_names))
    says[model.columns(talker.config.rig_shapes)] = 1
    truth = faces_of(avatar.neutral, held.expression * says)[:, lips].numpy()
    phones = clips.phones(other)
    assert phones is not None and isinstance(model.contact, FaceContact)
    spans = [(start, stop) for phone, start, stop in phones.segments if phone in BILABIALS]
    row = {}
    for name, who in (("mean", plain), ("film", mannered)):
        motion = talker.animate(clips.speech(other), who).face
        bodies = faces_of(who.neutral, motion.expression)
        ours = bodies[: len(truth), lips].numpy() @ onto[:3, :3].T + onto[:3, 3]
        row[f"{name} lips mm"] = float(1000 * np.linalg.norm(ours - truth[: len(ours)], axis=-1).mean())
        mouth = model.contact.mouth
        gaps = measured(bodies[:, mouth.rings], mouth).gaps[:, MIDDLE].median(1).values.numpy()
        met = [gaps[int(a * FPS) : int(b * FPS) + 2].min() < MET for a, b in spans]
        row[f"{name} p b m"] = float(np.mean(met))
    return row


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--people", nargs="+", type=somebody, default=USUAL, metavar="WHO", help=KNOWN)
    parser.add_argument("--splats", action="store_true", help="Gaussians, too, and both from beside")
    words = parser.parse_args()
    detector = MediaPipe()
    words.folder.mkdir(exist_ok=True)
    for name in words.people:
        path, shown = film_of(name, words.folder)
        avatar, motion = shown.avatar, shown.motion
        begun = time.process_time()
        watched = watched_film(path, detector, 30)
        looked = time.process_time()
        tracked = followed_film(watched)
        followed = time.process_time()
        row = scores(avatar, motion, tracked)
        row |= {"look ms": 1000 * (looked - begun) / len(motion)}
        row |= {"follow ms": 1000 * (followed - looked) / len(motion)}
        row |= spoken(avatar, tracked, clip_of(name))
        person = avatar_of_film(tracked, detector, name)[0]
        avatars = {"mesh": person}
        if words.splats:
            begun = time.process_time()
            fit = film_fit(tracked, person, detector)
            for _ in fit.steps():
                pass
            row["splats s"] = time.process_time() - begun
            avatars["splats"] = replace(person, splats=fit.splats)
        for kind, each in avatars.items():
            like = film_likeness(tracked, each, detector)
            assert like is not None
            Image.fromarray(like.sheet).save(words.folder / f"{name}.{kind}.png")
            row |= {f"{kind} {key}": value for key, value in like.numbers.items()}
        if words.splats:
            followed_as = Shown(person, *seen_motion(tracked, load_face_model(), tracked.longest))
            seconds = tracked.watched.runs[tracked.longest].seconds
            some = [int(share * len(seconds)) for share in MOMENTS]
            same = [round(float(seconds[i]) * float(FPS)) for i in some]
            more, sheet = from_beside(shown.part(same), followed_as.part(some), avatars)
            Image.fromarray(sheet).save(words.folder / f"{name}.beside.png")
            row |= more
        print(f"{name}: " + ", ".join(f"{key} {value:.4g}" for key, value in row.items()), flush=True)


if __name__ == "__main__":
    main()

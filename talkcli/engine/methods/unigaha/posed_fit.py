"""Somebody with a Gaussian head from pictures with known cameras: a fit, and how good it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch

from talkcli.engine.capture.person_shots import PersonShots
from talkcli.engine.config import with_values
from talkcli.engine.errors import BadInput
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.gaussian_head import head_gaussians
from talkcli.engine.face.geometry import vertices
from talkcli.engine.methods.method import BodyLikeness
from talkcli.engine.methods.unigaha.head_fit import (
    CODE,
    OWN,
    FacePictures,
    HeadFit,
    HeadFitSettings,
    KnownFace,
)
from talkcli.engine.methods.unigaha.heads import WORN_STEPS, born_of, code_of
from talkcli.engine.methods.unigaha.prior import Prior
from talkcli.engine.metrics.texture import SkinPair, psnr, ssim
from talkcli.engine.rendering.splats import draw_views
from talkcli.engine.rendering.worn_splats import worn_gaussians
from talkcli.engine.studio.captures import faces_motion
from talkcli.engine.training.fit import Step
from talkcli.engine.training.run import Moment

STATE_FILE, SAVED_EVERY = "fit.state", 25
"""Where in a run's folder a fit is kept, and after how many steps."""
GREY = 0.5
"""Of what stands behind where pictures are compared."""
SHOWN_MOST = 8
"""Pictures of a report."""


class PosedFit:
    """A fit to pictures, of which those that are kept out say how good it is."""

    def __init__(self, prior: Prior, shots: PersonShots, settings: Mapping[str, Any], seed: int) -> None:
        learnt = [number for number, out in enumerate(shots.kept_out) if not out]
        if not learnt:
            raise BadInput("Every picture is kept out for tests.", "Give some to learn from.")
        self.prior, self.shots = prior, shots
        part = shots.pictures[learnt], shots.camera.part(learnt), shots.weights[learnt]
        given, known = FacePictures(*part, shots.cut_out), None
        if shots.person is not None:
            identity, skin = code_of(prior, shots.person)
            known = KnownFace(identity, shots.person.neutral, skin)
        self.fit = HeadFit(prior, given, with_values(HeadFitSettings(), settings), seed, known)

    def moments(self, folder: Path) -> Iterator[Moment]:
        """Step by step; a state in the folder goes on, and is kept there."""
        fit, state, settings = self.fit, folder / STATE_FILE, self.fit.settings
        if state.is_file():
            fit.resume(state)
        learnt = {"pictures": len(fit.pictures.pictures)}
        for stage, first, steps in (
            (CODE, 0, settings.code_steps), (OWN, settings.code_steps, settings.own_steps),
        ):  # fmt: skip
            if fit.step >= first + steps:
                continue
            yield Moment(stage, learnt, steps, None, {})
            for number in count(fit.step - first):
                losses = {"pictures": fit.advance()}
                if fit.step % SAVED_EVERY == 0 or number == steps - 1:
                    fit.save(state)
                yield Moment(stage, learnt, steps, Step(number, losses, 0.0, losses), losses)
                if number == steps - 1:
                    break

    def avatar(self, name: str) -> Avatar:
        """Whoever it is, as it stands: who was known with what they wear, else bare and without a skin on the
        mesh."""
        result, model = self.fit.result(), self.prior.rig
        topology, known = model.topology, self.shots.person
        if known is not None:
            neutral, worn = model.settled(result.neutral), worn_gaussians(known, steps=WORN_STEPS)
            return replace(known, name=name, neutral=neutral, gaussian_head=result.head, splats=worn)
        return Avatar(
            name, model.settled(result.neutral), topology.faces, topology.regions["lips"], topology.name,
            result.head.identity[: self.prior.config.shape].float(), gaussian_head=result.head,
            provenance=born_of("pictures with cameras"),
        )  # fmt: skip

    @torch.no_grad()
    def likeness(self, avatar: Avatar) -> BodyLikeness | None:
        """Of the pictures that were kept out; None where none were."""
        kept = [number for number, out in enumerate(self.shots.kept_out) if out]
        head, decibels, alike, rows = avatar.gaussian_head, [], [], []
        if not kept or head is None:
            return None
        for number in kept:
            weights = self.shots.weights[number : number + 1]
            cloud = head_gaussians(head, vertices(faces_motion(weights), avatar), weights)[0]
            behind = torch.full((1, 3, 1, 1), GREY)
            seen = draw_views(cloud, self.shots.camera.part([number]), behind).colour.clamp(0, 1)
            picture = self.shots.pictures[number].permute(2, 0, 1).float() / 255
            truth = (picture[:3] * picture[3] + GREY * (1 - picture[3]))[None]
            everywhere = torch.ones(seen.shape[2:], dtype=torch.bool)
            pair = SkinPair(255 * seen, 255 * truth, everywhere)
            decibels.append(float(psnr(pair)[0]))
            alike.append(float(ssim(pair)[0]))
            if len(rows) < SHOWN_MOST:
                rows.append(torch.cat([seen[0], truth[0]], 1))
        sheet = (torch.cat(rows, 2).permute(1, 2, 0) * 255 + 0.5).byte().numpy()
        return BodyLikeness(len(kept), float(np.mean(decibels)), float(np.mean(alike)), sheet)

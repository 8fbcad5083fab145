"""UniGAHA (2025): a universal Gaussian head, and expression codes that speech draws by diffusion."""

from __future__ import annotations

from talkcli.engine.methods.method import Method
from talkcli.engine.methods.unigaha.bodies import embodied, learnt_from, mixed, sampled
from talkcli.engine.methods.unigaha.config import UnigahaConfig
from talkcli.engine.methods.unigaha.monocular_stage import monocular
from talkcli.engine.methods.unigaha.prior_stage import head_prior
from talkcli.engine.methods.unigaha.sizes import paper_size, starter_size
from talkcli.engine.methods.unigaha.stages import code_diffusion, lip_reading
from talkcli.engine.methods.unigaha.talker import Unigaha

METHOD = Method(
    name=Unigaha.method,
    paper="UniGAHA: audio-driven universal Gaussian head avatars, SIGGRAPH Asia 2025, arXiv 2509.18924",
    config=UnigahaConfig,
    build=Unigaha,
    sizes={"paper": paper_size, "starter": starter_size},
    stages={"prior": head_prior, "encoder": monocular, "lips": lip_reading, "diffuse": code_diffusion},
    embodies=embodied,
    samples=sampled,
    mixes=mixed,
    fits=learnt_from,
)

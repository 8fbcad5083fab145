"""Faults that the tests must see: python -m tests.mutants [NAME ...]

Each is put alone into a copy of the tree, and the tests named beside it run there without the whole goldens.
Ends with 1 if a fault survives or no longer matches the code exactly once.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
ENGINE = "talkcli/engine"
MEMORYTALKER, TEXTALKER = f"{ENGINE}/methods/memorytalker", f"{ENGINE}/methods/textalker"


@dataclass(frozen=True)
class Mutant:
    file: str
    right: str
    wrong: str
    tests: str
    """The file of tests/ that should see it."""


FIT, LOSSES, PUBLISHED = "test_training.py", "test_losses.py", "test_as_published.py"

MUTANTS = {
    "codebook_and_commitment_swapped": Mutant(
        f"{TEXTALKER}/autoencoder.py",
        "COMMITMENT = 1.0\nCODEBOOK = 0.25",
        "COMMITMENT = 0.25\nCODEBOOK = 1.0",
        LOSSES,
    ),
    "lip_term_on_wrong_columns": Mutant(
        f"{MEMORYTALKER}/stages.py", "3 * lips[:, :, None]", "2 * lips[:, :, None]", LOSSES
    ),
    "velocity_dropped_from_stage_1": Mutant(
        f"{MEMORYTALKER}/stages.py",
        '"vel": velocity(predicted, frames) + velocity(teacher, frames)',
        '"vel": 0 * velocity(predicted, frames)',
        LOSSES,
    ),
    "velocity_dropped_from_stage_2": Mutant(
        f"{MEMORYTALKER}/stages.py",
        '"vel": velocity(error, utterance.frames)',
        '"vel": 0 * velocity(error, utterance.frames)',
        LOSSES,
    ),
    "no_clipping": Mutant(
        f"{ENGINE}/training/fit.py", "_clipped(group, update.clip_norm)", "_clipped(group, None)", FIT
    ),
    "average_too_quick": Mutant(
        f"{ENGINE}/training/fit.py",
        "torch._foreach_lerp_(means, now, 1 - decay)",
        "torch._foreach_lerp_(means, now, decay)",
        FIT,
    ),
    "average_without_warm_up": Mutant(
        f"{ENGINE}/training/stage.py",
        "return min(self.ema, (1 + number) / (10 + number))",
        "return self.ema",
        FIT,
    ),
    "rate_not_scheduled": Mutant(
        f"{ENGINE}/training/fit.py",
        'settings["lr"] = update.lr * scale',
        'settings["lr"] = update.lr',
        FIT,
    ),
    "schedule_without_rise": Mutant(
        f"{ENGINE}/training/stage.py", "if progress < 0.02:", "if progress < 0.0:", LOSSES
    ),
    "beta2": Mutant(f"{TEXTALKER}/stages.py", "BETAS = (0.9, 0.99)", "BETAS = (0.9, 0.999)", LOSSES),
    "windows_without_overlap": Mutant(
        f"{MEMORYTALKER}/talker.py",
        "config.window * config.period, 2 * config.period",
        "config.window * config.period, 0",
        "test_memorytalker_starter.py",
    ),
    "windows_without_neighbours": Mutant(
        f"{MEMORYTALKER}/talker.py",
        "low, high = max(0, start - reach), min(frames, stop + reach)",
        "low, high = start, stop",
        "test_memorytalker_starter.py",
    ),
    "stress_ignored": Mutant(
        f"{TEXTALKER}/speech_windows.py", "@ gap) ** stress", "@ gap)", "test_textalker_starter.py"
    ),
    "mishear_ignored": Mutant(
        f"{TEXTALKER}/speech_windows.py", "if mishear:", "if False:", "test_textalker_starter.py"
    ),
    "mishear_ignored_by_memorytalker": Mutant(
        f"{MEMORYTALKER}/stages.py", "if mishear:", "if False:", LOSSES
    ),
    "audio_context_not_detached": Mutant(
        f"{TEXTALKER}/diffuser.py", "features.detach())", "features)", "test_textalker_diffusion.py"
    ),
    "truncation_swapped": Mutant(
        f"{TEXTALKER}/diffuser.py", "TRUNCATE = (0.3, 0.4)", "TRUNCATE = (0.4, 0.3)", LOSSES
    ),
    "blind_ignored": Mutant(
        f"{TEXTALKER}/diffuser.py", "    if blind:", "    if False:", "test_textalker_diffusion.py"
    ),
    "temperature_ignored": Mutant(
        f"{TEXTALKER}/diffuser.py",
        "noise = temperature * torch.randn",
        "noise = torch.randn",
        "test_textalker_diffusion.py",
    ),
    "published_rates_swapped": Mutant(
        f"{ENGINE}/training/stage.py",
        "Annealed(0.5), Annealed(3.0)",
        "Annealed(3.0), Annealed(0.5)",
        PUBLISHED,
    ),
    "published_average_warmed_up": Mutant(
        f"{TEXTALKER}/stages.py",
        "ema_rises=not published,\n        schedule=schedule",
        "ema_rises=True,\n        schedule=schedule",
        PUBLISHED,
    ),
    "published_gradients_clipped": Mutant(
        f"{TEXTALKER}/stages.py",
        "clip_norm=None if published else CLIP_NORM",
        "clip_norm=CLIP_NORM",
        PUBLISHED,
    ),
    "published_latents_rescaled": Mutant(
        f"{TEXTALKER}/speech_windows.py", "if not exact:", "if True:", PUBLISHED
    ),
    "frozen_hubert_without_dropout": Mutant(
        f"{TEXTALKER}/hearing.py", "return [self.encoder]", "return []", PUBLISHED
    ),
    "published_frames_to_the_nearest": Mutant(
        f"{ENGINE}/speech.py",
        'round(frames) if counted == "nearest" else math.floor(frames)',
        "round(frames)",
        PUBLISHED,
    ),
    "letters_between_ticks": Mutant(f"{ENGINE}/layers/resampling.py", "ends=True", "ends=False", LOSSES),
    "steps_draw_alike": Mutant(
        f"{ENGINE}/training/fit.py", "draw(dice(seed, number, team.rank))", "draw(dice(seed, 0))", FIT
    ),
    "retimed_a_frame_too_long": Mutant(
        f"{ENGINE}/editing/retiming.py",
        "round(len(motion) / motion.fps * fps))",
        "round(len(motion) / motion.fps * fps) + 1)",
        "test_life.py",
    ),
    "gaze_columns_swapped": Mutant(
        f"{ENGINE}/editing/life.py",
        '"eyeLookOutLeft", "eyeLookInLeft", "eyeLookInRight", "eyeLookOutRight",',
        '"eyeLookInLeft", "eyeLookOutLeft", "eyeLookInRight", "eyeLookOutRight",',
        "test_life.py",
    ),
    "stillness_without_speed": Mutant(
        f"{ENGINE}/metrics/articulation.py",
        " & (heard.mouth.speed < STILL_MM_S)",
        "",
        "test_articulation_score.py",
    ),
    "past_never_carried": Mutant(
        f"{ENGINE}/generation/windows.py",
        "part = make(start, past)",
        "part = make(start, None)",
        "test_textalker_diffusion.py",
    ),
    "deaf_windows_hear": Mutant(
        f"{TEXTALKER}/diffuser.py",
        "torch.where(deaf, diffuser.null_audio_feat, torch.cat(hearings))",
        "torch.cat(hearings)",
        "test_textalker_diffusion.py",
    ),
    "beta_clamped_at_a_hundredth": Mutant(
        f"{ENGINE}/generation/diffusion.py",
        ".clamp(1e-4, 0.999)",
        ".clamp(1e-2, 0.999)",
        "test_textalker_original.py",
    ),
    "one_letter_a_frame_on_biwi": Mutant(
        f"{MEMORYTALKER}/letters.py",
        "2 * count))",
        "count))",
        "test_memorytalker.py",
    ),
    "step_token_looks_at_its_own_frame": Mutant(
        f"{TEXTALKER}/denoiser.py",
        "context = torch.cat([cross.out_proj(attention_out), audio.told], dim=1)",
        "context = torch.cat([audio.told[:, :1], audio.told], dim=1)",
        "test_textalker_diffusion.py",
    ),
    "decoder_hears_no_text": Mutant(
        f"{MEMORYTALKER}/talker.py",
        "return self.layers(x, text, memory_mask",
        "return self.layers(x, 0 * text, memory_mask",
        "test_memorytalker.py",
    ),
    "hubert_a_tick_a_frame": Mutant(
        f"{TEXTALKER}/hearing.py",
        "return stretched(self.transform(ticks), frames)",
        "return self.transform(ticks)[:, ::2]",
        "test_textalker_hearing.py",
    ),
}


def verdict(mutant: Mutant) -> str:
    """`caught`, `survived`, or `stale` where the code has changed."""
    source = (REPOSITORY / mutant.file).read_text(encoding="utf-8")
    if source.count(mutant.right) != 1:
        return "stale"
    with tempfile.TemporaryDirectory(prefix="mutant-") as place:
        tree = Path(place) / "tree"
        left_out = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", "out")
        shutil.copytree(REPOSITORY, tree, ignore=left_out)
        (tree / mutant.file).write_text(source.replace(mutant.right, mutant.wrong), encoding="utf-8")
        environment = {**os.environ, "PYTHONPATH": str(tree), "TALK_SHARED": str(Path(place) / "nowhere")}
        words = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-x",
            "-p",
            "no:cacheprovider",
            f"tests/{mutant.tests}",
        ]
        done = subprocess.run(words, cwd=tree, env=environment, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise SystemExit(f"The tests themselves do not run: {done.stdout[-2000:]}{done.stderr[-500:]}")
    return "caught" if done.returncode == 1 else "survived"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MUTANTS)}; without any, all")
    names = parser.parse_args().names
    if unknown := set(names) - set(MUTANTS):
        parser.error(f"no such fault: {', '.join(sorted(unknown))}")
    missed = 0
    for name in names or MUTANTS:
        said = verdict(MUTANTS[name])
        missed += said != "caught"
        print(f"{said:9} {name}", flush=True)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())

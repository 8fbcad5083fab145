"""The training loop, on a network of one layer."""

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from jaxtyping import Float
from torch import Tensor, nn

from talkcli.engine.errors import BadInput, BadUsage, TalkError
from talkcli.engine.files import load_tensors
from talkcli.engine.struct import TensorStruct
from talkcli.engine.training.ahead import ahead, dice
from talkcli.engine.training.fit import CHECKED_EVERY, fit
from talkcli.engine.training.losses import mean_square, velocity
from talkcli.engine.training.stage import TO_TENTH, Stage, Update, cosine, steady


class Pair(TensorStruct):
    x: Float[Tensor, "batch 3"]
    y: Float[Tensor, "batch 2"]


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.frozen = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
        self.learning = nn.Sequential(nn.Dropout(0.2), nn.Linear(4, 2))


def learning(net: Net):
    return net.learning.parameters()


def square(net: Net, batch: Pair, generator: torch.Generator) -> dict[str, Tensor]:
    jitter = torch.randn(batch.y.shape, generator=generator).to(batch.y) * 0.01
    return {"square": (net.learning(net.frozen(batch.x)) - batch.y + jitter).square().mean()}


def pairs(generator: torch.Generator) -> Pair:
    x = torch.randn(8, 3, generator=generator)
    return Pair(x, x[:, :2] * 0.5)


def begin(net, clips, generator):
    raise AssertionError("these tests bring their own batches")


STAGE = Stage((Update(learning, square, lr=0.05),), begin, steps=20, batch=8)


def run(stage, steps=None, state=None, seed=3, every=5, threads=1, killed_at=None, device="cpu"):
    torch.manual_seed(0)
    net, taken = Net(), []
    for step in fit(net, stage, pairs, seed=seed, state=state, every=every, threads=threads, device=device):
        taken.append(step)
        if step.number == killed_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if len(taken) == steps:
            break
    return net, taken


def same(one: nn.Module, two: nn.Module) -> bool:
    return all(
        torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize("threads", [0, 1, 3])
@pytest.mark.parametrize("ema", [None, 0.9])
def test_a_run_that_was_cut_off_ends_where_the_whole_one_ends(tmp_path, ema, threads):
    stage = replace(STAGE, ema=ema, schedule=cosine)
    whole, steps = run(stage, threads=0)
    run(stage, steps=13, state=tmp_path / "state", threads=threads)
    resumed, rest = run(stage, state=tmp_path / "state", threads=threads)
    assert [step.number for step in rest] == list(range(10, 20)), "a crash costs at most the interval"
    assert [step.losses for step in rest] == [step.losses for step in steps[10:]]
    assert same(whole, resumed)
    done, last = run(stage, state=tmp_path / "state")
    assert same(done, whole), "a finished stage gives its weights at once"
    assert [(step.number, step.means, step.rate) for step in last] == [(19, steps[-1].means, steps[-1].rate)]


@pytest.mark.gpu
@pytest.mark.parametrize("threads", [0, 1, 3])
def test_a_run_on_the_accelerator_that_was_cut_off_ends_where_the_whole_one_ends(tmp_path, threads):
    whole, _ = run(STAGE, threads=0, device="cuda")
    run(STAGE, steps=13, state=tmp_path / "state", threads=threads, device="cuda")
    assert same(run(STAGE, state=tmp_path / "state", threads=threads, device="cuda")[0], whole)


KILLED = """
import sys
from pathlib import Path
from test_training import STAGE, run
run(STAGE, state=Path(sys.argv[1]), killed_at=13)
"""


def test_a_run_that_was_killed_ends_where_the_whole_one_ends(tmp_path):
    (tmp_path / "killed.py").write_text(KILLED)
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": f"{here}:{here.parent}"}
    words = [sys.executable, str(tmp_path / "killed.py"), str(tmp_path / "state")]
    assert subprocess.run(words, env=environment).returncode == -signal.SIGKILL
    resumed, rest = run(STAGE, state=tmp_path / "state")
    assert rest[0].number == 10 and same(run(STAGE)[0], resumed)


def test_a_run_goes_on_with_its_own_seed_alone(tmp_path):
    run(STAGE, steps=13, state=tmp_path / "state")
    with pytest.raises(BadUsage, match="begun with seed 3, not 4"):
        run(STAGE, state=tmp_path / "state", seed=4)


def test_all_chance_of_a_step_follows_from_the_seed_and_its_number():
    def drawn(seed: int, steps: int) -> Tensor:
        """Of each step: the batch, the step's own dice, torch's."""
        values: list[list[float]] = []

        def noting(net: Net, batch: Pair, generator: torch.Generator) -> dict[str, Tensor]:
            chance = (batch.x[0, 0], torch.rand((), generator=generator), torch.rand(()))
            values.append([float(value) for value in chance])
            return square(net, batch, generator)

        run(replace(STAGE, updates=(Update(learning, noting, lr=0.05),) * 2, steps=steps), seed=seed)
        return torch.tensor(values)

    whole, other = drawn(3, 6), drawn(4, 6)
    assert torch.equal(drawn(3, 4), whole[:8])
    assert len(whole[:, 1:].unique()) == 24 and len(whole[:, 0].unique()) == 6, "nothing comes twice"
    assert not torch.isin(other, whole).any()


def test_the_state_of_another_run_is_refused(tmp_path):
    run(STAGE, state=tmp_path / "state")
    other = nn.Linear(2, 2)
    stage = Stage((Update(nn.Module.parameters, square),), STAGE.begin, steps=1, batch=1)
    with pytest.raises(BadInput, match=r"state is not the state of this run, .* missing"):
        next(fit(other, stage, pairs, seed=3, state=tmp_path / "state"))  # type: ignore[arg-type,type-var]


def test_only_what_is_trained_changes_and_frozen_parts_listen_in_eval_mode():
    torch.manual_seed(0)
    net = Net()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    for _ in fit(net, STAGE, pairs, seed=3):
        assert not any(module.training for module in net.frozen.modules())
        assert all(module.training for module in net.learning.modules())
        assert all(p.grad is None for p in net.frozen.parameters())
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name]) == name.startswith("frozen"), name
    assert not net.training and all(p.requires_grad for p in net.parameters())


def test_training_leaves_the_callers_dice_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    run(replace(STAGE, steps=3))
    torch.manual_seed(5)
    steps = fit(Net(), STAGE, pairs, seed=1)
    torch.manual_seed(5)
    next(steps)
    assert torch.equal(torch.rand(3), expected)


def test_a_loss_that_is_not_a_number_is_told_with_its_step_and_harms_neither_weights_nor_state(tmp_path):
    def broken(net: Net, batch: Pair, generator: torch.Generator) -> dict[str, Tensor]:
        losses = square(net, batch, generator)
        return losses | {"broken": losses["square"] * (float("nan") if batch.x[0, 0] > 2 else 1)}

    first = next(number for number in range(100) if pairs(dice(3, number, 0)).x[0, 0] > 2)
    stage = replace(STAGE, updates=(Update(learning, broken, lr=0.05),), steps=100)
    net, state = Net(), tmp_path / "state"
    with pytest.raises(TalkError, match=f"at step {first}: square [^,]*, broken nan"):
        for step in fit(net, stage, pairs, seed=3, state=state, every=7):
            assert step.number < first + CHECKED_EVERY, "asked for in time"
    assert all(torch.isfinite(p).all() for p in net.parameters())
    assert load_tensors(state)[1]["steps"] == first // 7 * 7 > 0


def test_where_bfloat16_is_asked_for_products_are_taken_in_it_and_weights_are_not():
    kinds = []

    def noting(net: Net, batch: Pair, generator: torch.Generator) -> dict[str, Tensor]:
        guess = net.learning(net.frozen(batch.x))
        kinds.append((guess.dtype, net.learning[1].weight.dtype))
        return {"square": (guess - batch.y).square().mean(), "half": guess.mean()}

    stage = replace(STAGE, updates=(Update(learning, noting, lr=0.05),), steps=2, bf16=True)
    _, steps = run(stage)
    assert set(kinds) == {(torch.bfloat16, torch.float32)} and np.isfinite(steps[1].total)


def test_the_average_follows_the_weights():
    last, _ = run(STAGE)
    averaged, _ = run(replace(STAGE, ema=0.99))
    assert not same(last, averaged)
    losses = [run(replace(STAGE, steps=200, ema=ema))[1][-1].total for ema in (None, 0.99)]
    assert losses[0] == losses[1], "training itself does not see the average"


def test_the_average_follows_what_is_trained_alone(tmp_path):
    run(replace(STAGE, ema=0.9), state=tmp_path / "state")
    names = {name for name in load_tensors(tmp_path / "state")[0] if name.startswith("average.")}
    assert names == {f"average.learning.{name}" for name, _ in Net().learning.named_parameters()}


def descended(stage: Stage, gradients: list[list[float]]) -> Tensor:
    """Where AdamW, clipping, the rate and the average lead from 0, by their equations, in float64."""
    (update,), weights, average = stage.updates, np.zeros(2), np.zeros(2)
    first, second = np.zeros(2), np.zeros(2)
    one, two = update.betas
    for number, row in enumerate(gradients):
        gradient = np.array(row)
        if update.clip_norm is not None:
            gradient = gradient * min(1.0, update.clip_norm / (np.linalg.norm(gradient) + 1e-6))
        first = one * first + (1 - one) * gradient
        second = two * second + (1 - two) * gradient**2
        rate = update.lr * stage.schedule(number / stage.steps)
        unbiased = first / (1 - one ** (number + 1)), second / (1 - two ** (number + 1))
        weights = weights * (1 - rate * update.weight_decay)
        weights = weights - rate * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-8)
        if stage.ema:
            decay = min(stage.ema, (1 + number) / (10 + number)) if stage.ema_rises else stage.ema
            average = decay * average + (1 - decay) * weights
    return torch.from_numpy(average if stage.ema else weights).float()


@pytest.mark.parametrize(("ema", "rises"), [(None, True), (0.2, True), (0.9, True), (0.995, False)])
@pytest.mark.parametrize("schedule", [steady, cosine, TO_TENTH])
@pytest.mark.parametrize("clip_norm", [None, 1.0])
@pytest.mark.parametrize(("betas", "decay"), [((0.9, 0.999), 0.0), ((0.5, 0.7), 0.1)])
def test_the_weights_go_where_the_equations_say(clip_norm, betas, decay, schedule, ema, rises):
    """AdamW (Loshchilov & Hutter 2019) on gradients of known size; the average of Polyak, warmed up."""
    gradients = [[0.3, -0.1], [6.0, 8.0], [-0.2, 0.4], [0.0, 3.0], [0.1, 0.1]]
    numbers = iter(gradients)

    def slope(net: nn.Linear, batch: Pair, generator: torch.Generator) -> dict[str, Tensor]:
        return {"slope": (net.weight * torch.tensor(next(numbers))).sum()}

    net = nn.Linear(2, 1, bias=False)
    nn.init.zeros_(net.weight)
    update = Update[nn.Linear, Pair](
        nn.Module.parameters, slope, 0.1, weight_decay=decay, betas=betas, clip_norm=clip_norm
    )
    stage = Stage((update,), STAGE.begin, len(gradients), 8, ema=ema, ema_rises=rises, schedule=schedule)  # type: ignore[arg-type]
    for _ in fit(net, stage, pairs, seed=0):
        pass
    torch.testing.assert_close(net.weight[0].detach(), descended(stage, gradients))


def test_an_update_may_wait():
    stage = replace(STAGE, updates=(STAGE.updates[0], replace(STAGE.updates[0], start=5)), steps=7)
    counted = []

    def count(net: Net, batch: Pair, generator: torch.Generator) -> dict[str, Tensor]:
        counted.append(1)
        return square(net, batch, generator)

    run(replace(stage, updates=(stage.updates[0], replace(stage.updates[1], losses=count))))
    assert len(counted) == 2


def test_the_cosine_rises_and_falls():
    assert cosine(0.02) == pytest.approx(1) and cosine(0.0) == cosine(1.0) == pytest.approx(0.01)


def test_padding_is_nobodys_error():
    frames = torch.tensor([3, 5])
    error = torch.ones(2, 5, 2)
    error[0, 3:] = 100
    assert mean_square(error, frames) == 1
    assert velocity(error, frames) == 0


TEAM = """
import os
import torch
from torch import nn
from test_training import STAGE, Net, pairs
from talkcli.engine.training.fit import fit
torch.manual_seed(0)
net = Net()
for step in fit(net, STAGE, pairs, seed=3): pass
torch.save(net.state_dict(), f"rank{os.environ['RANK']}.pt")
"""


@pytest.mark.slow
def test_processes_that_train_together_agree(tmp_path):
    pytest.importorskip("accelerate")
    (tmp_path / "team.py").write_text(TEAM)
    here = Path(__file__).parent
    environment = {"PYTHONPATH": f"{here}:{here.parent}", "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "1"}
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run([*launch, "team.py"], cwd=tmp_path, check=True, env={**os.environ, **environment})
    one, two = (torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in (0, 1))
    assert all(torch.equal(one[name], two[name]) for name in one)
    alone, _ = run(STAGE)
    assert not all(torch.equal(one[name], value) for name, value in alone.state_dict().items())


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_what_is_made_ahead_comes_in_order_and_so_do_its_errors(threads):
    def make(number: int) -> int:
        if number == 5:
            raise BadInput("five is missing", "")
        return number

    came = []
    with pytest.raises(BadInput, match="five"):
        for value in ahead(make, 2, 9, threads):
            came.append(value)
    assert came == [2, 3, 4]
    assert list(ahead(make, 6, 9, threads)) == [6, 7, 8] and list(ahead(make, 9, 9, threads)) == []


def test_no_more_is_made_ahead_than_there_are_threads_and_they_end_with_their_reader():
    made, before = [], threading.active_count()
    values = ahead(lambda number: made.append(number) or number, 0, 10**9, 3)
    for expected in range(20):
        assert next(values) == expected and max(made) <= expected + 3
    assert threading.active_count() > before
    values.close()
    assert threading.active_count() == before
    steps = fit(Net(), STAGE, pairs, seed=3, threads=3)
    next(steps)
    steps.close()
    assert threading.active_count() == before

"""TexTalker's autoencoder of maps: equality with the published code, and how small ones keep their codes."""

import json
import re
from dataclasses import replace

import goldens
import pytest
import torch
from goldens import WHOLE
from torch import nn

from talkcli.engine.errors import BadInput
from talkcli.engine.methods.textalker.autoencoder import Autoencoder, AutoencoderConfig
from talkcli.engine.methods.textalker.critic import (
    Critic,
    CriticConfig,
    adaptive_weight,
    autoencoder_losses,
    critic_losses,
    pixel_loss,
)
from talkcli.engine.methods.textalker.encodings import in_half_precision
from talkcli.engine.methods.textalker.perception import Lpips, perception

GOLDEN = WHOLE / "textalker"
SMALL = AutoencoderConfig(
    size=32, patch=2, width=8, multipliers=(1, 2), blocks=1, latent=4, codes=32, groups=4, restart=0.1
)


def assert_near(ours: torch.Tensor | None, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)


def numbers(name: str) -> dict[str, torch.Tensor]:
    return goldens.numbers(GOLDEN / f"{name}.npz")


def published() -> Autoencoder:
    """The golden cases' weights."""
    autoencoder = Autoencoder(AutoencoderConfig(size=64, width=32, multipliers=(1, 2, 2), codes=64))
    weights = torch.load(GOLDEN / "vqae_small.pt", weights_only=True)["params_ema"]
    autoencoder.load_state_dict(weights)
    return autoencoder.eval()


def critical() -> Critic:
    critic = Critic(CriticConfig(width=8))
    critic.load_state_dict(torch.load(GOLDEN / "disc_small.pt", weights_only=True)["params"])
    return critic.eval()


def drawn_maps(count: int = 6) -> torch.Tensor:
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def small(config: AutoencoderConfig = SMALL) -> Autoencoder:
    torch.manual_seed(0)
    return Autoencoder(config)


@pytest.mark.parametrize(
    ("build", "names"),
    [(lambda: Autoencoder(AutoencoderConfig()), "keys_vqae"), (lambda: Critic(CriticConfig()), "keys_disc")],
)
def test_published_names_and_shapes_are_ours(build, names):
    network = build()
    ours = {name: str(tuple(weight.shape)) for name, weight in network.state_dict().items()}
    assert ours == {name: shape for name, shape, _ in goldens.keys(names)}


@torch.no_grad()
def test_a_small_autoencoder_gives_published_numbers():
    """Its kernels follow from a seed; the result is compared at every eighth texel."""
    case = goldens.numbers(goldens.SMALL / "autoencoder.npz")
    rows = goldens.listed(goldens.SMALL / "autoencoder.npz", "names")
    shapes = {name: tuple(json.loads(shape)) for name, shape in rows}
    weights = {name.removeprefix("weight."): value for name, value in case.items() if "weight." in name[:7]}
    autoencoder = Autoencoder(AutoencoderConfig(size=64, width=32, multipliers=(1, 2, 2), codes=64)).eval()
    autoencoder.load_state_dict(weights | goldens.convolutions(shapes))
    latents = autoencoder.encode(case["x"])
    quantised = autoencoder.quantise(latents)
    assert_near(latents, case["z_e"])
    assert torch.equal(quantised.indices.flatten(), case["indices"])
    codes = autoencoder.quantize.embedding.weight[case["indices"]]
    assert_near(quantised.latents, codes.view(2, 16, 16, 16).movedim(-1, 1))
    assert_near(quantised.loss, case["codebook_loss"])
    assert_near(quantised.perplexity, case["perplexity"])
    assert_near(autoencoder.decode(latents)[..., ::8, ::8], case["recon"])


@pytest.mark.whole
@torch.no_grad()
def test_published_autoencoder_gives_published_numbers():
    case, autoencoder = numbers("vqae_small"), published()
    latents = autoencoder.encode(case["x"])
    quantised = autoencoder.quantise(latents)
    assert_near(latents, case["z_e"])
    assert torch.equal(quantised.indices.flatten(), case["indices"])
    assert_near(quantised.latents, case["z_q"])
    assert_near(autoencoder.quantize.codes(quantised.indices), case["z_from_indices"])
    assert_near(quantised.loss, case["codebook_loss"])
    assert_near(quantised.perplexity, case["perplexity"])
    assert_near(autoencoder.decode(latents), case["recon"])


@pytest.mark.whole
def test_published_objective_and_its_gradients():
    case, autoencoder, critic = numbers("vqgan_losses_small"), published(), critical()
    losses = autoencoder_losses(autoencoder, case["x"], critic=critic)
    total = torch.stack(list(losses.values())).sum()
    total.backward()
    assert_near(losses["pixel"], case["l1"])
    assert_near(losses["codebook"], case["codebook"])
    torch.testing.assert_close(losses["critic"], case["d_weight"] * case["g_hinge"], rtol=1e-4, atol=1e-7)
    assert_near(total, case["total"])
    for name, weight in (
        ("encoder0", autoencoder.encoder.blocks[0].get_parameter("weight")),
        ("last", autoencoder.last_weight),
        ("codebook", autoencoder.quantize.embedding.weight),
    ):
        torch.testing.assert_close(weight.grad, case[f"grad_{name}"], rtol=1e-4, atol=1e-7)
    assert all(weight.grad is None for weight in critic.parameters())


@pytest.mark.whole
def test_published_critic_gives_published_verdicts():
    case, critic = numbers("vqgan_losses_small"), critical()
    losses = critic_losses(published(), critic, case["x"])
    assert_near(losses["real"], case["d_real_hinge"])
    assert_near(losses["made"], case["d_fake_hinge"])
    assert_near(critic(case["x"]), case["disc_eval_out"])
    assert_near(critic.train()(case["x"]), case["disc_train_out"])
    norm = critic.main[3]
    assert isinstance(norm, nn.BatchNorm2d)
    assert_near(norm.running_mean, case["disc_train_running_mean_3"])
    assert_near(norm.running_var, case["disc_train_running_var_3"])


@pytest.mark.parametrize("patch", [1, 2])
def test_the_grid_of_latents_is_what_the_config_says(patch):
    config = replace(SMALL, patch=patch)
    latents = small(config).encode(drawn_maps(2))
    assert latents.shape == (2, config.latent, config.grid, config.grid)
    assert latents[0].numel() == config.dims


def test_a_size_that_cannot_be_halved_is_refused():
    with pytest.raises(BadInput):
        Autoencoder(replace(SMALL, size=30))


@torch.no_grad()
def test_decoding_equals_generating_what_was_quantised():
    autoencoder = small().eval()
    latents = torch.randn(5, 4, 8, 8, generator=torch.Generator().manual_seed(0)) * 0.02
    latents = latents[[0, 1, 0, 2, 3, 4, 1]]
    maps = autoencoder.decode(latents)
    torch.testing.assert_close(maps, autoencoder.generate(autoencoder.quantise(latents).latents))
    assert torch.equal(maps[0], maps[2])
    assert (maps > 0).all() and (maps < 1).all()


@torch.no_grad()
def test_equal_grids_of_codes_are_generated_once():
    autoencoder, batches = small().eval(), []
    autoencoder.generator.register_forward_pre_hook(lambda _, given: batches.append(len(given[0])))
    autoencoder.decode(torch.zeros(9, 4, 8, 8))
    assert batches == [1]


def test_decoding_passes_gradients_straight_to_the_latents():
    latents = torch.zeros(2, 4, 8, 8, requires_grad=True)
    small().decode(latents).sum().backward()
    assert latents.grad is not None and latents.grad.abs().sum() > 0


def test_half_precision_draws_without_steps():
    """More levels than eight bits of mantissa have between one half and one."""
    autoencoder, maps = small(), drawn_maps(2)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        half, quantised = autoencoder(maps)
    assert half.dtype == quantised.latents.dtype == torch.float32
    assert len(half.unique()) > 1000
    with torch.no_grad():
        whole = autoencoder.generate(quantised.latents)
    torch.testing.assert_close(half, whole, rtol=0, atol=0.03)


def test_the_first_batch_places_every_code():
    autoencoder, maps = small(), drawn_maps()
    latents = autoencoder.encode(maps).detach()
    autoencoder.quantize.revive(latents, torch.Generator().manual_seed(0))
    places = latents.movedim(1, -1).flatten(0, 2)
    assert torch.cdist(autoencoder.quantize.embedding.weight, places).amin(1).max() < 1e-3


def test_only_idle_codes_move():
    autoencoder = small()
    generator = torch.Generator().manual_seed(0)
    autoencoder.quantize.revive(torch.randn(16, 4, 8, 8, generator=generator), generator)
    before = autoencoder.quantize.embedding.weight.detach().clone()
    near = before[:16].T.reshape(1, 4, 4, 4) + 1e-4
    while torch.equal(autoencoder.quantize.embedding.weight, before):
        autoencoder.quantize.revive(near, generator)
    still = (autoencoder.quantize.embedding.weight == before).all(1)
    assert still.tolist() == [True] * 16 + [False] * 16


def test_the_same_dice_revive_the_same_codes():
    books = []
    for _ in range(2):
        autoencoder = small()
        losses = autoencoder_losses(autoencoder, drawn_maps(), generator=torch.Generator().manual_seed(3))
        books.append((autoencoder.quantize.embedding.weight.detach().clone(), losses["codebook"].item()))
    assert torch.equal(books[0][0], books[1][0])
    assert books[0][1] == books[1][1]


def test_published_codes_are_left_alone():
    autoencoder = small(replace(SMALL, restart=0.0))
    before = autoencoder.quantize.embedding.weight.detach().clone()
    autoencoder_losses(autoencoder, drawn_maps(), generator=torch.Generator().manual_seed(0))
    assert torch.equal(autoencoder.quantize.embedding.weight, before)
    assert "quantize.use" not in autoencoder.state_dict()


def test_a_small_autoencoder_learns_a_few_maps():
    autoencoder, generator = small(), torch.Generator().manual_seed(0)
    place = torch.linspace(0, 3, 32)
    maps = torch.stack(
        [(torch.sin(place * k) * torch.cos(place * k)[:, None]).expand(3, -1, -1) for k in (1, 2)]
    )
    maps = maps * 0.4 + 0.5
    optimiser = torch.optim.Adam(autoencoder.parameters(), 3e-3)
    errors = []
    for _ in range(25):
        losses = autoencoder_losses(autoencoder, maps, likeness=perception(None), generator=generator)
        optimiser.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimiser.step()
        errors.append(losses["pixel"].item())
    assert errors[-1] < errors[0] / 2


def test_what_counts_more_weighs_more():
    made, maps, importance = torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2), torch.ones(2, 2)
    made[..., 0, 0], importance[0, 0] = 1.0, 3.0
    assert pixel_loss(made, maps).item() == 0.25
    assert pixel_loss(made, maps, importance).item() == 0.5


@pytest.mark.parametrize("stages", [2, 3])
def test_a_critic_fits_smaller_maps(stages):
    critic, maps = Critic(CriticConfig(width=4, stages=stages)), drawn_maps(2)
    assert critic(maps).shape[:2] == (2, 1)
    losses = autoencoder_losses(small(), maps, critic=critic, likeness=perception(None))
    assert losses["critic"].isfinite()


@pytest.mark.parametrize(
    ("likely", "fooled", "expected"), [(1.0, 4.0, 0.05), (4.0, 1.0, 0.2), (0.0, 1.0, 0.0)]
)
def test_the_critic_pulls_a_fifth_of_what_likeness_pulls_and_no_more_than_itself(likely, fooled, expected):
    """Losses of known gradients at the last layer: their norms' ratio, at most 1, times 0.2."""
    last = torch.ones(1, 1, 2, 2, requires_grad=True)
    weight = adaptive_weight(likely * last.sum(), -fooled * last.sum(), last)
    assert weight.item() == pytest.approx(expected, abs=1e-5)


class Grey(nn.Module):
    """A critic of one weight: how bright a map is."""

    def __init__(self, sharpness: float) -> None:
        super().__init__()
        self.sharpness = nn.Parameter(torch.tensor(sharpness))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return self.sharpness * (maps.mean((1, 2, 3)) - 0.5)[:, None, None, None]


def test_a_fooled_critic_counts_a_fifth_twice_and_does_not_learn_from_it():
    autoencoder, critic, maps = small(replace(SMALL, restart=0.0)), Grey(3.0), drawn_maps(2)
    losses = autoencoder_losses(autoencoder, maps, critic=critic)  # type: ignore[arg-type]
    made = autoencoder(maps)[0]
    verdict, pixel = critic(made).mean(), (made - maps).abs().mean()
    pulls = [
        torch.autograd.grad(loss, autoencoder.last_weight, retain_graph=True)[0].norm()
        for loss in (pixel, 0.2 * verdict)
    ]
    expected = 0.2 * (pulls[0] / pulls[1]).clamp(max=1) * 0.2 * -verdict
    torch.testing.assert_close(losses["critic"], expected, rtol=1e-3, atol=1e-7)
    losses["critic"].backward()
    assert critic.sharpness.grad is None


def test_a_critic_learns_until_real_maps_lie_above_1_and_made_ones_below_minus_1():
    autoencoder, maps = small().eval(), drawn_maps(2)
    for sharpness in (0.0, 0.5, 1e6):
        critic = Grey(sharpness)
        losses = critic_losses(autoencoder, critic, maps)  # type: ignore[arg-type]
        real, made = critic(maps), critic(autoencoder(maps)[0])
        assert losses["real"].item() == pytest.approx((1 - real).clamp(min=0).mean().item(), rel=1e-5)
        assert losses["made"].item() == pytest.approx((1 + made).clamp(min=0).mean().item(), rel=1e-5)
    assert critic_losses(autoencoder, Grey(0.0), maps)["real"].item() == 1  # type: ignore[arg-type]


def test_edges_see_blur_and_not_brightness():
    edges, maps = perception(None), drawn_maps(2)
    assert edges.name == "edges"
    assert edges(maps, maps).item() == 0
    assert edges(maps + 0.1, maps).item() < 1e-5
    blurred = nn.functional.avg_pool2d(maps, 3, 1, 1)
    assert edges(blurred, maps).item() > 0.1


def vgg_weights() -> dict[str, torch.Tensor]:
    """Under the names of the lpips package, which cuts VGG into slices; the shapes are narrower."""
    generator, weights, inputs = torch.Generator().manual_seed(0), {}, 3
    stages = [(0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28)]
    for depth, stage in enumerate(stages, start=1):
        for number in stage:
            outputs = 4 * depth
            name = f"net.slice{depth}.{number}"
            weights[f"{name}.weight"] = torch.randn(outputs, inputs, 3, 3, generator=generator) * 0.3
            weights[f"{name}.bias"] = torch.zeros(outputs)
            inputs = outputs
        weights[f"lin{depth - 1}.model.1.weight"] = torch.rand(1, 4 * depth, 1, 1, generator=generator)
    return weights


def test_lpips_reads_its_users_file(tmp_path):
    torch.save(vgg_weights(), tmp_path / "lpips.pth")
    seen = perception(tmp_path / "lpips.pth")
    assert seen.name == "lpips-vgg"
    maps = drawn_maps(2)
    near, far = maps + 0.02, 1 - maps
    assert seen(maps, maps).item() == 0
    assert 0 < seen(near, maps).item() < seen(far, maps).item()
    near.requires_grad_()
    seen(near, maps).backward()
    assert near.grad is not None and near.grad.isfinite().all()


def test_lpips_is_the_published_sum():
    """Zhang et al. 2018, equation 1, over five of VGG-16's layers, on pictures normalised as ImageNet's."""
    weights, maps = vgg_weights(), drawn_maps(4)
    seen = Lpips({re.sub(r"^net\.slice\d", "features", name): weight for name, weight in weights.items()})
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    sides = [(side - mean[:, None, None]) / deviation[:, None, None] for side in (maps[:2], maps[2:])]
    distance = torch.zeros(2)
    for depth, stage in enumerate([(0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28)], start=1):
        if depth > 1:
            sides = [nn.functional.max_pool2d(side, 2) for side in sides]
        for number in stage:
            kernel = weights[f"net.slice{depth}.{number}.weight"]
            sides = [nn.functional.conv2d(side, kernel, padding=1).relu() for side in sides]
        one, other = (side / side.square().sum(1, keepdim=True).sqrt().clamp(min=1e-9) for side in sides)
        shares = weights[f"lin{depth - 1}.model.1.weight"]
        distance += ((one - other).square() * shares).sum(1).mean((1, 2))
    torch.testing.assert_close(seen(maps[:2], maps[2:]), distance.mean(), rtol=1e-5, atol=0)


def test_a_file_without_vgg_is_refused(tmp_path):
    torch.save({"lin0.model.1.weight": torch.ones(1, 4, 1, 1)}, tmp_path / "wrong.pth")
    with pytest.raises(BadInput, match=r"features\.0\.weight"):
        perception(tmp_path / "wrong.pth")


def test_a_corpus_is_encoded_in_half_precision_as_in_full_but_for_rounding():
    torch.manual_seed(0)
    autoencoder = Autoencoder(
        AutoencoderConfig(size=16, width=8, multipliers=(1, 2), patch=2, attention=(8,))
    )
    maps, before = torch.rand(3, 3, 16, 16), autoencoder.encoder.state_dict()
    with torch.no_grad():
        exact, half = autoencoder.encode(maps), in_half_precision(autoencoder)(maps)
    assert half.dtype == torch.float32 and 0 < float((half - exact).abs().max()) < 0.02 * float(exact.std())
    assert all(tensor.dtype == torch.float32 for tensor in before.values())

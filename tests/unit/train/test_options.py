"""Every option of a recipe does what it says; each test fails when the option does nothing."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from aimkit.data.loader import make_loader
from aimkit.data.sampler import PositionSampler
from aimkit.errors import AimkitError
from aimkit.models.backbones.contract import Backbone, Features
from aimkit.models.fusion import undecided
from aimkit.models.registry import create_backbone
from aimkit.models.weights.declared import network_of
from aimkit.train.activations import counted_once, recompute
from aimkit.train.loop import train
from aimkit.train.optim import make_optimizer, set_learning_rate
from aimkit.train.recipe import TrainRecipe
from aimkit.train.setup import Parts, build, build_network, network_input
from aimkit.train.start import restore
from aimkit.train.state import State
from aimkit.train.step import one_step

Make = Callable[..., TrainRecipe]
SMALL = {"backbone": "mobilenetv3_small_050", "options": {"width": 8}}


def stepped(recipe: TrainRecipe, folder: Path, steps: int = 1, look: Callable[[Parts], Any] | None = None) -> Parts:
    """The parts after that many steps; ``look`` sees the gradients of each."""
    parts = build(recipe, folder)
    sampler = PositionSampler(0, steps, recipe.batch, accumulate=recipe.accumulate)
    batches: Iterator[Any] = iter(make_loader(parts.dataset, sampler))
    if look is not None:
        parts.optimizer.optimizer.register_step_pre_hook(lambda *_: look(parts))
    for step in range(steps):
        set_learning_rate(parts.optimizer, recipe.optim, step, recipe.steps)
        one_step(recipe, parts, State(step=step), batches)
    return parts


def gradients(parts: Parts) -> dict[str, Tensor]:
    return {name: p.grad.clone() for name, p in parts.network.named_parameters() if p.grad is not None}


def test_accumulating_sends_parts_of_the_batch_through_the_network_and_steps_once(
    recipe: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    steps: list[Parts] = []
    before = nn.Module.__call__

    def call(module: nn.Module, *inputs: Any, **keys: Any) -> Any:
        if hasattr(module, "preprocess"):
            seen.append(len(inputs[0]))
        return before(module, *inputs, **keys)

    monkeypatch.setattr(nn.Module, "__call__", call)
    stepped(recipe(batch=4, accumulate=2), tmp_path, look=steps.append)
    assert seen == [2, 2]
    assert len(steps) == 1


def test_the_environment_does_not_change_how_often_gradients_are_accumulated(
    recipe: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4")
    assert build(recipe(accumulate=1), tmp_path).accelerator.gradient_accumulation_steps == 1
    steps: list[Parts] = []
    stepped(recipe(batch=4, accumulate=2), tmp_path, look=steps.append)
    assert len(steps) == 1


def test_bf16_computes_in_bfloat16_and_learns_in_float32(recipe: Make, tmp_path: Path) -> None:
    for precision, wanted in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        computed, learnt = set(), set()

        def look(parts: Parts, computed: set[Any] = computed, learnt: set[Any] = learnt) -> None:
            head = parts.network.matting.head
            with parts.accelerator.autocast():
                computed.add(head(torch.rand(1, head.in_channels, 8, 8)).dtype)
            learnt.update(gradient.dtype for gradient in gradients(parts).values())

        stepped(recipe(precision=precision), tmp_path, look=look)
        assert computed == {wanted}
        assert learnt == {torch.float32}


def test_the_moving_average_is_what_is_kept_and_the_trained_weights_are_beside_it(recipe: Make, tmp_path: Path) -> None:
    train(recipe(steps=2, checkpoint_every=1, ema=0.9), tmp_path)
    folders = [tmp_path / f"checkpoints/step_{step:08d}" for step in (1, 2)]
    first, second = (load_file(folder / "raw.safetensors") for folder in folders)
    kept = load_file(folders[1] / "model.safetensors")
    name = "matting.head.weight"
    assert not torch.equal(first[name], second[name])
    # The decay of the first steps is smaller than 0.9: (1 + n) / (10 + n).
    torch.testing.assert_close(kept[name], 2 / 11 * first[name] + 9 / 11 * second[name])


def test_clipping_bounds_the_norm_of_the_gradient(recipe: Make, tmp_path: Path) -> None:
    norms: dict[float, float] = {}
    for clip in (1e6, 0.01):

        def look(parts: Parts, clip: float = clip) -> None:
            norms[clip] = float(torch.stack([g.norm() for g in gradients(parts).values()]).norm())

        stepped(recipe(optim={"clip": clip}), tmp_path, look=look)
    assert norms[1e6] > 0.1
    assert norms[0.01] == pytest.approx(0.01, rel=1e-3)


def test_the_backbone_learns_at_its_share_of_the_rate_and_not_before_it_may(recipe: Make) -> None:
    network = build(recipe()).network
    params = recipe(optim={"lr": 1e-2, "backbone_factor": 0.1, "freeze_backbone": 3, "schedule": "constant"}).optim
    optimizer = make_optimizer(network, params)
    of = {id(p): group for group in optimizer.param_groups for p in group["params"]}
    for step, backbone_rate in ((2, 0.0), (3, 1e-3)):
        set_learning_rate(optimizer, params, step, 10)
        for name, parameter in network.named_parameters():
            if parameter.requires_grad:
                wanted = backbone_rate if name.startswith("backbone.") else 1e-2
                assert of[id(parameter)]["lr"] == pytest.approx(wanted), name


def test_a_frozen_backbone_keeps_its_statistics_and_thaws(recipe: Make, tmp_path: Path) -> None:
    fresh = build(recipe()).network.backbone.state_dict()
    frozen = recipe(optim={"lr": 1e-3, "freeze_backbone": 1})
    after_one, after_two = (stepped(frozen, tmp_path, steps).network.backbone.state_dict() for steps in (1, 2))
    assert all(torch.equal(fresh[name], after_one[name]) for name in fresh)
    assert not any(torch.equal(fresh[name], after_two[name]) for name in fresh if name.endswith("running_mean"))
    assert not torch.equal(fresh["trunk.conv_stem.weight"], after_two["trunk.conv_stem.weight"])


def test_a_backbone_that_does_not_learn_yet_has_no_gradients_and_no_part_in_the_clipped_norm(
    recipe: Make, tmp_path: Path
) -> None:
    parts_with_gradient: list[set[bool]] = []
    norms: list[float] = []

    def look(parts: Parts) -> None:
        found = gradients(parts)
        parts_with_gradient.append({name.startswith("backbone.") for name in found})
        norms.append(float(torch.stack([gradient.norm() for gradient in found.values()]).norm()))

    stepped(recipe(optim={"lr": 1e-3, "freeze_backbone": 1, "clip": 0.01}), tmp_path, 2, look)
    assert parts_with_gradient == [{False}, {False, True}]
    # The gradients of the decoders alone have the norm that is allowed.
    assert norms == pytest.approx([0.01, 0.01], rel=1e-3)


def test_fused_steps_give_the_same_weights_and_go_on_from_other_ones(recipe: Make, tmp_path: Path) -> None:
    plain, fused = recipe(steps=2), recipe(steps=2, optim={"lr": 1e-3, "warmup": 1, "fused": True})
    assert stepped(fused, tmp_path).optimizer.param_groups[0]["fused"] is True
    train(plain, tmp_path / "run")
    train(recipe(steps=1), tmp_path / "first")
    restored = build(fused)
    restore(restored, tmp_path / "first/checkpoints/step_00000001")
    assert restored.optimizer.param_groups[0]["fused"] is True
    sampler = PositionSampler(1, 2, fused.batch)
    set_learning_rate(restored.optimizer, fused.optim, 1, fused.steps)
    one_step(fused, restored, State(step=1), iter(make_loader(restored.dataset, sampler)))
    expected = load_file(tmp_path / "run/checkpoints/step_00000002/model.safetensors")
    for name, tensor in restored.network.state_dict().items():
        torch.testing.assert_close(tensor, expected[name], rtol=1e-3, atol=1e-5, msg=name)


def test_cudnn_benchmark_is_set_for_a_run_and_not_for_the_next(recipe: Make) -> None:
    build(recipe(cudnn_benchmark=True))
    assert torch.backends.cudnn.benchmark
    build(recipe())
    assert not torch.backends.cudnn.benchmark


def test_a_backbone_that_never_learns_has_no_gradients(recipe: Make) -> None:
    for optim, learns in (({"backbone_factor": 0}, False), ({"freeze_backbone": 1}, True)):
        parts = build(recipe(steps=2, optim={"lr": 1e-3, **optim}))
        inside = {name for name, p in parts.network.named_parameters() if p.requires_grad and "backbone." in name}
        assert bool(inside) is learns


@pytest.mark.parametrize("only", [("matting", "semantic.spatial_attention"), ("backbone.trunk.blocks", "semantic")])
def test_only_the_named_modules_learn(recipe: Make, tmp_path: Path, only: tuple[str, ...]) -> None:
    table = recipe(optim={"lr": 1e-2, "only": list(only)})
    start = build_network(table).state_dict()
    end = stepped(table, tmp_path, 2).network.state_dict()
    changed = {name for name, value in end.items() if not torch.equal(value, start[name])}
    inside = {name for name in end if name.startswith(tuple(f"{module}." for module in only))}
    # Statistics of batch norm count as well: both as what must change and as what must not.
    assert changed <= inside
    for module in only:
        assert {name.rpartition(".")[2] for name in changed if name.startswith(f"{module}.")} >= {"weight"}
    assert any(name.endswith("running_mean") for name in changed)


@pytest.mark.parametrize(
    ("only", "stage", "what", "hint"),
    [
        ("semantics", "matting", "no module 'semantics'", "backbone, projections, semantic, matting"),
        ("semantic.heads", "matting", "no module 'semantic.heads'", "semantic.head"),
        ("matting.up2", "matting", "no parameter is left to learn", "has weights"),
        ("matting", "semantic", "no parameter is left to learn", "does not train"),
    ],
)
def test_modules_that_cannot_learn_are_refused(recipe: Make, only: str, stage: str, what: str, hint: str) -> None:
    with pytest.raises(AimkitError, match=what) as caught:
        build(recipe(stage=stage, optim={"lr": 1e-3, "only": [only]}))
    assert caught.value.where == "optim.only"
    assert hint in str(caught.value.hint)


def test_a_run_takes_the_options_of_the_weights_that_it_does_not_set(
    recipe: Make, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Skip connections have no tensors of their own: weights with and without them load into each other."""
    table = {"backbone": "mobilenetv3_small_050", "options": {"width": 8, "semantic_skips": True}}
    train(recipe(steps=1, model=table), tmp_path / "run")
    own = {"backbone": "mobilenetv3_small_050", "options": {"fusion": "soft"}, "init": str(tmp_path / "run")}
    capfd.readouterr()
    train(recipe(steps=1, model=own), tmp_path / "next")
    assert "options of the weights: semantic_skips = true, width = 8" in " ".join(capfd.readouterr().err.split())
    assert dict(network_of(tmp_path / "next").created[1]) == {"fusion": "soft", "width": 8, "semantic_skips": True}
    assert network_of(tmp_path / "next").semantic_skips
    # What the recipe sets stays, and so does the network when resumed.
    without = {**own, "options": {"semantic_skips": False}}
    train(recipe(steps=1, model=without), tmp_path / "without")
    assert not network_of(tmp_path / "without").semantic_skips
    train(recipe(steps=2, model=own), tmp_path / "two")
    assert train(recipe(steps=2, model=own), tmp_path / "two", resume=True).step == 2


def test_the_stage_of_the_classes_leaves_the_matting_decoder_alone(recipe: Make, tmp_path: Path) -> None:
    train(recipe(stage="semantic"), tmp_path / "run")
    start = build_network(recipe(stage="semantic")).state_dict()
    end = load_file(tmp_path / "run/checkpoints/step_00000004/model.safetensors")
    changed = [name for name, value in end.items() if not torch.equal(value, start[name])]
    # Every batch norm counts the batches of the run.
    learnt = {name.split(".")[0] for name in changed if not name.endswith("num_batches_tracked")}
    assert {"backbone", "semantic"} <= learnt
    assert "matting" not in learnt
    logged = json.loads((tmp_path / "run/metrics.jsonl").read_text().splitlines()[0])
    assert {name for name in logged if name.endswith(("entropy", "alpha", "laplacian"))} == {"semantic_cross_entropy"}


def test_weights_of_the_classes_alone_predict_by_the_classes(recipe: Make, tmp_path: Path) -> None:
    train(recipe(stage="semantic"), tmp_path / "run")
    network = network_of(tmp_path / "run").eval()
    assert network.semantic_only
    output = network.predict(torch.rand(1, 3, 64, 64))
    torch.testing.assert_close(output.detail_logits, undecided(output.semantic_logits, network.classes))
    # The next stage trains the whole network.
    assert not build_network(recipe(model={**SMALL, "init": str(tmp_path / "run")})).semantic_only


def test_frozen_norms_keep_their_statistics(recipe: Make, tmp_path: Path) -> None:
    fresh = build(recipe()).network.state_dict()
    for freeze in (False, True):
        after = stepped(recipe(model={**SMALL, "freeze_norm": freeze}), tmp_path).network.state_dict()
        same = [torch.equal(fresh[name], after[name]) for name in fresh if name.endswith("running_var")]
        assert all(same) if freeze else not any(same)


def test_channels_last_lays_out_weights_and_images(recipe: Make, capsys: pytest.CaptureFixture[str]) -> None:
    parts = build(recipe(channels_last=True))
    assert "can crash" in capsys.readouterr().err
    weight = parts.network.semantic.head.weight
    image = network_input(parts.network, torch.rand(2, 3, 64, 64), True)
    assert all(t.is_contiguous(memory_format=torch.channels_last) for t in (weight, image))
    assert not network_input(parts.network, torch.rand(2, 3, 64, 64)).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.slow
def test_a_compiled_network_is_compiled_and_its_weights_keep_their_names(
    recipe: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graphs: list[Any] = []

    def backend(graph: Any, inputs: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    real = torch.compile
    monkeypatch.setattr(torch, "compile", lambda model: real(model, backend=backend))
    train(recipe(steps=1), tmp_path / "plain")
    assert not graphs
    train(recipe(steps=1, compile=True), tmp_path / "compiled")
    assert graphs
    plain, compiled = (
        load_file(tmp_path / name / "checkpoints/step_00000001/model.safetensors") for name in ("plain", "compiled")
    )
    assert plain.keys() == compiled.keys()
    assert all(torch.allclose(plain[name].float(), compiled[name].float(), atol=1e-4) for name in plain)


class Tiny(Backbone):
    """Without a way of its own to recompute; it counts its forwards."""

    def __init__(self) -> None:
        super().__init__()
        self.channels = (8, 8, 16, 16, 32, 32)
        pairs = enumerate(zip((3, *self.channels), self.channels, strict=False))
        self.convs = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, stride=1 if i == 0 else 2, padding=1), nn.BatchNorm2d(b), nn.ReLU())
            for i, (a, b) in pairs
        )
        self.forwards = 0

    def forward(self, image: Tensor) -> Features:
        self.forwards += 1
        maps = [image]
        for conv in self.convs:
            maps.append(conv(maps[-1]))
        return Features(tuple(maps[1:]))


def kept_bytes(backbone: nn.Module, image: Tensor) -> int:
    """What a forward keeps for the backward pass."""
    storages: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        maps = backbone(image).maps
    loss: Tensor = sum(m.square().mean() for m in maps)
    with counted_once(backbone, True):
        torch.autograd.backward(loss)
    given = {tensor.untyped_storage().data_ptr() for tensor in (image, *backbone.parameters())}
    return sum(size for pointer, size in storages.items() if pointer not in given)


@pytest.mark.parametrize(
    ("name", "share"),
    [
        ("tiny", 0.1),
        ("vit_tiny_patch16_224", 0.5),
        ("mobilenetv3_small_050", 0.6),
        pytest.param("hrnet_w18_small", 0.1, marks=pytest.mark.slow),
        pytest.param("convnext_atto", 0.5, marks=pytest.mark.slow),
        pytest.param("resnet34_mp", 0.1, marks=pytest.mark.slow),
    ],
)
def test_recomputed_backbones_keep_less_and_give_the_same_gradients_and_statistics(name: str, share: float) -> None:
    torch.manual_seed(0)
    plain = Tiny() if name == "tiny" else create_backbone(name)
    again = copy.deepcopy(plain)
    recompute(again)
    image = torch.rand(2, 3, 128, 128)
    torch.manual_seed(1)
    usual = kept_bytes(plain.train(), image)
    torch.manual_seed(1)
    less = kept_bytes(again.train(), image)
    assert less < share * usual
    for (key, a), b in zip(plain.named_parameters(), again.parameters(), strict=True):
        if a.grad is not None:
            torch.testing.assert_close(a.grad, b.grad, msg=lambda text, key=key: f"{key}: {text}")
    # Counted once: the second forward leaves the running statistics alone.
    for (key, a), b in zip(plain.named_buffers(), again.buffers(), strict=True):
        torch.testing.assert_close(a, b, msg=lambda text, key=key: f"{key}: {text}")


def test_a_copy_of_a_recomputed_backbone_calls_its_own_layers() -> None:
    first = Tiny()
    recompute(first)
    second = copy.deepcopy(first)
    second(torch.rand(1, 3, 64, 64))
    assert (first.forwards, second.forwards) == (0, 1)


def test_recomputing_trains_to_the_same_weights(recipe: Make, tmp_path: Path) -> None:
    plain, again = (
        stepped(recipe(model={**SMALL, "checkpoint_activations": on}), tmp_path, steps=2).network.state_dict()
        for on in (False, True)
    )
    for name in plain:
        torch.testing.assert_close(plain[name], again[name])

"""Evaluate a network, a baseline or stored predictions by a recipe."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from aimkit import console
from aimkit.errors import AimkitError
from aimkit.evaluate.baselines import baseline as baseline_of
from aimkit.evaluate.baselines import baselines
from aimkit.evaluate.images import EvaluationSet
from aimkit.evaluate.recipe import EvaluateRecipe
from aimkit.evaluate.report import write_report
from aimkit.evaluate.results import write_results
from aimkit.evaluate.run import Definitions, Predict, look, run
from aimkit.evaluate.sets import open_predictions, open_set
from aimkit.folder_lock import clean_leftovers, locked
from aimkit.predict.arguments import check_arguments
from aimkit.recipe import expand, load_recipe
from aimkit.zoo.manifest import find as find_entry

#: A file or folder.
PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class EvaluationSubject:
    """What is evaluated.

    Attributes:
        predict: Function from an image, RGB, uint8, (H, W, 3), to its alpha matte, (H, W); None for stored predictions.
        strategy: The strategy with its options, for the protocol.
        facts: Facts about the model, as JSON values; ``title`` is its name in tables.
        of_data: ``predict`` was made from the data.
    """

    predict: Predict | None
    strategy: str
    facts: dict[str, Any]
    of_data: bool = False


def evaluate(
    recipe: PathLike | EvaluateRecipe = "aim500",
    overrides: Iterable[str] = (),
    *,
    predictions: PathLike | None = None,
    truth: PathLike | None = None,
    trimaps: PathLike | None = None,
    images: PathLike | None = None,
    baseline: str | None = None,
    name: str | None = None,
    device: str = "auto",
    out: PathLike | None = None,
    report: bool = True,
    workers: int = 2,
    fresh: bool = False,
) -> dict[str, Any]:
    """Measure SAD, MSE, MAD, Grad and Conn by a recipe.

    ```python
    result = aimkit.evaluate.evaluate("aim500", ["data.root=AIM-500", "weights=runs/matting"], out="evaluation")
    result["averages"]["images"]["sad"]
    ```

    The recipe's network is evaluated, unless ``predictions`` or ``baseline`` is given.

    Args:
        recipe: A packaged recipe, a TOML file, or a recipe that is already loaded.
        overrides: ``key=value`` overrides of a recipe that is not loaded yet.
        predictions: Folder of alpha mattes to evaluate.
        truth: Folder of the true alpha mattes of ``predictions``, or a folder like ``data.root``, which is the default.
        trimaps: Folder of trimaps of ``predictions``.
        images: Folder of photos of ``predictions``, for the report.
        baseline: Registered baseline to evaluate, see :mod:`aimkit.evaluate.baselines`.
        name: Name of the model in tables.
        device: Device of the network: ``auto`` or a device of PyTorch.
        out: Folder of results.json, results.md, report.html, run.json (versions, paths and time), skipped.txt (when
            images were skipped) and images.jsonl, the journal of finished images: a run that was stopped continues
            from it. None writes nothing.
        report: Write report.html.
        workers: Number of threads that read and measure images.
        fresh: Measure all images, also those in the journal.

    Returns:
        ``model``, ``protocol``, ``averages``, ``images`` (one row per image), ``skipped`` (id and reason of images
        that can't be read or predicted) and ``notes``, as JSON values.

    Raises:
        AimkitError: The recipe, the data or the weights are missing or invalid, or no image can be read and predicted.
    """
    if not isinstance(recipe, EvaluateRecipe):
        recipe = load_recipe(recipe, overrides, kind="evaluate")
    assert isinstance(recipe, EvaluateRecipe)
    if predictions is not None and baseline is not None:
        raise AimkitError("--predictions and --baseline exclude each other", hint="give one of the two")
    check_arguments(recipe.strategy.name, device)
    if predictions is None and baseline is None and "hf:" in (recipe.data.kind[:3], recipe.data.root[:3]):
        # Before a dataset is fetched for nothing.
        _check_weights(recipe.weights)
    if predictions is not None:
        data = _open_predictions(recipe, predictions, truth, trimaps, images)
        subject = EvaluationSubject(None, "from files", {"title": expand(predictions).name, "name": "predictions"})
    else:
        for option, value in (("truth", truth), ("trimaps", trimaps), ("images", images)):
            if value is not None:
                raise AimkitError(f"--{option} requires --predictions", f"--{option} {value}", "use --data, --root")
        if baseline is not None:
            baselines.get(baseline, "--baseline")
        data = _open_data(recipe)
        if baseline is not None:
            facts = {"title": baseline, "name": f"baseline {baseline}"}
            subject = EvaluationSubject(baseline_of(baseline, data), "whole", facts, of_data=True)
        else:
            subject = network_subject(recipe, device)
    folder = None if out is None else expand(out, "--out")
    with locked(folder, "aimkit evaluate") if folder else nullcontext():
        if folder:
            clean_leftovers(folder)
        result = run(
            data,
            subject.predict,
            definitions=Definitions(recipe.metrics.grad, recipe.metrics.conn),
            strategy=subject.strategy,
            model=subject.facts | ({"title": name} if name else {}),
            workers=workers,
            journal=folder / "images.jsonl" if folder else None,
            fresh=fresh,
            of_data=subject.of_data,
        )
        if folder:
            where = {"predictions": predictions, "truth": truth, "data": recipe.data.root, "weights": recipe.weights}
            write_results(folder, result, {key: os.fspath(value) for key, value in where.items() if value})
            if report:
                write_report(folder / "report.html", result, lambda id: look(data, subject.predict, id))
    return result


def network_subject(recipe: EvaluateRecipe, device: str = "auto") -> EvaluationSubject:
    """Load the network of a recipe.

    Raises:
        AimkitError: The recipe has no weights, or they can't be loaded.
    """
    _check_weights(recipe.weights)
    import torch

    from aimkit.evaluate.digest import state_digest
    from aimkit.models.registry import DEFAULT_BACKBONE, create_model
    from aimkit.predict import Predictor
    from aimkit.predict.predictor import DEFAULT_MODEL, load_network
    from aimkit.predict.strategies import default_options

    name, backbone = recipe.model or None, recipe.backbone or None
    if recipe.weights == "random":
        console.warn("random weights: this evaluates an untrained network")
        torch.manual_seed(recipe.seed)
        network = create_model(name or DEFAULT_MODEL, backbone=backbone or DEFAULT_BACKBONE)
    else:
        network = load_network(recipe.weights, model=name, backbone=backbone)
    strategy = recipe.strategy.name or network.strategy
    chosen = {**default_options(strategy, network, recipe.strategy.options), **recipe.strategy.options}
    # Full precision unless the recipe sets another, so that GPUs and CPUs agree; colours are not measured.
    options = {"precision": "fp32", "foreground": False, "device": device, **chosen}
    predictor = Predictor(network, strategy, **options)
    build = network.build or {}
    facts = {"title": f"{build['name']} {build['backbone']}", "name": build["name"], "backbone": build["backbone"]}
    # The name, not the path: equal runs give equal results wherever the file lies.
    facts |= {"weights": recipe.weights.rstrip("/\\").replace("\\", "/").split("/")[-1]}
    facts |= {"weights_digest": state_digest(network)}
    return EvaluationSubject(lambda image: predictor(image).alpha, strategy_text(strategy, chosen), facts)


def _check_weights(weights: str) -> None:
    """Refuse weights that are neither a file nor in the zoo: PyTorch needs seconds to import."""
    if not weights:
        hint = "--weights FILE or zoo id (aimkit zoo ls), such as default; 'random' evaluates an untrained network"
        raise AimkitError("an evaluation needs weights", "weights", hint)
    if weights == "random" or weights.startswith("timm:") or expand(weights).exists():
        return
    if "/" in weights or expand(weights).suffix in (".safetensors", ".pth", ".pt", ".ckpt"):
        raise AimkitError("weights file not found", str(expand(weights)), "give a file, a run or a zoo id")
    find_entry(weights)


def strategy_text(name: str, options: dict[str, Any]) -> str:
    """Write a strategy with its options, for the protocol."""
    shown = ", ".join(
        f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in sorted(options.items())
    )
    return name + (f" ({shown})" if shown else "")


def _open_data(recipe: EvaluateRecipe) -> EvaluationSet:
    data = recipe.data
    return open_set(
        data.kind,
        data.root,
        types=data.types,
        split=data.split,
        columns=data.columns.model_dump(),
        kernel=data.trimap_kernel,
        limit=data.limit,
        alpha_range=data.alpha_range,
    )


def _open_predictions(
    recipe: EvaluateRecipe,
    predictions: PathLike,
    truth: PathLike | None,
    trimaps: PathLike | None,
    images: PathLike | None,
) -> EvaluationSet:
    data = recipe.data
    if truth is None and not data.root:
        raise AimkitError("predictions need the truth", "--predictions", "--truth DIR, or --root DIR")
    return open_predictions(
        os.fspath(predictions),
        os.fspath(truth or data.root),
        trimaps=os.fspath(trimaps or ""),
        images=os.fspath(images or ""),
        types=data.types,
        split=data.split,
        columns=data.columns.model_dump(),
        kernel=data.trimap_kernel,
        limit=data.limit,
        kind="" if truth else data.kind,
        alpha_range=data.alpha_range,
        prediction_range=data.prediction_range,
    )

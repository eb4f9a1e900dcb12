"""aimkit evaluate: measure a network, or stored predictions, against true mattes; compare results."""

from __future__ import annotations

import json
from typing import Any

import click

from aimkit import console
from aimkit.errors import AimkitError
from aimkit.recipe import expand, load_recipe


class _WithCompare(click.Command):
    """``aimkit evaluate compare ...`` is a command of its own; everything else is an evaluation."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if args[:1] == ["compare"]:
            return compare.make_context(f"{info_name} compare", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


@click.command(cls=_WithCompare)
@click.argument("recipe", default="aim500")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--data", metavar="KIND", help="aim500, am2k, p3m-500-p, p3m-500-np, ppm-100, folder, or hf:NAME.")
@click.option(
    "--root",
    metavar="DIR",
    help="Folder of the data, as published, or with original/, mask/, trimap/.",
)
@click.option("--types", metavar="FILE", help="Types file, if it is not in the folder.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first images.")
@click.option("--model", help="Network.")
@click.option("--backbone", help="Its backbone.")
@click.option("--weights", help="A file, a zoo id, or 'random' for an untrained network.")
@click.option("--strategy", help="hybrid, resize, whole, tiled.")
@click.option("--option", "options_", multiple=True, metavar="KEY=VALUE", help="Of the strategy: detail_scale=0.33.")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, ...")
@click.option("--predictions", metavar="DIR", help="Measure these mattes instead of a network.")
@click.option("--truth", metavar="DIR", help="True mattes for --predictions, or a folder like --root.")
@click.option("--trimaps", metavar="DIR", help="Trimaps for --predictions.")
@click.option("--images", metavar="DIR", help="Photos for --predictions, for the report.")
@click.option("--baseline", metavar="NAME", help="Measure zeros, ones, constant, mean, otsu, closed-form.")
@click.option("--parity", is_flag=True, help="Conn as the reference computes it: metrics.conn=parity.")
@click.option("--name", help="What tables call the model.")
@click.option("-o", "--out", default="evaluation", show_default=True, help="Folder of the results.")
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True, help="Threads that read and measure.")
@click.option("--fresh", is_flag=True, help="Measure everything again, also what an earlier run has finished.")
@click.option("--no-report", is_flag=True, help="Write no report.html.")
@click.option("--json", "as_json", is_flag=True, help="Print the averages as JSON.")
def evaluate(recipe: str, overrides: tuple[str, ...], **options: Any) -> None:
    """Measure SAD, MSE, MAD, Grad and Conn by a RECIPE (aim500 unless given), or compare results.

    OUT gets results.json, results.md, report.html and images.jsonl, the images that are finished: a run that was
    stopped continues there.

    'aimkit evaluate compare A.json B.json ...' sets results side by side.
    """
    if "=" in recipe:
        recipe, overrides = "aim500", (recipe, *overrides)
    loaded = load_recipe(recipe, [*_overrides(options), *overrides], kind="evaluate")
    from aimkit.evaluate.report import write_report
    from aimkit.evaluate.results import write_results
    from aimkit.evaluate.run import Definitions, look, run
    from aimkit.evaluate.tables import group_table, summary_table

    data = _open(loaded, options)
    if options["predictions"]:
        folder = expand(options["predictions"])
        predict, strategy = None, "from files"
        facts = {"title": options["name"] or folder.name, "name": "predictions"}
    elif options["baseline"]:
        from aimkit.evaluate.baselines import baseline

        predict, strategy = baseline(options["baseline"], data), "whole"
        facts = {"title": options["name"] or options["baseline"], "name": f"baseline {options['baseline']}"}
    else:
        predict, strategy, facts = _model(loaded, options["device"])
        facts = {"title": options["name"] or f"{facts['name']} {facts['backbone']}", **facts}
    out = expand(options["out"], "--out")
    result = run(
        data,
        predict,
        definitions=Definitions(loaded.metrics.grad, loaded.metrics.conn),
        strategy=strategy,
        model=facts,
        workers=options["workers"],
        journal=out / "images.jsonl",
        fresh=options["fresh"],
    )
    write_results(out, result)
    if not options["no_report"]:
        write_report(out / "report.html", result, lambda name: look(data, predict, name))
    if options["as_json"]:
        console.out(json.dumps({key: result[key] for key in ("model", "protocol", "averages", "notes")}, indent=2))
    else:
        console.table(*summary_table([result]))
        console.out("")
        console.table(*group_table(result))
        console.out("")
        for line in (result["protocol"]["text"], *result["notes"], str(out)):
            console.out(line)


@click.command("compare")
@click.argument("files", nargs=-1, required=True, metavar="A.json B.json...")
@click.option("--mix-protocols", is_flag=True, help="Compare the common images even if the protocols differ.")
@click.option("--seed", default=0, show_default=True, help="Seed of the bootstrap.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def compare(files: tuple[str, ...], mix_protocols: bool, seed: int, as_json: bool) -> None:
    """Set results side by side: averages, differences from the first, 95 % paired bootstrap intervals.

    Smaller is better; "clear" says better or worse when the interval leaves out 0.
    """
    from aimkit.evaluate.compare import compare as differences
    from aimkit.evaluate.compare import comparison_table
    from aimkit.evaluate.results import read_results
    from aimkit.evaluate.tables import model_name, summary_table

    results = [read_results(name) for name in files]
    rows = differences(results, mix_protocols=mix_protocols, seed=seed)
    if as_json:
        console.out(json.dumps(rows, indent=2))
        return
    console.table(*summary_table(results))
    console.out("")
    console.table(*comparison_table(rows), title=f"compared with the first, {model_name(results[0])}")
    for text in dict.fromkeys(result["protocol"]["text"] for result in results):
        console.out(f"\nprotocol: {text}")


def strategy_text(name: str, options: dict[str, Any]) -> str:
    """A strategy with its options, for the protocol."""
    shown = ", ".join(
        f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in sorted(options.items())
    )
    return name + (f" ({shown})" if shown else "")


def _overrides(options: dict[str, Any]) -> list[str]:
    """Options as recipe overrides; the text is quoted, so that a folder named 1e5 stays a text."""
    keys = {"data": "data.kind", "root": "data.root", "types": "data.types", "model": "model"}
    keys |= {"backbone": "backbone", "weights": "weights"}
    given = [f"{key}={json.dumps(options[name])}" for name, key in keys.items() if options[name] is not None]
    if options["limit"]:
        given.append(f"data.limit={options['limit']}")
    if options["parity"]:
        given.append('metrics.conn="parity"')
    if options["strategy"]:
        # The recipe's options belong to the recipe's strategy.
        given.append(f"strategy={{name = {json.dumps(options['strategy'])}}}")
    return [*given, *(f"strategy.options.{option}" for option in options["options_"])]


def _open(recipe: Any, options: dict[str, Any]) -> Any:
    from aimkit.evaluate.sets import open_predictions, open_set

    data = recipe.data
    if not options["predictions"]:
        for name in ("truth", "trimaps", "images"):
            if options[name]:
                raise AimkitError(
                    f"--{name} goes with --predictions", f"--{name} {options[name]}", "use --data, --root"
                )
        return open_set(
            data.kind, data.root, types=data.types, split=data.split, kernel=data.trimap_kernel, limit=data.limit
        )
    truth = options["truth"] or data.root
    if not truth:
        raise AimkitError("predictions need the truth", "--predictions", "--truth DIR, or --root DIR")
    return open_predictions(
        options["predictions"],
        truth,
        trimaps=options["trimaps"] or "",
        images=options["images"] or "",
        types=data.types,
        kernel=data.trimap_kernel,
        limit=data.limit,
        kind="" if options["truth"] else data.kind,
    )


def _model(recipe: Any, device: str) -> tuple[Any, str, dict[str, Any]]:
    """The network as a function image -> alpha, its strategy for the protocol, and what is known of it."""
    if not recipe.weights:
        hint = "--weights FILE or zoo id (aimkit zoo ls); 'random' measures an untrained network"
        raise AimkitError("an evaluation needs weights", "weights", hint)
    import torch

    from aimkit.evaluate.digest import state_digest
    from aimkit.models.registry import DEFAULT_BACKBONE, create_model
    from aimkit.predict import Predictor
    from aimkit.predict.strategies import own_options

    name, backbone = recipe.model or None, recipe.backbone or None
    if recipe.weights == "random":
        console.warn("the weights are random: this measures an untrained network")
        torch.manual_seed(recipe.seed)
        network = create_model(name or "aimnet", backbone=backbone or DEFAULT_BACKBONE)
    else:
        from aimkit.predict.predictor import load_network

        network = load_network(recipe.weights, model=name, backbone=backbone)
    strategy = recipe.strategy.name or network.strategy
    chosen = {**own_options(strategy, network, recipe.strategy.options), **recipe.strategy.options}
    # Full precision unless the protocol says otherwise, so that GPUs and CPUs agree; colours are not measured.
    options = {"precision": "fp32", "foreground": False, "device": device, **chosen}
    predictor = Predictor(network, strategy, **options)
    facts = {name: (network.build or {})[name] for name in ("name", "backbone")}
    facts |= {"weights": recipe.weights, "weights_digest": state_digest(network)}
    return lambda image: predictor(image).alpha, strategy_text(strategy, chosen), facts

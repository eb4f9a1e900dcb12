"""aimkit evaluate: evaluate a network, a baseline or stored predictions; compare results."""

from __future__ import annotations

import json
from typing import Any

import click

from aimkit import console
from aimkit.recipe import expand
from aimkit.skips import STRICT_EXIT


class EvaluateGroup(click.Group):
    """A group that evaluates by a recipe unless its first argument names a subcommand."""

    allow_interspersed_args = True

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        command = self.commands.get(args[0]) if args else None
        if command is None:
            return super().make_context(info_name, args, parent, **extra)
        return command.make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)


@click.group(cls=EvaluateGroup, invoke_without_command=True, subcommand_metavar="")
@click.argument("recipe", default="aim500")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--data", metavar="KIND", help="aim500, am2k, p3m-500-p, p3m-500-np, ppm-100, folder, or hf:NAME.")
@click.option("--root", metavar="DIR", help="Data folder, as published, or with original/, mask/, trimap/; or hf:NAME.")
@click.option("--types", metavar="FILE", help="Types file, if it is not in the data folder.")
@click.option("--limit", type=click.IntRange(min=1), help="Evaluate only this many images, the first by name.")
@click.option("--model", help="Network.  [default: that of the weights, else aimnet]")
@click.option("--backbone", help="Backbone of the network.  [default: that of the weights, else resnet34_mp]")
@click.option("--weights", help="A file, the folder of a training run, a zoo id, or 'random' for an untrained network.")
@click.option("--strategy", help="hybrid, resize, whole, tiled or refined.")
@click.option(
    "--option",
    "options_",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set an option of the strategy, such as detail_scale=0.33. Repeatable.",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps.")
@click.option("--predictions", metavar="DIR", help="Evaluate these alpha mattes instead of a network.")
@click.option("--truth", metavar="DIR", help="True alpha mattes for --predictions, or a folder like --root.")
@click.option("--trimaps", metavar="DIR", help="Trimaps for --predictions.")
@click.option("--images", metavar="DIR", help="Photos for --predictions, for the report.")
@click.option(
    "--alpha-range",
    metavar="RANGE",
    help="Scale of the true mattes, 0-1, 0-100, 0-255 or 0-65535.  [default: inferred from all]",
)
@click.option("--prediction-range", metavar="RANGE", help="The same for the mattes of --predictions.")
@click.option("--baseline", metavar="NAME", help="Evaluate zeros, ones, constant, mean, otsu or closed-form.")
@click.option("--parity", is_flag=True, help="Compute Conn as the reference does: metrics.conn=parity.")
@click.option("--name", help="Name of the model in tables.")
@click.option("-o", "--out", default="evaluation", show_default=True, help="Output folder.")
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True, help="Threads that read and measure.")
@click.option("--fresh", is_flag=True, help="Measure all images again, including those that an earlier run finished.")
@click.option("--strict", is_flag=True, help="Exit with code 3 if an image was skipped.")
@click.option("--no-report", is_flag=True, help="Do not write report.html.")
@click.option("--submit", metavar="FILE", help="Add a row to FILE, for 'aimkit zoo board NAME --with FILE'.")
@click.option("--json", "as_json", is_flag=True, help="Print the averages as JSON.")
def evaluate(recipe: str, overrides: tuple[str, ...], **options: Any) -> int:
    """Compute SAD, MSE, MAD, Grad and Conn with a RECIPE (aim500 by default).

    Writes results.json, results.md, report.html, run.json (versions, paths, time) and images.jsonl, the journal of
    finished images: an interrupted run continues from it. An image that can't be read or predicted is skipped;
    OUT/skipped.txt lists the reasons.
    """
    from aimkit.evaluate.evaluation import evaluate as work
    from aimkit.evaluate.tables import group_table, summary_table

    if "=" in recipe:
        recipe, overrides = "aim500", (recipe, *overrides)
    same = ("predictions", "truth", "trimaps", "images", "baseline", "name", "device", "out", "workers", "fresh")
    result = work(
        recipe,
        [*_overrides(options), *overrides],
        report=not options["no_report"],
        **{key: options[key] for key in same},
    )
    if options["submit"]:
        from aimkit.publish.board import add_row

        board, _, row = add_row(expand(options["out"]), target=expand(options["submit"], "--submit"))
        console.info(f"board {board}: {row.method}" + ("" if row.seen == "no" else f", not ranked ({row.why})"))
    code = STRICT_EXIT if options["strict"] and result["skipped"] else 0
    if options["as_json"]:
        console.out(json.dumps({key: result[key] for key in ("model", "protocol", "averages", "notes")}, indent=2))
        return code
    console.table(*summary_table([result]))
    console.out("")
    console.table(*group_table(result))
    console.out("")
    for line in (result["protocol"]["text"], *result["notes"], str(expand(options["out"]))):
        console.out(line)
    return code


@evaluate.command("compare", short_help="Compare results with the first.")
@click.argument("files", nargs=-1, required=True, metavar="A.json B.json...")
@click.option("--mix-protocols", is_flag=True, help="Compare the common images even if the protocols differ.")
@click.option("--seed", default=0, show_default=True, help="Seed of the bootstrap.")
@click.option("--html", "page", metavar="FILE", help="Also write a page: tables, a scatter plot, the worst images.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def compare(files: tuple[str, ...], mix_protocols: bool, seed: int, page: str | None, as_json: bool) -> None:
    """Compare results with the first: averages, differences, 95 % paired bootstrap intervals.

    Smaller is better. A difference (the other result minus the first) is "clear" if its interval excludes 0.
    """
    from aimkit.evaluate.compare import compare as differences
    from aimkit.evaluate.compare import comparison_table, named_apart
    from aimkit.evaluate.results import read_results
    from aimkit.evaluate.tables import model_name, summary_table

    results = named_apart([read_results(name) for name in files], [expand(name) for name in files])
    rows = differences(results, mix_protocols=mix_protocols, seed=seed)
    if page:
        from aimkit.evaluate.comparison import comparison_page
        from aimkit.files import write_bytes

        write_bytes(expand(page, "--html"), comparison_page(results, mix_protocols=mix_protocols).encode())
        console.info(f"page: {page}")
    if as_json:
        console.out(json.dumps(rows, indent=2))
        return
    console.table(*summary_table(results))
    console.out("")
    console.table(*comparison_table(rows), title=f"compared with the first, {model_name(results[0])}")
    for text in dict.fromkeys(result["protocol"]["text"] for result in results):
        console.out(f"\nprotocol: {text}")


def _overrides(options: dict[str, Any]) -> list[str]:
    """Write options as recipe overrides; texts are quoted, so that a folder named 1e5 stays a text."""
    keys = {"data": "data.kind", "root": "data.root", "types": "data.types", "model": "model"}
    keys |= {"backbone": "backbone", "weights": "weights"}
    keys |= {"alpha_range": "data.alpha_range", "prediction_range": "data.prediction_range"}
    given = [f"{key}={json.dumps(options[name])}" for name, key in keys.items() if options[name] is not None]
    if options["limit"]:
        given.append(f"data.limit={options['limit']}")
    if options["parity"]:
        given.append('metrics.conn="parity"')
    if options["strategy"]:
        # The recipe's options belong to the recipe's strategy.
        given.append(f"strategy={{name = {json.dumps(options['strategy'])}}}")
    return [*given, *(f"strategy.options.{option}" for option in options["options_"])]

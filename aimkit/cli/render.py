"""aimkit render: 3-D models as cut-outs with exact alpha."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aimkit import console
from aimkit.errors import AimkitError

if TYPE_CHECKING:
    from aimkit.render.recipe import RenderRecipe


@click.command()
@click.argument("what", nargs=-1, metavar="RECIPE|MODEL|FOLDER... [KEY=VALUE]...")
@click.option("-o", "--out", help="Output folder.")
@click.option(
    "-n", "--views", type=click.IntRange(min=1), help="Pictures of each model.  [default: the recipe's, or 4]"
)
@click.option("--size", type=click.IntRange(min=16), help="Longer side in pixels.  [default: the recipe's, or 640]")
@click.option("--samples", help="Colour samples per pixel, or auto.  [default: the recipe's, or auto]")
@click.option(
    "--workers", type=click.IntRange(min=1), help="Number of Blender processes.  [default: one for each core]"
)
@click.option(
    "--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Threads of each Blender process."
)
@click.option(
    "--blender", default="", help="Blender, or a Python that has bpy.  [default: AIMKIT_BLENDER, else searched]"
)
@click.option("--setup", is_flag=True, help="Install Blender as a Python package into the cache folder, and exit.")
@click.option(
    "--timeout", type=click.FloatRange(min=1), default=600, show_default=True, help="Time limit of a picture, seconds."
)
@click.option(
    "--memory",
    type=click.FloatRange(min=0.1),
    default=8,
    show_default=True,
    help="Memory limit of a Blender process, GiB.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Render at most this many pictures, for a trial.")
@click.option("--resume", is_flag=True, help="Keep finished pictures, and render the rest.")
@click.option("--prune", is_flag=True, help="With --resume: remove pictures that the recipe does not make.")
@click.option("--strict", is_flag=True, help="Exit with code 3 if a picture was skipped.")
def render(what: tuple[str, ...], setup: bool, blender: str, **options: Any) -> int:
    """Render 3-D models into cut-outs with exact alpha.

    Give one recipe, or models: folders, catalogues of Sweet Home 3D (.sh3f), and files (OBJ, FBX, glTF, GLB, USD, PLY,
    STL). KEY=VALUE pairs override keys of the recipe. OUT becomes a source: {source = "cutouts", path = "OUT"}. Each
    picture has a sidecar OUT/NAME.json: model, licence, creator, light, camera, look, seed, versions. Licences and
    creators reach the cards of datasets through OUT/credits.json.

    Blender runs as a separate process. A picture that makes it crash, hang or take too much memory is skipped;
    OUT/skipped.txt lists the reasons. The same recipe and seed give the same pictures with the same Blender.
    """
    if setup:
        from aimkit.render.environment import set_up

        console.out(str(set_up()))
        return 0
    if not what:
        raise AimkitError("missing argument RECIPE or MODEL", hint="aimkit render MODELS -o CUTOUTS")
    if not options["out"]:
        raise AimkitError("missing option -o", "--out", "name the output folder: -o CUTOUTS")
    if options["prune"] and not options["resume"]:
        raise AimkitError("--prune needs --resume", "--prune", "add --resume")
    from aimkit.recipe import expand
    from aimkit.render.blender import find_blender
    from aimkit.render.models import find_models
    from aimkit.render.run import render as run
    from aimkit.render.shots import plan
    from aimkit.skips import Skips
    from aimkit.synth.processes import cores

    out = expand(options["out"], "--out")
    recipe = recipe_of(what, options)
    left_out = Skips("model")
    models = find_models(recipe.models, left_out)
    left_out.tell(len(models) + len(left_out))
    shots = plan(recipe, models)
    _refuse_inside(out, recipe)
    command = find_blender(blender)
    console.info(f"{len(shots)} pictures of {len({shot.model.id for shot in shots})} models")
    try:
        outcome = run(
            recipe,
            shots,
            out,
            command,
            workers=options["workers"] or cores(),
            threads=options["threads"],
            timeout=options["timeout"],
            memory=int(options["memory"] * 2**30),
            resume=options["resume"],
            prune=options["prune"],
            limit=options["limit"],
        )
    except KeyboardInterrupt:
        console.info("stopped; finished pictures are kept. Run the same command with --resume to continue")
        raise
    if len(outcome.rejected):
        console.info(f"{len(outcome.rejected)} pictures not kept: empty, black, edge-on or plain boards")
    spent = f"; {outcome.cpu_seconds / outcome.made:.1f} CPU seconds per picture" if outcome.made else ""
    console.info(f"{outcome.made} pictures rendered, {outcome.known} already there{spent}")
    outcome.skips.tell(len(shots), out / "skipped.txt")
    outcome.skips.check(len(shots))
    console.out(str(out))
    return outcome.skips.exit_code(options["strict"])


def recipe_of(words: tuple[str, ...], options: dict[str, Any]) -> RenderRecipe:
    """The recipe that the command line names: a packaged one, a file, or models with ``key=value`` pairs.

    Raises:
        AimkitError: Recipes and models are mixed, or a key is wrong.
    """
    from aimkit.overrides import apply_overrides
    from aimkit.recipe import load_recipe, parse
    from aimkit.render.recipe import RenderRecipe

    keys = [word for word in words if "=" in word and not Path(word).exists()]
    names = [word for word in words if word not in keys]
    keys += [f"{key}={options[key]}" for key in ("views", "size", "samples") if options.get(key)]
    models = [name for name in names if Path(name).exists() and Path(name).suffix != ".toml"]
    if not models and len(names) == 1:
        loaded: RenderRecipe = load_recipe(names[0], keys, kind="render")
        return loaded
    if not names:
        raise AimkitError("missing argument RECIPE or MODEL", hint="aimkit render MODELS -o CUTOUTS")
    if len(models) < len(names):
        wrong = next(name for name in names if name not in models)
        raise AimkitError("give one recipe, or models that exist", wrong)
    data = apply_overrides({"kind": "render", "models": [{"path": name} for name in models]}, keys)
    return parse(RenderRecipe, data, "arguments")


def _refuse_inside(out: Path, recipe: RenderRecipe) -> None:
    """Pictures among the models would be found as textures by nobody, but mixed up by people."""
    from aimkit.recipe import expand

    for entry in recipe.models:
        root = expand(entry.path).resolve()
        if root.is_dir() and (out.resolve() == root):
            raise AimkitError("the output folder is the folder of models", str(out), "choose another folder with -o")

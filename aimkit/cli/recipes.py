"""aimkit recipes: the packaged recipes, and checks of your own."""

from __future__ import annotations

from pathlib import Path

import click

from aimkit import console, resources
from aimkit.errors import AimkitError
from aimkit.files import write_bytes
from aimkit.recipe import KINDS, expand, find, header, load_recipe


@click.group()
def recipes() -> None:
    """List, show, copy and check recipes."""


@recipes.command("ls")
@click.argument("kind", required=False, type=click.Choice(list(KINDS)))
def list_(kind: str | None) -> None:
    """List the packaged recipes, or those of one kind, with their purpose."""
    rows = [(name, header(path).split("\n")[0]) for name, path in resources.recipes(kind).items()]
    console.table(["recipe", "purpose"], rows)


@recipes.command()
@click.argument("recipe")
@click.argument("overrides", nargs=-1)
@click.option("--resolved", is_flag=True, help="Print every key with its value, after overrides.")
def show(recipe: str, overrides: tuple[str, ...], resolved: bool) -> None:
    """Print RECIPE, with key=value OVERRIDES applied."""
    if not resolved and not overrides:
        console.out(find(recipe).read_text(encoding="utf-8").rstrip())
        return
    import tomli_w

    loaded = load_recipe(recipe, overrides)
    console.out(f"# digest {loaded.digest()}\n" + tomli_w.dumps(loaded.resolved()).rstrip())


@recipes.command()
@click.argument("recipe")
@click.argument("file")
@click.option("--force", is_flag=True, help="Overwrite the file.")
def cp(recipe: str, file: str, force: bool) -> None:
    """Copy a packaged recipe to FILE, for you to edit."""
    source, target = find(recipe), expand(file)
    if target.is_dir():
        target = target / source.name
    if target.exists() and not force:
        raise AimkitError("the file already exists", str(target), "choose another name, or add --force")
    write_bytes(target, source.read_bytes())
    console.info(f"wrote {target}")


@recipes.command()
@click.argument("files", nargs=-1)
def check(files: tuple[str, ...]) -> None:
    """Check the recipes FILES, or all packaged ones, and list every error."""
    failed = 0
    for name in files or tuple(resources.recipes()):
        try:
            loaded = load_recipe(name)
            console.out(f"ok     {name}  {loaded.digest()[:12]}")
        except AimkitError as error:
            failed += 1
            console.out(f"wrong  {name}")
            console.error(error)
    if failed:
        raise AimkitError(f"{failed} of {len(files or resources.recipes())} recipes are wrong", str(Path.cwd()))

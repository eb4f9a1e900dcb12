"""The command line. Commands are listed here and imported only when they run, so that ``--help`` is instant."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from typing import Any

import click

from aimkit import __version__
from aimkit.errors import AimkitError

#: command -> (module, attribute, one line of help)
COMMANDS = {
    "demo": ("aimkit.cli.demo", "demo", "Dataset, prediction, fine-tuning and one page, in two minutes."),
    "models": ("aimkit.cli.models", "models", "List and show networks."),
    "export": ("aimkit.cli.export", "export", "Export a network to ONNX or torch.export."),
    "train": ("aimkit.cli.train", "train", "Train or fine-tune a network from a recipe."),
    "sweep": ("aimkit.cli.sweep", "sweep", "Train a recipe with several values and seeds, and compare the runs."),
    "learning-curve": (
        "aimkit.cli.learning_curve",
        "learning_curve",
        "Train on 2, 5, 10, ... of your images, and plot the error against their number.",
    ),
    "evaluate": ("aimkit.cli.evaluate", "evaluate", "Measure networks or predictions; compare results."),
    "runs": ("aimkit.cli.runs", "runs", "List, show, compare and average training runs."),
    "studio": ("aimkit.cli.studio", "studio", "Compose, predict and compare in the browser."),
    "predict": ("aimkit.cli.predict", "predict", "Predict alpha mattes, cut-outs and composites of photos."),
    "recipes": ("aimkit.cli.recipes", "recipes", "List, show, copy and check recipes."),
    "synth": ("aimkit.cli.synth", "synth", "Write the dataset of a recipe."),
    "preview": ("aimkit.cli.synth", "preview", "Draw a contact sheet of a recipe or of the procedural generators."),
    "render": ("aimkit.cli.render", "render", "Render 3-D models into cut-outs with exact alpha."),
    "pool": ("aimkit.cli.pool", "pool", "Pack foregrounds and backgrounds once, for fast synthesis."),
    "dataset": ("aimkit.cli.dataset", "dataset", "Inspect, verify, compare and publish datasets."),
    "backbones": ("aimkit.cli.backbones", "backbones", "List, show and check backbones."),
    "bench": ("aimkit.cli.bench", "bench", "Measure speed on this machine."),
    "zoo": ("aimkit.cli.zoo", "zoo", "List, fetch, check and publish weights."),
    "catalog": ("aimkit.cli.catalog", "catalog", "Show where to get published datasets, and check their folders."),
    "lint": ("aimkit.cli.lint", "lint", "Check data before training: mattes, colours, pairs, duplicates, leaks."),
    "types": ("aimkit.cli.types", "types", "Infer and check the image types of foregrounds."),
}


class LazyGroup(click.Group):
    """A group that imports a command when it is called."""

    def __init__(self, *args: Any, lazy: dict[str, tuple[str, str, str]] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lazy = lazy or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.lazy:
            return None
        module, attribute, _ = self.lazy[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        from aimkit.registry import did_you_mean

        if args and args[0] not in self.lazy and not args[0].startswith("-"):
            raise AimkitError(f"unknown command '{args[0]}'", hint=did_you_mean(args[0], self.lazy))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in self.lazy.items()])


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-v", "--verbose", count=True, help="Print what is being done.")
@click.option("-q", "--quiet", is_flag=True, help="Print only errors.")
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli(verbose: int, quiet: bool) -> None:
    """Automatic image matting: dataset synthesis, AimNet on any timm backbone, a model zoo."""
    from aimkit import console
    from aimkit.cache import redirect_hub

    console.set_verbosity(-1 if quiet else verbose)
    redirect_hub()


def main(args: list[str] | None = None) -> None:
    """Run the command line and exit with 0 (done), 1 (failed), 2 (bad input) or 130 (interrupted)."""
    sys.exit(run(args))


def run(args: list[str] | None = None) -> int:
    """Run the command line in this process and return its exit code."""
    from aimkit import console
    from aimkit.files import DISK_FULL, write_error

    try:
        result = cli.main(args=args, prog_name="aimkit", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except AimkitError as problem:
        console.error(problem)
        return problem.exit_code
    except click.exceptions.Abort:
        console.info("interrupted")
        return 130
    except click.ClickException as problem:
        context = getattr(problem, "ctx", None)
        hint = f"{context.command_path} --help" if context else ""
        console.error(AimkitError(problem.format_message(), hint=hint))
        return 2
    except KeyboardInterrupt:
        console.info("interrupted")
        return 130
    except BrokenPipeError:
        # The reader (head, less) has closed the pipe, which is not a failure. Keep Python from reporting it at exit.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        return 0
    except OSError as problem:
        # Commands say what they did with a file; here is what is left: caches of other packages, names that are too
        # long, folders without rights.
        console.detail(traceback.format_exc())
        where = os.fsdecode(problem.filename) if isinstance(problem.filename, str | bytes) else ""
        if problem.errno in DISK_FULL:
            console.error(write_error(problem, where))
        else:
            what = problem.strerror or str(problem)
            console.error(AimkitError(what, where, "-v shows where it happened", exit_code=1))
        return 1

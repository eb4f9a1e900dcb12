"""aimkit studio: recipes, networks, data and results in the browser."""

from __future__ import annotations

import click

from aimkit import console
from aimkit.errors import AimkitError
from aimkit.recipe import expand


@click.command()
@click.argument("folders", nargs=-1, metavar="[FOLDER]...")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for all.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port.  [default: the first free one from 7860 on]")
@click.option("--open/--no-open", "browser", default=True, show_default=True, help="Open the page in a browser.")
@click.option("--space", metavar="DIR", help="Write the files of a Hugging Face Space instead of serving.")
def studio(folders: tuple[str, ...], host: str, port: int | None, browser: bool, space: str | None) -> None:
    """Open the studio: compose recipes, try networks, look at data and results.

    FOLDERs of datasets, results and runs appear on the page. It listens on this machine only, unless --host says
    otherwise; remote visitors see only their own uploads and FOLDERs. Nothing is sent anywhere, and uploads are removed
    when a page is closed. Ctrl-C stops it.
    """
    from aimkit.app.settings import Studio
    from aimkit.app.studio import LOOPBACK, serve

    if space is not None:
        from aimkit.app.space import write_space

        for path in write_space(expand(space, "--space")):
            console.out(str(path))
        return
    shown = tuple(expand(folder, "FOLDER") for folder in folders)
    for folder in shown:
        if not folder.is_dir():
            raise AimkitError("folder not found", str(folder), "name folders of datasets, results or runs")

    def ready(url: str) -> None:
        console.info(f"the studio is at {url}   (Ctrl-C stops it)")

    serve(Studio(local=host in LOOPBACK, folders=shown), host=host, port=port, browser=browser, ready=ready)

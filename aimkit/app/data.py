"""The tab Data."""

from __future__ import annotations

import gradio as gr

from aimkit.app.settings import Studio


def data(studio: Studio, page: gr.Blocks) -> None:
    """Build the tab within the ``gr.Tab`` of the page that is open."""
    gr.Markdown("Under construction.")

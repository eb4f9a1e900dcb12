"""The tab Results."""

from __future__ import annotations

import gradio as gr

from aimkit.app.settings import Studio


def results(studio: Studio) -> None:
    """Build the tab within the ``gr.Tab`` that is open."""
    gr.Markdown("Under construction.")

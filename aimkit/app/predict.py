"""The tab Predict."""

from __future__ import annotations

import gradio as gr

from aimkit.app.settings import Studio


def predict(studio: Studio) -> None:
    """Build the tab within the ``gr.Tab`` that is open."""
    gr.Markdown("Under construction.")

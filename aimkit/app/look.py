"""How the studio looks: one theme, one stylesheet, fonts that come with Gradio and are served locally."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aimkit.html import STYLE

_FOLDER = Path(__file__).parent

#: Stylesheets of the page.
STYLES = [STYLE, _FOLDER / "studio.css", _FOLDER / "browse.css"]
#: Icon of the page.
FAVICON = _FOLDER / "favicon.png"
#: The line at the top.
HEADING = (
    "<header class='studio-heading'><span class='mark' aria-hidden='true'></span>"
    "<h1>aimkit <span>studio</span></h1></header>"
)


def theme() -> Any:
    """The Gradio theme: neutral, one accent, quiet borders, the same in light and dark."""
    import gradio as gr
    from gradio.themes.utils import colors, fonts, sizes

    base = gr.themes.Base(
        primary_hue=colors.teal,
        secondary_hue=colors.teal,
        neutral_hue=colors.slate,
        spacing_size=sizes.spacing_md,
        radius_size=sizes.radius_md,
        text_size=sizes.text_md,
        font=[fonts.LocalFont("IBM Plex Sans", weights=(400, 700)), "system-ui", "sans-serif"],
        font_mono=[fonts.LocalFont("IBM Plex Mono", weights=(400, 700)), "ui-monospace", "monospace"],
    )
    return base.set(
        body_background_fill="#f6f7f9",
        body_background_fill_dark="#101418",
        background_fill_primary="#ffffff",
        background_fill_primary_dark="#171c22",
        background_fill_secondary="#f0f2f5",
        background_fill_secondary_dark="#1d232a",
        border_color_primary="#dce1e7",
        border_color_primary_dark="#2c343d",
        body_text_color="#1b232c",
        body_text_color_dark="#e4e9ee",
        body_text_color_subdued="#5b6773",
        body_text_color_subdued_dark="#98a4b0",
        block_background_fill="#ffffff",
        block_background_fill_dark="#171c22",
        block_border_width="1px",
        block_shadow="none",
        block_shadow_dark="none",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_label_border_width="0px",
        block_label_text_color="*body_text_color_subdued",
        block_label_text_color_dark="*body_text_color_subdued",
        block_title_text_color="*body_text_color_subdued",
        block_title_text_color_dark="*body_text_color_subdued",
        block_title_text_weight="400",
        input_border_width="1px",
        input_border_color="#cfd6dd",
        input_border_color_dark="#36404a",
        input_background_fill="#ffffff",
        input_background_fill_dark="#12171c",
        button_primary_background_fill="#0f766e",
        button_primary_background_fill_hover="#115e59",
        button_primary_background_fill_dark="#0f766e",
        button_primary_background_fill_hover_dark="#0d9488",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#ffffff",
        button_secondary_background_fill="#ffffff",
        button_secondary_background_fill_hover="#eef1f4",
        button_secondary_background_fill_dark="#1d232a",
        button_secondary_background_fill_hover_dark="#262e37",
        button_secondary_border_color="#cfd6dd",
        button_secondary_border_color_dark="#36404a",
        button_border_width="1px",
        table_even_background_fill="#ffffff",
        table_even_background_fill_dark="#171c22",
        table_odd_background_fill="#f6f7f9",
        table_odd_background_fill_dark="#1d232a",
        checkbox_background_color="#ffffff",
        checkbox_background_color_dark="#12171c",
        checkbox_border_color="#b9c2cb",
        checkbox_border_color_dark="#4a5560",
        color_accent="#0f766e",
        color_accent_soft="#d5efec",
        color_accent_soft_dark="#12312f",
    )

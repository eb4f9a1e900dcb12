"""What visitors are told: errors in plain words, without the paths of the machine that serves them."""

from __future__ import annotations

import functools
import inspect
import re
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

from aimkit import console
from aimkit.errors import AimkitError

F = TypeVar("F", bound=Callable[..., Any])

#: An absolute path of two names or more, or a drive's.
_PATH = re.compile(r"(?<![\w.:/])(?:[A-Za-z]:[\\/]|/)(?:[^\s'\"<>|:,;()\\/]+[\\/])+([^\s'\"<>|:,;()\\/]*)")


def hide_paths(text: str) -> str:
    """A text whose absolute paths are cut down to their last name."""
    return _PATH.sub(lambda match: match[1], text)


def plain(error: AimkitError) -> str:
    """An error for a page: what is wrong, where, and how to correct it, without paths of the machine."""
    parts = [error.what, f"({error.where})" if error.where else "", error.hint]
    return hide_paths(" ".join(part for part in parts if part))


def telling(function: F) -> F:
    """Make an event's function show its errors on the page instead of a traceback in the log.

    Raises:
        gradio.Error: In place of an ``AimkitError``, and of anything unforeseen, which is logged.
    """
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def generate(*args: Any, **kwargs: Any) -> Any:
            try:
                yield from function(*args, **kwargs)
            except Exception as error:
                raise _shown(error) from None

        return generate  # type: ignore[return-value]

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            raise _shown(error) from None

    return call  # type: ignore[return-value]


def _shown(error: Exception) -> Exception:
    import gradio as gr

    if isinstance(error, gr.Error):
        return error
    if isinstance(error, AimkitError):
        return gr.Error(plain(error), duration=None, print_exception=False)
    console.warn(f"{type(error).__name__}: {error}")
    console.detail("".join(traceback.format_exception(error)))
    return gr.Error("Something went wrong on the server; see its log.", print_exception=False)

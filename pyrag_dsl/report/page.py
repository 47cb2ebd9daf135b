"""From the view to HTML. The template is a file of ours; what comes from a run is only ever a value in it."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined

from ..quoting import visible
from .view import View


def fill(view: View) -> str:
    """The page."""
    here = files(__package__)
    style = here.joinpath("page.css").read_text(encoding="utf-8")
    template = here.joinpath("page.html").read_text(encoding="utf-8")
    # The policy allows this one style sheet by its hash: no script, no image, no request of any kind.
    digest = b64encode(sha256(style.encode()).digest()).decode("ascii")
    environment = Environment(
        autoescape=True,
        finalize=_harmless,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["seconds"] = seconds
    page = environment.from_string(template.replace("/*STYLE*/", style))
    return page.render(view=view, digest=digest, calls={call.node: call for call in view.calls})


def seconds(value: float) -> str:
    """A time in a unit that suits it."""
    if value < 0.001:
        return f"{value * 1e6:.0f} µs"
    return f"{value * 1e3:.0f} ms" if value < 1 else f"{value:.2f} s"


def _harmless(value: Any) -> Any:
    """Every value on its way into the page: no control character, no invisible or reordering one."""
    # Not of `Markup`, which only the template itself makes.
    return visible(value) if type(value) is str else value

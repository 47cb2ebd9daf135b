"""From the view to HTML. The template is a file of ours; what comes from a run is only ever a value in it."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined

from ..quoting import visible
from .view import View

PARTS = ("head", "errors", "lineage", "plan", "time", "paid", "repairs", "calls", "run")
"""The parts of the page, each of which may be shown anew while a run goes on."""


def fill(view: View, *, script: str = "", policy: str = "") -> str:
    """The page.

    Args:
        view: what it shows.
        script: what a server adds to the page's own script.
        policy: what a server's page may do beside running that, as part of a Content-Security-Policy.
    """
    style, own = _file("page.css"), _file("page.js") + script
    # The policy allows this one style sheet and this one script by their hashes: no request of any kind.
    allowed = (
        f"default-src 'none'; style-src 'sha256-{digest(style)}'; script-src 'sha256-{digest(own)}'; {policy}"
        "base-uri 'none'; form-action 'none'"
    )
    parts_of = [(name, getattr(_module(), f"part_{name}")(view)) for name in PARTS]
    made = str(_module().whole(view, allowed, parts_of, bool(script)))
    # What is put in comes from files of ours, and where it goes stands before and behind all that comes from a run.
    head, _, rest = made.lstrip().partition("/*STYLE*/")
    body, _, end = rest.rpartition("/*SCRIPT*/")
    return f"{head}{style}{body}{own}{end}"


def parts(view: View) -> dict[str, str]:
    """The parts of the page by name, as they stand in it."""
    return {name: str(getattr(_module(), f"part_{name}")(view)) for name in PARTS}


def digest(text: str) -> str:
    """The hash of an inline script or style sheet, as a policy names it."""
    return b64encode(sha256(text.encode()).digest()).decode("ascii")


def seconds(value: float) -> str:
    """A time in a unit that suits it."""
    if value < 0.001:
        return f"{value * 1e6:.0f} µs"
    if value < 1:
        return f"{value * 1e3:.0f} ms"
    return f"{value:.2f} s" if value < 100 else f"{int(value) // 60} min {int(value) % 60} s"


def stylesheet() -> str:
    """The style of the page, for pages beside it."""
    return _file("page.css")


@cache
def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


@cache
def _module() -> Any:
    """The macros of the template."""
    environment = Environment(
        autoescape=True,
        finalize=harmless,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["seconds"] = seconds
    return environment.from_string(_file("page.html")).module


def harmless(value: Any) -> Any:
    """Every value on its way into the page: no control character, no invisible or reordering one."""
    # Not of `Markup`, which only the template itself makes.
    return visible(value) if type(value) is str else value

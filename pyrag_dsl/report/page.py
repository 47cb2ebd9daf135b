"""Makes the HTML page from the view. Data of a run is only put into the template as escaped values."""

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
"""The parts of the page. Each of them can be updated while a run continues."""


def fill(view: View, *, script: str = "", policy: str = "") -> str:
    """The page as HTML.

    Args:
        view: the data that the page shows.
        script: a script of a server, added to the script of the page.
        policy: further directives of the Content-Security-Policy, for the script of a server.
    """
    style, own = _file("page.css"), _file("page.js") + script
    # The policy allows this style sheet and this script by their hashes, and no request of any kind.
    allowed = (
        f"default-src 'none'; style-src 'sha256-{digest(style)}'; script-src 'sha256-{digest(own)}'; {policy}"
        "base-uri 'none'; form-action 'none'"
    )
    parts_of = [(name, getattr(_module(), f"part_{name}")(view)) for name in PARTS]
    made = str(_module().whole(view, allowed, parts_of, bool(script)))
    # One marker is before all data of the run and the other is after it, so markers in the data have no effect.
    head, _, rest = made.lstrip().partition("/*STYLE*/")
    body, _, end = rest.rpartition("/*SCRIPT*/")
    return f"{head}{style}{body}{own}{end}"


def parts(view: View) -> dict[str, str]:
    """The parts of the page as HTML, by name."""
    return {name: str(getattr(_module(), f"part_{name}")(view)) for name in PARTS}


def digest(text: str) -> str:
    """The hash of an inline script or style sheet, as a policy names it."""
    return b64encode(sha256(text.encode()).digest()).decode("ascii")


def seconds(value: float) -> str:
    """A number of seconds as text, in a suitable unit."""
    if value < 0.001:
        return f"{value * 1e6:.0f} µs"
    if value < 1:
        return f"{value * 1e3:.0f} ms"
    return f"{value:.2f} s" if value < 100 else f"{int(value) // 60} min {int(value) % 60} s"


def stylesheet() -> str:
    """The style sheet of the page, for other pages of the package."""
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
    """Remove control characters, invisible characters and reordering characters from a text for the page."""
    # `Markup` stays as it is: only the template itself makes it.
    return visible(value) if type(value) is str else value

"""Everyday commands of a contributor: `nox -s quick`, or `nox -l` for all of them."""

from __future__ import annotations

from pathlib import Path

import nox

nox.options.sessions = ["lint", "type", "quick"]
nox.options.reuse_existing_virtualenvs = True


def _install(session: nox.Session) -> None:
    session.install("-e", ".[dev]")


@nox.session
def fmt(session: nox.Session) -> None:
    """Format everything."""
    _install(session)
    session.run("ruff", "check", "--fix", ".")
    session.run("ruff", "format", ".")


@nox.session
def lint(session: nox.Session) -> None:
    """Style, and the layers of the package."""
    _install(session)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session(name="type")
def types(session: nox.Session) -> None:
    """Types, of the package and as a user sees them."""
    _install(session)
    session.run("mypy")
    session.run("pytest", "tests/typing")


@nox.session
def quick(session: nox.Session) -> None:
    """The quick heart of the tests."""
    _install(session)
    session.run("pytest", "-m", "quick", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """The tests."""
    _install(session)
    session.run("pytest", "-n", "auto", *session.posargs)


@nox.session
def thorough(session: nox.Session) -> None:
    """The longer half of what every change must pass."""
    _install(session)
    session.run("pytest", "-n", "auto", "-m", "thorough", *session.posargs)


@nox.session
def laws(session: nox.Session) -> None:
    """The long laws."""
    _install(session)
    session.run("pytest", "-m", "slow", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Generated pages anew, whatever the docs say, and the site."""
    _install(session)
    session.run("python", "docs/generate.py")
    session.run("pytest", "tests/docs", "tests/engine/test_docs_engine.py")
    session.run("mkdocs", "build", "--strict", env={"NO_MKDOCS_2_WARNING": "1"})


@nox.session
def lock(session: nox.Session) -> None:
    """The versions that .ci/run installs, as they are today."""
    session.install("uv")
    out = session.run(
        *("uv", "pip", "compile", "pyproject.toml", "--extra", "dev", "--universal", "--python-version", "3.10"),
        *("--no-annotate", "--no-header", "--quiet"),
        silent=True,
    )
    said = "# The versions that .ci/run installs, on every Python. Renewed by: nox -s lock\n"
    Path(".ci/constraints.txt").write_text(said + str(out), encoding="utf-8")


@nox.session(name="all", venv_backend="none")
def everything(session: nox.Session) -> None:
    """All that a change must pass."""
    session.run(".ci/run", external=True)

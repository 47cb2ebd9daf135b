"""What `pyrag_dsl.agents` offers, and that naming it costs nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pyrag_dsl import agents


def test_every_name_is_there() -> None:
    assert agents.__all__ == sorted(agents.__all__) == dir(agents)
    for name in agents.__all__:
        assert getattr(agents, name).__name__ == name
    with pytest.raises(AttributeError, match="Nobody"):
        getattr(agents, "Nobody")  # noqa: B009


def test_importing_the_package_pulls_in_no_client_and_no_engine() -> None:
    code = (
        "import sys, pyrag_dsl.agents; "
        "print([n for n in ('openai', 'requests', 'tantivy', 'pyrag_dsl.runtime.engine') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_pyrag_itself_needs_no_client_until_a_model_is_asked() -> None:
    code = (
        "import sys; from pyrag_dsl.methods.pyrag import PyRAG; "
        "print([n for n in ('openai', 'requests', 'tantivy') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

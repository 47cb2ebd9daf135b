"""What the package names, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pyrag_dsl import retrieval


def test_every_public_name_is_there() -> None:
    for name in retrieval.__all__:
        assert getattr(retrieval, name).__name__ == name
    assert dir(retrieval) == sorted(retrieval.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = retrieval.Nothing


def test_passages_need_neither_the_index_library_nor_the_http_client() -> None:
    program = (
        "import sys; import pyrag_dsl.retrieval.passages;print({'tantivy', 'requests', 'urllib3'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"

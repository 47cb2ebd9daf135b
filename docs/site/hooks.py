"""What MkDocs is told about this site: pages that lie beside `docs/` belong to it, and so does the grammar."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
BESIDE = ("SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md")
GRAMMAR = "pyrag_dsl/grammar/plan.lark"
_INTO_DOCS = re.compile(r"\]\(docs/")
_OUT_OF_DOCS = re.compile(r"\]\((?:\.\./)+(SECURITY|CONTRIBUTING|CHANGELOG)\.md")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that lie beside `docs/`, and the grammar."""
    for name in BESIDE:
        text = _INTO_DOCS.sub("](", (ROOT / name).read_text(encoding="utf-8"))
        files.append(File.generated(config, name, content=text))
    files.append(File.generated(config, "plan.lark", abs_src_path=str(ROOT / GRAMMAR)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links to those pages lead to where the site has them."""
    markdown = markdown.replace("```python differs\n", "```python\n")  # a mark for the tests
    markdown = markdown.replace(f"](../{GRAMMAR})", "](plan.lark)")
    up = "../" * page.file.src_uri.count("/")
    return _OUT_OF_DOCS.sub(lambda found: f"]({up}{found[1]}.md", markdown)

"""Data sets of the Hugging Face hub, read by the library `datasets`: `hub:NAME[/CONFIG]:SPLIT`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

PREFIX = "hub:"


class HubError(ValueError):
    """A data set of the hub cannot be read. The message tells why."""


def hub_rows(place: str) -> Iterator[tuple[str, Any]]:
    """The rows of a data set, each after its place for messages: "hub:NAME:SPLIT, row 3".

    Args:
        place: `hub:OWNER/NAME:SPLIT`, `hub:OWNER/NAME/CONFIG:SPLIT`, or `hub:DIR:SPLIT` for a directory of this machine
            that `datasets` has saved or that holds the files of a data set.

    Raises:
        HubError: the data set cannot be read.
    """
    name, colon, split = place.removeprefix(PREFIX).rpartition(":")
    if not colon or not name or not split:
        raise HubError(f"{place}: write it as hub:NAME:SPLIT or hub:NAME/CONFIG:SPLIT")
    try:
        import datasets
    except ImportError:
        raise HubError(f"{place}: the hub needs `datasets`: pip install 'pyrag_dsl[hub]'") from None
    try:
        found = _loaded(datasets, name, split)
    except Exception as error:  # `datasets` raises many types: no network, no such name, another format
        first = str(error).strip().splitlines() or [""]
        raise HubError(f"{place}: {type(error).__name__}: {first[0][:300]}") from None
    for number, row in enumerate(found, 1):
        yield f"{place}, row {number}", row


def _loaded(datasets: Any, name: str, split: str) -> Any:
    folder = Path(name)
    if folder.is_dir():
        saved = any((folder / each).exists() for each in ("dataset_dict.json", "state.json"))
        if not saved:
            return datasets.load_dataset(name, split=split)
        found = datasets.load_from_disk(name)
        return found[split] if isinstance(found, dict) else found
    parts = name.split("/")
    config = parts.pop() if len(parts) == 3 else None
    return datasets.load_dataset("/".join(parts), config, split=split)

"""A run on a cluster of two nodes, of which a worker and a node are killed. `.ci/run --heavy` installs Ray for it."""

from __future__ import annotations

import collections
import os
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pyrag_dsl.evaluation import Allowance, RunFolder, read_questions
from pyrag_dsl.evaluation.partitions import evaluate_spread, on_cluster
from pyrag_dsl.testing.server import Request, ScriptedModelServer

from .runs import PEOPLE, rows_of, script
from .spreading import dying, job_of

ray = pytest.importorskip("ray", reason="the extra `ray` is not installed")


def test_nothing_is_lost_or_counted_twice(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ray.cluster_utils import Cluster

    asked: collections.Counter[str] = collections.Counter()
    held, removed = threading.Event(), threading.Event()
    lock = threading.Lock()

    def slow(request: Request) -> Any:
        with lock:
            asked[str(request.messages[-1]["content"])] += 1
            killed = len(list((tmp_path / "deaths").iterdir()))
            begun = sum(asked.values())
        if killed and begun >= 5 and not removed.is_set():
            held.set()  # a worker has died, and what runs now is to lose its node
            removed.wait(120)
        return script(request)

    (tmp_path / "deaths").mkdir()
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    )
    small = {"num_cpus": 1, "object_store_memory": 80 * 1024 * 1024, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=small)
    try:
        other = cluster.add_node(**small)
        cluster.wait_for_nodes()
        ray.init(address=cluster.address, log_to_driver=False)

        def remove() -> None:
            held.wait(300)
            cluster.remove_node(other)
            removed.set()

        remover = threading.Thread(target=remove, daemon=True)
        remover.start()
        with ScriptedModelServer(slow) as server:
            folder = RunFolder(tmp_path / "run", read_questions(data), "vanilla")
            work = partial(dying, job_of(data, tmp_path / "run", server.base_url), tmp_path / "deaths", 1)
            rounds: list[list[str]] = []

            def spread(*given: Any) -> list[str]:
                rounds.append(on_cluster(*given))
                return rounds[-1]

            summary = evaluate_spread(folder, work, 2, spread, Allowance())
        assert removed.is_set(), "a node was removed while it worked"
        assert len(rounds) > 1, "what was lost was dealt out again"
        assert sum(len(failed) for failed in rounds) >= 2, "of the worker and of the node"
        assert len([node for node in ray.nodes() if node["Alive"]]) == 1
    finally:
        removed.set()
        ray.shutdown()
        cluster.shutdown()
    assert (summary["ended"], summary["questions"], summary["em"]) == (8, 8, 0.75)
    assert [row["id"] for row in rows_of(tmp_path / "run")] == [f"q/{i}" for i in range(8)]
    assert set(asked) == {f"Who is number {i}?" for i in range(len(PEOPLE))}
    assert sum(asked.values()) <= 8 + 3, "only calls in flight are made again"

"""A comparison as one HTML page that needs no network: a table, plots by matplotlib, and the questions."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePath
from typing import Any

from ..quoting import visible
from .comparison import RunResults, by_kind, with_interval

MOST_QUESTIONS = 1_000


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot.

    Attributes:
        title: the title.
        data: the picture as SVG, in Base64.
    """

    title: str
    data: str


def comparison_page(
    lines: Sequence[dict[str, Any]], runs: Sequence[RunResults], links: Callable[[str], str | None] = lambda _: None
) -> str:
    """The HTML text of the page. It shows the first `MOST_QUESTIONS` questions, those in which the runs differ first.

    Args:
        lines: the lines of `compare`.
        runs: the runs that were compared.
        links: gives the address of the page of a trace; None if there is none.

    Raises:
        ImportError: matplotlib is not installed.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, finalize=_harmless, undefined=StrictUndefined, trim_blocks=True)
    template = environment.from_string((files(__package__) / "page.html").read_text("utf-8"))
    questions = _questions(runs)
    return template.render(
        lines=lines,
        plots=_plots(lines, by_kind(runs)),
        link=links,
        judges=list(lines[0]["judged"]),
        questions=questions[:MOST_QUESTIONS],
        left_out=max(0, len(questions) - MOST_QUESTIONS),
        interval=with_interval,
    )


def _harmless(value: Any) -> Any:
    """A text without control characters and characters that hide or reorder text, because it may come from anyone."""
    return visible(value) if type(value) is str else value


def _label(line: dict[str, Any]) -> str:
    """A short label for a run: the last part of the path of its folder, cut at 30 characters."""
    return PurePath(str(line["run"])).name[:30]


def _questions(runs: Sequence[RunResults]) -> list[dict[str, Any]]:
    """The questions that are finished in all runs. Those in which the exact match of the runs differs come first."""
    out = []
    for name in sorted(set.intersection(*(set(run.rows) for run in runs))):
        rows = [run.rows[name] for run in runs]
        answers = []
        for run, row in zip(runs, rows, strict=True):
            answers.append({**row, "run": run.name, "trace": str(PurePath(run.name) / row["trace"])})
        differ = len({row["em"] for row in rows}) > 1
        golden = rows[0]["golden_answers"]
        out.append(
            {
                "text": rows[0]["question"],
                "golden": golden,
                "answers": answers,
                "differ": differ,
                "kind": rows[0].get("kind") or "",
            }
        )
    return sorted(out, key=lambda each: not each["differ"])


def _plots(lines: Sequence[dict[str, Any]], kinds: Mapping[str, Sequence[dict[str, Any]]]) -> list[Plot]:
    """Plots of exact match with intervals: of the runs, by type of question, and against calls, tokens and seconds."""
    made = [_bars(lines)]
    if len(kinds) > 1:
        made.append(_grouped(lines, kinds))
    made += [_frontier(lines, name) for name in ("calls", "tokens", "seconds") if any(line[name] for line in lines)]
    return made


def _bars(lines: Sequence[dict[str, Any]]) -> Plot:
    figure, axes = _figure()
    for place, line in enumerate(lines):
        low, high = line["em_interval"]
        axes.errorbar([line["em"]], [-place], xerr=[[line["em"] - low], [high - line["em"]]], fmt="o", capsize=4)
    axes.set_yticks([-place for place in range(len(lines))], [_label(line) for line in lines])
    axes.set_xlabel("exact match")
    axes.set_xlim(-0.02, 1.02)
    axes.margins(y=0.3)
    return _drawn(figure, "exact match with intervals")


def _grouped(lines: Sequence[dict[str, Any]], kinds: Mapping[str, Sequence[dict[str, Any]]]) -> Plot:
    figure, axes = _figure(height=1.4 + 0.22 * len(kinds) * (len(lines) + 1))
    for number, line in enumerate(lines):
        places, means, errors = [], [], []
        for row, values in enumerate(kinds.values()):
            low, high = values[number]["em_interval"]
            places.append(-(row * (len(lines) + 1) + number))
            means.append(values[number]["em"])
            errors.append((values[number]["em"] - low, high - values[number]["em"]))
        axes.errorbar(means, places, xerr=list(zip(*errors, strict=True)), fmt="o", capsize=3, label=_label(line))
    middles = [-(row * (len(lines) + 1) + (len(lines) - 1) / 2) for row in range(len(kinds))]
    axes.set_yticks(middles, [f"{kind[:24]} ({values[0]['questions']})" for kind, values in kinds.items()])
    axes.set_xlabel("exact match")
    axes.set_xlim(-0.02, 1.02)
    axes.legend(fontsize=7, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False)
    return _drawn(figure, "exact match by type of question")


def _frontier(lines: Sequence[dict[str, Any]], name: str) -> Plot:
    figure, axes = _figure()
    for line in lines:
        low, high = line["em_interval"]
        axes.errorbar([line[name]], [line["em"]], yerr=[[line["em"] - low], [high - line["em"]]], fmt="o", capsize=4)
        axes.annotate(_label(line), (line[name], line["em"]), xytext=(6, 6), textcoords="offset points", fontsize=8)
    best = [line for line in lines if not any(_beats(other, line, name) for other in lines)]
    best.sort(key=lambda line: float(line[name]))
    axes.plot([line[name] for line in best], [line["em"] for line in best], linestyle="--", color="gray", zorder=0)
    axes.set_xlabel(f"{name} a question")
    axes.set_ylabel("exact match")
    axes.margins(0.25)
    return _drawn(figure, f"exact match against {name}")


def _beats(one: dict[str, Any], other: dict[str, Any], name: str) -> bool:
    """Whether a run is better than another in exact match or in cost, and not worse in either.

    The other run is then not on the frontier.
    """
    least = one["em"] >= other["em"] and one[name] <= other[name]
    return bool(least and (one["em"] > other["em"] or one[name] < other[name]))


def _figure(height: float = 3.2) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, height))
    axes = figure.subplots()
    axes.grid(visible=True, alpha=0.3)
    return figure, axes


def _drawn(figure: Any, title: str) -> Plot:
    out = io.BytesIO()
    figure.savefig(out, format="svg", bbox_inches="tight", metadata={"Date": None})
    return Plot(title, base64.b64encode(out.getvalue()).decode("ascii"))

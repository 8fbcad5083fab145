"""Report: what systems scored, as a table, rows, a CSV file and a plot."""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from talkcli.engine.destinations import replacing
from talkcli.engine.errors import counted
from talkcli.engine.metrics.catalogue import ARTICULATION, SYMBOLS
from talkcli.engine.metrics.evaluate import Case, Score, evaluate, mouth_and_phones
from talkcli.engine.metrics.pair import Regions
from talkcli.engine.metrics.plots import MOST_TRACES, Trace, save_plot

BESIDE_REFERENCE = ("lve", "lvd", "mve", "fdd", "ldtw")
"""What is measured when no metric is named and references are there."""

ARROWS = {"lower": "↓", "higher": "↑", "nearest 0": "→ 0", "nearest 1": "→ 1", "nearest reference": ""}
"""Which way is better."""


@dataclass
class Report:
    """Grows system by system."""

    metrics: Sequence[str] = ()
    """Ids; without any, those that fit what is known of the first case."""
    regions: Regions | None = None
    scores: dict[str, list[Score]] = field(default_factory=dict)
    """System -> its scores."""
    heard: dict[str, list[Case]] = field(default_factory=dict)
    """System -> a few of its cases with known phones, to be drawn."""
    notes: dict[str, None] = field(default_factory=dict)
    """What is to be said of the recordings, each once, in order."""

    def add(self, system: str, cases: Iterable[Case]) -> None:
        """Score one system."""
        stream = iter(cases)
        first = next(stream)
        fitting = [*(BESIDE_REFERENCE if first.reference else ()), *(ARTICULATION if first.phones else ())]

        def passed() -> Iterator[Case]:
            for case in itertools.chain([first], stream):
                self.notes |= dict.fromkeys(case.speech.notes if case.speech is not None else ())
                cases = self.heard.setdefault(system, []) if case.phones is not None else None
                if cases is not None and len(cases) < MOST_TRACES:
                    cases.append(case)
                yield case

        names = list(self.metrics) or fitting or ["all"]
        self.scores[system] = evaluate(names, passed(), self.regions, lenient=not self.metrics)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Every score of every system, by the names of its fields."""
        for system, scores in self.scores.items():
            for score in scores:
                yield {"system": system, **dataclasses.asdict(score)}

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Head and rows: metrics down, systems across."""
        first = next(iter(self.scores.values()))
        by_id = {name: {score.metric: score for score in scores} for name, scores in self.scores.items()}
        has_reference = any(not math.isnan(score.reference) for score in first)
        rows = []
        for score in first:
            values = [
                each[score.metric].value if score.metric in each else math.nan for each in by_id.values()
            ]
            values += [score.reference] if has_reference else []
            cells = ["-" if math.isnan(value) else f"{value:.4g}" for value in values]
            unit = f" {score.unit}" if score.unit else ""
            rows.append([f"{score.metric}{unit} {ARROWS[score.better]}", *cells])
        return ["metric", *by_id, *(["reference"] if has_reference else [])], rows

    def definitions(self) -> Iterator[str]:
        """What each metric is, and over how much it was pooled; then what the letters mean."""
        for each in next(iter(self.scores.values())):
            same = (
                score for scores in self.scores.values() for score in scores if score.metric == each.metric
            )
            score = max(same, key=lambda score: score.clips)
            events = "" if score.events == "clips" else f"{counted(score.count, score.events)} in "
            over = "mean over clips" if score.pooled == "clips" else f"over all {score.events}"
            count = events + counted(score.clips, "clips")
            yield f"{score.metric}: {score.definition}; {over}; {count}. [{score.source}]"
        yield SYMBOLS

    def dropped(self) -> dict[str, int]:
        """Frames at the ends of a system's longer motions that had no counterpart."""
        most = {name: max((s.dropped for s in scores), default=0) for name, scores in self.scores.items()}
        return {name: count for name, count in most.items() if count}

    def save_csv(self, path: Path) -> None:
        """One line for each score, then one for each of its clips, which are named in the column `clip`."""
        buffer = io.StringIO()
        writer = None
        for row in self.rows():
            each = row.pop("each")
            writer = writer or csv.DictWriter(buffer, ["system", "metric", "clip", *list(row)[2:]])
            if not buffer.tell():
                writer.writeheader()
            writer.writerow({"clip": "", **row})
            shared = {name: row[name] for name in ("system", "metric", "unit")}
            writer.writerows({**shared, "clip": clip, "value": value} for clip, value in each.items())
        with replacing(path) as temporary:
            temporary.write_text(buffer.getvalue(), encoding="utf-8")

    def save_plot(self, path: Path) -> None:
        """Openings of the lips over time, and bars."""
        traces = []
        for index, case in enumerate(next(iter(self.heard.values()), [])):
            mouths = {
                name: mouth_and_phones(cases[index], self.regions)
                for name, cases in self.heard.items()
                if index < len(cases)
            }
            if case.speech is not None:
                traces.append(Trace(case.name, case.speech, mouths))
        save_plot(path, traces, self.scores)

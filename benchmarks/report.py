"""The results of work_precision.py as Markdown, CSV and a figure."""

from __future__ import annotations

import argparse
import csv
import platform
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

__all__ = ["Results"]

# Okabe & Ito's colours, which colour-blind readers can tell apart, each with a mark of its own
_STYLE = {
    "pkpd_mdr": ("#D55E00", "o"),
    "heyoka": ("#0072B2", "s"),
    "libroadrunner": ("#009E73", "^"),
    "CasADi CVODES": ("#CC79A7", "D"),
    "diffrax": ("#E69F00", "v"),
    "SciPy LSODA": ("#000000", "x"),
    "SciPy LSODA, arrays": ("#56B4E9", "+"),
}


def processor() -> str:
    """The processor's name where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    vector = "AVX-512" if any("avx512f" in line for line in lines) else "AVX2" if "avx2" in str(lines) else ""
    return f"{names[0] if names else platform.machine()}{f', {vector}' if vector else ''}"


def size(model: Any) -> str:
    """States, parameters and events of a model."""
    return f"{len(model.start)} states, {len(model.values)} parameters, {len(model.events)} events"


@dataclass
class Results:
    """What was measured so far."""

    given: argparse.Namespace
    modules: list[ModuleType]
    sizes: dict[str, str] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    points: list[dict[str, Any]] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    def add(self, name: str, model: Any, entries: list[Any]) -> None:
        """Trajectories of one model."""
        self.sizes[name] = size(model)
        ours = entries[0]
        for entry in entries:
            for kind, times, own in (("one", entry.one, ours.one), ("many", entry.many, ours.many)):
                self._row(name, kind, entry, times, own)
            self._points(name, "trajectory", entry)

    def add_derivatives(self, name: str, entries: list[Any]) -> None:
        """Sensitivities of one model."""
        for entry in entries:
            self._row(name, "derivatives", entry, entry.one, entries[0].one)
            self._points(name, "derivatives", entry)

    def _points(self, name: str, kind: str, entry: Any) -> None:
        self.points += [
            {"model": name, "kind": kind, "solver": entry.name, "rtol": p.rtol, "error": p.error, "ms": 1e3 * p.seconds}
            for p in entry.points
        ]

    def _row(self, name: str, kind: str, entry: Any, times: list[float], own: list[float]) -> None:
        ratios = [a / b for a, b in zip(times, own, strict=False)]
        row = {"model": name, "kind": kind, "solver": entry.name, "ms": "", "ratio": "", "low": "", "high": ""}
        if ratios:
            row |= {"ms": 1e3 * float(np.median(times)), "ratio": float(np.median(ratios))}
            row |= {"low": min(ratios), "high": max(ratios)}
        self.rows.append(row | {"why_not": entry.why_not})

    def keep(self, folder: Path, sizes: dict[str, str]) -> None:
        """Take models that are not measured now from the files of an earlier run.

        Parameters
        ----------
        folder : Path
        sizes : dict of str to str
            What each model that may be kept is.
        """
        tables = []
        for name in ("work_precision.csv", "work_precision_points.csv"):
            with (folder / name).open(newline="") as file:
                tables.append([row for row in csv.DictReader(file) if row["model"] in sizes])
        numbers = {"ms", "ratio", "low", "high", "rtol", "error"}
        for rows, found in zip((self.rows, self.points), tables, strict=True):
            rows += [{k: float(v) if k in numbers and v else v for k, v in row.items()} for row in found]
        self.kept = [name for name in sizes if any(row["model"] == name for row in self.rows)]
        self.sizes |= {name: sizes[name] for name in self.kept}

    @property
    def order(self) -> list[str]:
        """Models, the smallest first."""
        return sorted(self.sizes, key=lambda name: int(self.sizes[name].split()[0]))

    # -- out -------------------------------------------------------------------------------------------

    def write(self, folder: Path) -> None:
        """work_precision.md, .csv, _points.csv and .png in a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "work_precision.md").write_text(self.markdown())
        for name, rows in (("work_precision", self.rows), ("work_precision_points", self.points)):
            with (folder / f"{name}.csv").open("w", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
                writer.writeheader()
                writer.writerows({k: f"{v:.4g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows)
        self.figure(folder / "work_precision.png")

    def markdown(self) -> str:
        given = self.given
        about = (
            f"Written by `python benchmarks/work_precision.py`: CPU time on one core at equal measured error "
            f"{given.target:.0e}, warm, {given.rounds} interleaved rounds, median [least .. greatest]. A ratio is a "
            "solver's time divided by that of this engine in the same round; above one, this engine is faster. How "
            "error is measured is said in the head of that script; the curves are in work_precision_points.csv. The "
            "reference is this engine at rtol 1e-11; how closely others come to it is the least error of their curves."
        )
        machine = f"{processor()}; Python {platform.python_version()}, {platform.system()}."
        picture = "![CPU time against measured error](work_precision.png)"
        lines = ["# Work and precision", "", about, "", machine, "", picture, ""]
        if self.kept:
            lines += [f"Measured in earlier runs, perhaps with other numbers of rounds: {', '.join(self.kept)}.", ""]
        for kind, title, text in (
            ("one", "One trajectory", f"Solved one at a time; mean of {given.sample} members."),
            ("many", "One of an ensemble", f"{given.members} members on one core; solvers without batches loop."),
            ("derivatives", "A trajectory and its derivatives by all parameters", "At error 1e-5 of S*p."),
        ):
            if any(row["kind"] == kind for row in self.rows):
                lines += [f"## {title}", "", text, "", *self._table(kind), ""]
        lines += [
            "## Models",
            "",
            *(f"- {name}: {self.sizes[name]}" for name in self.order),
            "",
        ]
        lines += ["## Solvers and their options", ""]
        lines += [f"- **{m.NAME}** {m.VERSION}: {m.OPTIONS}." for m in self.modules]
        return "\n".join(lines) + "\n"

    def _table(self, kind: str) -> list[str]:
        rows = [row for row in self.rows if row["kind"] == kind]
        models = [name for name in self.order if any(row["model"] == name for row in rows)]
        lines = [f"| solver | {' | '.join(f'{m}: ms | {m}: ratio' for m in models)} |"]
        lines.append("|---" * (1 + 2 * len(models)) + "|")
        for solver in dict.fromkeys(row["solver"] for row in rows):
            cells = [solver]
            for model in models:
                found = [row for row in rows if row["model"] == model and row["solver"] == solver]
                cells += self._cells(found[0] if found else {"ms": "", "why_not": "not run"})
            lines.append(f"| {' | '.join(cells)} |")
        return lines

    def _cells(self, row: dict[str, Any]) -> list[str]:
        if row["ms"] == "":
            return ["-", row["why_not"] or "-"]
        own = row["solver"] == "pkpd_mdr"
        ratio = "1" if own else f"**{row['ratio']:.3g}** [{row['low']:.3g} .. {row['high']:.3g}]"
        return [f"{row['ms']:.3g}", ratio]

    def figure(self, path: Path) -> None:
        """Measured error against CPU time, a panel for each model."""
        import matplotlib as mpl

        mpl.use("Agg")
        from matplotlib import pyplot as plt

        models = self.order
        figure, axes = plt.subplots(1, len(models), figsize=(2.2 * len(models) + 1.2, 3.4), sharey=True, squeeze=False)
        for ax, name in zip(axes[0], models, strict=True):
            for solver, (colour, mark) in _STYLE.items():
                key = name, solver, "trajectory"
                chosen = [p for p in self.points if (p["model"], p["solver"], p["kind"]) == key]
                if chosen:
                    x, y = [p["error"] for p in chosen], [p["ms"] for p in chosen]
                    ax.loglog(x, y, color=colour, marker=mark, ms=4, lw=1.2, label=solver)
                many = [r for r in self.rows if (r["model"], r["solver"], r["kind"]) == (name, solver, "many")]
                one = [r for r in self.rows if (r["model"], r["solver"], r["kind"]) == (name, solver, "one")]
                if many and many[0]["ms"] != "" and many[0]["ms"] != one[0]["ms"]:
                    ax.plot(self.given.target, many[0]["ms"], color=colour, marker=mark, ms=6, mfc="white", zorder=3)
            ax.axvline(self.given.target, color="0.8", lw=0.8, zorder=0)
            ax.set_xlim(1e-3, 1e-9)
            ax.set_title(f"{name}: {self.sizes[name].split(',')[0]}", fontsize=9)
            ax.set_xlabel("measured error", fontsize=8)
            ax.tick_params(labelsize=7)
            ax.minorticks_off()
            ax.set_xticks([1e-3, 1e-5, 1e-7, 1e-9])
        axes[0][0].set_ylabel("CPU time of a trajectory (ms)", fontsize=8)
        handles, labels = axes[0][0].get_legend_handles_labels()
        handles.append(plt.Line2D([], [], color="0.3", marker="o", mfc="white", ls=""))
        labels.append("member of an ensemble")
        figure.legend(
            handles,
            labels,
            loc="lower center",
            ncols=len(labels) if len(models) > 3 else 3,
            fontsize=7.5,
            frameon=False,
        )
        figure.tight_layout(rect=(0, 0.07 if len(models) > 3 else 0.2, 1, 1))
        figure.savefig(path, dpi=110)
        plt.close(figure)

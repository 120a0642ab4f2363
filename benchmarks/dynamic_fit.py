"""How long does a fit of two clones under two drugs take, and how long with SciPy and finite differences?

    python benchmarks/dynamic_fit.py [--starts 20] [--conditions 60] [--profile] [--write]

12 free parameters, 60 conditions (single drugs, mixtures, three exposures) with 20 times each, 20 starts. The rival is
what one would write without this library: scipy.optimize.least_squares with finite differences around
scipy.integrate.solve_ivp (LSODA, the same tolerance, cut at washes, the right-hand side lambdified to NumPy). Its time
is not waited for: a residual vector is measured, and multiplied by how many of them the same trust region needs,
counted by running it from every start with exact derivatives (`method="least_squares"`), where each Jacobian costs 12
residual vectors more. So it is an extrapolation, on one core, and ignores that finite differences of an adaptive
solver need more steps to converge.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from report import processor
from scipy.integrate import solve_ivp

import pkpd_mdr as mdr
from pkpd_mdr.data import Condition, from_frame
from pkpd_mdr.engine import Accuracy, compile_model

TIMES = np.linspace(0.0, 168.0, 20)
RTOL = 1e-6
FREE: dict[str, tuple[str, str] | tuple[float, float]] = {
    "growth_S": ("0.005 1/h", "0.1 1/h"),
    "growth_R": ("0.005 1/h", "0.1 1/h"),
    "capacity_S": ("1e4 cell", "1e5 cell"),
    "R0_share": (0.001, 0.5),
    "emax_dox_S": ("0.01 1/h", "0.5 1/h"),
    "ec50_dox_S": ("1 nM", "10 uM"),
    "ec50_dox_R": ("10 nM", "100 uM"),
    "hill_dox_S": (0.5, 4.0),
    "emax_pac_S": ("0.01 1/h", "0.5 1/h"),
    "ec50_pac_S": ("1 nM", "1 uM"),
    "ec50_pac_R": ("1 nM", "10 uM"),
    "half_life_dox": ("5 h", "200 h"),
}


def two_clones() -> mdr.Model:
    """Sensitive and resistant cells under two drugs that decay in the medium."""
    return mdr.Model(
        mdr.medium("dox", unit="uM", half_life="40 h"),
        mdr.medium("pac", unit="uM", half_life="60 h"),
        mdr.clone("S", growth=mdr.growth.logistic(rate="0.035 1/h", capacity="3e4 cell")),
        mdr.clone("R", growth=mdr.growth.logistic(rate="0.028 1/h", capacity="3e4 cell"), resistant=True),
        mdr.seeding(total="1500 cell", R=0.1),
        mdr.kill("dox", on="S", emax="0.08 1/h", ec50="60 nM", hill=1.5),
        mdr.kill("dox", on="R", emax="0.08 1/h", ec50="1.2 uM", hill=1.5),
        mdr.kill("pac", on="S", emax="0.06 1/h", ec50="10 nM"),
        mdr.kill("pac", on="R", emax="0.06 1/h", ec50="40 nM"),
    )


def experiment(model: mdr.Model, conditions: int) -> mdr.Data:
    """Counts with 10 % error under every combination of doses and exposures, up to a number of them."""
    rng, made, frames = np.random.default_rng(1), [], []
    plan = [(dox, pac, over) for dox in (0, 20, 60, 200, 600) for pac in (0, 5, 20, 80) for over in (12, 48, 168)]
    for dox, pac, over in plan[:conditions]:
        levels = [(drug, level) for drug, level in (("dox", dox), ("pac", pac)) if level]
        acts = [mdr.exposure(drug, f"{level} nM", over=f"{over} h") for drug, level in levels]
        regimen = mdr.nothing() if not acts else acts[0] if len(acts) == 1 else acts[0] & acts[1]
        name = f"dox {dox}, pac {pac}, {over} h"
        made.append(Condition(name, {"dox_nM": dox, "pac_nM": pac, "hours": over}, regimen))
        run = model.simulate(regimen, until="168 h", times=[f"{t} h" for t in TIMES])
        value = run.frame["burden"].to_numpy() * np.exp(0.1 * rng.normal(size=len(TIMES)))
        frames.append(pd.DataFrame({"condition": name, "time": TIMES, "value": value}))
    return from_frame(pd.concat(frames), made, units={"burden": "cell"})


class Rival:
    """Residuals as one would write them with SciPy alone."""

    def __init__(self, model: mdr.Model, data: mdr.Data) -> None:
        import sympy as sp

        compiled = compile_model(model)
        t, states, names = sp.Symbol("t"), list(compiled.states), list(compiled.parameters)
        by_name = {str(s): s for e in model.derivatives.values() for s in e.free_symbols}
        arguments = [t, [by_name.get(n, sp.Symbol(n)) for n in states], [by_name.get(n, sp.Symbol(n)) for n in names]]
        modules: list[Any] = [{"Power": lambda base, power: base**power}, "numpy"]
        self.right = sp.lambdify(arguments, list(model.derivatives.values()), modules, cse=True)
        self.p = np.array([item.internal for item in model.parameters.values()])
        self.where = [names.index(name) for name in FREE]
        self.share, self.total = names.index("R0_share"), names.index("N0")
        self.cells = [states.index(name) for name in ("medium_dox", "medium_pac", "S", "R")]
        self.data = data
        self.values = {
            c.name: data.table["value"][data.condition_of_row == c.index].to_numpy() for c in data.conditions
        }

    def residuals(self, u: np.ndarray) -> np.ndarray:
        """Differences of logarithms at logarithms of the parameters."""
        p = self.p.copy()
        p[self.where] = np.exp(u)
        return np.concatenate([self._curve(p, condition) for condition in self.data.conditions])

    def _curve(self, p: np.ndarray, condition: Condition) -> np.ndarray:
        dox, pac, sensitive, resistant = self.cells
        y = np.zeros(4)
        y[sensitive], y[resistant] = p[self.total] * (1 - p[self.share]), p[self.total] * p[self.share]
        y[dox], y[pac] = (1e-3 * float(condition.labels[f"{drug}_nM"]) for drug in ("dox", "pac"))
        wash = float(condition.labels["hours"])
        found = []
        for begin, end in ((0.0, wash), (wash, 168.0)):
            if end > begin:
                last = 168.0 if end == 168.0 else np.nextafter(end, 0.0)  # a mark at the wash belongs to what follows
                marks = TIMES[slice(*np.searchsorted(TIMES, [begin, np.nextafter(last, np.inf)]))]
                options = {"method": "LSODA", "rtol": RTOL, "atol": [1e-9, 1e-9, 1e-3, 1e-3]}
                run = solve_ivp(self.right, (begin, end), y, t_eval=np.unique(np.r_[marks, end]), args=(p,), **options)
                found.append(run.y[sensitive, : len(marks)] + run.y[resistant, : len(marks)])
                y = run.y[:, -1].copy()
                y[[dox, pac]] = 0.0
        return np.asarray(np.log(self.values[condition.name] / np.concatenate(found)))


def timed(rival: Rival, u: np.ndarray) -> float:
    """CPU seconds of one residual vector."""
    begin = time.process_time()
    rival.residuals(u)
    return time.process_time() - begin


def measured(given: argparse.Namespace) -> list[str]:
    """Run both and say what came out, as lines of a table."""
    model = two_clones()
    data = experiment(model, given.conditions)
    options: dict[str, Any] = {"error": "lognormal", "seed": 1, "accuracy": Accuracy(rtol=RTOL)}
    begin = time.perf_counter()
    mdr.fit(model, data, FREE, starts=1, most=1, **options)
    cold = time.perf_counter() - begin
    profiler = cProfile.Profile()
    begin, cpu = time.perf_counter(), time.process_time()
    if given.profile:
        profiler.enable()
    found = mdr.fit(model, data, FREE, starts=given.starts, **options)
    profiler.disable()
    wall, cpu = time.perf_counter() - begin, time.process_time() - cpu
    if given.profile:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(25)
    begin = time.process_time()
    counted = mdr.fit(model, data, FREE, starts=given.starts, method="least_squares", **options)
    trust_cpu = time.process_time() - begin
    rival = Rival(model, data)
    u = np.log([model.parameters[name].internal for name in FREE])
    ours = found.objective.evaluate(found.objective.complete(found.objective.problem.space.start))
    apart = float(np.abs(rival.residuals(u) - ours.residuals).max())
    each = min(timed(rival, u) for _ in range(5))  # the least: other work on the machine only adds
    ours_needs, trust_needs = (int(one.waterfall["evaluations"].sum()) for one in (found, counted))
    vectors = trust_needs * (1 + len(FREE))
    better = 2 * (found.log_likelihood - counted.log_likelihood)
    return [
        f"{len(FREE)} parameters, {given.conditions} conditions x {len(TIMES)} times, {given.starts} starts",
        f"pkpd_mdr: {cpu:.1f} s CPU, {wall:.1f} s wall; the first evaluation of a new model takes {cold:.1f} s more",
        f"{ours_needs} evaluations; {found.reached} starts reached the best point",
        f"lmfit's trust region on the same derivatives: {trust_cpu:.1f} s CPU",
        f"{trust_needs} evaluations; {counted.reached} starts reached the best point",
        f"its -2 log-likelihood minus ours: {better:+.1e}",
        f"SciPy: {each:.3f} s CPU for a residual vector (largest difference from ours {apart:.0e}), {vectors} needed",
        f"extrapolated {each * vectors:.0f} s CPU: {each * vectors / cpu:.0f} times the CPU time",
    ]


def main() -> None:
    """Measure, print, and write docs/benchmarks/dynamic_fit.md if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--conditions", type=int, default=60)
    parser.add_argument("--profile", action="store_true", help="where the time goes")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks/dynamic_fit.md")
    given = parser.parse_args()
    lines = measured(given)
    print("\n".join(lines))
    if given.write:
        page = Path(__file__).parents[1] / "docs" / "benchmarks" / "dynamic_fit.md"
        head = (
            "# A dynamic fit\n\nWritten by `python benchmarks/dynamic_fit.py --write`, which says what is measured.\n"
        )
        body = "\n".join(f"- {line.strip()}" for line in lines)
        page.write_text(f"{head}\nOn {processor()}.\n\n{body}\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Speed and reliability of dose-response fits, beside other tools, in one run.

    python benchmarks/dose_response.py [--curves 20000] [--peers 60] [--coverage 2000]

Simulated are 18 wells a curve (9 half-log doses twice, noise 0.05): 70 % full curves, 10 % flat, 10 % with an EC50
beyond the top dose, 10 % with one outlier. Speeds are curves per CPU-second, so they hold on a loaded machine.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import resource
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

import pkpd_mdr as mdr
from pkpd_mdr.response.estimates import curve_at, fit_stack
from pkpd_mdr.response.families import family
from pkpd_mdr.response.levels import Level, delta_error, log_dose
from pkpd_mdr.response.profiles import profile_intervals
from pkpd_mdr.response.quantiles import t_reach
from pkpd_mdr.response.stack import Stack

DOSES = np.repeat(10.0 ** np.linspace(-3, 1, 9), 2)
KINDS = ("full", "flat", "partial", "outlier")


def simulated(count: int, seed: int = 0, *, ragged: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Doses and responses (count, 18) and the kind of each curve."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(4, count, p=(0.7, 0.1, 0.1, 0.1))
    log_e = np.where(kind == 2, rng.uniform(1.0, 2.0, count), rng.uniform(-2.2, 0.3, count))
    h, top = rng.uniform(0.6, 2.5, count), rng.normal(1.0, 0.04, count)
    low = np.where(kind == 1, top, np.where(kind == 2, 0.0, rng.uniform(0.0, 0.5, count)))
    x = np.tile(DOSES, (count, 1)) * (rng.uniform(0.7, 1.4, (count, 1)) if ragged else 1.0)
    y = low[:, None] + (top - low)[:, None] / (1.0 + (x / 10.0 ** log_e[:, None]) ** h[:, None])
    y += 0.05 * rng.standard_normal(x.shape)
    odd = np.flatnonzero(kind == 3)
    y[odd, rng.integers(0, x.shape[1], len(odd))] += rng.choice([-0.5, 0.5], len(odd))
    return x, y, kind


def timed(work: Callable[[], object], count: int) -> tuple[float, object]:
    """Curves per CPU-second and what was computed."""
    start = time.process_time()
    found = work()
    return count / max(time.process_time() - start, 1e-9), found


def table_of(x: np.ndarray, y: np.ndarray) -> pd.DataFrame:
    """A long table, one row a well."""
    curve = np.repeat(np.arange(len(x)), x.shape[1])
    return pd.DataFrame({"curve": curve, "dose": x.ravel(), "response": y.ravel()})


def whole_screens(count: int) -> None:
    """From a long table to states and intervals."""
    for name, ragged in (("shared dose grid", False), ("ragged dose grids", True)):
        size = count if not ragged else max(count // 4, 200)
        x, y, _ = simulated(size, ragged=ragged)
        table = table_of(x, y)
        fit = mdr.dose_response(table, dose="dose", response="response", by="curve", scale="viability")

        def everything(table: pd.DataFrame = table) -> pd.DataFrame:
            found = mdr.dose_response(table, dose="dose", response="response", by="curve", scale="viability")
            return found.table(interval="delta")

        speed, frame = timed(everything, size)
        assert isinstance(frame, pd.DataFrame)
        assert len(frame) == size
        print(f"  {name:<20} table to frame with states and delta intervals  {speed:10.0f} curves/CPU-s")
        for level in (Level(50), Level(0.5, "absolute")):
            logs = np.where(fit.no_effect, np.nan, log_dose(fit.curves, level))
            speed, _ = timed(partial(profile_intervals, fit.curves, level, logs), size)
            print(f"  {'':<20} profile intervals of the {level!s:<22}  {speed:10.0f} curves/CPU-s")
    print(f"  memory at the peak   {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


def residuals(p: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Of a log-logistic curve; `p` has its limits and the logarithms of slope and EC50."""
    c, d, log_b, log_e = p
    u = np.clip(np.exp(np.clip(log_b, -20, 20)) * (np.log(x) - log_e), -500, 500)
    return np.asarray(c + (d - c) / (1.0 + np.exp(u)) - y)


def start_of(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Where every peer starts."""
    return np.array([y[x == x.max()].mean(), y[x == x.min()].mean(), 0.0, float(np.log(x).mean())])


def by_scipy(x: np.ndarray, y: np.ndarray) -> float:
    """Sum of squares that MINPACK's leastsq reaches."""
    from scipy.optimize import leastsq

    found = leastsq(residuals, start_of(x, y), args=(x, y), maxfev=2000)[0]
    return float((residuals(found, x, y) ** 2).sum())


def by_lmfit(x: np.ndarray, y: np.ndarray) -> float:
    """Sum of squares that lmfit reaches."""
    from lmfit import Parameters, minimize

    start = Parameters()
    for name, value in zip("cdbe", start_of(x, y), strict=True):
        start.add(name, value=value)

    def residual(p: Parameters) -> np.ndarray:
        return residuals(np.array([p[name].value for name in "cdbe"]), x, y)

    return float(minimize(residual, start, max_nfev=2000).chisqr)


def by_curve_fit_bounded(x: np.ndarray, y: np.ndarray) -> float:
    """Sum of squares that SciPy's least_squares reaches within bounds."""
    from scipy.optimize import least_squares

    start = start_of(x, y)
    low, high = [-2.0, -2.0, -3.0, np.log(x.min()) - 7.0], [3.0, 3.0, 4.0, np.log(x.max()) + 7.0]
    return float(2.0 * least_squares(residuals, np.clip(start, low, high), args=(x, y), bounds=(low, high)).cost)


def by_synergy(x: np.ndarray, y: np.ndarray) -> float:
    """Sum of squares that synergy reaches."""
    from synergy.single import Hill  # type: ignore[import-not-found]

    model = Hill()
    model.fit(x, y)
    return float(((model.E(x) - y) ** 2).sum())


PEERS: dict[str, tuple[str, Callable[[np.ndarray, np.ndarray], float]]] = {
    "scipy leastsq": ("scipy", by_scipy),
    "scipy least_squares, bounded": ("scipy", by_curve_fit_bounded),
    "lmfit minimize": ("lmfit", by_lmfit),
    "synergy Hill": ("synergy", by_synergy),
}
ELSEWHERE = ("thunor", "py50", "curve-curator")


def beside_peers(count: int) -> None:
    """Fits only, on the same curves; the best sum of squares is the least that any of them found."""
    x, y, kind = simulated(max(count, 10), seed=1)
    stack = Stack.of(np.repeat(np.arange(len(x)), x.shape[1]), x.ravel(), y.ravel())
    fit_stack(stack, family("LL.4"))  # caches and imports
    many_x, many_y, _ = simulated(5000, seed=1)
    many = Stack.of(np.repeat(np.arange(5000), x.shape[1]), many_x.ravel(), many_y.ravel())
    results = {
        "pkpd_mdr": (timed(lambda: fit_stack(many, family("LL.4")), 5000)[0], fit_stack(stack, family("LL.4")).rss)
    }
    for name, (package, work) in PEERS.items():
        try:
            importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            print(f"  {name:<30} is not installed")
            continue

        def all_of_them(work: Callable[[np.ndarray, np.ndarray], float] = work) -> np.ndarray:
            found = np.full(len(x), np.nan)
            for k in range(len(x)):
                try:
                    found[k] = work(x[k], y[k])
                except (RuntimeError, ValueError, FloatingPointError):
                    continue
            return found

        with np.errstate(all="ignore"):
            speed, rss = timed(all_of_them, len(x))
        results[name] = (speed, np.asarray(rss))
    for package in ELSEWHERE:
        try:
            importlib.metadata.version(package)
            print(f"  {package:<30} is installed, but has no adapter here")
        except importlib.metadata.PackageNotFoundError:
            print(f"  {package:<30} is not installed")
    best = np.nanmin(np.stack([rss for _, rss in results.values()]), axis=0)
    print(f"  {'':<30} {'curves/CPU-s':>12}  returned  " + "  ".join(f"{name:>8}" for name in KINDS))
    for name, (speed, rss) in results.items():
        with np.errstate(invalid="ignore"):
            close = rss <= best * (1 + 1e-4)
        hits = [float(np.mean(close[kind == i])) if (kind == i).any() else np.nan for i in range(4)]
        print(
            f"  {name:<30} {speed:>12.0f}  {np.mean(np.isfinite(rss)):8.3f}  "
            + "  ".join(f"{hit:8.3f}" for hit in hits)
        )


def coverage(count: int) -> None:
    """Share of nominal 95 % intervals of the EC50 that hold the truth: one EC50 in range, one near the top dose."""
    for name, ec50 in (("EC50 in range", 0.1), ("EC50 near the top dose", 5.0)):
        rng = np.random.default_rng(3)
        y = 0.1 + 0.9 / (1.0 + (DOSES / ec50) ** 1.2) + 0.05 * rng.standard_normal((count, len(DOSES)))
        stack = Stack.of(np.repeat(np.arange(count), len(DOSES)), np.tile(DOSES, count), y.ravel())
        curves = fit_stack(stack, family("LL.4"))
        logs = log_dose(curves, Level(50))
        lower, upper = profile_intervals(curves, Level(50), logs)
        reach = t_reach(0.95, curves.df) * delta_error(curves, Level(50), logs)
        with np.errstate(invalid="ignore"):
            profile = np.mean((lower <= np.log(ec50)) & (upper >= np.log(ec50)))
            delta = np.mean(np.abs(logs - np.log(ec50)) <= reach)
        print(f"  {name:<24} profile {100 * profile:5.1f} %   delta {100 * delta:5.1f} %   ({count} sets)")


OTHERS = {  # working parameters of the shape, then c, d and hormesis
    "G.4": ([-0.2, 0.9], [0.1, 1.0, 0.0]),
    "BC.5": ([0.7, 0.2], [0.1, 1.0, 0.8]),
    "CRS.5b": ([0.7, 0.2], [0.1, 1.0, 1.5]),
    "BP.5": ([0.0, -2.5, 0.0, 0.0, 1.6], [0.1, 1.0, 0.0]),
}


def other_families(count: int) -> None:
    """Speed and coverage of profile intervals where the dose is no plain parameter: dose scale, hormesis, two sites."""
    for name, (theta, linear) in OTHERS.items():
        x = np.repeat(np.linspace(0, 8, 12) if name[0] == "G" else np.r_[0.0, np.geomspace(0.01, 30, 13)], 3)
        y = curve_at(family(name), np.array([theta]), np.array([linear]), x[None])[0]
        y = y + 0.04 * np.random.default_rng(1).standard_normal((count, len(x)))
        stack = Stack.of(np.repeat(np.arange(count), len(x)), np.tile(x, count), y.ravel())
        curves = fit_stack(stack, family(name))
        truth = replace(curves, theta=np.array([theta]), linear=np.array([linear]))
        for level in (Level(50), Level(0.5, "absolute")):
            true, logs = log_dose(truth, level)[0], log_dose(curves, level)
            speed, (lower, upper) = timed(partial(profile_intervals, curves, level, logs), count)
            known = np.isfinite(logs)
            held = np.mean((lower <= true)[known] & (upper >= true)[known])
            print(f"  {name:<7} {level!s:<22} {100 * held:5.1f} % of {known.sum()} sets  {speed:8.0f} curves/CPU-s")


def main() -> None:
    """Run the four parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--curves", type=int, default=20_000)
    parser.add_argument("--peers", type=int, default=100, help="curves that every tool fits")
    parser.add_argument("--coverage", type=int, default=2000)
    given = parser.parse_args()
    print(f"Screens ({given.curves} curves)")
    whole_screens(given.curves)
    print(f"Beside other tools ({given.peers} curves): share that reaches the best sum of squares, by kind")
    beside_peers(given.peers)
    print("Coverage of nominal 95 % intervals")
    coverage(given.coverage)
    print("Profile intervals of other families: coverage and speed")
    other_families(max(given.coverage // 5, 50))


if __name__ == "__main__":
    main()

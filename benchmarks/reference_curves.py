"""Every public dose-response number that this library is held to: expected against obtained.

    python benchmarks/reference_curves.py ../shared/reference/dose_response [--all]

Estimates are compared at 1e-4, standard errors at 3 %, GR50 at 1e-3, GR values at 1e-6. Where a peer stopped before
its optimum (its own sum of squares is higher than ours) the row says so and the estimate is compared at 3 %; where a
standard error rests on a numerical Hessian, ours of the same kind is compared beside the Gauss-Newton one. Exit
status 1 when a row fails.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import pkpd_mdr as mdr
from pkpd_mdr.response.combination.median_effect import median_effect, median_effect_lines
from pkpd_mdr.response.combination.surfaces import SURFACES
from pkpd_mdr.response.families import family
from pkpd_mdr.response.joint import Joint
from pkpd_mdr.response.levels import Level, delta_error, log_dose
from pkpd_mdr.response.quantiles import t_reach
from pkpd_mdr.response.stack import Stack

ESTIMATE, ERROR = 1e-4, 0.03
EARLY = 0.03  # tolerance for estimates of a peer that stopped before its optimum
SINGLE = {"ryegrass": ("conc", "rootl"), "lettuce": ("conc", "weight")}
SAME_NAME = (
    *("LL.3", "LL.4", "LL.5", "W1.3", "W1.4", "W2.3", "W2.4", "LN.4", "L.4", "G.4", "BC.4", "BC.5"),
    *("CRS.4a", "CRS.4b", "CRS.4c", "CRS.5a", "EXD.3", "AR.3"),
)


@dataclass(frozen=True)
class Row:
    """One comparison."""

    part: str
    quantity: str
    expected: float
    obtained: float
    tolerance: float
    absolute: bool = False
    note: str = ""

    @property
    def difference(self) -> float:
        gap = abs(self.obtained - self.expected)
        return gap if self.absolute else gap / max(abs(self.expected), 1e-300)

    @property
    def fine(self) -> bool:
        return bool(self.difference <= self.tolerance)


def fitted(folder: Path, dataset: str, model: str, **options: object) -> mdr.DoseResponse:
    """The library's fit of a single-curve data set under a peer's model name."""
    dose, response = SINGLE[dataset]
    curve, fixed = ("W1.4", {"b": 1.0}) if model in ("EXD.3", "AR.3") else (model, None)
    table = folder / "inputs" / f"{dataset}.csv"
    return mdr.dose_response(table, dose=dose, response=response, curve=curve, fixed=fixed, **options)  # type: ignore[arg-type]


def hessian_errors(fit: mdr.DoseResponse) -> dict[str, float]:
    """Standard errors of one curve from a numerical Hessian of its sum of squares, on the reported scale."""
    table = fit.parameters().set_index("parameter")
    free = [name for name in table.index if table.loc[name, "se"] > 0]
    at = table.loc[free, "estimate"].to_numpy(dtype=float)
    curves, stack = fit.curves, fit.stack

    def rss(values: np.ndarray) -> float:
        given = dict(zip(free, values, strict=True))
        theta, linear = curves.theta.copy(), curves.linear.copy()
        for name, value in given.items():
            if name in ("c", "d") or (name == "f" and curves.family.hump is not None):
                linear[0, ("c", "d", "f").index(name)] = value
            else:
                theta[0, curves.family.shape.parameters.index(name)] = math.log(value)
        from pkpd_mdr.response.estimates import curve_at

        y = curve_at(curves.family, theta, linear, stack.x[None, :])[0]
        return float((stack.weight * (stack.y - y) ** 2).sum())

    size = len(free)
    step = 1e-4 * np.maximum(np.abs(at), 1e-2)
    hessian = np.zeros((size, size))
    for i in range(size):
        for j in range(size):
            corners = 0.0
            for a, b in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
                moved = at.copy()
                moved[i] += a * step[i]
                moved[j] += b * step[j]
                corners += a * b * rss(moved)
            hessian[i, j] = corners / (4.0 * step[i] * step[j])
    covariance = 2.0 * float(curves.sigma[0]) ** 2 * np.linalg.inv(hessian)
    return dict(zip(free, np.sqrt(np.diag(covariance)), strict=True))


def single_curves(folder: Path) -> Iterator[Row]:
    """The R package drc on ryegrass and lettuce."""
    peers = pd.read_csv(folder / "expected" / "drc_fits.csv")
    for (dataset, model), rows in peers.groupby(["dataset", "model"], sort=False):
        if dataset not in SINGLE or model not in SAME_NAME:
            continue
        fit = fitted(folder, dataset, model)
        rss = rows.loc[rows["quantity"] == "RSS", "estimate"]
        early = bool(len(rss)) and float(rss.iloc[0]) > float(fit.curves.rss[0]) * (1 + 1e-9)
        yield from drc_rows(f"{dataset} {model}", fit, rows, early, model)


def drc_rows(part: str, fit: mdr.DoseResponse, rows: pd.DataFrame, early: bool, model: str) -> Iterator[Row]:
    own = fit.parameters().set_index("parameter")
    hessian = hessian_errors(fit)
    peer_rss = float(rows.loc[rows["quantity"] == "RSS", "estimate"].iloc[0])
    local = peer_rss > float(fit.curves.rss[0]) * (1 + 1e-4)
    yield Row(
        part,
        "RSS",
        peer_rss,
        float(fit.curves.rss[0]),
        ESTIMATE if not local else EARLY,
        note="peer at a local optimum" * local,
    )
    if local or rows["status"].str.contains("not identifiable").any():
        return  # the peer's numbers describe another curve, or none
    note, tolerance = ("peer stopped early", EARLY) if early else ("", ESTIMATE)
    for row in rows[rows["status"].str.startswith("ok")].itertuples():
        name = row.quantity.split(":")[0]
        if row.quantity.endswith(":(Intercept)"):
            name = {"c": "d", "d": "c"}.get(name, name) if model == "AR.3" else name
            estimate, expected = float(own.loc[name, "estimate"]), row.estimate
            expected = abs(expected) if name == "b" else expected  # the sign says the direction there
            unsure = name == "f" and own.loc["f", "se"] > abs(own.loc["f", "estimate"])
            if not unsure:
                yield Row(part, name, expected, estimate, tolerance, note=note)
            if name in hessian and not unsure:
                yield Row(
                    part,
                    f"SE {name} (numerical Hessian)",
                    row.se,
                    hessian[name],
                    ERROR if not early else 2 * ERROR,
                    note=note,
                )
        elif row.quantity.endswith("relative delta") and not math.isnan(row.estimate):
            p = float(row.quantity.split(":")[2].split()[0])
            p = 100.0 - p if model == "L.4" else p  # counted from the other end there
            found = fit.ed(p, interval="delta").iloc[0]
            log = float(np.exp(fit.doses(p, interval="none").logs[0]))
            yield Row(
                part,
                f"ED{p:g}",
                row.estimate,
                log,
                tolerance,
                note=note or str(found["state"]) * (found["state"] != "in range"),
            )


def independent(folder: Path) -> Iterator[Row]:
    """An independent multi-start fit with Gauss-Newton errors: estimates, errors, effective doses."""
    table = pd.read_csv(folder / "expected" / "independent_single.csv")
    for (dataset, model), rows in table.groupby(["dataset", "model"], sort=False):
        if dataset not in SINGLE:
            continue
        fit = fitted(folder, dataset, model)
        part, own = f"{dataset} {model} independent", fit.parameters().set_index("parameter")
        for row in rows.itertuples():
            for name, expected, obtained, tolerance in independent_values(fit, own, row):
                yield Row(part, name, expected, obtained, tolerance)


def independent_values(
    fit: mdr.DoseResponse, own: pd.DataFrame, row: object
) -> Iterator[tuple[str, float, float, float]]:
    quantity, estimate, se = str(row.quantity), float(row.estimate), float(row.se)  # type: ignore[attr-defined]
    if quantity in own.index:
        yield quantity, abs(estimate) if quantity == "b" else estimate, float(own.loc[quantity, "estimate"]), ESTIMATE
        yield f"SE {quantity}", se, float(own.loc[quantity, "se"]), ERROR
    elif quantity in ("RSS", "logLik", "AICc", "df_resid"):
        found = {
            "RSS": fit.curves.rss,
            "logLik": fit.curves.log_likelihood,
            "AICc": fit.curves.aicc,
            "df_resid": fit.curves.df,
        }
        yield quantity, estimate, float(found[quantity][0]), ESTIMATE
    else:
        level, kind = asked(quantity, float(own.loc["d", "estimate"]))
        if level is None:
            return
        wanted = Level(level, kind)
        log = log_dose(fit.curves, wanted)
        error = float(delta_error(fit.curves, wanted, log)[0])
        dose = float(np.exp(log[0]))
        if "log-scale CI" in quantity:
            reach = float(t_reach(0.95, fit.curves.df[0])) * error
            yield f"{quantity} lower", float(row.lower95), dose * math.exp(-reach), ESTIMATE  # type: ignore[attr-defined]
            yield f"{quantity} upper", float(row.upper95), dose * math.exp(reach), ESTIMATE  # type: ignore[attr-defined]
            return
        yield quantity, estimate, dose, ESTIMATE
        yield f"SE {quantity}", se, dose * error, ERROR


def asked(quantity: str, d: float) -> tuple[float | None, str]:
    text = quantity.replace(" [log-scale CI]", "")
    if text.startswith("ED"):
        return float(text.split()[0][2:]), "relative"
    if text.startswith("absolute y="):
        return float(text.split("=")[1]), "absolute"
    return (d / 2.0, "absolute") if "y=d/2" in text else (None, "")


def shared_parameters(folder: Path) -> Iterator[Row]:
    """S.alba, spinach and glymet: common parameters, F tests, ratios."""
    peers = pd.read_csv(folder / "expected" / "drc_fits.csv")
    inputs = folder / "inputs"
    for model, share in (("LL.4 free", ()), ("LL.4 common c,d", ("c", "d")), ("LL.4 common b,c,d", ("b", "c", "d"))):
        fit = mdr.dose_response(inputs / "S.alba.csv", dose="Dose", response="DryMatter", by="Herbicide", share=share)
        yield from joint_rows(
            "S.alba " + model, fit, peers[(peers["dataset"] == "S.alba") & (peers["model"] == model)], "Herbicide"
        )
    apart = mdr.dose_response(inputs / "S.alba.csv", dose="Dose", response="DryMatter", by="Herbicide")
    tests = apart.ratio("Bentazone", "Glyphosate", at=[50], interval="delta").parallel
    for k, (f, p) in enumerate(((0.58756, 0.55885), (7.16141, 0.00952))):
        yield Row(
            "S.alba parallelism", f"F {tests['test'][k]}", f, float(tests["f"][k]), 1e-3, note="peer stopped early"
        )
        yield Row(
            "S.alba parallelism", f"p {tests['test'][k]}", p, float(tests["p"][k]), 2e-3, note="peer stopped early"
        )
    spinach = {"dose": "DOSE", "response": "SLOPE"}
    free = mdr.dose_response(inputs / "spinach.csv", **spinach, by=["CURVE"], share=())
    yield from joint_rows(
        "spinach free", free, peers[(peers["dataset"] == "spinach") & (peers["model"] == "LL.4 free by CURVE")], "CURVE"
    )
    own = dict.fromkeys(("b", "c", "e"), "HERBICIDE")
    common = mdr.dose_response(inputs / "spinach.csv", **spinach, by=["CURVE", "HERBICIDE"], share=own)
    rows = peers[(peers["dataset"] == "spinach") & peers["model"].str.startswith("LL.4 b_c_e")]
    yield from joint_rows("spinach shared", common, rows, "CURVE", "HERBICIDE")
    glymet = mdr.dose_response(
        inputs / "glymet.csv",
        dose="dose",
        response="rgr",
        by="pct",
        curve="LL.3",
        direction="falling",
        control={"pct": 999},
        share=("d",),
    )
    yield from joint_rows(
        "glymet", glymet, peers[(peers["dataset"] == "glymet") & (peers["model"] == "LL.3 free e by pct")], "pct"
    )


def joint_rows(part: str, fit: mdr.DoseResponse, rows: pd.DataFrame, *labels: str) -> Iterator[Row]:
    joint = fit.joint
    assert joint is not None
    rss = rows.loc[rows["quantity"] == "RSS", "estimate"]
    early = bool(len(rss)) and float(rss.iloc[0]) > joint.rss * (1 + 1e-8)
    note, tolerance = ("peer stopped early", EARLY) if early else ("", ESTIMATE)
    own = fit.parameters().astype(dict.fromkeys(labels, str))
    hessian = joint_hessian_errors(joint)
    names = list(joint.curves.names)
    for row in rows.itertuples():
        name, _, which = row.quantity.partition(":")
        if row.quantity == "RSS":
            yield Row(part, "RSS", row.estimate, joint.rss, ESTIMATE)
        elif row.quantity == "logLik":
            yield Row(part, "logLik", row.estimate, joint.log_likelihood, ESTIMATE)
        elif name in ("b", "c", "d", "e") and which:
            match = own[own["parameter"] == name]
            if which != "(Intercept)":
                match = match[np.logical_or.reduce([match[label] == which for label in labels])]
            found, curve = match.iloc[0], int(match.index[0]) // len(joint.curves.family.parameters)
            expected, obtained = abs(row.estimate) if name == "b" else row.estimate, float(found["estimate"])
            if name == "c" and abs(expected) < 0.05:  # close to 0: a share of the height
                yield Row(part, row.quantity, expected, obtained, tolerance, absolute=True, note=note)
            else:
                yield Row(part, row.quantity, expected, obtained, tolerance, note=note)
            error = hessian[joint.place[curve, names.index(name)]] * (obtained if name in ("b", "e") else 1.0)
            yield Row(part, f"SE {row.quantity} (numerical Hessian)", row.se, error, ERROR)
        elif name.startswith("SI Bentazone/Glyphosate") and "fieller" in row.quantity:
            p = float(which.split("/")[0])
            ratio = fit.ratio("Bentazone", "Glyphosate", at=[p], interval="fieller").table.iloc[0]
            for side, given in (("ratio", row.estimate), ("lower", row.lower95), ("upper", row.upper95)):
                yield Row(
                    part,
                    f"{row.quantity} {side}",
                    given,
                    float(ratio[side]),
                    EARLY,
                    note=note or "numerical Hessian there",
                )


def joint_hessian_errors(joint: Joint) -> np.ndarray:
    """Standard errors of the common vector from a numerical Hessian of the sum of squares."""
    size = len(joint.vector)
    step = 1e-4 * np.maximum(np.abs(joint.vector), 0.1)

    def rss(moves: list[tuple[int, float]]) -> float:
        at = joint.vector.copy()
        for i, factor in moves:
            at[i] += factor * step[i]
        return float((joint.residual(at) ** 2).sum())

    hessian = np.empty((size, size))
    signs = ((1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0))
    for i in range(size):
        for j in range(i, size):
            corners = sum(a * b * rss([(i, a), (j, b)]) for a, b in signs)
            hessian[i, j] = hessian[j, i] = corners / (4.0 * step[i] * step[j])
    return np.sqrt(2.0 * joint.sigma**2 * np.diag(np.linalg.inv(hessian)))


def weighted(folder: Path) -> Iterator[Row]:
    """ryegrass with residuals weighted by 1/sd: the meaning of sd=."""
    frame = pd.read_csv(folder / "inputs" / "ryegrass.csv")
    frame["sd"] = np.maximum(frame["rootl"], 0.5)
    fit = mdr.dose_response(frame, dose="conc", response="rootl", sd="sd")
    own = fit.parameters().set_index("parameter")["estimate"]
    peers = pd.read_csv(folder / "expected" / "drc_fits.csv")
    rows = peers[peers["model"].str.startswith("LL.4 weights")]
    peer_rss = float(rows.loc[rows["quantity"] == "RSE", "estimate"].iloc[0]) ** 2 * 20
    early = peer_rss > float(fit.curves.rss[0]) * (1 + 1e-9)
    yield Row("ryegrass weighted by sd", "RSS", peer_rss, float(fit.curves.rss[0]), ESTIMATE)
    for name in ("b", "c", "d", "e"):
        expected = float(rows.loc[rows["quantity"] == f"{name}:(Intercept)", "estimate"].iloc[0])
        note, tolerance = ("peer stopped early", 1e-3) if early else ("", ESTIMATE)
        yield Row("ryegrass weighted by sd", name, expected, float(own[name]), tolerance, note=note)


GR_KEYS = ["cell_line", "agent", "perturbation", "replicate", "time"]


def growth(folder: Path) -> Iterator[Row]:
    """GR values and metrics of the three table layouts; static and toxic parts."""
    inputs, expected = folder / "inputs", folder / "expected"
    a = mdr.growth_rate(inputs / "gr_caseA.csv", by=GR_KEYS)
    values = pd.read_csv(expected / "gr_caseA_values.csv")["GRvalue_expected"]
    yield worst("GR case A", "GR values (720)", values, a.values["gr"], 1e-6)
    wanted = pd.read_csv(expected / "gr_caseA_metrics.csv")
    yield from growth_metrics("GR case A", a, wanted)
    for number in (2, 3):
        files = {name: inputs / f"gr_caseB_{number}_{name}.csv" for name in ("data", "ctrl", "time0")}
        b = mdr.growth_rate(files["data"], by=GR_KEYS, controls=files["ctrl"], starts=files["time0"])
        # the files of variant 2 round control counts to four digits
        yield worst(f"GR case B ({number})", "GR values", a.values["gr"], b.values["gr"], 1e-6 if number == 3 else 1e-3)
    c = mdr.growth_rate(inputs / "gr_caseC_long.csv", by=GR_KEYS)
    yield from growth_metrics("GR case C", c, wanted)
    merged = (
        mdr.growth_rate(inputs / "gr_caseA.csv", by=["cell_line", "agent"]).metrics().set_index(["cell_line", "agent"])
    )
    yield Row("GR merged", "GR50 BT20 drugA", 0.090805, float(merged.loc[("BT20", "drugA"), "GR50"]), 1e-3)
    yield Row("GR merged", "GR_AOC BT20 drugA", 0.509263, float(merged.loc[("BT20", "drugA"), "GR_AOC"]), 1e-5)
    yield Row(
        "GR merged",
        "MCF7 drugD not reached",
        1.0,
        float(merged.loc[("MCF7", "drugD"), "GR50_state"] == "not reached"),
        0.0,
    )
    toxic = mdr.growth_rate(inputs / "gr_static_toxic.csv", by="cell_line", adjust_dead=True).values
    right = pd.read_csv(expected / "gr_static_toxic.csv")
    yield worst("GR static, toxic", "static", right["GR_static_correct"], toxic["gr_static"], 1e-8)
    yield worst("GR static, toxic", "toxic", right["GR_toxic_correct"], toxic["gr_toxic"], 1e-8)


def growth_metrics(part: str, found: mdr.GrowthRate, wanted: pd.DataFrame) -> Iterator[Row]:
    both = wanted.merge(found.metrics(interval="delta"), on=GR_KEYS, suffixes=("_wanted", ""))
    yield Row(part, "curves", len(wanted), len(both), 0.0)
    for name in ("GRmax", "GR_AOC"):
        yield worst(part, name, both[f"{name}_wanted"], both[name], 1e-6)
    known = np.isfinite(both["GR50_wanted"]) & both["GR50"].notna()
    yield worst(
        part, f"GR50 ({int(known.sum())} curves)", both["GR50_wanted"][known], both["GR50"][known], 1e-3, relative=True
    )
    odd = both[np.isfinite(both["GR50_wanted"]) & both["GR50"].isna()]
    censored = odd["GR50_state"].isin(["> max", "no effect"]).sum()
    yield Row(part, f"finite GR50 given as a state ({', '.join(odd['GR50_state'])})", len(odd), float(censored), 0.0)
    infinite = both[~np.isfinite(both["GR50_wanted"])]
    states = infinite["GR50_state"].isin(["no effect", "not reached", "> max", "< min"]).sum()
    yield Row(part, "infinite GR50 given as states", len(infinite), float(states), 0.0)


def worst(
    part: str, quantity: str, expected: pd.Series, obtained: pd.Series, tolerance: float, *, relative: bool = False
) -> Row:
    """The pair that is furthest apart."""
    e, o = expected.to_numpy(dtype=float), obtained.to_numpy(dtype=float)
    gap = np.abs(e - o) / (np.abs(e) if relative else 1.0)
    at = int(np.argmax(np.where(np.isnan(gap), np.inf, gap)))
    return Row(
        part, quantity, float(e[at]), float(o[at]), tolerance, absolute=not relative, note="the largest difference"
    )


def rates(folder: Path) -> Iterator[Row]:
    """DIP rates of wells; the file has ten digits."""
    table = folder / "inputs" / "dip_timecourse_counts.csv"
    found = mdr.dip_rates(
        table, time="time_h", count="cell_count", by="well_id", keep=["drug"], control={"drug": "control"}
    )
    for name in ("dip_rates", "dip_rates_controls"):
        both = pd.read_csv(folder / "expected" / f"{name}.csv").merge(found, on="well_id", suffixes=("_wanted", ""))
        yield worst(f"DIP {name}", f"rate ({len(both)} wells)", both["dip_rate_wanted"], both["dip_rate"], 1e-11)
        if "dip_first_timepoint" in both:
            yield worst(f"DIP {name}", "start of the window", both["dip_first_timepoint"], both["dip_first"], 0.0)
            yield worst(f"DIP {name}", "SE", both["dip_fit_std_err"], both["dip_se"], 1e-11)


def batch(folder: Path) -> Iterator[Row]:
    """Share of curves whose sum of squares is within 1e-4 of the best known, by kind."""
    from pkpd_mdr.response.estimates import fit_stack

    wide = pd.read_csv(folder / "inputs" / "batch4pl_wide.csv").iloc[:, 1:].to_numpy()
    truth = pd.read_csv(folder / "expected" / "batch4pl_truth_and_best_fit.csv")
    x = np.repeat(10.0 ** np.linspace(-3, 1, 9), 2)
    stack = Stack.of(np.repeat(np.arange(len(wide)), len(x)), np.tile(x, len(wide)), wide.ravel())
    excess = fit_stack(stack, family("LL.4")).rss / truth["best_rss"].to_numpy() - 1.0
    for kind, least in (("full", 0.995), ("partial", 0.98), ("flat", 0.98), ("outlier", 0.98)):
        share = float((excess[(truth["kind"] == kind).to_numpy()] < 1e-4).mean())
        yield Row("batch4pl", f"best sum of squares, {kind} (at least {least:g})", 1.0, share, 1.0 - least)


def combinations(folder: Path) -> Iterator[Row]:
    """Reference models and surfaces of drug combinations."""
    inputs, expected = folder / "inputs", folder / "expected"
    yield from sample_2d(inputs / "combo_sample2d.csv", expected)
    block = mdr.combination(
        inputs / "combo_mathews_b1.csv", doses={"1": "conc1 [nM]", "2": "conc2 [nM]"}, response="inhibition_pct",
        scale="percent inhibition", model=("bliss", "hsa", "loewe"), draws=0,
    )  # fmt: skip
    wanted = pd.read_csv(expected / "combo_mathews_b1_synergyfinder.csv").sort_values(["conc1", "conc2"])
    wanted = wanted[(wanted["conc1"] > 0) & (wanted["conc2"] > 0)].reset_index(drop=True)
    frame = block.frame.sort_values(["1", "2"])
    summary = block.summary().set_index("model")
    for model, name in (("bliss", "Bliss"), ("hsa", "HSA")):
        own = frame[frame["model"] == model].reset_index(drop=True)
        yield worst("Mathews block 1", f"{model} expected", wanted[f"{name}_ref"], own["expected"], 1e-8, relative=True)
        yield worst("Mathews block 1", f"{model} excess", wanted[f"{name}_synergy"], own["excess"], 1e-7)
        mean = float(pd.read_csv(expected / "combo_mathews_b1_summary.csv")[f"{name}_synergy"].iloc[0])
        yield Row("Mathews block 1", f"{model} mean excess", mean, float(summary.loc[model, "mean_excess"]), 1e-8)
    yield Row("Mathews block 1", "cells without Loewe", 25.0, float(summary.loc["loewe", "undefined"]), 0.0)
    for case in ("synergisticExample", "additiveExample"):
        yield from braid_example(inputs / f"combo_braid_{case}.csv", expected / f"combo_braid_{case}.csv", case)


def sample_2d(table: Path, expected: Path) -> Iterator[Row]:
    """The simulated surface of 108 wells: pointwise references, median effect, MuSyC and BRAID."""
    part = "sample2d"
    options = {"doses": {"d1": "d1", "d2": "d2"}, "response": "E", "scale": "viability", "draws": 0}
    points = pd.read_csv(expected / "combo_sample2d_pointwise_synergy_py.csv")
    cells = points.groupby(["d1", "d2"], as_index=False).mean()
    mixed = cells[(cells["d1"] > 0) & (cells["d2"] > 0)].reset_index(drop=True)
    medians = mdr.combination(table, model=("bliss", "hsa"), centre="median", **options).frame  # type: ignore[arg-type]
    means = mdr.combination(table, model=("loewe", "zip", "musyc", "braid"), braid="kappa3", **options)  # type: ignore[arg-type]
    for model, frame, tolerance in (
        ("bliss", medians, 1e-8), ("hsa", medians, 1e-12), ("loewe", means.frame, 1e-5), ("zip", means.frame, 3e-4)
    ):  # fmt: skip
        own = frame[frame["model"] == model].reset_index(drop=True)
        known = mixed[f"{model}_ref"].notna()
        yield Row(part, f"{model}: cells with a reference", float(known.sum()), float(own["expected"].count()), 0.0)
        yield worst(part, f"{model} expected", mixed[f"{model}_ref"][known], own["expected"][known], tolerance)
        if model == "zip":
            yield worst(part, "zip excess (fits of the peer)", mixed["zip"], own["excess"], 2e-3)
    wells = means.wells[0]
    slope, median, used = median_effect_lines(wells, wells.y[None])
    lines = pd.read_csv(expected / "combo_sample2d_median_effect.csv").set_index("quantity")["value"]
    for k in range(2):
        yield Row(part, f"median effect m{k + 1}", float(lines[f"m{k + 1}"]), float(slope[0, k]), 1e-10)
        yield Row(part, f"median effect Dm{k + 1}", float(lines[f"Dm{k + 1}"]), float(np.exp(median[0, k])), 1e-10)
        yield Row(part, f"median effect, usable wells of drug {k + 1}", 13.0 + k, float(used[0, k]), 0.0)
    # the peer takes the index of each well: each replicate as the observed response of its cell
    index = median_effect(wells, wells.y[None], np.array([wells.y[wells.cell == c] for c in range(36)]).T[:1]).index
    first = points.groupby(["d1", "d2"], as_index=False).first()
    assert index is not None
    both = wells.mixed & np.isfinite(index[0])
    yield worst(part, "combination index", first["ci"][both], pd.Series(index[0])[both], 1e-8, relative=True)
    yield from sample_2d_surfaces(table, expected, means, points, options)


def sample_2d_surfaces(
    table: Path, expected: Path, means: mdr.Combination, points: pd.DataFrame, options: dict[str, object]
) -> Iterator[Row]:
    """Parameters and sums of squares of the surfaces."""
    part = "sample2d"
    wells = means.wells[0]
    published = pd.read_csv(expected / "combo_sample2d_params.csv")
    cells = points.groupby(["d1", "d2"], as_index=False).first()
    held = {"gamma12": 1.0, "gamma21": 1.0}
    one = mdr.combination(table, model="musyc", fixed=held, **options)  # type: ignore[arg-type]
    for model, own in (("musyc_gamma", means), ("musyc_gamma1", one)):
        rows = published[published["model"] == model].set_index("parameter")["value"]
        values = own.parameters().query("model == 'musyc'").set_index("parameter")["estimate"]
        for name in rows.index.drop("rss"):
            yield Row(part, f"{model} {name}", float(rows[name]), float(values[name]), ESTIMATE)
        yield Row(part, f"{model} RSS", float(rows["rss"]), rss_of(own, "musyc"), 1e-6)
    peer = published[published["model"] == "musyc"].set_index("parameter")["value"]
    surface = SURFACES["musyc"].value(wells.cells, {name: float(peer[name]) for name in peer.index})
    yield worst(part, "musyc surface at the peer's estimates", cells["musyc_fit"], pd.Series(surface), 1e-8)
    rows = published[published["model"] == "braid"].set_index("parameter")["value"]
    fit = means.outcome("braid").fit
    assert fit is not None
    yield Row(part, "braid RSS", float(rows["sum_of_squares_residuals"]), rss_of(means, "braid"), 1e-6)
    for theirs, ours in (
        ("E0", "E0"),
        ("E3", "Ef"),
        ("h1", "n1"),
        ("h2", "n2"),
        ("C1", "IDM1"),
        ("C2", "IDM2"),
        ("kappa", "kappa"),
    ):
        yield Row(part, f"braid {theirs}", float(rows[theirs]), float(fit.values[ours]), ESTIMATE)


def rss_of(found: mdr.Combination, model: str) -> float:
    """Sum of squares of all wells around a fitted surface."""
    wells, fit = found.wells[0], found.outcome(model).fit
    assert fit is not None
    return float(((wells.y - fit.value(wells.cells)[wells.cell]) ** 2).sum())


def braid_example(table: Path, expected: Path, case: str) -> Iterator[Row]:
    """Sums of squares at the peer's estimates, and our own, which must not be larger."""
    published = pd.read_csv(expected)
    for variant in ("kappa1", "kappa2"):
        rows = published[published["model"] == variant].set_index("parameter")["estimate"]
        found = mdr.combination(
            table, doses={"A": "concA", "B": "concB"}, response="measure", scale="inhibition", model="braid",
            braid=variant, draws=0,
        )  # fmt: skip
        wells, fit = found.wells[0], found.outcome("braid").fit
        assert fit is not None
        height = rows["Ef"] - rows["E0"]
        given = {
            "IDM1": rows["IDMA"], "IDM2": rows["IDMB"], "n1": rows["na"], "n2": rows["nb"], "kappa": rows["kappa"],
            "E0": rows["E0"], "Ef": rows["Ef"], "a1": (rows["EfA"] - rows["E0"]) / height,
            "a2": (rows["EfB"] - rows["E0"]) / height,
        }  # fmt: skip
        at_theirs = float(((wells.y - SURFACES["braid"].value(wells.cells, given)[wells.cell]) ** 2).sum())
        own = rss_of(found, "braid")
        yield Row(f"BRAID {case}", f"{variant} RSS at the peer's estimates", float(rows["RSS"]), at_theirs, 1e-6)
        yield Row(f"BRAID {case}", f"{variant} RSS not above the peer's", 1.0, float(own <= rows["RSS"]), 0.0)
        early = "peer stopped early" if rows["RSS"] > own * (1 + 1e-9) else ""
        for theirs, ours in (
            ("IDMA", "IDM1"),
            ("IDMB", "IDM2"),
            ("na", "n1"),
            ("nb", "n2"),
            ("kappa", "kappa"),
            ("E0", "E0"),
            ("Ef", "Ef"),
        ):
            tolerance = EARLY if early else ESTIMATE
            absolute = theirs == "E0"
            yield Row(
                f"BRAID {case}", f"{variant} {theirs}", float(rows[theirs]), float(fit.values[ours]),
                1e-3 if absolute else tolerance, absolute=absolute, note=early,
            )  # fmt: skip


PARTS: tuple[Callable[[Path], Iterator[Row]], ...] = (
    single_curves, independent, shared_parameters, weighted, growth, rates, batch,
    combinations,
)  # fmt: skip


def rows(folder: Path) -> list[Row]:
    """All comparisons."""
    return [row for part in PARTS for row in part(folder)]


def main(arguments: list[str]) -> int:
    folder = Path(next((a for a in arguments if not a.startswith("-")), "../shared/reference/dose_response"))
    found = rows(folder)
    for row in found:
        if "--all" in arguments or not row.fine:
            verdict = "ok  " if row.fine else "FAIL"
            print(
                f"{verdict} {row.part:<28} {row.quantity:<44} {row.expected:>14.7g} {row.obtained:>14.7g} "
                f"{row.difference:9.1e} {row.note}"
            )
    early = sum("early" in row.note for row in found)
    failed = sum(not row.fine for row in found)
    print(
        f"{len(found)} numbers: {len(found) - failed} agree, {failed} do not; "
        f"{early} are compared loosely: the peer stopped early"
    )
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

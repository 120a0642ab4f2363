"""The main job, start to end: a plate teaches, a patient simulation uses what it taught.

Real measurements of SUM-149 cells after doxorubicin pulses (McKenna et al. 2017, bundled as means) calibrate a model of
sensitive, resistant and arrested cells, with and without transfer of resistance by contact. Pulses of 24 h are held out
and predicted. Then arms of doxorubicin and paclitaxel are compared in a patient under the fitted uncertainty.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pkpd_mdr.compare import Comparison, compare
from pkpd_mdr.data import Data, bundled
from pkpd_mdr.engine import Accuracy
from pkpd_mdr.fit import Fit, Selection, compare_models, fit
from pkpd_mdr.mechanisms import (
    clone,
    contact_transfer,
    cost,
    formula,
    growth,
    kill,
    medium,
    parameter,
    pk,
    seeding,
    switching,
)
from pkpd_mdr.model import Mechanism, Model, Parameter
from pkpd_mdr.regimen import Regimen, Strategy, adaptive, alternate, infusion, on_progression
from pkpd_mdr.units import QuantityLike

__all__ = ["Demo", "arms", "patient_model", "plate_model", "run_demo"]

WITHOUT, WITH = "without transfer", "with contact transfer"
_FITTED = (6, 12)  # h of exposure that are fitted; 24 h is held out
_DOSES = [0.0, 39.0625, 156.25, 312.5, 625.0, 1250.0, 2500.0]  # nM
_ACCURATE = Accuracy(rtol=1e-6)
_QUESTION = (
    "Which of five ways to give doxorubicin and paclitaxel delays progression longest, given what a plate of SUM-149 "
    "cells taught about doxorubicin? Growth of the tumour and the potency of paclitaxel in the patient are assumed."
)
_LEARNED = ["switching_ec50_dox_S_D", "switching_hill_dox_S_D", "switching_ec50_dox_R_D", "cost_R", "R0_share"]


@dataclass(frozen=True)
class Demo:
    """What the demo found.

    Attributes
    ----------
    fits : dict of str to Fit
        The plate model without and with transfer.
    selection : Selection
        Their ranking.
    held_out : dict of str to float
        Root mean square error of the logarithm on the 24 h pulses, which no fit has seen.
    verdict : str
        Whether the data support transfer.
    comparison : Comparison
        The arms in the patient.
    """

    fits: dict[str, Fit]
    selection: Selection
    held_out: dict[str, float]
    verdict: str
    comparison: Comparison


def _clones(capacity: Parameter) -> list[Mechanism]:
    """Sensitive, resistant and arrested cells; doxorubicin arrests both growing clones, each at its potency.

    The largest rate of arrest is fixed: no dose of the plates comes near saturation, so it cannot be estimated.
    """
    law = growth.logistic(rate=parameter("growth", "0.035 1/h"), capacity=capacity)
    return [
        clone("S", growth=law),
        clone("R", growth=law, resistant=True),
        clone("D", death="0.0003 1/h", description="arrested cells"),
        cost("R", 0.4),
        switching("S", "D", induced_by="dox", emax="20 1/h", ec50="3 uM", hill=1.4),
        switching(
            "R",
            "D",
            induced_by="dox",
            emax=formula("switching_emax_dox_S_D"),
            ec50="12 uM",
            hill=formula("switching_hill_dox_S_D"),
        ),
    ]


def plate_model(*, transfer: bool) -> Model:
    """Cells in a well after a pulse.

    Parameters
    ----------
    transfer : bool
        Whether resistant cells make sensitive ones resistant by contact.

    Returns
    -------
    Model
        Each well starts at its count at drug addition times the share that goes on growing on its plate.
    """
    parts: list[Mechanism] = [
        medium("dox", unit="nM"),
        *_clones(parameter("capacity", "34000 cell")),
        seeding(total=formula("counted*growing"), R=0.05, D=0),
        parameter("counted", "3000 cell", description="count at drug addition, from the data"),
        parameter("growing", 0.6, lower=0.0, description="share that goes on growing on the plate"),
    ]
    if transfer:
        parts.append(contact_transfer("R", "S", "R", rate="0.01 1/h"))
    return Model(*parts)


def patient_model(*, transfer: bool) -> Model:
    """A patient with the plate's pharmacodynamics.

    Doxorubicin kinetics is Mody et al. 2023, paclitaxel kinetics Friberg et al. 2002. Assumed: tumour growth, the
    clearance of arrested cells, and paclitaxel's effect (half the effect at 10 nM, R half as sensitive).

    Parameters
    ----------
    transfer : bool
        Whether resistance passes by contact, at the rate that the plate gave.

    Returns
    -------
    Model
    """
    parts = [
        pk.three_compartment(
            "dox",
            CL="53.3 L/h",
            V1="17.7 L",
            Q2="58.7 L/h",
            V2="1830 L",
            Q3="21.8 L/h",
            V3="71.6 L",
            molar_mass="543.5 g/mol",
        ),
        pk.two_compartment("pac", CL="285 L/h", V1="290 L", Q="204 L/h", V2="995 L", molar_mass="853.9 g/mol"),
        *_clones(parameter("capacity", "1e12 cell")),
        kill("pac", on="S", emax="0.02 1/h", ec50="10 nM"),
        kill("pac", on="R", emax="0.02 1/h", ec50="20 nM"),
        seeding(total="1e10 cell", R=0.05, D=0),
    ]
    if transfer:
        parts.append(contact_transfer("R", "S", "R", rate="0.01 1/h"))
    return Model(*parts).with_parameters(growth="0.0012 1/h", death_D="0.004 1/h")


def arms() -> dict[str, Regimen | Strategy]:
    """Six cycles of each drug, arranged in five ways."""
    dox = infusion("dox", "60 mg/m**2", over="1 h", body_surface="1.8 m**2").every("21 day", times=6)
    pac = infusion("pac", "175 mg/m**2", over="3 h", body_surface="1.8 m**2").every("21 day", times=6)
    return {
        "combination": dox & pac,
        "dox, then pac": dox.then(pac),
        "pac on progression": on_progression(dox, pac, growth=1.2, visit="21 day"),
        "alternating": alternate(dox, pac, every="21 day"),
        "adaptive": adaptive(dox & pac, stop_below=0.3, restart_above=0.6, visit="21 day"),
    }


def run_demo(
    folder: Path, *, starts: int = 4, draws: int = 40, seed: int = 1, say: Callable[[str], None] = lambda text: None
) -> Demo:
    """Fit, judge, compare; leave figures and tables in a folder.

    Parameters
    ----------
    folder : Path
        Made if it does not exist.
    starts : int
        Of each fit.
    draws : int
        Of parameters in the comparison.
    seed : int
        Of starts and draws.
    say : callable
        Receives each paragraph of the story.

    Returns
    -------
    Demo
    """
    folder.mkdir(parents=True, exist_ok=True)
    data = bundled("mckenna_dox_pulses").only(cell_line="SUM149")
    fitted = _chosen(data, _FITTED)
    say(f"Data: {len(fitted.table)} mean counts of SUM-149 cells after doxorubicin pulses (McKenna et al. 2017)")
    fits = {name: _fit(fitted, name == WITH, starts, seed) for name in (WITHOUT, WITH)}
    for name, found in fits.items():
        (folder / f"fit_{name.replace(' ', '_')}.txt").write_text(found.report() + "\n", encoding="utf-8")
    say(fits[WITHOUT].report())
    selection = compare_models(fits)
    held_out = {name: _error(plate_model(transfer=name == WITH), fits[name], _chosen(data, (24,))) for name in fits}
    verdict = _verdict(selection, held_out)
    say(f"{selection}\n\n{verdict}")
    supported = verdict.startswith("Supported")
    best = fits[WITH if supported else WITHOUT]
    drawn = best.draws(draws, seed=seed).frame[_LEARNED + (["contact_S_R"] if supported else [])]
    comparison = compare(
        patient_model(transfer=supported),
        arms(),
        parameters=drawn,
        endpoints=["time_to_progression", "nadir", "resistant_share"],
        fair="total_dose",
        until="3 year",
        seed=seed,
        accuracy=_ACCURATE,
    )
    say(str(comparison))
    _leave(folder, fits, selection, verdict, comparison)
    comparison.report_html(folder / "report.html", question=_QUESTION, fit=best)
    say(f"Figures, tables and a report (report.html) are in {folder}")
    return Demo(fits, selection, held_out, verdict, comparison)


def _chosen(data: Data, exposures: tuple[int, ...]) -> Data:
    levels = [c.labels["dox_nM"] for c in data.conditions if np.isclose(c.labels["dox_nM"], _DOSES).any()]
    return data.only(exposure_h=list(exposures), dox_nM=sorted(set(levels)))


def _starts(data: Data) -> dict[str, dict[str, QuantityLike]]:
    """Counts at drug addition, as a parameter of each condition."""
    return {"counted": {c.name: c.starts["burden"] for c in data.conditions}}


def _fit(data: Data, transfer: bool, starts: int, seed: int) -> Fit:
    free: dict[str, tuple[str, str] | tuple[float, float]] = {
        "growth": ("0.01 1/h", "0.08 1/h"),
        "cost_R": (0.0, 0.95),
        "capacity": ("20000 cell", "60000 cell"),
        "death_D": ("1e-5 1/h", "0.05 1/h"),
        "switching_ec50_dox_S_D": ("5 nM", "20 uM"),
        "switching_hill_dox_S_D": (0.3, 4.0),
        "switching_ec50_dox_R_D": ("50 nM", "500 uM"),
        "R0_share": (1e-6, 0.9),
        "growing": (0.1, 1.5),
    }
    if transfer:
        free["contact_S_R"] = ("1e-6 1/h", "0.5 1/h")
    model = plate_model(transfer=transfer)
    plate = {"growing": "exposure_h"}  # cells for each length of exposure grew on a plate of their own
    options: dict[str, Any] = {"error": "lognormal", "start": _starts(data), "accuracy": _ACCURATE}
    return fit(model, data, free, per=plate, starts=starts, seed=seed, **options)


def _error(model: Model, found: Fit, data: Data) -> float:
    """Error on conditions that no fit has seen; of their plate only the controls are used, for the share that grows."""
    fixed = found.found.apply_shared(model)
    controls = data.only(dox_nM=0.0)
    free = {"growing": (0.1, 1.5)}
    plate = fit(fixed, controls, free, error="lognormal", starts=1, start=_starts(controls), accuracy=_ACCURATE)
    settled = fixed.with_parameters(growing=plate.values["growing"])
    treated = data.without(dox_nM=0.0)
    squares: list[float] = []
    for condition, rows in treated.table.groupby("condition"):
        well = next(item for item in treated.conditions if item.name == condition)
        times = rows["time"].to_numpy()
        run = settled.with_parameters(counted=well.starts["burden"]).simulate(
            well.regimen, until=(float(times.max()), "h"), times=[(float(t), "h") for t in times], accuracy=_ACCURATE
        )
        squares.extend(np.log(rows["value"].to_numpy() / run.frame["burden"].to_numpy()) ** 2)
    return float(np.sqrt(np.mean(squares)))


def _verdict(selection: Selection, held_out: dict[str, float]) -> str:
    """Transfer counts as supported only if it also predicts what it has not seen, by a twentieth at least."""
    ranking = selection.verdict(WITH, WITHOUT)
    errors = (
        f"on the held-out 24 h pulses the error of the logarithm is {held_out[WITH]:.2f} "
        f"with and {held_out[WITHOUT]:.2f} without"
    )
    better = selection.best == WITH and held_out[WITH] < 0.95 * held_out[WITHOUT]
    lead = "Supported: transfer by contact" if better else "Not supported: transfer by contact"
    note = "A monoculture cannot tell transfer from selection or from drug-induced switching; a co-culture could."
    return f"{lead}. By AICc {ranking}; {errors}. {note}"


def _leave(folder: Path, fits: dict[str, Fit], selection: Selection, verdict: str, comparison: Comparison) -> None:
    (folder / "verdict.txt").write_text(f"{selection}\n\n{verdict}\n", encoding="utf-8")
    (folder / "comparison.txt").write_text(f"{comparison}\n", encoding="utf-8")
    comparison.to_csv(folder / "comparison.csv")
    estimates = pd.concat({name: found.estimates for name, found in fits.items()})
    estimates.to_csv(folder / "estimates.csv")
    drawings = {
        "fit": fits[WITHOUT].plot(),
        "time_to_progression": comparison.plot(),
        "courses": comparison.plot_courses(),
    }
    for name, axes in drawings.items():
        figure = axes.get_figure(root=True)
        if figure is not None:
            figure.savefig(folder / f"{name}.png", dpi=150)

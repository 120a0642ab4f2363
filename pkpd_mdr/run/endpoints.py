"""Endpoints by name: what one run means for a patient or a well, each a number with a unit and a direction."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from pkpd_mdr.errors import PkpdMdrError, SimulationError, did_you_mean, shown
from pkpd_mdr.model import Model
from pkpd_mdr.model.show import Listing
from pkpd_mdr.run.criteria import (
    best_change,
    extinct,
    happens,
    log_kill,
    objective_response,
    progression_free_survival,
    psa_progression,
    time_to_extinction,
    time_to_progression,
)
from pkpd_mdr.run.given import cost, total_dose
from pkpd_mdr.run.hazard import overall_survival, survival_probability
from pkpd_mdr.run.levels import (
    area_of,
    best_response,
    end_of,
    exposure,
    nadir_of,
    peak_of,
    resistant_share,
    share_of_start,
    time_above,
    time_below,
    time_of_nadir,
    time_to_stop,
    time_to_threshold,
)
from pkpd_mdr.run.reading import Endpoint, comparable

__all__ = [
    "Endpoint",
    "area_of",
    "best_change",
    "best_response",
    "check_endpoint",
    "cost",
    "end_of",
    "endpoint",
    "exposure",
    "extinct",
    "happens",
    "log_kill",
    "nadir_of",
    "objective_response",
    "overall_survival",
    "peak_of",
    "progression_free_survival",
    "psa_progression",
    "resistant_share",
    "share_of_start",
    "survival_probability",
    "table",
    "time_above",
    "time_below",
    "time_of_nadir",
    "time_to_extinction",
    "time_to_progression",
    "time_to_stop",
    "time_to_threshold",
    "total_dose",
]

_PLAIN: dict[str, Callable[[], Endpoint]] = {
    "time_to_progression": time_to_progression,
    "time_to_progression_recist": lambda: time_to_progression("nadir", name="time_to_progression_recist"),
    "time_to_stop": time_to_stop,
    "nadir": nadir_of,
    "nadir_time": time_of_nadir,
    "progression_free_survival": progression_free_survival,
    "psa_progression": psa_progression,
    "best_response": best_response,
    "best_change": best_change,
    "objective_response": objective_response,
    "log_kill": log_kill,
    "extinction": extinct,
    "cure": lambda: extinct(name="cure"),
    "time_to_extinction": time_to_extinction,
    "final_burden": lambda: end_of("burden", name="final_burden"),
    "final_share": share_of_start,
    "auc_burden": area_of,
    "resistant_share": resistant_share,
}
_ASKING = {
    "overall_survival": "overall_survival(baseline='0.05 1/month', reference='1e10 cell')",
    "survival_probability": "survival_probability(baseline='0.05 1/month', reference='1e10 cell')",
    "time_to_threshold": "time_to_threshold('1e12 cell')",
    "time_below": "time_below('0.5e9 1/L', of='anc')",
    "time_above": "time_above('3 mg/dL', of='bilirubin')",
    "cost": "cost({'dox': '1.5 1/mg'})",
    "happens": "happens(time_to_progression(), by='1 year')",
}
_PATTERNS: dict[str, Callable[[str], Endpoint]] = {
    "exposure_<drug>": exposure,
    "total_<drug>": total_dose,
    "auc_<output>": area_of,
    "<output>_nadir": lambda of: nadir_of(of, better="high"),
    "<output>_peak": peak_of,
    "<output>_end": end_of,
}


def endpoint(given: str | Endpoint) -> Endpoint:
    """An endpoint by name, or as it is.

    Parameters
    ----------
    given : str or Endpoint
        A name such as ``"time_to_progression"``, ``"exposure_dox"`` or ``"anc_nadir"``; `table` lists all of them.

    Returns
    -------
    Endpoint

    Raises
    ------
    SimulationError
        An unknown name; the nearest is suggested.

    Examples
    --------
    >>> endpoint("anc_nadir").needs
    ('anc', 'd/dt anc')
    """
    if isinstance(given, Endpoint):
        return given
    if not isinstance(given, str):
        raise SimulationError(f"endpoint {shown(given)} is neither a name nor an Endpoint; write for example 'nadir'")
    if given in _PLAIN:
        return _PLAIN[given]()
    for form, make in _PATTERNS.items():
        match = re.fullmatch(re.sub("<.*>", r"(\\w+)", form), given)
        if match:
            return make(match[1])
    if given in _ASKING:
        raise SimulationError(
            f"endpoint {shown(given)} needs to know more; write for example endpoints.{_ASKING[given]}"
        )
    raise SimulationError(
        f"endpoint {shown(given)} is neither known nor of the form "
        f"'<output>_nadir', '<output>_peak', '<output>_end', 'exposure_<drug>' or "
        f"'total_<drug>'{did_you_mean(given, _PLAIN, most=8)}"
    )


def table() -> Listing:
    """What a run can be asked for by name: name, what it is, unit, and which direction is good.

    Returns
    -------
    Listing
        Prints aligned; iterates as rows. Those of the last rows need to know more and are called, as shown there.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> "nadir" in [row[0] for row in mdr.endpoints.table().rows]
    True
    """
    named = [(name, make()) for name, make in _PLAIN.items()]
    named += [(form, make(re.findall("<.*>", form)[0])) for form, make in _PATTERNS.items()]
    units = {"same": "of the output", "area": "of the output * time"}
    rows = [(name, item.description, units.get(item.unit, item.unit), item.better) for name, item in named]
    rows += [(name, f"endpoints.{call}", "", "") for name, call in _ASKING.items()]
    return Listing(("endpoint", "what it is", "unit", "good"), tuple(rows))


def check_endpoint(item: Endpoint, known: Callable[[str], object], model: Model) -> None:
    """Raise `SimulationError` when a model lacks what an endpoint reads, or has it in another kind of unit."""
    for part in item.parts:
        check_endpoint(part, known, model)
    for name in item.needs:
        if (plain := name.removeprefix("d/dt ")).startswith("AUC_") and plain not in model.states:
            drugs = sorted(state[4:] for state in model.states if state.startswith("AUC_"))
            raise SimulationError(
                f"endpoint {shown(item.name)}: the model has no drug {shown(plain[4:])}"
                f"{_nearest(item.name, plain[4:], drugs)}"
            )
        try:
            known(name)
        except PkpdMdrError as problem:
            hint = "; mark clones with resistant=True" if name == "resistant_share" else ""
            raise SimulationError(f"endpoint {shown(item.name)}: {problem}{hint}") from problem
    names = list(dict.fromkeys(port.name for port in model.ports))
    for drug in item.drugs:
        if drug not in names:
            raise SimulationError(
                f"endpoint {shown(item.name)}: the model has no drug {shown(drug)}{_nearest(item.name, drug, names)}"
            )
    if item.like is not None and not comparable(unit := model.outputs[item.needs[0]].unit, item.like):
        raise SimulationError(
            f"endpoint {shown(item.name)}: the model shows {shown(item.needs[0])} "
            f"{f'in {shown(unit.text)}' if unit.text else 'without a unit'}, which cannot be compared with "
            f"{shown(item.like.text) if item.like.text else 'a plain number'}; give the level in a unit like that of "
            "the output (mdr.endpoints has a function for each endpoint)"
        )


def _nearest(name: str, drug: str, drugs: Sequence[str]) -> str:
    """The endpoint of the drug that stands in a name with something else, as in total_dose_dox; else `did_you_mean`."""
    inside = [known for known in drugs if f"_{known}_" in f"_{drug}_"]
    return f"; did you mean {name.replace(drug, max(inside, key=len))!r}?" if inside else did_you_mean(drug, drugs)

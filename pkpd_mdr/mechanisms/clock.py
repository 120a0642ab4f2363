"""Time that counts from the first dose: a clock that stands still until a drug is there, and then never stops."""

from __future__ import annotations

import sympy as sp

from pkpd_mdr.errors import ModelError, did_you_mean, shown
from pkpd_mdr.expression import TIME, symbol
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.model.scope import Scope

__all__ = ["SINCE", "check_since", "declare_clock", "start_clock", "time_since"]

SINCE = ("first_dose", "start")
"""From when a time counts: the first dose of the drug, or time zero of the run."""


def check_since(since: str, where: str) -> None:
    """`ModelError` unless `since` is one of `SINCE`."""
    if since not in SINCE:
        raise ModelError(f"{where}: since = {shown(since)} is not known{did_you_mean(since, SINCE)}")


def declare_clock(scope: Scope, drug: str, since: str) -> None:
    """Add the state ``clock_<drug>`` once, where time counts from the first dose."""
    name = f"clock_{drug}"
    if since == "first_dose" and name not in scope.states:
        scope.state(name, unit="h", kind="integral", description=f"time since the first dose of {drug}")


def start_clock(scope: Scope, drug: str, since: str, asked_by: str) -> None:
    """Write ``clock' = 1 if C > 0 or clock > 0 else 0`` once."""
    name = f"clock_{drug}"
    if since == "first_dose" and name not in scope.processes:
        concentration = scope.find("concentration", drug, asked_by)
        running = sp.Piecewise((sp.Integer(1), symbol(name) > 0), (sp.Integer(1), concentration > 0), (0, True))
        scope.process(name, running, {name: 1}, description=f"time passes since the first dose of {drug}")


def time_since(drug: str, since: str) -> Expression:
    """The time in hours: the clock of the drug, or that of the run."""
    return TIME if since == "start" else symbol(f"clock_{drug}")

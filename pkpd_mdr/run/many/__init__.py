"""Ensembles: regimens x parameters x starts, on one machine or many."""

from pkpd_mdr.run.many.ensemble import simulate_many
from pkpd_mdr.run.many.plans import Plan, check_doses, check_ports, parts_of
from pkpd_mdr.run.many.proportions import by_draw, proportion
from pkpd_mdr.run.many.quantiles import quantile, quantiles
from pkpd_mdr.run.many.result import Many
from pkpd_mdr.run.many.rows import Framed, RowsLike, parameter_slots, read_rows

__all__ = [
    "Framed",
    "Many",
    "Plan",
    "RowsLike",
    "by_draw",
    "check_doses",
    "check_ports",
    "parameter_slots",
    "parts_of",
    "proportion",
    "quantile",
    "quantiles",
    "read_rows",
    "simulate_many",
]

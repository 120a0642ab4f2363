"""Solvers that this engine is compared with, one module each; whatever is installed takes part.

A module has NAME, VERSION, OPTIONS and a class `Solver(problem)` with ``solve(rows, rtol)``, which returns members x
marks x states, and ``decades``, the range of log10(rtol) in which its work-precision curve is looked for. BATCH marks
solvers that take many members at a time; ``derivatives(row, rtol)`` those that differentiate by the parameters.
"""

from __future__ import annotations

import importlib
from types import ModuleType

__all__ = ["MODULES", "installed"]

MODULES = (
    "this_engine",
    "heyoka_taylor",
    "heyoka_batch_4",
    "roadrunner_cvode",
    "casadi_cvodes",
    "diffrax_vmap",
    "scipy_lsoda",
    "scipy_lsoda_arrays",
)


def installed(names: tuple[str, ...] = MODULES) -> tuple[list[ModuleType], dict[str, str]]:
    """The modules that can be imported, and why the others cannot."""
    found, missing = [], {}
    for name in names:
        try:
            found.append(importlib.import_module(f"peers.{name}"))
        except ImportError as problem:
            missing[name] = str(problem)
    return found, missing

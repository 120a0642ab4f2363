"""Parameters of a fit as `lmfit.Parameters`, and such a table as what a fit may move.

Numbers stand in declared units. Formulas of tied parameters become lmfit's own expressions, in which the factors
between these units are written out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pkpd_mdr.errors import FitError, did_you_mean, shown
from pkpd_mdr.fit.estimates import Estimate
from pkpd_mdr.fit.tied import Tied, plain_name, without_brackets
from pkpd_mdr.model import Model
from pkpd_mdr.units import Unit

if TYPE_CHECKING:
    from pkpd_mdr.fit.free import FreeLike
    from pkpd_mdr.fit.result import Fit

__all__ = ["from_lmfit", "to_lmfit"]


def to_lmfit(fit: Fit) -> Any:
    """All parameters of a fit: free (with bounds and errors), fixed, and tied.

    Parameters
    ----------
    fit : Fit

    Returns
    -------
    lmfit.Parameters
        In declared units. ``ec50_dox_S[231]`` is called ``ec50_dox_S_of_231``; what is tied has the formula as its
        ``expr``, with factors between units written out. ``user_data`` holds unit, parameter and group. A fit takes
        such a table as ``free=``.

    Examples
    --------
    >>> import pandas as pd
    >>> import pkpd_mdr as mdr
    >>> frame = pd.DataFrame({"h": [0, 1, 2, 3, 4], "y": [1.0, 2.1, 2.9, 4.2, 5.0]})
    >>> data = mdr.read_assay(frame, time="h [h]", value="y [1]", observable="y")
    >>> line = mdr.Model(mdr.observable("y", "a + b*t"), mdr.parameter("a", 1.0), mdr.parameter("b", "1 1/h"))
    >>> table = mdr.fit(line, data, {"b": ("-9 1/h", "9 1/h")}, starts=1).lmfit_parameters()
    >>> {name: entry.vary for name, entry in table.items()}
    {'a': False, 'b': True}
    """
    import lmfit

    table = lmfit.Parameters(usersyms={"hill": _hill})
    places = {item.name: plain_name(item.name) for item in (*fit.found.items, *fit.found.tied)}
    moving = {item.target for item in (*fit.found.items, *fit.found.tied)}
    for name, parameter in fit.model.parameters.items():
        if name not in moving:
            table.add(name, value=parameter.value, vary=False, min=parameter.lower, max=parameter.upper)
            table[name].user_data = {"unit": parameter.unit.text}
    for item in fit.found.items:
        low, high = item.allowed
        table.add(places[item.name], value=item.value, min=low, max=high)
        _describe(table[places[item.name]], item)
    for tie, item in zip(fit.found.ties, fit.found.tied, strict=True):
        table.add(places[item.name], expr=_expression(tie, fit, places))
        _describe(table[places[item.name]], item)
    return table


def _describe(entry: Any, item: Estimate) -> None:
    entry.stderr = item.se if item.se == item.se else None  # lmfit knows no NaN there
    entry.user_data = {"unit": item.unit, "parameter": item.target, "group": dict(item.group)}


def _expression(tie: Tied, fit: Fit, places: Mapping[str, str]) -> str:
    """The formula with each name as an internal value, and its result in the declared unit."""
    units = {item.name: Unit.of(item.unit) for item in fit.found.items}
    factors = {used: (places[source], units[source].factor) for used, source in tie.follows}
    factors |= {used: (used, fit.model.parameters[used].unit.factor) for used, _ in tie.fixed}

    def internal(found: re.Match[str]) -> str:
        """A name as lmfit's expression has it, with the factor to its unit."""
        if found[0] not in factors:
            return found[0]
        name, factor = factors[found[0]]
        return name if factor == 1.0 else f"({name}*{factor!r})"

    written = without_brackets(" ".join(tie.text.split()), factors)
    factors = {plain_name(used): found for used, found in factors.items()}
    text = re.sub(r"\b[A-Za-z_]\w*\b", internal, written)
    return text if tie.unit.factor == 1.0 else f"({text})/{tie.unit.factor!r}"


def _hill(concentration: float, ec50: float, exponent: float) -> float:
    """`hill` of formulas, for lmfit's reader."""
    ratio = max(concentration, 0.0) / ec50
    return float(ratio**exponent / (1.0 + ratio**exponent))


def from_lmfit(model: Model, free: Any, tied: Mapping[str, str] | None) -> tuple[Model, FreeLike]:
    """A model and what is free in it, where `free` is a table of lmfit's; anything else passes through.

    Parameters
    ----------
    model : Model
    free : lmfit.Parameters, or what else a fit takes
        What varies is free between its bounds from its value on, what does not is fixed at its value.
    tied : mapping of str to str, optional
        Formulas are taken from here alone, where units are checked; an expression in the table needs one.

    Raises
    ------
    FitError
        A name that the model lacks, or an expression that `tied` does not name.
    """
    if not type(free).__module__.startswith("lmfit"):
        return model, free
    bounds, fixed = {}, {}
    for name, entry in free.items():
        if name not in model.parameters:
            raise FitError(
                f"free: lmfit's table has {shown(name)}, which is no parameter of the model"
                f"{did_you_mean(name, model.parameters)}; parameters of groups are given by free= and per="
            )
        if entry.expr is not None:
            if name not in (tied or {}):
                raise FitError(
                    f"free: {shown(name)} follows {shown(entry.expr)} in lmfit's table, where numbers have no units; "
                    f"write it as tied={{{shown(name)}: ...}}, in which units are checked and converted"
                )
        elif entry.vary:
            bounds[name] = (float(entry.min), float(entry.value), float(entry.max))
        else:
            fixed[name] = float(entry.value)
    return model.with_parameters(fixed), bounds

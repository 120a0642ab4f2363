"""Parameter draws: a table in the units of the model becomes rows of internal values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import DataError
from pkpd_mdr.model import Model
from pkpd_mdr.run.many import RowsLike, parameter_slots, read_rows

__all__ = ["Drawn", "Members", "read_draws"]

Drawn = RowsLike | None


@dataclass(frozen=True, slots=True)
class Members:
    """Parameter values of all draws.

    Attributes
    ----------
    values : ndarray, shape (draws, p)
        Internal units, in the order of ``model.parameters``.
    varied : tuple of str
        Parameters that the draws give; empty for the model's own values.
    names : tuple of str
        Of the columns.
    """

    values: FloatArray
    varied: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def on(self, model: Model) -> Members:
        """The same draws for a model that has more parameters, which keep the model's values."""
        order = list(model.parameters)
        if tuple(order) == self.names:
            return self
        values = np.tile([item.internal for item in model.parameters.values()], (len(self.values), 1))
        values[:, [order.index(name) for name in self.names]] = self.values
        return Members(values, self.varied, tuple(order))

    def frame(self, model: Model) -> pd.DataFrame:
        """What the draws give, in the units of the model."""
        units = {name: model.parameters[name].unit for name in self.varied}
        columns = {name: self.values[:, self.names.index(name)] / unit.factor for name, unit in units.items()}
        frame = pd.DataFrame(columns, index=pd.RangeIndex(len(self.values), name="draw"))
        frame.attrs["units"] = {name: unit.text for name, unit in units.items()}
        return frame


def read_draws(model: Model, given: Drawn) -> Members:
    """Read parameter draws.

    Parameters
    ----------
    model : Model
    given : DataFrame, object with ``.frame``, ndarray, mapping of columns, sequence of mappings, or None
        Columns are parameter names; numbers are in the unit in which the model declares the parameter, unless the
        header names another (``"ec50_dox_S [nM]"``). What a table or a mapping leaves out keeps the model's value.
        None is one draw: the model as it is.

    Returns
    -------
    Members

    Raises
    ------
    DataError
        No row, an unknown column (the nearest is suggested), or a value that is missing, no number, or out of bounds.
    UnitError
        A header with a unit that is unknown or of another kind.
    """
    own = np.array([item.internal for item in model.parameters.values()], dtype=float)
    if given is None:
        return Members(own[None], names=tuple(model.parameters))
    unnamed = {  # a start that nobody declared is zero, and no parameter
        f"{clone}0": f" as its clone has no start; declare one, as in clone({clone!r}, start='1 cell')"
        for clone in model.clones
    }
    rows = read_rows(given, parameter_slots(model), what="parameter draws", item="parameter", elsewhere=unnamed)
    for sentence in rows.faults.values():
        raise DataError(sentence)
    values = np.tile(own, (len(rows), 1))
    order = list(model.parameters)
    values[:, [order.index(name) for name in rows.names]] = rows.values
    return Members(values, rows.names, tuple(order))

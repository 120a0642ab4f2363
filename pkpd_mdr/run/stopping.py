"""Where a run ends early: outputs and the levels at which it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pkpd_mdr.engine import Watch
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import PkpdMdrError, SimulationError, did_you_mean, shown
from pkpd_mdr.model import Model
from pkpd_mdr.units import QuantityLike, quantity, read

__all__ = ["Stop"]


@dataclass(frozen=True, slots=True)
class Stop:
    """Levels of outputs that end a run where the first of them is crossed, from below or from above.

    Attributes
    ----------
    outputs : tuple of str
        States or observables.
    levels : tuple of float
        Internal units.
    words : tuple of str
        What is said of a run that one of them ended.
    """

    outputs: tuple[str, ...]
    levels: tuple[float, ...]
    words: tuple[str, ...]

    @staticmethod
    def of(model: Model, given: Mapping[str, QuantityLike] | None) -> Stop | None:
        """Read ``{"burden": "1e12 cell"}``; None for nothing.

        Parameters
        ----------
        model : Model
        given : mapping of str to quantity, or None
            A bare number is allowed where the output has no unit.

        Raises
        ------
        SimulationError
            An unknown output (the nearest is suggested), or a level that is not finite.
        UnitError
            A level in a unit that is not the output's.

        Examples
        --------
        >>> import pkpd_mdr as mdr
        >>> model = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6))
        >>> Stop.of(model, {"burden": "1e12 cell"}).words
        ('burden reaches 1e+12 cell',)
        """
        if not given:
            return None
        levels, words = [], []
        for name, level in given.items():
            if name not in model.outputs:
                raise SimulationError(f"stop: the model has no output {shown(name)}{did_you_mean(name, model.outputs)}")
            unit = model.outputs[name].unit
            try:
                where, mass = f"stop at {shown(name)}", model.molar_mass(name)
                value = read(level, unit, where, bare=unit.dimensionless, molar_mass=mass)
            except PkpdMdrError as problem:
                raise type(problem)(f"{problem} (the model shows {shown(name)} in {shown(unit.text)})") from problem
            if not np.isfinite(value):
                raise SimulationError(f"stop: {shown(level)} is no level of {shown(name)}; give a finite one")
            levels.append(value)
            words.append(f"{name} reaches {quantity(level)}")
        return Stop(tuple(given), tuple(levels), tuple(words))

    @property
    def watches(self) -> tuple[Watch, ...]:
        """For the engine."""
        return tuple(Watch(name) for name in self.outputs)

    def table(self, members: int) -> FloatArray:
        """The levels for each member, shape (members, watches)."""
        return np.tile(np.array(self.levels), (members, 1))

    def seen(self, values: FloatArray) -> tuple[int, int] | None:
        """The first row at which a level is reached, and which; None for none.

        Parameters
        ----------
        values : ndarray, shape (rows, outputs)
            At the rows of a path of whole cells, which between them is not known.

        Examples
        --------
        >>> Stop(("burden",), (12.0,), ("",)).seen(np.array([[3.0], [11.0], [13.0]]))
        (2, 0)
        """
        sides = np.sign(values - np.array(self.levels))
        found = []
        for which, column in enumerate(sides.T):
            apart = np.flatnonzero(column)
            if len(apart):
                first = int(apart[0])
                found += [(first + int(row), which) for row in np.flatnonzero(column[first:] != column[first])[:1]]
        return min(found, default=None)

"""The result of an ensemble: tables of members, outputs, endpoints and failures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pkpd_mdr.arguments import CONFIDENCE, listed, takes
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import SimulationError, did_you_mean, shown
from pkpd_mdr.run.endpoints import Endpoint
from pkpd_mdr.run.many.proportions import proportion
from pkpd_mdr.run.many.quantiles import Counts, quantiles
from pkpd_mdr.run.many.study import Failure
from pkpd_mdr.units import Unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["QUANTILES", "Many"]

QUANTILES = (0.05, 0.5, 0.95)
_SHOWN_FAILURES = 3


@dataclass(frozen=True, eq=False)
class Many:
    """What became of an ensemble.

    Attributes
    ----------
    members : DataFrame
        One row per member: regimen, rows of the tables and labels, as far as there are several.
    times : ndarray, shape (k,)
        In `time_unit`.
    time_unit : Unit
    outputs : dict of str to Unit
        Kept at `times`, with the unit in which they are shown.
    values : ndarray, shape (members, k, outputs), or None
        In these units; NaN behind the failure of a member. None where outputs were reduced.
    reached : ndarray of int, shape (members,)
        Rows of `values` that were computed.
    counts : tuple of Counts
        One per regimen where outputs were reduced to quantiles, else empty.
    endpoint_items : tuple of Endpoint
    endpoint_units : tuple of Unit
    endpoint_values : ndarray, shape (members, endpoints)
        Infinite for a time that was not reached, NaN for a member that failed.
    failures : dict of int to Failure
        By member.
    settings : dict
        Reduction, chunks and what else was asked for.
    provenance : dict
        Versions, tolerances, seed and the hash of the model.
    """

    members: pd.DataFrame
    times: FloatArray
    time_unit: Unit
    outputs: Mapping[str, Unit]
    values: FloatArray | None
    reached: npt.NDArray[np.int64]
    counts: tuple[Counts, ...]
    endpoint_items: tuple[Endpoint, ...]
    endpoint_units: tuple[Unit, ...]
    endpoint_values: FloatArray
    failures: Mapping[int, Failure]
    settings: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.members)

    @cached_property
    def ok(self) -> npt.NDArray[np.bool_]:
        """Members that were finished, shape (members,)."""
        found = np.ones(len(self), dtype=bool)
        found[list(self.failures)] = False
        return found

    @property
    def regimens(self) -> tuple[str, ...]:
        """Names of the regimens; ``("",)`` for one without a name."""
        return tuple(self.members["regimen"].cat.categories) if "regimen" in self.members else ("",)

    # -- tables ----------------------------------------------------------------------------------------

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Outputs of all members as one long table: member, labels, time, outputs.

        Rows of a member that failed end at its failure. ``frame.attrs["units"]`` maps columns to units.

        Raises
        ------
        SimulationError
            The outputs of members were not kept (``reduce=``).
        """
        values = self._kept("frame")
        place, row = np.nonzero(np.arange(values.shape[1]) < self.reached[:, None])
        labels = self.members.iloc[place]
        table = labels.reset_index()
        time = f"time [{self.time_unit.text}]"
        table[time] = self.times[row]
        for k, name in enumerate(self.outputs):
            table[name] = values[place, row, k]
        table.attrs["units"] = {name: unit.text for name, unit in self.outputs.items()}
        return table

    def xarray(self) -> Any:
        """Outputs and endpoints as an ``xarray.Dataset`` over member and time, with units as attributes.

        NaN stands behind the failure of a member, and `failed` says why.

        Raises
        ------
        SimulationError
            xarray is not installed, or the outputs of members were not kept (``reduce=``).
        """
        try:
            xarray = import_module("xarray")
        except ImportError as problem:
            raise SimulationError(
                "xarray() needs the package xarray, which is not installed; pip install 'pkpd-mdr[xarray]'"
            ) from problem
        coords: dict[str, Any] = {"member": np.arange(len(self))}
        coords |= {str(name): ("member", self.members[name].to_numpy()) for name in self.members}
        data: dict[str, Any] = {}
        if self.outputs:
            values = self._kept("xarray()")
            coords["time"] = ("time", self.times, {"units": self.time_unit.text})
            for k, (name, unit) in enumerate(self.outputs.items()):
                data[name] = (("member", "time"), values[:, :, k], {"units": unit.text})
        for k, (item, unit) in enumerate(zip(self.endpoint_items, self.endpoint_units, strict=True)):
            attributes = {"units": unit.text, "description": item.description}
            data[item.name] = ("member", self.endpoint_values[:, k], attributes)
        attributes = {name: str(value) for name, value in self.provenance.items()}
        return xarray.Dataset(data, coords=coords, attrs=attributes)

    @property
    def endpoints(self) -> pd.DataFrame:
        """Labels and endpoints of the members that were finished; infinite for a time that was not reached."""
        table = self.members[self.ok].copy()
        for k, item in enumerate(self.endpoint_items):
            table[item.name] = self.endpoint_values[self.ok, k]
        units = zip(self.endpoint_items, self.endpoint_units, strict=True)
        table.attrs["units"] = {item.name: unit.text for item, unit in units}
        return table

    @property
    def failed(self) -> pd.DataFrame:
        """Members that were not finished: labels, time of failure (NaN for those that did not begin) and why."""
        places = sorted(self.failures)
        table = self.members.iloc[places].copy()
        table[f"time [{self.time_unit.text}]"] = [self.failures[k].time / self.time_unit.factor for k in places]
        table["sentence"] = [self.failures[k].sentence for k in places]
        return table

    def summary(self, quantiles: Sequence[float] = QUANTILES, *, by: str | Sequence[str] = "regimen") -> pd.DataFrame:
        """Quantiles of the outputs over the members that were finished, by time.

        Parameters
        ----------
        quantiles : sequence of float
            Shares between 0 and 1. With ``reduce="quantiles"`` each is within 0.1 % of the exact one.
        by : str or sequence of str
            Labels to group members by; the regimen only where outputs were reduced.

        Returns
        -------
        DataFrame
            Indexed by group, output and time; a column per quantile and the number of members.

        Raises
        ------
        SimulationError
            A share outside 0 to 1, an unknown label, or no outputs.
        """
        shares = _shares(quantiles)
        if not self.outputs:
            raise SimulationError("summary(): no outputs were kept (reduce='endpoints'); see endpoint_summary()")
        names = [by] if isinstance(by, str) else list(by)
        names = [name for name in names if name != "regimen" or "regimen" in self.members]
        tables = [self._summary(key, chosen, shares) for key, chosen in self._groups(names)]
        index = [*names, "output", f"time [{self.time_unit.text}]"]
        found = pd.concat([pd.DataFrame(table) for table in tables], ignore_index=True)
        found.columns = pd.Index([*index, *shares, "members"])
        found = self._ordered(found, "output", self.outputs).set_index(index)
        found.attrs["units"] = {name: unit.text for name, unit in self.outputs.items()}
        return found

    def _groups(self, names: Sequence[str]) -> list[tuple[tuple[Any, ...], npt.NDArray[np.intp]]]:
        """Keys and members of the groups; a reduced result knows the regimens only."""
        for name in names:
            if name not in self.members:
                raise SimulationError(f"there is no label {shown(name)}{did_you_mean(name, map(str, self.members))}")
        if self.counts and names not in ([], ["regimen"]):
            raise SimulationError("summary(): the outputs were reduced by regimen; by= can be 'regimen' only")
        if not names:
            return [((), np.arange(len(self)))]
        groups = self.members.groupby(list(names), observed=True, sort=False, dropna=False).indices
        return [(key if isinstance(key, tuple) else (key,), np.asarray(places)) for key, places in groups.items()]

    def _summary(self, key: tuple[Any, ...], chosen: npt.NDArray[np.intp], shares: Sequence[float]) -> dict[int, Any]:
        """Columns of one group, in the order of the index."""
        finished = chosen[self.ok[chosen]]
        count, k, m = len(finished), len(self.times), len(self.outputs)
        if self.counts:
            table = self.counts[self.regimens.index(key[0]) if key else 0].quantiles(shares)
            table = table.reshape(len(shares), k, m) / np.array([unit.factor for unit in self.outputs.values()])
        elif not count:
            table = np.full((len(shares), k, m), math.nan)
        else:
            table = np.stack([quantiles(self._kept("summary()")[finished, i], shares) for i in range(k)], axis=1)
        columns = [*([part] * (k * m) for part in key), np.repeat(list(self.outputs), k), np.tile(self.times, m)]
        columns += [part.T.ravel() for part in table]
        return dict(enumerate([*columns, [count] * (k * m)]))

    def endpoint_summary(self, quantiles: Sequence[float] = QUANTILES) -> pd.DataFrame:
        """Quantiles of the endpoints by regimen, in their units; infinite where the end of the run was not enough."""
        shares, rows = _shares(quantiles), []
        names = ["regimen"] if "regimen" in self.members else []
        for key, chosen in self._groups_of_endpoints(names):
            values = self.endpoint_values[chosen[self.ok[chosen]]]
            found = _quantiles(values, shares)
            for k, (item, unit) in enumerate(zip(self.endpoint_items, self.endpoint_units, strict=True)):
                rows.append([*key, item.name, unit.text, *found[:, k], len(values)])
        table = pd.DataFrame(rows, columns=[*names, "endpoint", "unit", *shares, "members"])
        items = [item.name for item in self.endpoint_items]
        return self._ordered(table, "endpoint", items).set_index([*names, "endpoint"])

    @takes(SimulationError, confidence=CONFIDENCE)
    def probabilities(self, confidence: float = 0.95) -> pd.DataFrame:
        """How often endpoints that happen or not did, by regimen, such as the probability of extinction.

        Parameters
        ----------
        confidence : float
            Of the binomial interval (Clopper and Pearson 1934), to which the replicates of one row of parameters and
            start are alike (Korn and Graubard 1998).

        Returns
        -------
        DataFrame
            Indexed by regimen and endpoint: ``probability``, ``lower``, ``upper``, ``members``.

        Raises
        ------
        SimulationError
            No endpoint happens or not, or `confidence` is no share.
        """
        places = [k for k, item in enumerate(self.endpoint_items) if item.event]
        if not places:
            raise SimulationError("probabilities(): no endpoint happens or not; ask for one, such as 'extinction'")
        rows, names = [], ["regimen"] if "regimen" in self.members else []
        groups = np.arange(len(self)) // max(1, self.settings.get("replicates", 1))
        for key, chosen in self._groups_of_endpoints(names):
            finished = chosen[self.ok[chosen]]
            owner = np.unique(groups[finished], return_inverse=True)[1]
            owner = owner if owner.size and owner.max() > 0 else np.arange(len(finished))
            for k in places:
                found = (
                    proportion(self.endpoint_values[finished, k], confidence, owner)
                    if len(finished)
                    else (math.nan,) * 3
                )
                rows.append([*key, self.endpoint_items[k].name, *found, len(finished)])
        table = pd.DataFrame(rows, columns=[*names, "endpoint", "probability", "lower", "upper", "members"])
        return table.set_index([*names, "endpoint"])

    def _ordered(self, table: pd.DataFrame, column: str, names: Iterable[str]) -> pd.DataFrame:
        """Regimens and names in the order in which they were given, which pandas then knows to be sorted."""
        table[column] = pd.Categorical(table[column], categories=list(names))
        if "regimen" in table:
            table["regimen"] = pd.Categorical(table["regimen"], categories=list(self.regimens))
        return table

    def _groups_of_endpoints(self, names: list[str]) -> list[tuple[tuple[Any, ...], npt.NDArray[np.intp]]]:
        if not names:
            return [((), np.arange(len(self)))]
        codes = self.members["regimen"].cat.codes.to_numpy()
        return [((name,), np.flatnonzero(codes == k)) for k, name in enumerate(self.regimens)]

    def _kept(self, what: str) -> FloatArray:
        if self.values is None:
            raise SimulationError(
                f"{what}: the outputs of members were not kept; run again without reduce={self.settings['reduce']!r}"
            )
        return self.values

    # -- show ------------------------------------------------------------------------------------------

    def plot(self, output: str | None = None, *, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw the median and a band of an output for each regimen; see `pkpd_mdr.plot.many`."""
        from pkpd_mdr.plot.many import plot_many

        drawn: Axes = plot_many(self, output, ax=ax, **options)
        return drawn

    def __str__(self) -> str:
        names = [f"{len(self)} members"]
        if self.regimens != ("",):
            names.append(f"{len(self.regimens)} regimen{'s' if len(self.regimens) > 1 else ''}")
        if len(self.times) and self.outputs:
            names.append(f"{len(self.times)} times to {self.times[-1]:g} {self.time_unit.text}")
        lines = [f"Ensemble of {', '.join(names)}"]
        if self.outputs:
            told = ", ".join(f"{name} [{unit.text}]" if unit.text else name for name, unit in self.outputs.items())
            how = "quantiles of " if self.counts else ""
            lines.append(f"  outputs: {how}{told}")
        if self.endpoint_items:
            table = self.endpoint_summary().reset_index()
            lines += [f"  {line}" for line in table.to_string(index=False, float_format="{:.4g}".format).split("\n")]
        return "\n".join([*lines, *self._failure_lines()])

    def _failure_lines(self) -> list[str]:
        if not self.failures:
            return []
        lines = [f"  {len(self.failures)} of {len(self)} members failed; they are left out of quantiles and endpoints:"]
        for member in sorted(self.failures)[:_SHOWN_FAILURES]:
            lines.append(f"    member {member}: {self.failures[member].sentence}")
        if len(self.failures) > _SHOWN_FAILURES:
            lines.append(f"    ... and {len(self.failures) - _SHOWN_FAILURES} more, see .failed")
        return lines

    __repr__ = __str__


def _quantiles(values: FloatArray, shares: Sequence[float]) -> FloatArray:
    return quantiles(values, shares) if len(values) else np.full((len(shares), values.shape[1]), math.nan)


def _shares(given: object) -> list[float]:
    items = listed(given)
    if not items or not all(isinstance(item, (int, float)) and 0 <= item <= 1 for item in items):
        raise SimulationError(f"quantiles = {shown(given)} are not shares between 0 and 1, such as [0.05, 0.5, 0.95]")
    return [float(item) for item in items]

"""`patients`: distributions, correlations, formulas and constraints in, a `Cohort` out."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from pkpd_mdr.arguments import SEED, TABLE, TEXTS, Kind, takes, whole
from pkpd_mdr.engine import beyond, over_columns
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import DataError, UnitError, did_you_mean, shown
from pkpd_mdr.expression import check_name, parse
from pkpd_mdr.mechanisms.occasions import Occasions
from pkpd_mdr.model import Model
from pkpd_mdr.patients.cohort import PATIENT, Cohort
from pkpd_mdr.patients.composition import Composition
from pkpd_mdr.patients.correlation import Correlations, Covariances, correlation_matrix, with_covariances
from pkpd_mdr.patients.distributions import Distribution
from pkpd_mdr.run.many import Framed, parameter_slots, read_rows
from pkpd_mdr.units import DIMENSIONLESS, Unit, split_header

__all__ = ["LEAST_ACCEPTED", "patients"]

LEAST_ACCEPTED = 1e-3
"""Share of the drawn patients that has to keep the constraints; below it, drawing is given up."""

_ENOUGH = 20_000  # drawn patients after which a rate of acceptance is known well enough to give up
_LARGEST = 200_000
_MODEL = Kind.of(Model, words="a model; build one with Model(...)")
_MOST = 10_000_000
_WITH_UNIT = re.compile(r"([A-Za-z]\w*)\s*\[([^\[\]]*)\]")  # WT[kg]
_SIZE = whole(1, _MOST, example=500)
_DRAWS = Kind(
    "draws of a fit, such as fit.draws(500), or a DataFrame", lambda given: isinstance(given, (pd.DataFrame, Framed))
)
_COMPOSITION = Kind.of(Composition, words="a composition; write for example composition(counts, total='1e9 cell')")
Flags = npt.NDArray[np.bool_]


@takes(
    DataError,
    model=_MODEL,
    n=_SIZE,
    distributions=TABLE,
    covariates=TABLE,
    formulas=TABLE,
    constraints=TEXTS,
    draws=_DRAWS,
    composition=_COMPOSITION,
    seed=SEED,
)
def patients(
    model: Model,
    n: int,
    distributions: Mapping[str, Distribution] | None = None,
    *,
    covariates: Mapping[str, Distribution] | None = None,
    formulas: Mapping[str, str] | None = None,
    correlations: Correlations = None,
    covariances: Covariances = None,
    constraints: str | Sequence[str] = (),
    draws: pd.DataFrame | Framed | None = None,
    composition: Composition | None = None,
    seed: int = 0,
) -> Cohort:
    """Draw virtual patients.

    Parameters
    ----------
    model : Model
    n : int
        Number of patients.
    distributions : mapping of str to Distribution, optional
        By parameter of the model; see `pkpd_mdr.distributions`. What is left out keeps the model's value. Under the
        name of `pkpd_mdr.occasions` each occasion is drawn anew: ``{"kappa_CL": normal(0, sd=0.15)}``.
    covariates : mapping of str to Distribution, optional
        Further quantities of a patient, such as a weight or an eta, for formulas.
    formulas : mapping of str to str, optional
        Parameters or covariates that follow from others, in order: ``{"CL_dox": "CL70*(WT[kg]/70)**0.75"}``.
        ``WT[kg]`` is the number of kg, whatever the unit of the column; ``WT`` alone the number in the unit of its
        column, a parameter that does not vary the model's value. The result is in the unit of the header
        (``"CL_dox [L/h]"``), or of the model; with the unit in the header, a covariate of the same kind may have
        another one, as in ``{"CL_dox [L/h]": "5*CLCR/100"}`` with CLCR in mL/min.
    correlations : mapping of (str, str) to float, or DataFrame, optional
        Of normal scores (a Gaussian copula): the correlation of values, logarithms or logits of normal, log-normal and
        logit-normal quantities, and the monotone association of others. Names of occasions go together on each one.
    covariances : mapping of (str, str) to float, or DataFrame, optional
        The same with variances (OMEGA), which then give the spread of ``lognormal("5 L/h")``.
    constraints : str or sequence of str
        Comparisons that hold for every patient: ``"growth_R <= growth_S"``. Who breaks one is drawn again, as is who
        lies outside the bounds of a parameter or, where a formula fills it, of a slot of the model.
    draws : ``fit.draws(500)`` or DataFrame, optional
        Rows of parameters that go together, such as typical values with their uncertainty; each patient gets one.
    composition : Composition, optional
        What tumours are made of at the start; see `pkpd_mdr.composition`.
    seed : int
        The same seed gives the same cohort.

    Returns
    -------
    Cohort

    Raises
    ------
    DataError
        An unknown or doubled name, correlations that are not possible (the nearest ones are named), a formula without
        a value, or constraints that fewer than 0.1 % of the patients keep; the one that is broken most is named.
    UnitError
        A distribution in a unit of another kind than its parameter, or a formula that mixes units of one kind or asks
        for a number in a unit of another kind.
    ExpressionError
        A formula that cannot be read.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> from pkpd_mdr import distributions as dist
    >>> model = mdr.Model(mdr.pk.one_compartment("dox", CL="5 L/h", V="20 L"))
    >>> cohort = mdr.patients(
    ...     model,
    ...     200,
    ...     {"V_dox": dist.lognormal("20 L", cv=0.2)},
    ...     covariates={"WT": dist.normal("70 kg", sd="12 kg").between("40 kg", "120 kg")},
    ...     formulas={"CL_dox": "5*(WT[kg]/70)**0.75"},
    ...     correlations={("V_dox", "WT"): 0.6},
    ...     seed=1,
    ... )
    >>> cohort.parameters, len(cohort)
    (('V_dox', 'CL_dox'), 200)
    """
    turns = {item.name: item.parameters for item in model.mechanisms if isinstance(item, Occasions)}
    return _Recipe.of(
        model,
        _by_occasion(turns, distributions or {}),
        dict(covariates or {}),
        dict(formulas or {}),
        (_together(turns, correlations), _together(turns, covariances)),
        [constraints] if isinstance(constraints, str) else list(constraints),
        draws,
        composition,
    ).draw(n, seed)


def _by_occasion(turns: Mapping[str, tuple[str, ...]], given: Mapping[str, Distribution]) -> dict[str, Distribution]:
    """Distributions with one for each occasion in place of their common name."""
    found: dict[str, Distribution] = {}
    for name, item in given.items():
        for each in turns.get(name, (name,)):
            if each in found:
                raise DataError(
                    f"distributions: {shown(each)} is drawn twice, by itself and as an occasion; leave out one"
                )
            found[each] = item
    return found


def _together(turns: Mapping[str, tuple[str, ...]], given: Correlations) -> Correlations:
    """Pairs with one for each occasion in place of their common names."""
    if not isinstance(given, Mapping) or not all(isinstance(pair, tuple) and len(pair) == 2 for pair in given):
        return given
    found = {}
    for (first, second), value in given.items():
        each = turns.get(first, (first,)), turns.get(second, (second,))
        alike = first in turns and second in turns
        found.update(dict.fromkeys(zip(*each, strict=False) if alike else itertools.product(*each), value))
    return found


@dataclass(frozen=True, slots=True)
class _Rule:
    """A formula or a constraint that was read: what it is called, and its expression."""

    name: str
    text: str
    expression: object


@dataclass(frozen=True, slots=True)
class _Recipe:
    """Everything that drawing needs, checked."""

    model: Model
    columns: dict[str, Distribution]
    root: FloatArray
    units: dict[str, Unit]
    rows: tuple[tuple[str, ...], FloatArray] | None
    composition: Composition | None
    formulas: tuple[_Rule, ...]
    constraints: tuple[_Rule, ...]

    @staticmethod
    def of(
        model: Model,
        distributions: dict[str, Distribution],
        covariates: dict[str, Distribution],
        formulas: dict[str, str],
        together: tuple[Correlations, Covariances],
        constraints: list[str],
        draws: pd.DataFrame | Framed | None,
        composition: Composition | None,
    ) -> _Recipe:
        """Read and check all arguments of `patients`."""
        units = _columns(model, distributions, covariates)
        columns, correlations = with_covariances({**distributions, **covariates}, together[1], together[0])
        root = np.asarray(np.linalg.cholesky(correlation_matrix(list(columns), correlations)), dtype=float)
        rows = None
        if draws is not None:
            read = read_rows(draws, parameter_slots(model), what="draws", item="parameter")
            for sentence in read.faults.values():
                raise DataError(sentence)
            _new(read.names, units, {name: model.parameters[name].unit for name in read.names}, "draws")
            factors = np.array([model.parameters[name].unit.factor for name in read.names])
            rows = read.names, read.values / factors
        if composition is not None:
            _new(tuple(composition.parameters(model)), units, composition.units(model), "composition")
        rules = [_formula(model, header, text, units) for header, text in formulas.items()]
        held = [_constraint(model, text, units) for text in constraints]
        if not units:
            raise DataError("patients(): nothing varies; give distributions=, draws= or composition=")
        return _Recipe(model, columns, root, units, rows, composition, tuple(rules), tuple(held))

    def draw(self, n: int, seed: int) -> Cohort:
        """Draw until `n` patients keep everything."""
        streams = [np.random.default_rng(item) for item in np.random.SeedSequence(seed).spawn(3)]
        kept: list[dict[str, FloatArray]] = []
        broken: dict[str, int] = {}
        found = tried = 0
        while found < n:
            rate = max(found / tried if tried else 1.0, LEAST_ACCEPTED)
            size = min(math.ceil(1.1 * (n - found) / rate) if tried else n, _LARGEST)
            table = self._batch(size, streams)
            good = np.ones(size, dtype=bool)
            for what, holds in self._checks(table):
                broken[what] = broken.get(what, 0) + int((~holds).sum())
                good &= holds
            kept.append({name: values[good] for name, values in table.items()})
            found, tried = found + int(good.sum()), tried + size
            if tried >= _ENOUGH and found < LEAST_ACCEPTED * tried:
                worst = max(broken, key=lambda what: broken[what])
                raise DataError(
                    f"patients(): {found} of {tried} drawn patients keep all constraints, fewer than "
                    f"{LEAST_ACCEPTED:.1%}; {broken[worst] / tried:.1%} break {shown(worst)}; widen the distributions "
                    "there, cut them with between(...), or loosen it"
                )
        return self._cohort(kept, n, seed, found / tried, {what: count / tried for what, count in broken.items()})

    def _batch(self, size: int, streams: Sequence[np.random.Generator]) -> dict[str, FloatArray]:
        from scipy.special import ndtr

        table: dict[str, FloatArray] = {}
        shares = ndtr(streams[0].standard_normal((size, len(self.columns))) @ self.root.T)
        for place, (name, item) in enumerate(self.columns.items()):
            table[name] = item.quantile(np.clip(shares[:, place], 1e-16, 1 - 1e-16))
        if self.rows is not None:
            names, values = self.rows
            chosen = streams[1].integers(len(values), size=size)
            table |= {name: values[chosen, k] for k, name in enumerate(names)}
        if self.composition is not None:
            table |= self.composition.draw(self.model, size, streams[2])
        for rule in self.formulas:
            table[rule.name] = found = self._values(rule, table)
            if not np.isfinite(found).all():
                row = int(np.argmin(np.isfinite(found)))
                used = {name: f"{values[row]:.4g}" for name, values in table.items() if name != rule.name}
                told = ", ".join(f"{name} = {value}" for name, value in list(used.items())[:6])
                raise DataError(f"formula of {shown(rule.name)}: {shown(rule.text)} has no finite value at {told}")
        return table

    def _values(self, rule: _Rule, table: Mapping[str, FloatArray]) -> FloatArray:
        return over_columns(rule.expression, self._whole(table))

    def _whole(self, table: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """The table with the model's own values beside it, for parameters that do not vary."""
        size = len(next(iter(table.values()))) if table else 1
        return {**{name: np.full(size, item.value) for name, item in self.model.parameters.items()}, **table}

    def _checks(self, table: Mapping[str, FloatArray]) -> Iterator[tuple[str, Flags]]:
        for name, values in table.items():
            if name in self.model.parameters:
                item = self.model.parameters[name]
                own = values * (self.units[name].factor / item.unit.factor)
                yield f"the bounds of {name}", (own >= item.lower) & (own <= item.upper)
        whole, units = self._whole(table), _known(self.model, self.units)
        for slot in self.model.slots:
            if any(name in table for name in slot.sources):
                columns = {name: whole[name] * units[name].factor for name in slot.sources}
                yield f"the bounds of {slot.name}", ~beyond(slot, columns)[1]
        for rule in self.constraints:
            yield rule.text, self._values(rule, table) > 0.5

    def _cohort(
        self, kept: Sequence[Mapping[str, FloatArray]], n: int, seed: int, rate: float, broken: Mapping[str, float]
    ) -> Cohort:
        table = pd.DataFrame({name: np.concatenate([part[name] for part in kept])[:n] for name in kept[0]})
        notes = [
            f"{share:.3g} of those drawn broke {what} and were drawn again" for what, share in broken.items() if share
        ]
        if self.composition is not None:
            notes.append(self.composition.note)
        return Cohort(
            table.rename_axis(PATIENT),
            {name: self.units[name].text for name in kept[0]},
            tuple(name for name in kept[0] if name in self.model.parameters),
            seed,
            rate,
            tuple(notes),
        )


def _columns(
    model: Model, distributions: Mapping[str, Distribution], covariates: Mapping[str, Distribution]
) -> dict[str, Unit]:
    """Units of what has a distribution; the names are checked."""
    units: dict[str, Unit] = {}
    for what, given in (("distributions", distributions), ("covariates", covariates)):
        for name, item in given.items():
            if not isinstance(item, Distribution):
                raise DataError(
                    f"{what}: {shown(name)} is {shown(item)}, which is no distribution; write for example "
                    "distributions.lognormal('5 L/h', cv=0.3)"
                )
            if what == "distributions":
                if name not in model.parameters:
                    hint = did_you_mean(name, model.parameters)
                    raise DataError(
                        f"distributions: the model has no parameter {shown(name)}{hint} (others go into covariates=)"
                    )
                own = model.parameters[name].unit
                if not item.unit.like(own):
                    raise UnitError(
                        f"distributions: {shown(name)} is {item}, but the model has it in {shown(own.text)}; "
                        f"write its numbers with a unit like that, as in '1 {own.text}'"
                    )
            else:
                _free(name, model, units, what)
            bare = what == "distributions" and not item.unit.text
            units[name] = model.parameters[name].unit if bare else item.unit
    return units


def _free(name: str, model: Model, units: Mapping[str, Unit], what: str) -> None:
    """A name that a covariate can have."""
    check_name(name, what)
    if name in model.parameters or name in model.states:
        raise DataError(f"{what}: {shown(name)} belongs to the model; parameters go into distributions=")
    if name in units or name == PATIENT:
        raise DataError(f"{what}: {shown(name)} is given already; call one of them otherwise")


def _new(names: Sequence[str], units: dict[str, Unit], own: Mapping[str, Unit], what: str) -> None:
    for name in names:
        if name in units:
            raise DataError(f"{what} gives {shown(name)}, which is given already; leave out one of them")
        units[name] = own[name]


def _formula(model: Model, header: str, text: str, units: dict[str, Unit]) -> _Rule:
    """Read a formula; its result becomes a column."""
    name, unit = split_header(str(header))
    said = unit is not None
    if name in units:
        raise DataError(f"formulas: {shown(name)} is given already; leave out one of them")
    if name in model.parameters:
        own = model.parameters[name].unit
        if unit is not None and not unit.like(own):
            raise UnitError(f"formulas: {shown(header)} is not in a unit like {shown(own.text)}, that of the model")
        unit = unit or own
    else:
        _free(name, model, units, "formulas")
        unit = unit or DIMENSIONLESS
    where = f"formula of {shown(name)}"
    plain, known = _plain(text, _known(model, units), where)
    expression = parse(plain, list(known), where=where, time=False)
    _check_units(expression, known, where, None if said else (name, unit))
    units[name] = unit
    return _Rule(name, text, expression)


def _constraint(model: Model, text: str, units: Mapping[str, Unit]) -> _Rule:
    """Read a comparison as a formula that is one where it holds."""
    where = f"constraint {shown(text)}"
    if not any(sign in text for sign in "<>"):
        raise DataError(f"{where} compares nothing; write for example 'growth_R <= growth_S'")
    plain, known = _plain(text, _known(model, units), where)
    expression = parse(f"1 if {plain} else 0", list(known), where=where, time=False)
    _check_units(expression, known, where, None)
    return _Rule(text, text, expression)


def _known(model: Model, units: Mapping[str, Unit]) -> dict[str, Unit]:
    """Units of everything that a formula may name."""
    return {**{name: item.unit for name, item in model.parameters.items()}, **units}


def _plain(text: object, known: dict[str, Unit], where: str) -> tuple[str, dict[str, Unit]]:
    """A formula without units (``WT[kg]`` as the column times a factor), and the units in which its names stand."""
    asked: dict[str, Unit] = {}

    def number(found: re.Match[str]) -> str:
        """What stands for a name with a unit."""
        name, unit = found[1], Unit.of(found[2])
        own = known.get(name, unit)  # who knows no such name says so when reading the formula
        if not unit.like(own):
            raise UnitError(f"{where}: {shown(name)} is in {shown(own.text)} and has no number of {shown(unit.text)}")
        if asked.setdefault(name, unit) != unit:
            raise UnitError(f"{where}: {shown(name)} stands in two units; write {name}[{unit.text}] each time")
        factor = own.factor / unit.factor
        return name if factor == 1 else f"({name}*{factor!r})"

    if not isinstance(text, str):
        return text, known  # type: ignore[return-value]  # refused when it is read
    plain, rest = _WITH_UNIT.sub(number, text), _WITH_UNIT.sub("", text)
    for name, unit in asked.items():
        if re.search(rf"\b{name}\b", rest) and unit.factor != known.get(name, unit).factor:
            raise UnitError(f"{where}: {shown(name)} stands in two units; write {name}[{unit.text}] each time")
    return plain, {**known, **{name: unit for name, unit in asked.items() if name in known}}


def _check_units(expression: object, known: Mapping[str, Unit], where: str, result: tuple[str, Unit] | None) -> None:
    """Numbers stand for themselves in a formula, so two units of one kind cannot both be meant."""
    used = sorted(symbol.name for symbol in getattr(expression, "free_symbols", ()))
    items = [*((name, known[name]) for name in used), *([result] if result else [])]
    for place, (name, unit) in enumerate(items):
        for other, unlike in items[:place]:
            if unit.like(unlike) and abs(unit.factor / unlike.factor - 1) > 1e-12 and unit.dims:
                repair = (
                    f", or write {shown(f'{name} [{unit.text}]')} if that is the result"
                    if (name, unit) == result
                    else ""
                )
                raise UnitError(
                    f"{where}: {shown(other)} is in {shown(unlike.text)} and {shown(name)} in {shown(unit.text)}; a "
                    f"formula takes numbers as they stand, so write {other}[{unit.text}]{repair}"
                )

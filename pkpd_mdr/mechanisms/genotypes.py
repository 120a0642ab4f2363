"""A table genotype x drug, and the mutations between genotypes, as clones, kills and mutations in one call."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pkpd_mdr.arguments import NUMBER, TEXT, TEXTS, listed, takes
from pkpd_mdr.errors import ModelError, did_you_mean, shown
from pkpd_mdr.expression import check_name
from pkpd_mdr.mechanisms.clone import clone
from pkpd_mdr.mechanisms.composite import Composite, Potencies, common, text_of
from pkpd_mdr.mechanisms.growth import Growth
from pkpd_mdr.mechanisms.kill import kill
from pkpd_mdr.mechanisms.names import POSITIVE
from pkpd_mdr.mechanisms.switching import cost, mutation
from pkpd_mdr.mechanisms.user import SharedParameter
from pkpd_mdr.model.parts import Parameter
from pkpd_mdr.model.scope import Formula, Given, Mechanism
from pkpd_mdr.units import quantity

__all__ = ["genotypes"]

Table = Mapping[str, Mapping[str, Any]]


def _rows(table: object) -> dict[str, dict[str, Any]]:
    """The table as a dict of rows, each with the same drugs; a DataFrame has genotypes as its index."""
    to_dict = getattr(table, "to_dict", None)
    given: Any = to_dict(orient="index") if callable(to_dict) else table
    if not isinstance(given, Mapping) or not given or not all(isinstance(row, Mapping) for row in given.values()):
        raise ModelError(
            f"genotypes: {shown(table)} is not a table of genotypes and drugs; write for example "
            "{'WT': {'gef': '20 nM'}, 'T790M': {'gef': '3 uM'}}"
        )
    rows = {name: dict(row) for name, row in given.items()}
    first, drugs = next(iter(rows.items()))
    for name, row in rows.items():
        check_name(name, "the name of a genotype")
        for drug in [*drugs, *row]:
            if drug not in row or drug not in drugs:
                other = name if drug not in row else first
                raise ModelError(
                    f"genotypes: {shown(other)} has no value for {shown(drug)}; give each genotype a value for each "
                    "drug, and inf where the drug does not act"
                )
    if not drugs:
        raise ModelError(f"genotypes: {shown(first)} has no drug; name at least one with its ec50")
    return rows


def _value(given: Any, unit: str, where: str) -> Given | None:
    """A cell of the table; None where the drug does not act."""
    if given is None or (isinstance(given, str) and given.strip() in ("inf", "-")):
        return None
    if not NUMBER.fits(given):
        return given  # type: ignore[no-any-return]
    if isinstance(given, int):
        return (given, unit) if unit else given
    number = float(given)
    if math.isnan(number):
        raise ModelError(f"{where} is missing (NaN); write inf where the drug does not act")
    if math.isinf(number):
        return None
    return (number, unit) if unit else number


def _for(given: Given | Mapping[str, Given], drug: str, what: str) -> Given:
    if not isinstance(given, Mapping):
        return given
    if drug not in given:
        raise ModelError(f"genotypes: {what} has no value for {shown(drug)}{did_you_mean(drug, given)}")
    return given[drug]


@takes(ModelError, unit=TEXT, resistant=TEXTS, form=TEXT, site=TEXT)
def genotypes(
    table: Table | Any,
    *,
    emax: Given | Mapping[str, Given],
    hill: Given | Mapping[str, Given] = 1.0,
    unit: str = "",
    reference: Mapping[str, Given] | None = None,
    growth: Growth | Mapping[str, Growth] | None = None,
    death: Given | None = None,
    start: Mapping[str, Given] | None = None,
    mutations: Mapping[tuple[str, str], Given] | None = None,
    costs: Mapping[str, Given] | None = None,
    resistant: str | Sequence[str] | None = None,
    form: str = "hazard",
    site: str = "",
) -> Mechanism:
    """Clones that differ in their genotype, and how each drug acts on each, from one table.

    For each genotype g a `clone`, for each drug d a `kill` with the ec50 of the table, for each arrow of the graph a
    `mutation`. A row tells cross-resistance (several drugs with a high ec50) and collateral sensitivity (an ec50 below
    that of the parent). All genotypes share emax and hill of a drug. With `reference` the table holds folds: ``ec50 =
    ec50_<d>*fold_<d>_<g>``, so that a fit can share the potency of a drug and estimate folds.

    Parameters
    ----------
    table : mapping of str to mapping of str to quantity, or pandas.DataFrame
        Genotype (row) to drug (column) to ec50, as text or as a number in `unit`; infinite, None or "-" where the drug
        does not act. With `reference` numbers are folds over it.
    emax : quantity, Parameter or Formula, or a mapping of drug to these
        Largest effect; parameters ``emax_<drug>``.
    hill : float, Parameter or Formula, or a mapping of drug to these
        Parameters ``hill_<drug>``.
    unit : str
        Of the bare numbers in the table.
    reference : mapping of str to quantity, Parameter or Formula, optional
        Drug to the ec50 at fold 1; parameters ``ec50_<drug>`` and ``fold_<drug>_<genotype>``.
    growth : Growth or mapping of genotype to Growth, optional
        One law for all, or one for each.
    death : quantity, Parameter or Formula, optional
        Natural death of all.
    start : mapping of genotype to quantity, optional
        Cells at time zero.
    mutations : mapping of (genotype, genotype) to share or rate, optional
        A bare number is a probability per division, a quantity such as ``"1e-6 1/day"`` a rate per time.
    costs : mapping of genotype to share, optional
        What resistance costs in growth; see `cost`.
    resistant : str or sequence of str, optional
        Genotypes that count as resistant; all but the first row unless given.
    form, site : str
        As in `kill`.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        The table has gaps, or a mutation, cost or start names no genotype.
    UnitError
        A quantity has no unit or the wrong one.

    Notes
    -----
    Successive generations of EGFR inhibitors (card of Chmielecki et al. 2011 and Foo et al. 2012): the first two fail
    by T790M, the third by C797S, which without T790M is still sensitive to dacomitinib.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> egfr = mdr.genotypes(
    ...     {"WT": {"dac": "5 nM", "osi": "10 nM"}, "T790M": {"dac": "1 uM", "osi": "10 nM"}},
    ...     emax="0.1 1/day",
    ...     growth=mdr.growth.exponential(rate="0.05 1/day"),
    ...     start={"WT": 1e9},
    ...     mutations={("WT", "T790M"): 1e-8},
    ... )
    >>> model = mdr.Model(mdr.medium("dac", unit="nM"), mdr.medium("osi", unit="nM"), egfr)
    >>> [name for name in model.parameters if name.startswith("ec50")]
    ['ec50_dac_WT', 'ec50_dac_T790M', 'ec50_osi_WT', 'ec50_osi_T790M']
    """
    rows = _rows(table)
    _known(rows, start, "start")
    _known(rows, costs, "costs")
    chosen = list(rows)[1:] if resistant is None else _chosen(resistant)
    _known(rows, dict.fromkeys(chosen), "resistant")
    if isinstance(growth, Mapping):
        _known(rows, growth, "growth")
    parts: list[Mechanism] = [
        clone(
            name,
            growth=growth.get(name) if isinstance(growth, Mapping) else growth,
            start=(start or {}).get(name),
            death=death,
            resistant=name in chosen,
        )
        for name in rows
    ]
    parts += _kills(rows, emax, hill, unit, reference, form, site)
    parts += [cost(name, share) for name, share in (costs or {}).items()]
    parts += _mutations(rows, {} if mutations is None else mutations)
    return Composite("genotypes", tuple(parts))


def _kills(
    rows: Mapping[str, Mapping[str, Any]],
    emax: Given | Mapping[str, Given],
    hill: Given | Mapping[str, Given],
    unit: str,
    reference: Mapping[str, Given] | None,
    form: str,
    site: str,
) -> Iterator[Mechanism]:
    for drug in next(iter(rows.values())):
        largest = common(f"emax_{drug}", _for(emax, drug, "emax"), f"largest effect of {drug}")
        steepness = common(f"hill_{drug}", _for(hill, drug, "hill"), f"Hill exponent of {drug}")
        if reference is not None:
            given = _for(reference, drug, "reference")
            potency = f"ec50_{drug}"
            yield Potencies(drug, site, ((potency, given, f"concentration of {drug} with half the effect at fold 1"),))
            potency = text_of(potency, given)
        for name, row in rows.items():
            where = f"genotypes: the value of {shown(drug)} for {shown(name)}"
            value = _value(row[drug], unit if reference is None else "", where)
            if value is None:
                continue
            if reference is not None:
                fold = common(f"fold_{drug}_{name}", value, f"ec50 of {drug} for {name} over the reference")
                if isinstance(fold, SharedParameter):
                    yield replace(fold, lower=max(POSITIVE, fold.lower))
                value = Formula(f"{potency}*{text_of('', fold)}")
            yield kill(drug, on=name, emax=largest, hill=steepness, ec50=value, form=form, site=site)


def _mutations(rows: Mapping[str, Any], given: Mapping[tuple[str, str], Given]) -> Iterator[Mechanism]:
    if not isinstance(given, Mapping):
        raise ModelError(
            f"genotypes: mutations is {shown(given)}, not a dict; write for example {{('WT', 'T790M'): 1e-8}}"
        )
    for arrow, value in given.items():
        if not isinstance(arrow, tuple) or len(arrow) != 2:
            raise ModelError(f"genotypes: {shown(arrow)} is not a pair of genotypes such as ('WT', 'T790M')")
        _known(rows, dict.fromkeys(arrow), "mutations")
        if isinstance(value, Formula):
            raise ModelError(
                f"genotypes: the mutation {shown(list(arrow))} is a formula; declare it with mutation(...)"
            )
        unit = value.unit if isinstance(value, Parameter) else quantity(value, "a mutation").unit
        if unit.dimensionless:
            yield mutation(*arrow, probability=value)
        else:
            yield mutation(*arrow, rate=value)


def _chosen(resistant: str | Sequence[str]) -> list[str]:
    return [resistant] if isinstance(resistant, str) else list(listed(resistant) or [])


def _known(rows: Mapping[str, Any], given: Mapping[str, Any] | None, what: str) -> None:
    if given is not None and not isinstance(given, Mapping):
        raise ModelError(f"genotypes: {what} is {shown(given)}, not a dict from a genotype to a value")
    for name in given or {}:
        if name not in rows:
            raise ModelError(f"genotypes: {what} names {shown(name)}, which is no genotype{did_you_mean(name, rows)}")

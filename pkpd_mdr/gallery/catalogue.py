"""The models of the gallery by name, their listing, and the check of every published number."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from types import MappingProxyType

from pkpd_mdr.errors import ModelError, did_you_mean, shown
from pkpd_mdr.gallery.published import Outcome, Published
from pkpd_mdr.model.show import Listing

__all__ = ["MODELS", "check", "find", "numbers", "table", "users", "uses"]

_NAMES = (
    "alvarezarenas2019",
    "anthracycline_efflux",
    "beckman2012",
    "bozic2013",
    "cholevy2018",
    "claret2009",
    "depillis2005",
    "depillis2008",
    "desmee2015",
    "drexler2020",
    "egfr_generations",
    "elkareh2003",
    "evans2004",
    "friberg2002",
    "goldie1979",
    "greene2019",
    "gunnarsson2020",
    "hahnfeldt1999",
    "hinow2009",
    "hu2019",
    "johnson2020",
    "kronik2008",
    "kuznetsov1994",
    "leontriana2021",
    "li2016",
    "mahasa2016",
    "mazzocco2015",
    "mckenna2017",
    "mody2023",
    "monro2009",
    "ostermann2004",
    "perezgarcia2019",
    "ribba2012",
    "sigal2019",
    "simeoni2004",
    "stein2008",
    "strobl2021",
    "tham2008",
    "tmz_repair",
    "tomasetti2010",
    "vnkt_coculture",
    "wang2017",
    "yoon2018",
    "zhang2017",
    "zhang2022",
    "zhu2015",
)


def _entry(name: str) -> Published:
    entry: Published = import_module(f"pkpd_mdr.gallery.{name}").ENTRY
    return entry


MODELS: Mapping[str, Published] = MappingProxyType({name: _entry(name) for name in _NAMES})
"""Every published model by name."""


def find(name: str) -> Published:
    """An entry of the gallery by name.

    Raises
    ------
    ModelError
        There is no such model; the nearest name is suggested.

    Examples
    --------
    >>> find("ribba2012").topics
    ('S4',)
    """
    if name not in MODELS:
        raise ModelError(f"the gallery has no model {shown(name)}{did_you_mean(name, MODELS)}")
    return MODELS[name]


def table() -> Listing:
    """The models: name, topics, citation, states, what is reproduced, what is not the paper's own, origins of values.

    Returns
    -------
    Listing
        Prints aligned; iterates as rows.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> "ribba2012" in [row[0] for row in mdr.gallery.table().rows]
    True
    """
    rows = []
    for entry in MODELS.values():
        numbers_of = f"{len(entry.results)}: {entry.results[0].quantity}" + (", ..." if len(entry.results) > 1 else "")
        values = ", ".join(f"{count} {word}" for word, count in entry.origins().items())
        rows.append(
            (entry.name, " ".join(entry.topics), entry.citation, _states(entry), numbers_of, entry.ours, values)
        )
    columns = ("model", "topics", "citation", "states", "reproduces", "not the paper's own", "parameters")
    return Listing(columns, tuple(rows))


def _states(entry: Published) -> str:
    names = list(getattr(entry.make(), "states", ()))
    return ", ".join(names) if len(names) < 9 else f"{', '.join(names[:4])}, ... ({len(names)})"


def check(*names: str) -> tuple[Outcome, ...]:
    """Compute the numbers of models, or of all.

    Parameters
    ----------
    *names : str
        Models; every one of the gallery if none is given.

    Returns
    -------
    tuple of Outcome

    Raises
    ------
    ModelError
        A name is not a model of the gallery; the nearest is suggested.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> all(outcome.ok for outcome in mdr.gallery.check("ostermann2004"))
    True
    """
    entries = [find(name) for name in names] or list(MODELS.values())
    return tuple(outcome for entry in entries for outcome in entry.check())


def numbers(outcomes: Sequence[Outcome]) -> Listing:
    """Outcomes as a table: model, quantity, expected, obtained, error, tolerance, flag, source."""
    columns = ("model", "quantity", "expected", "obtained", "error", "tolerance", "flag", "source")
    return Listing(columns, tuple(outcome.row() for outcome in outcomes))


def uses(mechanism: str, source: str) -> bool:
    """Whether a program calls a mechanism, as ``growth.logistic(`` or ``mdr.growth.logistic(``."""
    return re.search(rf"(?<![\w.])(?:mdr\.)?{re.escape(mechanism)}\(", source) is not None


def users(mechanism: str) -> tuple[str, ...]:
    """Models that use a mechanism, such as ``"growth.logistic"``.

    Examples
    --------
    >>> users("pk.three_compartment")
    ('mody2023',)
    """
    return tuple(name for name in MODELS if uses(mechanism, _source(name)))


@cache
def _source(name: str) -> str:
    return inspect.getsource(import_module(f"pkpd_mdr.gallery.{name}"))

"""The table of mechanisms. The cards are made when it is first asked for, not when the package is imported."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from pkpd_mdr.errors import ModelError, did_you_mean, shown
from pkpd_mdr.mechanisms.cards.card import HEADINGS, Card
from pkpd_mdr.model.show import Listing

__all__ = ["cards", "find", "table"]


@cache
def cards() -> Mapping[str, Card]:
    """Every public mechanism by name, in the order of `HEADINGS`."""
    from pkpd_mdr.mechanisms.cards import drugs, host, tumour

    found = sorted((*drugs.CARDS, *tumour.CARDS, *host.CARDS), key=lambda card: HEADINGS.index(card.heading))
    return MappingProxyType({card.name: card for card in found})


def find(name: str) -> Card:
    """The card of a mechanism.

    Raises
    ------
    ModelError
        There is no such mechanism; the nearest name is suggested.

    Examples
    --------
    >>> find("pgp.content").states()
    ('lost_pgp', 'pgp_S')
    """
    if name not in cards():
        raise ModelError(f"there is no mechanism {shown(name)}{did_you_mean(name, cards())}")
    return cards()[name]


def table(name: str | None = None) -> Listing:
    """The mechanisms, to choose from; or the parameters of one, with ranges and their sources.

    Parameters
    ----------
    name : str, optional
        A mechanism, as users write it: ``"vesicles.release"``. All of them if left out.

    Returns
    -------
    Listing
        Prints aligned; iterates as rows. For all: mechanism, part of the biology, what it stands for, states with
        units, parameters with ranges, units and kind of source, models of the gallery that use it. For one: a row for
        each parameter. States and parameters are those of a smallest use, with a drug dox and clones S and R.

    Raises
    ------
    ModelError
        There is no such mechanism; the nearest name is suggested.

    Notes
    -----
    The source of a range is published, recalled, a wide prior (ten times less and more than an assumed value, since
    nothing was measured), or the bounds of what is possible.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> print(mdr.mechanisms.table("immune.priming").rows[0][:4])
    ('priming_CTL_NK', '1e-12', '1e-06', '1/cell/day')
    """
    if name is not None:
        return _one(find(name))
    columns = ("mechanism", "part", "stands for", "states", "parameters", "gallery")
    return Listing(columns, tuple(_row(card) for card in cards().values()))


def _row(card: Card) -> tuple[str, ...]:
    ranges = "; ".join(f"{item} ({item.source.partition(':')[0]})" for item in card.ranges())
    return (card.name, card.heading, card.biology, ", ".join(card.states()), ranges, ", ".join(card.used_by()))


def _one(card: Card) -> Listing:
    rows = [
        (p.name, f"{item.low:.3g}", f"{item.high:.3g}", p.unit.text, item.source, p.description)
        for item in card.ranges()
        for p in [item.parameter]
    ]
    return Listing(("parameter", "from", "to", "unit", "source", "meaning"), tuple(rows))

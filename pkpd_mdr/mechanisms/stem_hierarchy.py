"""Stem cells and their offspring: symmetric and asymmetric division, differentiation and its reversal."""

from __future__ import annotations

from dataclasses import dataclass

from pkpd_mdr.arguments import TEXT, takes
from pkpd_mdr.errors import ModelError, shown
from pkpd_mdr.mechanisms.composite import Composite
from pkpd_mdr.mechanisms.drug_effect import DrugEffect
from pkpd_mdr.mechanisms.names import clone_of, growth_of
from pkpd_mdr.mechanisms.switching import Switching
from pkpd_mdr.model.parts import Parameter
from pkpd_mdr.model.scope import Formula, Given, Mechanism, Scope
from pkpd_mdr.units import quantity

__all__ = ["Hierarchy", "stem_hierarchy"]


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """What divisions of stem cells yield; part of `stem_hierarchy`."""

    stem: str
    progeny: str
    asymmetric: Given | None = None
    differentiation: Given | None = None

    @property
    def label(self) -> str:
        """``hierarchy_<stem>_<progeny>``."""
        return f"hierarchy_{self.stem}_{self.progeny}"

    def declare(self, scope: Scope) -> None:
        """Nothing yet: divisions must be known."""

    def connect(self, scope: Scope) -> None:
        """Move to the progeny what divisions of stem cells yield of it."""
        words = f"the hierarchy of {shown(self.stem)}"
        cells = clone_of(scope, self.stem, words)
        clone_of(scope, self.progeny, words)
        growth_of(scope, self.stem, words)
        divisions = scope.find("division", self.stem) * cells
        for what, given, daughters in (
            ("asymmetric", self.asymmetric, 1),
            ("differentiation", self.differentiation, 2),
        ):
            if given is None:
                continue
            name = f"{what}_{self.stem}_{self.progeny}"
            share = scope.parameter(
                name,
                given,
                unit="",
                lower=0.0,
                upper=1.0,
                description=f"share of divisions of {self.stem} with {daughters} {self.progeny}",
            )
            # birth adds one stem cell per division; each daughter that is none moves on
            scope.process(
                name,
                daughters * share * divisions,
                {self.stem: -1, self.progeny: 1},
                transfer=True,
                description=f"divisions of {self.stem} yield {daughters} {self.progeny}",
            )


@takes(ModelError, stem=TEXT, progeny=TEXT, induced_by=TEXT)
def stem_hierarchy(
    stem: str,
    progeny: str,
    *,
    asymmetric: Given | None = None,
    differentiation: Given | None = None,
    dedifferentiation: Given | None = None,
    induced_by: str | None = None,
    slope: Given | None = None,
    emax: Given | None = None,
    ec50: Given | None = None,
    hill: Given = 1.0,
) -> Mechanism:
    """A stem hierarchy: what divisions of stem cells yield, and how progeny turn back into stem cells.

    The growth law of the stem clone counts all its divisions, b per cell and time (0 where a net law is negative). A
    share a is asymmetric (one stem cell, one progeny), a share d differentiates (two progeny), and the rest renews (two
    stem cells): the stem clone gains ``b*(1 - a - 2*d)`` and the progeny ``b*(a + 2*d)`` per stem cell. Progeny divide
    by their own growth law and return at the rate of dedifferentiation, which a drug may induce. Sigal et al. 2019
    (MODEL1911270001) give rates per day: b = 0.41 + 1.6 + 0.2, a = 1.6/b, d = 0.2/b, death 0.1, dedifferentiation
    1.8e-4, progeny growth 0.04.

    Parameters
    ----------
    stem, progeny : str
        Clones; the stem clone has a growth law.
    asymmetric, differentiation : share, Parameter or Formula, optional
        Shares of divisions in [0, 1], together at most 1; parameters ``asymmetric_<stem>_<progeny>`` and
        ``differentiation_<stem>_<progeny>``.
    dedifferentiation : quantity, Parameter or Formula, optional
        Per time; parameter ``switching_<progeny>_<stem>``.
    induced_by, slope, emax, ec50, hill
        A drug that induces dedifferentiation, as in `switching`.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        A clone is unknown or does not grow, the shares exceed 1, or nothing is given.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> stem = mdr.clone("C", growth=mdr.growth.birth_death(birth="2.21 1/day", death="0.1 1/day"))
    >>> model = mdr.Model(stem, mdr.clone("P"), mdr.stem_hierarchy("C", "P", asymmetric=0.724, differentiation=0.0905))
    >>> print(model.derivatives["P"])
    C*asymmetric_C_P*birth_C + 2*C*birth_C*differentiation_C_P
    """
    if stem == progeny:
        raise ModelError(f"a hierarchy of {shown(stem)} over itself does nothing; name two clones")
    shares = [_number(given) for given in (asymmetric, differentiation)]
    if sum(shares) > 1 + 1e-12:
        raise ModelError(
            f"stem hierarchy of {shown(stem)}: asymmetric and differentiation add up to {sum(shares):g}; shares of "
            "divisions cannot exceed 1"
        )
    parts: list[Mechanism] = []
    if asymmetric is not None or differentiation is not None:
        parts.append(Hierarchy(stem, progeny, asymmetric, differentiation))
    induced = None if induced_by is None else DrugEffect(induced_by, "", emax, ec50, hill, slope)
    if induced is None and (slope is not None or emax is not None or ec50 is not None):
        raise ModelError(f"stem hierarchy of {shown(stem)}: slope, emax and ec50 need induced_by, the name of a drug")
    if dedifferentiation is not None or induced is not None:
        parts.append(Switching(progeny, stem, dedifferentiation, induced))
    if not parts:
        raise ModelError(
            f"stem hierarchy of {shown(stem)}: give asymmetric, differentiation or dedifferentiation (at least one)"
        )
    return Composite(f"hierarchy_{stem}_{progeny}", tuple(parts))


def _number(given: Given | None) -> float:
    """A plain share; what is shared or a formula is checked by its bounds alone."""
    if given is None or isinstance(given, (Parameter, Formula)):
        return 0.0
    return quantity(given, "a share of divisions").internal

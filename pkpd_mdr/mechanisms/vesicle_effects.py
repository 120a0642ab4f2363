"""What a cargo does in the cell that received it: bounded maps on quantities that other mechanisms offer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from pkpd_mdr.arguments import TEXT, takes
from pkpd_mdr.errors import ModelError, did_you_mean, shown
from pkpd_mdr.expression import hill
from pkpd_mdr.mechanisms.names import POSITIVE, drug_at, joined
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.model.scope import Given, Mechanism, Scope

__all__ = ["CargoEffect", "effect"]


@dataclass(frozen=True, slots=True)
class _Target:
    """How an effect acts: on which kind of quantity, whose owner it takes, adding or multiplying, in which bounds."""

    kind: str
    by: str  # what declares it
    owner: str = "cell"
    adds: bool = False
    lower: float = -1.0
    upper: float = float("inf")


_TARGETS = {
    "pgp": _Target("pgp", "pgp.content(...)", adds=True, lower=0.0),
    "efflux": _Target("efflux", "intracellular(..., vP=, Km=)", "drug"),
    "metabolism": _Target("metabolism", "intracellular(..., kmet=)", "drug"),
    "repair": _Target("repair", "damage.adducts(..., repair=)"),
    "mgmt": _Target("mgmt synthesis", "damage.mgmt(..., synthesis=)"),
    "energy": _Target("birth", "clone(..., growth=)"),
    "stemness": _Target("switching", "switching(...)", "arrow"),
    "epigenetic": _Target("switching", "switching(...)", "arrow"),
    "apoptosis evasion": _Target("apoptosis evasion", "death.evasion(...)", adds=True, upper=1.0),
    "other-death evasion": _Target("other-death evasion", "death.evasion(...)", adds=True, upper=1.0),
}


@dataclass(frozen=True, slots=True)
class CargoEffect:
    """Declaration behind `effect`."""

    cargo: str
    on: str
    what: str
    size: Given
    half: Given
    hill: Given = 1.0
    drug: str = ""
    into: str = ""

    def __post_init__(self) -> None:
        if self.what not in _TARGETS:
            raise ModelError(
                f"effect of {shown(self.cargo)} on {shown(self.on)}: {shown(self.what)} is not "
                f"known{did_you_mean(self.what, _TARGETS)}"
            )
        needs = _TARGETS[self.what].owner
        for name, given, wanted in (("drug", self.drug, "drug"), ("into", self.into, "arrow")):
            if (needs == wanted) != bool(given):
                words = "needs" if needs == wanted else "takes no"
                raise ModelError(
                    f"effect of {shown(self.cargo)} on {shown(self.on)}: {shown(self.what)} {words} {name}="
                )

    @property
    def label(self) -> str:
        """``effect_<cargo>_<what>_<cell>``."""
        return joined("effect", self.title)

    @property
    def title(self) -> str:
        """Cargo, effect and cell as they stand in parameter names."""
        what = self.what.replace(" ", "_").replace("-", "_")
        return joined(self.cargo, what, self.drug, self.on, self.into)

    @property
    def owner(self) -> str:
        """Of the quantity that changes."""
        needs = _TARGETS[self.what].owner
        if needs == "arrow":
            return f"{self.on}>{self.into}"
        return drug_at(self.drug, self.on) if needs == "drug" else self.on

    def declare(self, scope: Scope) -> None:
        """Add to the quantity or multiply it."""
        target = _TARGETS[self.what]
        if target.adds:
            scope.add(target.kind, self.owner, partial(self._response, scope))
        else:
            scope.scale(target.kind, self.owner, lambda: 1 + self._response(scope))

    def connect(self, scope: Scope) -> None:
        """Check that there is something to change."""
        target = _TARGETS[self.what]
        words = f"the effect of {shown(self.cargo)} on {shown(self.what)}"
        if not scope.offered(target.kind, self.owner):
            raise ModelError(
                f"{words} needs the {target.kind} of {shown(self.owner)}, which no part of the model declares; add "
                f"{target.by} for it"
            )
        if scope.find(target.kind, self.owner, words).is_zero and not target.adds:
            raise ModelError(f"{words} of {shown(self.on)} multiplies a {target.kind} of zero; nothing would happen")

    def _response(self, scope: Scope) -> Expression:
        target = _TARGETS[self.what]
        content = scope.find("cargo", f"{self.cargo}@{self.on}", self.label)
        words = f"{self.cargo} on {self.what} of {self.on}"
        size = scope.parameter(
            f"size_{self.title}",
            self.size,
            unit="",
            lower=target.lower,
            upper=target.upper,
            description=f"largest effect of {words}",
        )
        half = scope.parameter(
            f"half_{self.title}",
            self.half,
            unit="",
            lower=POSITIVE,
            bare=True,
            description=f"copies per cell with half the effect of {words}",
        )
        exponent = scope.parameter(
            f"hill_{self.title}", self.hill, unit="", lower=POSITIVE, description=f"Hill exponent of {words}"
        )
        return size * hill(content, half, exponent)


@takes(ModelError, cargo=TEXT, on=TEXT, what=TEXT, drug=TEXT, into=TEXT)
def effect(
    cargo: str,
    *,
    on: str,
    what: str,
    size: Given,
    half: Given,
    hill: Given = 1.0,
    drug: str = "",
    into: str = "",
) -> Mechanism:
    """A cargo changes what its recipient does, by ``size*H`` with ``H = m**hill/(half**hill + m**hill)`` in [0, 1).

    ====================== ======================================== ========= =======================
    what                   quantity                                 change    needs
    ====================== ======================================== ========= =======================
    pgp                    active P-gp per cell                     + size*H
    efflux                 efflux of a drug                         times     drug
    metabolism             metabolism of a drug in the cell         times     drug
    repair                 repair of damage without MGMT (kx)       times
    mgmt                   synthesis of MGMT                        times
    energy                 growth                                   times
    stemness, epigenetic   switching of on into another clone       times     into
    apoptosis evasion      share of that death which is evaded      + size*H
    other-death evasion    share of that death which is evaded      + size*H
    ====================== ======================================== ========= =======================

    "times" multiplies by ``1 + size*H`` with size >= -1, so that nothing changes its sign; a negative size is a
    resensitising cargo. What is added to P-gp is not negative; evasion stays in [0, 1] with all that adds to it. Which
    cargo does what, and how strongly, is a wide prior.

    Parameters
    ----------
    cargo : str
        Declared by `cargo`.
    on : str
        The recipient.
    what : str
        A row of the table.
    size : float, Parameter or Formula
        Largest effect; parameter ``size_<cargo>_<what>_<drug>_<on>_<into>``, without the parts that are not there.
    half : float, Parameter or Formula
        Copies per cell of half the effect; parameter ``half_...``.
    hill : float, Parameter or Formula
        Parameter ``hill_...``.
    drug, into : str
        Where the table asks for them.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        The effect is unknown, lacks or has too much of drug and into, or the quantity is not in the model.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> mdr.vesicles.effect("mir21", on="S", what="efflux", drug="dox", size=2, half=500).label
    'effect_mir21_efflux_dox_S'
    """
    return CargoEffect(cargo, on, what, size, half, hill, drug, into)

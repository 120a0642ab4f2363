"""What is known of a mechanism: the biology it stands for, a smallest use, and the ranges of its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pkpd_mdr.model.model import Model
from pkpd_mdr.model.parts import Parameter
from pkpd_mdr.model.scope import Mechanism

__all__ = ["HEADINGS", "PRIOR", "SOURCES", "Card", "Range"]

HEADINGS: tuple[str, ...] = (
    "Pharmacokinetics and culture",
    "Drug delivery",
    "Intracellular drug",
    "Damage, repair and death",
    "Growth",
    "Kill",
    "Resistance dynamics",
    "Exosomes",
    "Contact transfer of P-gp",
    "Immune",
    "Stroma",
    "Other modalities",
    "Toxicity",
    "One's own",
)
"""Parts of the biology, in the order of the table."""

SOURCES: tuple[str, ...] = ("published", "recalled", "wide prior", "bounds")
"""How the source of a range begins: read in a publication; remembered; assumed; what is possible at all."""

PRIOR = "wide prior: ten times less and more than an assumed value"
STEEPNESS = (0.5, 5.0, "recalled: Hill exponents of dose-response curves of cell lines")


@dataclass(frozen=True, slots=True)
class Range:
    """A parameter of a mechanism and where its values lie.

    Parameters
    ----------
    parameter : Parameter
        As the model of the card declares it.
    low, high : float
        In the unit of `parameter`.
    source : str
        Begins with one of `SOURCES`.
    """

    parameter: Parameter
    low: float
    high: float
    source: str

    def __str__(self) -> str:
        return f"{self.parameter.name} {self.low:.3g} to {self.high:.3g} {self.parameter.unit.text}".rstrip()


@dataclass(frozen=True, slots=True)
class Card:
    """A mechanism as the table shows it.

    States and parameters are not written down but read off the smallest model that uses the mechanism, less what that
    model has without it; so they are always those of the code.

    Parameters
    ----------
    name : str
        As users write it, such as ``"vesicles.release"``.
    heading : str
        One of `HEADINGS`.
    biology : str
        What it stands for.
    use : tuple of Mechanism
        A use of it.
    beside : tuple of Mechanism
        What that use needs and the table does not show.
    known : mapping of str to (float, float, str)
        Parameter to its lowest and highest value, in the unit that `use` gives it, and the source. Of those that are
        not named, Hill exponents get `STEEPNESS`, shares their bounds, and all others a wide prior.
    """

    name: str
    heading: str
    biology: str
    use: tuple[Mechanism, ...]
    beside: tuple[Mechanism, ...] = ()
    known: Mapping[str, tuple[float, float, str]] = field(default_factory=dict)

    def model(self) -> Model:
        """The smallest model that uses the mechanism."""
        return Model(*self.beside, *self.use, quiet=True)

    def states(self) -> tuple[str, ...]:
        """States that the mechanism adds, with their units."""
        model, without = self.model(), Model(*self.beside, quiet=True)
        added = [state for name, state in model.states.items() if name not in without.states]
        return tuple(f"{state.name} [{state.unit.text}]" if state.unit.text else state.name for state in added)

    def ranges(self) -> tuple[Range, ...]:
        """Parameters that the mechanism adds, with their ranges."""
        model, without = self.model(), Model(*self.beside, quiet=True)
        return tuple(self._range(item) for name, item in model.parameters.items() if name not in without.parameters)

    def used_by(self) -> tuple[str, ...]:
        """Models of the gallery that use the mechanism."""
        from pkpd_mdr.gallery.catalogue import users

        return users(self.name)

    def _range(self, parameter: Parameter) -> Range:
        if parameter.name in self.known:
            return Range(parameter, *self.known[parameter.name])
        if "hill" in parameter.name.split("_"):
            return Range(parameter, *STEEPNESS)
        if parameter.lower >= 0.0 and parameter.upper == 1.0:
            return Range(parameter, 0.0, 1.0, "bounds: a share; nothing more is known")
        low, high = sorted((parameter.value / 10, parameter.value * 10))
        return Range(parameter, max(low, parameter.lower), min(high, parameter.upper), PRIOR)

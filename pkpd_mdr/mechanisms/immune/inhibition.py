"""What holds effectors back: suppressor cells, cytokines, and the PD-1 checkpoint with its blockade."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import sympy as sp

from pkpd_mdr.arguments import TABLE, TEXT, TEXTS, takes
from pkpd_mdr.errors import ModelError, did_you_mean, shown
from pkpd_mdr.mechanisms.host import host_of, level_of, offer_once, saturation
from pkpd_mdr.mechanisms.names import POSITIVE, clone_of, drug_at, joined, molar_mass_of, names_of
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.model.scope import Given, Mechanism, Scope
from pkpd_mdr.units import Unit

__all__ = ["Checkpoint", "Suppression", "checkpoint", "suppression"]

_ACTS = {"kill": "activity", "stimulation": "stimulation"}


@dataclass(frozen=True, slots=True)
class Suppression:
    """Declaration behind `suppression`."""

    by: str
    on: tuple[str, ...]
    of: str = "kill"
    half: Given | None = None
    hill: Given | None = None
    slope: Given | None = None
    floor: Given | None = None

    def __post_init__(self) -> None:
        words = f"suppression by {shown(self.by)}"
        if self.of not in _ACTS:
            raise ModelError(f"{words}: of = {shown(self.of)} is not known{did_you_mean(self.of, _ACTS)}")
        if (self.half is None) == (self.slope is None):
            raise ModelError(f"{words}: give half, for 1/(1 + S/half), or slope, for exp(-slope*S)")
        if self.hill is not None and self.half is None:
            raise ModelError(f"{words}: hill belongs to half; leave it out beside slope")

    @property
    def label(self) -> str:
        """``suppression_<by>``."""
        return joined("suppression", self.by, self._ending)

    @property
    def _ending(self) -> str:
        return "" if self.of == "kill" else self.of

    def declare(self, scope: Scope) -> None:
        """Scale the activity or the stimulation of each population."""
        for name in self.on:
            if self.of == "kill":
                offer_once(scope, "activity", name, sp.Integer(1))
            scope.scale(_ACTS[self.of], name, partial(self._factor, scope, name))

    def connect(self, scope: Scope) -> None:
        """Check that there is something to suppress."""
        words = f"the suppression by {shown(self.by)}"
        for name in self.on:
            if self.of == "stimulation":
                host_of(scope, name, words)
                scope.find("stimulation", name, words)
                continue
            host_of(scope, name, words, "effector")
            if not any(owner.startswith(f"{name} on ") for _, owner in scope.owners("attack")):
                raise ModelError(f"{words}: {shown(name)} attack no clone, so there is no kill to suppress")

    def _factor(self, scope: Scope, name: str) -> Expression:
        level, unit = level_of(scope, self.by, f"the suppression of {shown(name)}")
        ending = joined(self.by, name, self._ending)
        if self.slope is not None:
            slope = scope.parameter(
                f"suppression_slope_{ending}",
                self.slope,
                unit=Unit.of("").times(unit, -1),
                lower=0.0,
                description=f"suppression of {name} per {self.by}",
            )
            left = sp.exp(-slope * level)
        else:
            assert self.half is not None
            half = scope.parameter(
                f"suppression_half_{ending}",
                self.half,
                unit=unit,
                lower=POSITIVE,
                molar_mass=molar_mass_of(scope, self.by),
                description=f"{self.by} with half the suppression of {name}",
            )
            if self.hill is None:
                left = 1 / (1 + level / half)
            else:
                name, words = f"suppression_hill_{ending}", f"the suppression of {name}"
                left = 1 - saturation(scope, level, half, self.hill, name, words)
        if self.floor is None:
            return left
        floor = scope.parameter(
            f"suppression_floor_{ending}",
            self.floor,
            unit="",
            lower=0.0,
            upper=1.0,
            description=f"share of {name} that {self.by} cannot suppress",
        )
        return floor + (1 - floor) * left


@takes(ModelError, by=TEXT, on=TEXTS, of=TEXT)
def suppression(
    by: str,
    *,
    on: str | Sequence[str],
    of: str = "kill",
    half: Given | None = None,
    hill: Given | None = None,
    slope: Given | None = None,
    floor: Given | None = None,
) -> Mechanism:
    """Suppressor cells, a cytokine, or vesicles (which carry PD-L1 into the blood), lower what effectors do.

    The factor at the level S is ``1/(1 + (S/half)**hill)``, or ``exp(-slope*S)`` (regulatory T cells in de Pillis et
    al. 2013), always in [0, 1]; with a floor f it is ``f + (1 - f)*factor`` (TGF-beta in Kronik et al. 2008, with
    f = 0.69 and half = 1e4 pg). Several suppressors multiply.

    Parameters
    ----------
    by : str
        A suppressor, stroma population, clone, cytokine or drug, or vesicles by their name.
    on : str or sequence of str
        Effectors; for ``of="stimulation"`` any host population.
    of : str
        ``"kill"`` (all attacks of the effector) or ``"stimulation"`` (its recruitment, proliferation and priming).
    half : quantity, Parameter or Formula, optional
        In the unit of `by`; parameter ``suppression_half_<by>_<on>``, with ``_stimulation`` at the end for that.
    hill : float, Parameter or Formula, optional
        Exponent, 1 if absent; parameter ``suppression_hill_<by>_<on>``. It belongs to `half`.
    slope : quantity, Parameter or Formula, optional
        Per unit of `by`; parameter ``suppression_slope_<by>_<on>``.
    floor : share, Parameter or Formula, optional
        In [0, 1]; parameter ``suppression_floor_<by>_<on>``.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        A population is unknown, there is nothing to suppress, or not exactly one of half and slope is given.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> cells = [mdr.clone("T"), mdr.immune.effector("CTL"), mdr.immune.suppressor("Treg")]
    >>> kill = mdr.immune.attack("CTL", on="T", rate="1e-7 1/cell/day")
    >>> hold = mdr.immune.suppression("Treg", on="CTL", slope="1e-6 1/cell")
    >>> print(mdr.Model(*cells, kill, hold).processes["attack_CTL_T"].rate)
    CTL*T*attack_CTL_T*exp(-Treg*suppression_slope_Treg_CTL)
    """
    return Suppression(by, names_of(on, f"suppression by {shown(by)}"), of, half, hill, slope, floor)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Declaration behind `checkpoint`."""

    pdl1: tuple[tuple[str, Given], ...]
    antibody: str | None = None
    site: str = ""
    kd: Given | tuple[tuple[str, Given], ...] | None = None
    effectors: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.antibody is None) != (self.kd is None):
            raise ModelError("checkpoint: antibody and kd belong together; give both or none")

    @property
    def label(self) -> str:
        """``checkpoint``."""
        return joined("checkpoint", *self.effectors)

    def declare(self, scope: Scope) -> None:
        """Offer the factor for each clone, or for each effector on each clone."""
        for clone, level in self.pdl1:
            first, *others = [f"{effector} on {clone}" for effector in self.effectors] or [clone]
            scope.offer("checkpoint", first, partial(self._factor, scope, clone, level))
            for owner in others:  # one PD-L1 for all of them, and so one factor
                scope.offer("checkpoint", owner, partial(scope.find, "checkpoint", first))

    def connect(self, scope: Scope) -> None:
        """Check names."""
        for effector in self.effectors:
            host_of(scope, effector, "the checkpoint", "effector")
        attacked = {owner.split(" on ")[1] for _, owner in scope.owners("attack")}
        for clone, _ in self.pdl1:
            clone_of(scope, clone, "the checkpoint")
            if clone not in attacked:
                raise ModelError(f"the checkpoint of {shown(clone)} changes nothing: no effectors attack this clone")

    def _factor(self, scope: Scope, clone: str, level: Given) -> Expression:
        title = joined(*self.effectors, clone)
        pdl1 = scope.parameter(
            f"pdl1_{title}",
            level,
            unit="",
            lower=0.0,
            upper=1.0,
            description=f"share of the attack on {clone} that PD-L1 stops",
        )
        if self.antibody is None or self.kd is None:
            return 1 - pdl1
        owner = drug_at(self.antibody, self.site)
        concentration = scope.find("concentration", owner, "the checkpoint blockade")
        return 1 - pdl1 / (1 + concentration / self._kd(scope, clone, owner))

    def _kd(self, scope: Scope, clone: str, owner: str) -> Expression:
        assert self.antibody is not None
        given, own = self.kd, isinstance(self.kd, tuple) and isinstance(self.kd[0], tuple)
        if own:
            table = dict(self.kd)  # type: ignore[arg-type]
            if clone not in table:
                raise ModelError(f"checkpoint: kd names no value for {shown(clone)}{did_you_mean(clone, table)}")
            given = table[clone]
        # "pdl1", because kd_<drug>_<clone> is the unbinding rate of a drug inside cells
        name = joined("kd", self.antibody, "pdl1" if own else "", *self.effectors, clone if own else "")
        unit = scope.unit("concentration", owner)
        if name in scope.parameters:
            return scope.symbol(name, "the checkpoint")
        return scope.parameter(
            name,
            given,  # type: ignore[arg-type]
            unit=unit,
            lower=POSITIVE,
            molar_mass=molar_mass_of(scope, self.antibody),
            description=f"concentration of {self.antibody} that frees half of the checkpoint",
        )


@takes(ModelError, pdl1=TABLE, antibody=TEXT, site=TEXT, effectors=TEXTS)
def checkpoint(
    pdl1: Mapping[str, Given],
    *,
    antibody: str | None = None,
    kd: Given | Mapping[str, Given] | None = None,
    site: str = "",
    effectors: str | Sequence[str] | None = None,
) -> Mechanism:
    """PD-1/PD-L1: clones stop the attack on themselves, and an antibody frees it.

    The attack on clone i is multiplied by ``1 - pdl1_i/(1 + C/kd)`` (Kosinsky et al. 2018, J Immunother Cancer 6:17;
    BIOMD0000000863), C being the concentration of the antibody, which is a drug with pharmacokinetics of its own. A
    clone that lost PD-L1 has ``pdl1 = 0``: effectors see it, and the antibody does nothing for it. A clone whose
    PD-L1 no longer binds the antibody has a large kd of its own. How strongly PD-L1 stops an attack is rarely
    measured: treat ``pdl1`` as a wide prior.

    Parameters
    ----------
    pdl1 : mapping of str to share, Parameter or Formula
        Clone to the share in [0, 1] of the attack that its PD-L1 stops; parameters ``pdl1_<clone>``.
    antibody : str, optional
        A drug against PD-1 or PD-L1.
    kd : quantity, Parameter or Formula, or a mapping of clone to these, optional
        Concentration; parameter ``kd_<antibody>``, or ``kd_<antibody>_pdl1_<clone>`` for a mapping.
    site : str
        Where its concentration is taken, as in `kill`.
    effectors : str or sequence of str, optional
        Effectors that carry PD-1; all unless given. Their names stand in the parameters then.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        A clone, effector or drug is unknown, nothing attacks the clone, or only one of antibody and kd is given.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.clone("S"),
    ...     mdr.immune.effector("CTL"),
    ...     mdr.immune.attack("CTL", on="S", rate="1e-7 1/cell/day"),
    ...     mdr.pk.one_compartment("nivo", CL="0.2 L/day", V="6 L"),
    ...     mdr.immune.checkpoint({"S": 0.8}, antibody="nivo", kd="1 mg/L"),
    ... )
    >>> sorted(name for name in model.parameters if name.startswith(("kd", "pdl1")))
    ['kd_nivo', 'pdl1_S']
    """
    if not pdl1:
        raise ModelError("checkpoint: name at least one clone with its level, as in {'S': 0.8}")
    names = () if effectors is None else names_of(effectors, "checkpoint")
    if isinstance(kd, Mapping) and not kd:
        raise ModelError("checkpoint: kd names no clone; write for example kd='1 nM' or kd={'S': '1 nM'}")
    given = tuple(kd.items()) if isinstance(kd, Mapping) else kd
    return Checkpoint(tuple(pdl1.items()), antibody, site, given, names)

"""One drug in the cells of one clone: its pools, what it offers and its flows; parts of `intracellular`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sympy as sp

from pkpd_mdr.errors import ModelError, shown
from pkpd_mdr.expression import Power, symbol
from pkpd_mdr.mechanisms.inhibitors import inhibition
from pkpd_mdr.mechanisms.names import POSITIVE, cells_of, drug_at, joined, molar_mass_of
from pkpd_mdr.model.contents import emptiness, per_unit
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.model.scope import Given, Scope
from pkpd_mdr.units import Unit

if TYPE_CHECKING:
    from pkpd_mdr.mechanisms.intracellular import Intracellular

__all__ = ["CellDrug", "outside_stock", "pool_unit"]

_HOUR, _PICOLITRE = Unit.of("h"), Unit.of("pL")
_POOL_UNITS = {"umol/L": "amol", "mg/L": "fg"}


def pool_unit(concentration: Unit) -> Unit:
    """The unit of a pool: as small as what one cell holds, since it sets the absolute tolerance."""
    for like, text in _POOL_UNITS.items():
        if concentration.like(Unit.of(like)):
            return Unit.of(text)
    return concentration.times(_PICOLITRE)


def outside_stock(scope: Scope, drug: str, site: str, volume: Given | None, asked_by: str, ending: str) -> str:
    """The state that holds the drug around cells and vesicles; a concentration is weighed with its volume."""
    owner = drug_at(drug, site)
    concentration = scope.find("concentration", owner, asked_by)
    if scope.offered("stock", owner):
        if volume is not None:
            raise ModelError(f"{asked_by}: {shown(owner)} has a volume already; leave out outside_volume")
        return str(scope.find("stock", owner))
    name = str(concentration)
    if name not in scope.states:
        raise ModelError(
            f"{asked_by}: the concentration of {shown(owner)} holds no drug that could be used up; "
            "leave out the balance, or name a site that does"
        )
    if volume is None:
        raise ModelError(f"{asked_by}: give outside_volume, in which the concentration {shown(name)} stands")
    room = scope.parameter(
        f"volume_{ending}", volume, unit="L", lower=POSITIVE, description=f"volume that holds {drug} outside"
    )
    scope.weigh(name, drug, room, asked_by)
    return name


@dataclass(frozen=True, slots=True)
class CellDrug:
    """One drug in one clone."""

    spec: Intracellular
    scope: Scope
    clone: str

    # -- names -----------------------------------------------------------------------------------------

    @property
    def owner(self) -> str:
        """Under which the inside is offered: ``dox@S``."""
        return drug_at(self.spec.drug, self.clone)

    def pool(self, what: str) -> str:
        """``dox_<what>_<clone>``."""
        return f"{self.spec.drug}_{what}_{self.clone}"

    @property
    def unit(self) -> Unit:
        """Of the concentrations."""
        return self.scope.unit("concentration", self.spec.outside, self.spec.label)

    def slot(self, what: str, given: Given, unit: str | Unit, words: str, lower: float = 0.0) -> Expression:
        """A parameter ``<what>_<drug>_<clone>``."""
        drug = self.spec.drug
        return self.scope.parameter(
            joined(what, drug, self.clone),
            given,
            unit=unit,
            lower=lower,
            molar_mass=molar_mass_of(self.scope, drug),
            description=f"{words} ({drug} in {self.clone})",
        )

    # -- declare ---------------------------------------------------------------------------------------

    def declare(self) -> None:
        """Add the pools of the dynamic form; offer what others use or scale."""
        spec, scope, owner = self.spec, self.scope, self.owner
        scope.offer("cell volume", owner, lambda: self.slot("vcell", spec.volume, "L", "volume of a cell", POSITIVE))
        if spec.vP is not None:
            scope.offer("efflux", owner, self._pump)
        if spec.kmet is not None:
            given = spec.kmet
            scope.offer("metabolism", owner, lambda: self.slot("kmet", given, "1/h", "metabolic rate constant"))
        if spec.dynamic:
            self._pools()
            scope.offer("concentration", owner, self._seen, unit=lambda: self.unit)
        else:
            scope.offer("concentration", owner, self._steady, unit=lambda: self.unit)
        if spec.kb is not None:
            self._offer_affinity()
            offered = self._bound_seen if spec.dynamic else self._bound
            scope.offer("concentration", f"{owner}_bound", offered, unit=lambda: self.unit)
        if spec.kseq is not None and spec.dynamic:
            scope.offer("concentration", f"{owner}_stored", lambda: self.level("stored"), unit=lambda: self.unit)

    def _pools(self) -> None:
        spec, words = self.spec, f"in {self.clone} cells"
        wanted = {"in": f"free {spec.drug} {words}"}
        wanted |= {"bound": f"bound {spec.drug} {words}"} if spec.kb is not None else {}
        wanted |= {"stored": f"{spec.drug} in stores {words}"} if spec.kseq is not None else {}
        wanted |= {"sorted": f"{spec.drug} sorted for export {words}"} if spec.kout is not None else {}
        for what, description in wanted.items():
            self.scope.content(
                self.pool(what),
                carrier=self.clone,
                quantity=spec.drug,
                role=spec.drug if what == "in" else f"{spec.drug}_{what}",
                unit=lambda: pool_unit(self.unit),
                description=description,
            )

    def _pump(self) -> Expression:
        """The largest efflux of a cell; without P-gp content in the model a cell counts as P = 1."""
        assert self.spec.vP is not None
        per_hour = self.unit.times(_HOUR, -1)
        most = self.slot("vP", self.spec.vP, per_hour, "largest efflux per unit of P-gp")
        return most * self.scope.find("pgp", self.clone) if self.scope.offered("pgp", self.clone) else most

    def level(self, what: str) -> Expression:
        """The concentration of a pool in the cells, zero in an empty clone."""
        volume = self.scope.find("cell volume", self.owner)
        return per_unit(symbol(self.pool(what)), symbol(self.clone)) / volume

    def _seen(self) -> Expression:
        """The free drug that others see; in an empty clone that around it, so that no clone escapes by vanishing."""
        outside = self.scope.find("concentration", self.spec.outside, self.spec.label)
        return self.level("in") + outside * emptiness(symbol(self.clone))

    def _bound_seen(self) -> Expression:
        outside = self.scope.find("concentration", self.spec.outside, self.spec.label)
        return self.level("bound") + self._bound(outside) * emptiness(symbol(self.clone))

    # -- connect ---------------------------------------------------------------------------------------

    def connect(self, stock: str) -> None:
        """Add the observables and, in the dynamic form, the processes."""
        spec, scope, drug = self.spec, self.scope, self.spec.drug
        cells_of(scope, self.clone, spec.label)
        inside = self.level("in") if spec.dynamic else scope.find("concentration", self.owner)
        scope.observable(f"C_{drug}_{self.clone}", inside, self.unit, f"free {drug} inside {self.clone} cells")
        if spec.kb is not None:
            scope.find("concentration", f"{self.owner}_bound")
            bound = self.level("bound") if spec.dynamic else scope.find("concentration", f"{self.owner}_bound")
            scope.observable(f"B_{drug}_{self.clone}", bound, self.unit, f"bound {drug} inside {self.clone} cells")
        if spec.dynamic:
            _Flows(self, stock).write()

    def half(self) -> Expression:
        """The apparent Km with all competitive inhibitors."""
        assert self.spec.Km is not None
        half = self.slot("Km", self.spec.Km, self.unit, "concentration of half the efflux", POSITIVE)
        title = joined(self.spec.drug, self.clone)
        return half * inhibition(self.scope, self.spec.inhibitors, title, self.spec.label)

    def entry(self) -> Expression:
        """The rate constant of passive exchange, which both forms need once."""
        return self.slot("k0", self.spec.k0, "1/h", "rate constant of passive entry and leak", POSITIVE)

    def affinity(self) -> tuple[Expression, Expression, Expression]:
        """kb, kd and Bmax, made when first asked for."""
        return self.scope.find("kb", self.owner), self.scope.find("kd", self.owner), self.scope.find("Bmax", self.owner)

    def _offer_affinity(self) -> None:
        assert self.spec.kb is not None
        assert self.spec.kd is not None
        assert self.spec.Bmax is not None
        kb, kd, most = self.spec.kb, self.spec.kd, self.spec.Bmax
        offer, per = self.scope.offer, Unit.of("1")
        offer(
            "kb",
            self.owner,
            lambda: self.slot("kb", kb, per.times(self.unit.times(_HOUR), -1), "binding rate constant"),
        )
        offer("kd", self.owner, lambda: self.slot("kd", kd, "1/h", "unbinding rate constant", POSITIVE))
        offer("Bmax", self.owner, lambda: self.slot("Bmax", most, self.unit, "concentration of binding sites"))

    # -- quasi-steady ----------------------------------------------------------------------------------

    def _steady(self) -> Expression:
        """The root of ``k0*(Ce - C) - V*C/(Km + C) - k*C = 0`` in a form without cancellation near zero."""
        spec, k0 = self.spec, self.entry()
        outside = self.scope.find("concentration", spec.outside, spec.label)
        out = k0
        if spec.kmet is not None:
            out += self.scope.find("metabolism", self.owner)
        if spec.ksort is not None:
            out += self.slot("ksort", spec.ksort, "1/h", "rate constant of sorting for export")
        if spec.kseq is not None and spec.krel is None:
            out += self.slot("kseq", spec.kseq, "1/h", "rate constant of storage")
        if spec.vP is None:
            return k0 * outside / out
        half = self.half()
        b = out * half + self.scope.find("efflux", self.owner) - k0 * outside
        root = Power(b**2 + 4 * out * half * k0 * outside, sp.Float(0.5))
        return 2 * half * k0 * outside / (b + root)

    def _bound(self, free: Expression | None = None) -> Expression:
        """The bound drug in equilibrium with free drug."""
        kb, kd, most = self.affinity()
        inside = self.scope.find("concentration", self.owner) if free is None else free
        return most * kb * inside / (kd + kb * inside)


@dataclass(frozen=True, slots=True)
class _Flows:
    """The processes of one drug in one clone, as amounts per time of all its cells."""

    cell: CellDrug
    stock: str

    def write(self) -> None:
        """Entry and leak, efflux, binding, storage, metabolism, sorting."""
        cell, spec, scope = self.cell, self.cell.spec, self.cell.scope
        free, k0 = symbol(cell.pool("in")), cell.entry()
        room = scope.find("cell volume", cell.owner) * symbol(cell.clone)
        outside = scope.find("concentration", spec.outside)
        inside = cell.level("in")
        self._flow("entry", k0 * outside * room, "", "in", "enters")
        self._flow("leak", k0 * free, "in", "", "leaks out of")
        if spec.vP is not None:
            rate = scope.find("efflux", cell.owner) * inside / (cell.half() + inside) * room
            self._flow("efflux", rate, "in", "", "is pumped out of")
        if spec.kb is not None:
            kb, kd, most = cell.affinity()
            bound = symbol(cell.pool("bound"))
            self._flow("binding", kb * inside * (most * room - bound), "in", "bound", "binds to its target in")
            self._flow("unbinding", kd * bound, "bound", "in", "leaves its target in")
        if spec.kseq is not None:
            speed = cell.slot("kseq", spec.kseq, "1/h", "rate constant of storage")
            self._flow("storage", speed * free, "in", "stored", "is stored in vesicles of")
        if spec.krel is not None:
            speed = cell.slot("krel", spec.krel, "1/h", "rate constant of release from stores")
            self._flow("release", speed * symbol(cell.pool("stored")), "stored", "in", "leaves the stores of")
        if spec.kmet is not None:
            sink = self._sink("metabolised", f"{spec.drug} that cells metabolised")
            self._move("metabolism", scope.find("metabolism", cell.owner) * free, "in", sink, "is metabolised in")
        self._sort(free)
        if spec.dead == "released":
            for content in [item for item in scope.contents.values() if item.state in self._pools()]:
                scope.redirect(content.state, self.stock)

    def _sort(self, free: Expression) -> None:
        cell, spec = self.cell, self.cell.spec
        if spec.ksort is None:
            return
        speed = cell.slot("ksort", spec.ksort, "1/h", "rate constant of sorting for export")
        target = (
            f"{spec.drug}_in_{spec.into}" if spec.into else self._sink("exported", f"{spec.drug} that cells exported")
        )
        if target not in cell.scope.states:
            raise ModelError(
                f"{spec.label} sorts into {shown(spec.into)}, but no vesicles of that name carry {shown(spec.drug)}; "
                f"add vesicles.drug({shown(spec.drug)}, vesicles={shown(spec.into)})"
            )
        if spec.kout is None:
            self._move("export", speed * free, "in", target, "leaves in vesicles of")
            return
        self._flow("sorting", speed * free, "in", "sorted", "is sorted for export in")
        leave = cell.slot("kout", spec.kout, "1/h", "rate constant of release in vesicles")
        self._move("export", leave * symbol(cell.pool("sorted")), "sorted", target, "leaves in vesicles of")

    def _pools(self) -> set[str]:
        return {self.cell.pool(what) for what in ("in", "bound", "stored", "sorted")}

    def _sink(self, what: str, words: str) -> str:
        drug = self.cell.spec.drug
        return self.cell.scope.sink(f"{what}_{drug}", drug, pool_unit(self.cell.unit), words)

    def _flow(self, what: str, rate: Expression, source: str, target: str, words: str) -> None:
        """Between pools by their short names; "" is the outside."""
        cell, scope = self.cell, self.cell.scope
        moves: dict[str, Expression] = {}
        for place, sign in ((source, -1), (target, 1)):
            if place:
                moves[cell.pool(place)] = sp.Integer(sign)
            elif self.stock:
                moves[self.stock] = sign / scope.states[self.stock].weight
        self._write(what, rate, moves, words)

    def _move(self, what: str, rate: Expression, source: str, target: str, words: str) -> None:
        self._write(what, rate, {self.cell.pool(source): sp.Integer(-1), target: sp.Integer(1)}, words)

    def _write(self, what: str, rate: Expression, moves: Mapping[str, Expression], words: str) -> None:
        drug, clone = self.cell.spec.drug, self.cell.clone
        self.cell.scope.process(
            f"{what}_{drug}_{clone}",
            rate,
            moves,
            transfer=len(moves) > 1,
            description=f"{drug} {words} {clone} cells",
        )

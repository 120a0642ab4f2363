"""What a mechanism sees while a model is joined.

Joining has two passes. In `Mechanism.declare` each mechanism adds its states, parameters and ports and *offers*
quantities ("birth of S", "concentration of dox"); it may also scale or add to quantities that others offer. In
`Mechanism.connect`, when all is known, it writes its processes from what it finds. So the order in which mechanisms
are listed does not matter, and collective terms such as the total burden include every clone. What cells hold
(`Scope.content`) is carried along with them after that; see `pkpd_mdr.model.contents`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import EllipsisType
from typing import Protocol, runtime_checkable

import sympy as sp

from pkpd_mdr.errors import ModelError, UnitError, did_you_mean, shown
from pkpd_mdr.expression import TIME, check_name, parse, symbol
from pkpd_mdr.model.contents import Content, filled
from pkpd_mdr.model.parts import Expression, Observable, Parameter, Port, Process, State, as_expression
from pkpd_mdr.model.slots import FilledSlot, written_as
from pkpd_mdr.model.symbols import symbols_in
from pkpd_mdr.units import Quantity, QuantityLike, Unit, quantity, read

__all__ = ["Formula", "Given", "Mechanism", "Offered", "Scope", "Thunk"]


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula that stands where a value is expected, such as ``growth_S*(1 - cost)``.

    It is read when everything is declared, so it may name any state, parameter or observable. Instead of a text it
    may hold a SymPy expression, whose symbols are taken by their names.
    """

    text: str | Expression


Given = QuantityLike | Parameter | Formula
"""What a slot of a mechanism takes: a quantity, a shared `Parameter`, or a `Formula` of other parameters."""

Thunk = Callable[[], Expression]
"""How to find an expression once everything is declared."""

Offered = Expression | Thunk
"""An expression, or how to find it once everything is declared."""

AnyUnit = str | Unit | Callable[[], Unit]
"""A unit, or how to find it once everything is declared: that of another mechanism's concentration."""


@runtime_checkable
class Mechanism(Protocol):
    """A declaration that adds states, parameters and processes to a model; it computes nothing."""

    @property
    def label(self) -> str:
        """How the mechanism is named in messages and for `Model.without`."""

    def declare(self, scope: Scope) -> None:
        """Add states, parameters and ports, and offer quantities."""

    def connect(self, scope: Scope) -> None:
        """Write processes and observables from what all mechanisms declared."""


@dataclass(frozen=True, slots=True)
class _Written:
    """A formula until all names are known: what stands for it, its place, and what that allows."""

    stand_in: sp.Symbol
    text: str | Expression
    name: str
    speaker: str
    unit: Unit | None
    bounds: tuple[float, float]


class _Offer:
    """A quantity with what other mechanisms do to it, and who asks for it."""

    __slots__ = ("addends", "asked_by", "base", "changed_by", "factors", "offered_by", "unit", "value")

    def __init__(self) -> None:
        self.offered_by = ""
        self.changed_by: set[str] = set()
        self.asked_by: set[str] = set()
        self.base: Thunk | None = None
        self.factors: list[Thunk] = []
        self.addends: list[Thunk] = []
        self.unit: Unit | Callable[[], Unit] | None = None
        self.value: Expression | None = None


class Scope:
    """The model while it is being joined; handed to every mechanism."""

    def __init__(self) -> None:
        self.states: dict[str, State] = {}
        self.parameters: dict[str, Parameter] = {}
        self.processes: dict[str, Process] = {}
        self.observables: dict[str, Observable] = {}
        self.ports: list[Port] = []
        self.clones: dict[str, bool] = {}
        self.contents: dict[str, Content] = {}
        self.deliveries: dict[tuple[str, str], str] = {}
        self.slots: tuple[FilledSlot, ...] = ()
        self._formulas: list[_Written] = []
        self._offers: dict[tuple[str, str], _Offer] = {}
        self._resolving: list[tuple[str, str]] = []
        self._starts: dict[str, Expression] = {}
        self._later: dict[str, Callable[[], Unit]] = {}
        self._settled: dict[str, set[str]] = {}
        self.added: dict[str, set[str]] = {}
        self.startable: set[str] = set()
        self.sinks: set[str] = set()
        self._speaker = ""

    @contextmanager
    def speaking(self, label: str) -> Iterator[None]:
        """Let what is added and asked for count as done by the mechanism of that label."""
        before, self._speaker = self._speaker, label
        try:
            yield
        finally:
            self._speaker = before

    def _add(self, name: str) -> None:
        self.added.setdefault(self._speaker, set()).add(name)

    def _spoken(self, value: Offered) -> Thunk:
        """A value that is found later in the name of the mechanism that speaks now."""
        if isinstance(value, sp.Basic):
            return lambda: value
        speaker = self._speaker

        def spoken() -> Expression:
            """The value, with errors in the name of who offered it."""
            with self.speaking(speaker):
                return value()

        return spoken

    # -- declare ---------------------------------------------------------------------------------------

    def state(
        self,
        name: str,
        *,
        unit: AnyUnit,
        start: Given | EllipsisType | None = ...,
        kind: str = "effect",
        balance: str = "",
        weight: Expression | float = 1,
        description: str = "",
    ) -> Expression:
        """Add a state and return its symbol; a given start becomes the parameter ``<name>0``.

        A start that is None is left to the run; without any start, only processes and acts fill the state. The unit may
        be a function, called between the two passes; such a state starts at zero.
        """
        self._free(name, "state")
        self._add(name)
        if callable(unit):
            self._later[name] = unit
            unit = ""
        unit = Unit.of(unit)
        value: Expression = sp.Integer(0)
        if start is not ...:
            self.startable.add(name)
        if start is not None and start is not ...:
            value = self.parameter(
                f"{name}0", start, unit=unit, lower=0.0, bare=True, description=f"{name} at the start"
            )
        self.states[name] = State(name, unit, value, kind, balance, as_expression(weight), description)
        return symbol(name)

    def content(
        self,
        name: str,
        *,
        carrier: str,
        quantity: str,
        unit: AnyUnit,
        role: str = "",
        lost: str = "",
        filling: Expression | float = 0,
        description: str = "",
    ) -> Expression:
        """Add a pool, which goes with its carrier through every process and act, and return its symbol.

        Its unit is that of the whole content and should be as small as the content of one cell, as it sets the
        absolute tolerance. What dying cells hold goes to the state `lost`, ``lost_<quantity>`` unless given.
        """
        lost = lost or self.sink(f"lost_{quantity}", quantity, unit, f"{quantity} that dying cells held")
        pool = self.state(name, unit=unit, kind="amount", balance=quantity, description=description)
        self.states[name] = replace(self.states[name], carrier=carrier, filling=as_expression(filling))
        self.contents[name] = Content(name, carrier, quantity, role or quantity, lost)
        return pool

    def sink(self, name: str, quantity: str, unit: AnyUnit, description: str) -> str:
        """Add the state that records what is lost of a quantity, unless it is there already; returns its name."""
        if name not in self.states:
            self.state(name, unit=unit, kind="amount", balance=quantity, description=description)
            self.sinks.add(name)
        return name

    def deliver(self, process: str, quantity: str, into: str) -> None:
        """Let what the carriers of a process hold of a quantity go into a state instead of being lost."""
        self.deliveries[process, quantity] = into

    def redirect(self, content: str, lost: str) -> None:
        """Let what dying cells hold of a pool go into another state of the same balance than its sink."""
        self.contents[content] = replace(self.contents[content], lost=lost)

    def weigh(self, name: str, balance: str, weight: Expression, asked_by: str) -> None:
        """Let a state stand in a balance with a weight: a concentration times its volume is an amount."""
        state = self.states[name]
        if state.balance not in ("", balance) or (state.balance and state.weight != weight):
            raise ModelError(
                f"{asked_by} counts {shown(name)} as {shown(balance)} times {weight}, but it counts as "
                f"{shown(state.balance)} times {state.weight} already; use the same volume everywhere"
            )
        self.states[name] = replace(state, balance=balance, weight=as_expression(weight))

    def start(self, state: str, value: Expression) -> None:
        """Let a state start at an expression of parameters (resolved after all states are declared)."""
        self._starts[state] = value

    def started(self, state: str) -> bool:
        """Whether some mechanism says how a state starts, be it at zero."""
        return state in self._starts or not self.states[state].start.is_zero

    def parameter(
        self,
        name: str,
        given: Given,
        *,
        unit: str | Unit,
        lower: float = float("-inf"),
        upper: float = float("inf"),
        bare: bool = False,
        molar_mass: Quantity | None = None,
        description: str = "",
    ) -> Expression:
        """Add the parameter that fills a slot and return what stands for it in rates.

        Bounds are in `unit`. A `Parameter` keeps its own name, so that two slots given the same one share it; a
        `Formula` is read when all names are known.
        """
        slot = Unit.of(unit)
        self._add(given.name if isinstance(given, Parameter) else name)
        if isinstance(given, Parameter):
            return self._shared(given, slot, name, lower, upper, molar_mass)
        if isinstance(given, Formula):
            return self.written(name, given, slot, (lower, upper))
        found = quantity(given, f"parameter {shown(name)}")
        internal = read(found, slot, f"parameter {shown(name)}", bare=bare, molar_mass=molar_mass)
        own = found.unit if found.unit.like(slot) and not found.bare else slot
        ratio = slot.factor / own.factor
        self._free(name, "parameter")
        self.parameters[name] = Parameter(
            name, internal / own.factor, own, lower * ratio, upper * ratio, "assumed", description, molar_mass
        )
        return symbol(name)

    def written(
        self,
        name: str,
        formula: Formula,
        unit: Unit | None = None,
        bounds: tuple[float, float] = (float("-inf"), float("inf")),
    ) -> Expression:
        """What stands for a formula until all names are known; without a unit it may be in any."""
        stand_in = symbol(f"formula_of_{name}")
        self._formulas.append(_Written(stand_in, formula.text, name, self._speaker, unit, bounds))
        return stand_in

    def port(self, port: Port) -> None:
        """Add a way in which acts of a regimen enter."""
        if any((known.name, known.route, known.action) == (port.name, port.route, port.action) for known in self.ports):
            raise ModelError(
                f"{shown(port.name)} by {shown(port.route)} is declared "
                f"twice; a drug has one pharmacokinetic model or one medium"
            )
        self.ports.append(port)

    def settle(self, drug: str, state: str) -> None:
        """Let a steady-state dose of a drug bring this state, too, to its periodic values."""
        self._settled.setdefault(drug, set()).add(state)

    def offer(self, kind: str, owner: str, value: Offered, *, unit: AnyUnit | None = None) -> None:
        """Offer a quantity under a kind and an owner; what is still to be found is found when somebody asks for it.

        A quantity that others compare with their own parameters, such as a concentration, tells its unit.
        """
        entry = self._offers.setdefault((kind, owner), _Offer())
        if entry.base is not None:
            raise ModelError(f"{kind} of {shown(owner)} is declared twice; leave one of the two out")
        entry.base, entry.offered_by = self._spoken(value), self._speaker
        entry.unit = unit if unit is None or callable(unit) else Unit.of(unit)

    def scale(self, kind: str, owner: str, factor: Offered) -> None:
        """Multiply a quantity that some mechanism offers."""
        self._changed(kind, owner).factors.append(self._spoken(factor))

    def add(self, kind: str, owner: str, addend: Offered) -> None:
        """Add to a quantity that some mechanism offers (before factors)."""
        self._changed(kind, owner).addends.append(self._spoken(addend))

    def _changed(self, kind: str, owner: str) -> _Offer:
        entry = self._offers.setdefault((kind, owner), _Offer())
        entry.changed_by.add(self._speaker)
        return entry

    def declared(self) -> None:
        """Between the two passes: give states the units that they take from others."""
        for name, unit in self._later.items():
            self.states[name] = replace(self.states[name], unit=unit())

    # -- connect ---------------------------------------------------------------------------------------

    def find(self, kind: str, owner: str, asked_by: str = "the model") -> Expression:
        """The offered quantity with all factors and addends; `ModelError` with the nearest name if absent."""
        entry = self._offers.get((kind, owner))
        if entry is None or entry.base is None:
            known = [name for offered, name in self.owners(kind)]
            raise ModelError(
                f"{asked_by} needs the {kind} of {shown(owner)}, which no part of the model declares"
                f"{did_you_mean(owner, known) if known else f'; the model has no {kind} at all'}"
            )
        entry.asked_by.add(self._speaker)
        if entry.value is None:
            if (kind, owner) in self._resolving:
                raise ModelError(f"{kind} of {shown(owner)} depends on itself")
            self._resolving.append((kind, owner))
            value = entry.base() + sum((part() for part in entry.addends), sp.Integer(0))
            for factor in entry.factors:
                value = value * factor()
            entry.value = value
            self._resolving.pop()
        return entry.value

    def unit(self, kind: str, owner: str, asked_by: str = "the model") -> Unit:
        """The unit of an offered quantity; `ModelError` if it is not offered or was offered without one."""
        entry = self._offers.get((kind, owner))
        if entry is None or entry.base is None:
            self.find(kind, owner, asked_by)
        if entry is None or entry.unit is None:
            raise ModelError(
                f"{asked_by} needs the unit of the {kind} of {shown(owner)}, which was offered without one"
            )
        return entry.unit() if callable(entry.unit) else entry.unit

    def offered(self, kind: str, owner: str) -> bool:
        """Whether some mechanism offers this quantity."""
        entry = self._offers.get((kind, owner))
        return entry is not None and entry.base is not None

    def owners(self, kind: str) -> list[tuple[str, str]]:
        """The (kind, owner) pairs under which a kind of quantity is offered, in order of declaration."""
        return [key for key, entry in self._offers.items() if key[0] == kind and entry.base is not None]

    def unused(self) -> Iterator[tuple[str, str, str, Expression | None]]:
        """(kind, owner, mechanism, value) of the offers that none but those who make or change them ask for."""
        for (kind, owner), entry in self._offers.items():
            if entry.base is not None and not entry.asked_by - entry.changed_by - {entry.offered_by}:
                yield kind, owner, entry.offered_by, entry.value

    def missed(self) -> Iterator[tuple[str, str, str, list[str]]]:
        """(mechanism, kind, owner, known owners) where all that a mechanism changes is offered by nobody."""
        hits = {label for entry in self._offers.values() if entry.base is not None for label in entry.changed_by}
        for (kind, owner), entry in self._offers.items():
            if entry.base is None:
                for label in sorted(entry.changed_by - hits):
                    yield label, kind, owner, [known for _, known in self.owners(kind)]

    def gather(self, kind: str) -> Expression:
        """The sum of a quantity over all its owners: total burden, total effectors."""
        return sum((self.find(kind, owner) for _, owner in self.owners(kind)), sp.Integer(0))

    def symbol(self, name: str, asked_by: str) -> Expression:
        """The symbol of a declared state or parameter."""
        if name not in self.states and name not in self.parameters:
            raise ModelError(
                f"{asked_by} names {shown(name)}, which is not "
                f"declared{did_you_mean(name, [*self.states, *self.parameters])}"
            )
        return symbol(name)

    def process(
        self,
        name: str,
        rate: Expression,
        moves: Mapping[str, Expression | float],
        *,
        transfer: bool = False,
        description: str = "",
    ) -> None:
        """Add a process; its states must exist and its name be new."""
        if name in self.processes:
            raise ModelError(f"process {shown(name)} is declared twice; give one of them another name")
        for state in moves:
            if state not in self.states:
                raise ModelError(
                    f"process {shown(name)} moves {shown(state)}, which "
                    f"is not a state{did_you_mean(state, self.states)}"
                )
        self._add(name)
        self.processes[name] = Process(
            name, rate, {key: as_expression(value) for key, value in moves.items()}, transfer, description
        )

    def observable(self, name: str, expression: Expression, unit: str | Unit, description: str = "") -> None:
        """Add an observable under a new name."""
        self._free(name, "observable")
        self.observables[name] = Observable(name, expression, Unit.of(unit), description)

    def read(self, text: str | Expression, where: str) -> Expression:
        """Read a formula over all declared names; an observable stands for its expression."""
        if isinstance(text, str):
            names = {name: self._meant(name) for name in (*self.states, *self.parameters, *self.observables)}
            return parse(text, names, where=where)
        meant = {item: self._meant(item.name) for item in symbols_in(text)}
        strangers = sorted(item.name for item, meaning in meant.items() if meaning is None)
        if strangers:
            known = (*self.states, *self.parameters, *self.observables)
            raise ModelError(f"{where}: {shown(strangers[0])} is not declared{did_you_mean(strangers[0], known)}")
        others = {item: meaning for item, meaning in meant.items() if meaning != item}
        return text.xreplace(others) if others else text

    def _meant(self, name: str) -> Expression | None:
        """What a name in a formula stands for; None for one that is not declared."""
        if name in self.observables:
            return self.observables[name].expression
        return symbol(name) if name in self.states or name in self.parameters else TIME if name == "t" else None

    # -- finish ----------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Resolve formulas and starts in everything that was declared."""
        for state, value in self._starts.items():
            if state not in self.states:
                raise ModelError(
                    f"a start is declared for {shown(state)}, which is not a state{did_you_mean(state, self.states)}"
                )
            self.states[state] = replace(self.states[state], start=value)
        self.ports = [self._with_settled(port) for port in self.ports]
        values = {item.stand_in: self.read(item.text, written_as(item.name)) for item in self._formulas}
        for _ in range(len(values).bit_length() + 1):
            nested = {key: value for key, value in values.items() if symbols_in(value) & values.keys()}
            if not nested:
                break
            values |= {key: value.xreplace(values) for key, value in nested.items()}
        else:
            names = ", ".join(item.name for item in self._formulas)
            raise ModelError(f"the formulas {names} depend on each other in a circle")
        self.slots = tuple(
            FilledSlot(item.name, item.speaker, str(item.text), values[item.stand_in], item.unit, *item.bounds)
            for item in self._formulas
            if item.unit is not None
        )
        if values:
            self._substitute(values)
        self.states = filled(self.states)

    def _substitute(self, values: Mapping[Expression, Expression]) -> None:
        def fill(expression: Expression) -> Expression:
            """An expression with the values filled in; None stays None."""
            return expression if expression is None else expression.xreplace(values)

        self.states = {
            n: replace(s, start=fill(s.start), weight=fill(s.weight), filling=fill(s.filling))
            for n, s in self.states.items()
        }
        self.processes = {
            n: replace(p, rate=fill(p.rate), moves={k: fill(v) for k, v in p.moves.items()})
            for n, p in self.processes.items()
        }
        self.observables = {n: replace(o, expression=fill(o.expression)) for n, o in self.observables.items()}
        self.ports = [
            replace(
                port,
                effects={k: fill(v) for k, v in port.effects.items()},
                bioavailability=fill(port.bioavailability),
                lag=fill(port.lag),
                rate=fill(port.rate),
                duration=fill(port.duration),
            )
            for port in self.ports
        ]

    def _with_settled(self, port: Port) -> Port:
        more = sorted(self._settled.get(port.name, set()) - set(port.steady))
        return replace(port, steady=(*port.steady, *more)) if port.action == "dose" else port

    def _free(self, name: str, what: str) -> None:
        check_name(name, what)
        start = f" (a state {shown(name[:-1])} starts at a parameter {shown(name)})" if name[1:].endswith("0") else ""
        for kind, taken in (("state", self.states), ("parameter", self.parameters), ("observable", self.observables)):
            if name in taken:
                raise ModelError(
                    f"{what} {shown(name)} is declared twice; leave one of the two out or give it another name"
                    if kind == what
                    else f"{what} {shown(name)} has the name of {'an' if kind == 'observable' else 'a'} {kind}"
                    f"{start}; give one of the two another name"
                )

    def _shared(
        self, given: Parameter, slot: Unit, where: str, lower: float, upper: float, mass: Quantity | None
    ) -> Expression:
        """Take up a shared parameter; its bounds are narrowed to those of every slot that it fills."""
        if not given.unit.like(slot):
            raise UnitError(
                f"parameter {shown(where)}: the shared parameter {shown(given.name)} is in "
                f"{shown(given.unit.text)}, not in {shown(slot.text)} or a unit like it"
            )
        known = self.parameters.get(given.name)
        if known is None:
            self._free(given.name, "parameter")
            known = given
        elif replace(known, lower=given.lower, upper=given.upper, molar_mass=given.molar_mass) != given:
            raise ModelError(
                f"parameter {shown(given.name)} is declared twice with different values or bounds "
                f"({f'{known.value:g} {known.unit}'.rstrip()} and {f'{given.value:g} {given.unit}'.rstrip()}); "
                "declare it once and share it"
            )
        ratio = slot.factor / given.unit.factor
        narrowed = max(known.lower, given.lower, lower * ratio), min(known.upper, given.upper, upper * ratio)
        mass = known.molar_mass or mass
        self.parameters[given.name] = replace(known, lower=narrowed[0], upper=narrowed[1], molar_mass=mass)
        return symbol(given.name)

"""The model: a frozen join of mechanisms, from which everything else is derived."""

from __future__ import annotations

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import sympy as sp

from pkpd_mdr.arguments import FLAG, TABLE, TEXT, takes
from pkpd_mdr.errors import ModelError, did_you_mean, shown
from pkpd_mdr.expression import TIME, symbol
from pkpd_mdr.model import show
from pkpd_mdr.model.check import check_formulas, check_model
from pkpd_mdr.model.contents import carry
from pkpd_mdr.model.derive import Derivatives, time_derivatives
from pkpd_mdr.model.idle import idle
from pkpd_mdr.model.parts import Expression, Observable, Parameter, Port, Process, State
from pkpd_mdr.model.scope import Mechanism, Scope
from pkpd_mdr.model.slots import FilledSlot, check_slots
from pkpd_mdr.units import Quantity, QuantityLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pkpd_mdr.run import Many, Run

__all__ = ["Model"]

_log = logging.getLogger("pkpd_mdr")


class Model:
    """A tumour under drugs, declared once.

    Parameters
    ----------
    *mechanisms : Mechanism
        Declarations such as ``pk.one_compartment(...)``, ``clone(...)``, ``kill(...)``, in any order.
    quiet : bool
        Leave it to `notes` to say what can change nothing; otherwise the log of ``pkpd_mdr`` warns of it as well.

    Attributes
    ----------
    mechanisms : tuple of Mechanism
    states, parameters, processes, observables : mapping of str to part
    ports : tuple of Port
    clones : mapping of str to bool
        Clone names, and whether each was declared resistant.
    notes : tuple of str
        What was declared and can change nothing: dying stages that no death fills, P-gp that pumps nothing out, a drug
        at a site where nothing takes it, effectors that attack no clone.
    slots : tuple of FilledSlot
        Formulas in slots that have bounds, where they depend on parameters alone; such a value is checked here and in
        each run. One that depends on states or the time is not.

    Raises
    ------
    ModelError
        A name is taken twice or unknown, a transfer does not conserve what it moves, or a formula in a slot has a value
        that the slot does not allow.
    UnitError
        A quantity or a rate has the wrong unit.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0.5 1/day"), start=1e6))
    >>> print(model.equations())
    dS/dt = S*growth_S
    >>> Model(mdr.clone("S"), mdr.death.transit("S", rate="1 1/day"), quiet=True).notes[0][:41]
    "transit_S: no death of 'S' goes that way;"
    """

    mechanisms: tuple[Mechanism, ...]
    states: Mapping[str, State]
    parameters: Mapping[str, Parameter]
    processes: Mapping[str, Process]
    observables: Mapping[str, Observable]
    ports: tuple[Port, ...]
    clones: Mapping[str, bool]
    notes: tuple[str, ...]
    slots: tuple[FilledSlot, ...]

    @takes(ModelError, quiet=FLAG)
    def __init__(self, *mechanisms: Mechanism, quiet: bool = False) -> None:
        one_of_each = {type(item): item for item in mechanisms}  # asking a protocol takes long
        for item in one_of_each.values():
            if not isinstance(item, Mechanism):
                raise ModelError(
                    f"{shown(item)} is not a mechanism; a model is made of declarations such "
                    "as clone(...) or pk.one_compartment(...)"
                )
        scope = Scope()
        for item in mechanisms:
            with scope.speaking(item.label):
                item.declare(scope)
        scope.declared()
        for item in mechanisms:
            with scope.speaking(item.label):
                item.connect(scope)
        scope.finish()
        carry(scope)
        self._fill(
            mechanisms=mechanisms,
            states=MappingProxyType(scope.states),
            parameters=MappingProxyType(scope.parameters),
            processes=MappingProxyType(scope.processes),
            observables=MappingProxyType(scope.observables),
            ports=tuple(scope.ports),
            clones=MappingProxyType(scope.clones),
            notes=idle(scope),
            slots=tuple(slot for slot in scope.slots if slot.checked(scope.parameters)),
        )
        check_formulas(self, scope.slots)
        check_model(self)
        check_slots(self)
        if not quiet:
            self._tell()

    def _tell(self, known: tuple[str, ...] = ()) -> None:
        for note in self.notes:
            if note not in known:
                _log.warning("%s", note)

    def _fill(self, **parts: Any) -> None:
        for name, value in parts.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise ModelError(
            f"a model is frozen: {shown(name)} cannot be set; use with_parameters(...) "
            "or plus(...), which return a new model"
        )

    # -- derived -------------------------------------------------------------------------------------

    @cached_property
    def outputs(self) -> Mapping[str, State | Observable]:
        """All that a run shows, by name: states, then observables."""
        return MappingProxyType({**self.states, **self.observables})

    def molar_mass(self, name: str) -> Quantity | None:
        """The molar mass by which a parameter, state or observable can be read by mass or by amount, if any."""
        if name in self.parameters:
            return self.parameters[name].molar_mass
        stock = self.states[name].balance if name in self.states else ""
        masses = {port.name: port.molar_mass for port in self.ports if port.molar_mass is not None}
        return masses.get(stock) or next((masses[drug] for drug in masses if f"_{drug}_" in f"{name}_"), None)

    @cached_property
    def derivatives(self) -> Mapping[str, Expression]:
        """Time derivative of each state, summed over processes."""
        return MappingProxyType(time_derivatives(self.states, self.processes.values()))

    @cached_property
    def jacobian(self) -> sp.Matrix:
        """Derivatives of the right-hand side by the states, rows and columns in the order of `states`."""
        states = [symbol(name) for name in self.states]
        return sp.Matrix(len(states), len(states), Derivatives().all_of(self.derivatives.values(), states))

    @cached_property
    def content_hash(self) -> str:
        """Hash of structure and parameter values with their units: equal models have equal hashes."""
        values = ";".join(f"{p.name}={p.internal!r} {p.unit.text}" for p in self.parameters.values())
        return hashlib.sha256(f"{self.structure_hash}|{values}".encode()).hexdigest()[:16]

    @cached_property
    def structure_hash(self) -> str:
        """Hash of equations, starts, ports and observables without parameter values."""
        text = _Text()
        lines = [
            f"{s.name}|{s.kind}|{s.unit.text}|{text.of(s.start)}|{s.carrier}|{text.of(s.filling)}"
            for s in self.states.values()
        ]
        lines += [
            f"{p.name}|{text.of(p.rate)}|{[(k, text.of(v)) for k, v in p.moves.items()]}"
            for p in self.processes.values()
        ]
        lines += [f"{o.name}|{o.unit.text}|{text.of(o.expression)}" for o in self.observables.values()]
        lines += [repr(port) for port in self.ports] + list(self.parameters)
        for slot in self.slots:
            units = [self.parameters[name].unit.text for name in slot.sources]
            lines.append(f"{slot.name}|{text.of(slot.expression)}|{slot.lower}|{slot.upper}|{slot.unit.text}|{units}")
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]

    def dimension_symbols(self) -> dict[Expression, Expression]:
        """All symbols that may stand in an expression of this model, by name."""
        return {name: symbol(name) for name in [*self.states, *self.parameters]} | {"t": TIME}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and self.content_hash == other.content_hash

    def __hash__(self) -> int:
        return hash(self.content_hash)

    # -- new models ----------------------------------------------------------------------------------

    @takes(ModelError, values=TABLE)
    def with_parameters(self, values: Mapping[str, QuantityLike] | None = None, /, **named: QuantityLike) -> Model:
        """The model with other parameter values; this one stays as it is.

        Parameters
        ----------
        values, **named : mapping of str to quantity
            A bare number means the unit in which the parameter was declared. The source of a changed value says that it
            was changed.

        Raises
        ------
        ModelError
            An unknown name (the nearest is suggested), a value outside the parameter's bounds, or one at which a
            formula in a slot is outside those of the slot.
        """
        given = {**(values or {}), **named}
        if not given:
            return self
        changed = {name: self.parameter(name).at(value) for name, value in given.items()}
        new = self._copy(parameters=MappingProxyType({**self.parameters, **changed}))
        check_slots(new, changed)
        return new

    @takes(ModelError, sources=TABLE)
    def with_sources(self, sources: Mapping[str, str]) -> Model:
        """A new model whose parameters say where their values come from.

        Parameters
        ----------
        sources : mapping of str to str
            Parameter to the text that stands as its source in tables and reports.

        Raises
        ------
        ModelError
            An unknown name (the nearest is suggested), or a source that is no text.

        Examples
        --------
        >>> import pkpd_mdr as mdr
        >>> model = mdr.Model(mdr.pk.one_compartment("tmz", CL="10 L/h", V="30.3 L"))
        >>> model = model.with_sources({"CL_tmz": "Ostermann et al. 2004"})
        >>> model.parameters["CL_tmz"].source
        'Ostermann et al. 2004'
        """
        told = dict(self.parameters)
        for name, source in sources.items():
            if not isinstance(source, str) or not source.strip():
                raise ModelError(f"the source of parameter {shown(name)} is {shown(source)}, which is no text")
            told[name] = replace(self.parameter(name), source=source)
        return self._copy(parameters=MappingProxyType(told))

    @takes(ModelError, name=TEXT)
    def parameter(self, name: str) -> Parameter:
        """A parameter by name; `ModelError` with the nearest name otherwise."""
        if name not in self.parameters:
            raise ModelError(f"the model has no parameter {shown(name)}{did_you_mean(name, self.parameters)}")
        return self.parameters[name]

    def plus(self, *mechanisms: Mechanism) -> Model:
        """A new model with further mechanisms; parameter values set by `with_parameters` are kept."""
        return self._joined([*self.mechanisms, *mechanisms])

    @takes(ModelError, label=TEXT)
    def without(self, label: str) -> Model:
        """A new model without the mechanisms of that label."""
        kept = [item for item in self.mechanisms if item.label != label]
        if len(kept) == len(self.mechanisms):
            raise ModelError(
                "the model has no mechanism labelled "
                f"{shown(label)}{did_you_mean(label, {m.label for m in self.mechanisms})}"
            )
        return self._joined(kept)

    def _joined(self, mechanisms: Sequence[Mechanism]) -> Model:
        """A model of other mechanisms with the values of this one, and with a word on what can newly change nothing."""
        joined = Model(*mechanisms, quiet=True)
        joined._tell(known=self.notes)
        values = {name: self.parameters.get(name, p) for name, p in joined.parameters.items()}
        new = joined._copy(parameters=MappingProxyType(values))
        check_slots(new)
        return new

    def _copy(self, *, parameters: Mapping[str, Parameter]) -> Model:
        """The same equations with other parameters."""
        new = object.__new__(Model)
        names = ("mechanisms", "states", "processes", "observables", "ports", "clones", "notes", "slots")
        new._fill(parameters=parameters, **{name: getattr(self, name) for name in names})
        for name in ("derivatives", "jacobian"):
            if name in self.__dict__:
                new.__dict__[name] = self.__dict__[name]
        new.__dict__["structure_hash"] = self.structure_hash
        return new

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to another process as declarations; the model is joined again there, once for all that arrive."""
        return _joined_again, (self.content_hash, self.mechanisms, tuple(self.parameters.values()))

    # -- show ----------------------------------------------------------------------------------------

    def equations(self) -> str:
        """The differential equations as text, one a line."""
        return show.equations(self)

    def latex(self) -> str:
        """The differential equations as a LaTeX ``align`` environment."""
        return show.latex(self)

    def process_table(self) -> show.Listing:
        """All processes: name, rate, what moves."""
        return show.process_table(self)

    def parameter_table(self) -> show.Listing:
        """All parameters: value, unit, bounds, origin."""
        return show.parameter_table(self)

    def diagram(self) -> str:
        """The model as a Mermaid flowchart: states as boxes, processes as arrows."""
        return show.diagram(self)

    def __repr__(self) -> str:
        return show.summary(self)

    def _repr_html_(self) -> str:
        return show.html_page(self)

    # -- forward to the rooms that do the work ---------------------------------------------------------

    def simulate(self, regimen: Any = None, **options: Any) -> Run:
        """Simulate under a regimen or strategy; see `pkpd_mdr.simulate`."""
        from pkpd_mdr.run import simulate

        return simulate(self, regimen, **options)

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw states, flows and effects; see `pkpd_mdr.plot.model`."""
        from pkpd_mdr.plot.model import plot_model

        return plot_model(self, ax=ax)

    def simulate_many(self, regimens: Any = None, **options: Any) -> Many:
        """Simulate an ensemble of regimens, parameters and starts; see `pkpd_mdr.simulate_many`."""
        from pkpd_mdr.run import simulate_many

        return simulate_many(self, regimens, **options)


_KEPT = 16
_arrived: OrderedDict[str, Model] = OrderedDict()


def _joined_again(content_hash: str, mechanisms: tuple[Mechanism, ...], parameters: tuple[Parameter, ...]) -> Model:
    """The model of these declarations and parameter values; the last 16 that arrived are kept."""
    found = _arrived.pop(content_hash, None)
    if found is None:
        joined = Model(*mechanisms, quiet=True)
        found = joined._copy(parameters=MappingProxyType({item.name: item for item in parameters}))
        if found.content_hash != content_hash:
            raise ModelError(
                "the same declarations make another model in this process than in the one that sent them; "
                "use the same versions of pkpd_mdr and SymPy in both"
            )
    _arrived[content_hash] = found
    while len(_arrived) > _KEPT:
        _arrived.popitem(last=False)
    return found


class _Text:
    """Expressions as texts that differ where these differ; SymPy's `srepr` writes each shared part anew."""

    def __init__(self) -> None:
        self._known: dict[Expression, str] = {}

    def of(self, expression: Expression) -> str:
        """The text of one expression."""
        if expression not in self._known:
            inner = ",".join(self.of(part) for part in expression.args)
            text = f"{type(expression).__name__}({inner})" if inner else sp.srepr(expression)
            self._known[expression] = text
        return self._known[expression]

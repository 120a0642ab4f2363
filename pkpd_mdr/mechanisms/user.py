"""One's own states, parameters, processes and observables, from text or from SymPy expressions.

Text is read by `pkpd_mdr.expression`, never evaluated; SymPy symbols are taken by their names.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import sympy as sp
from sympy.codegen.cfunctions import expm1, log1p

from pkpd_mdr.arguments import FLAG, TEXT, takes
from pkpd_mdr.errors import ModelError, did_you_mean, shown
from pkpd_mdr.expression import Log, Power, check_name
from pkpd_mdr.mechanisms.clone import TOTALS
from pkpd_mdr.model.parts import Expression, Parameter
from pkpd_mdr.model.scope import Formula, Given, Mechanism, Scope
from pkpd_mdr.model.symbols import parts_of
from pkpd_mdr.units import QuantityLike, Unit, quantity, read

__all__ = [
    "SharedParameter",
    "UserObservable",
    "UserProcess",
    "UserState",
    "formula",
    "observable",
    "parameter",
    "process",
    "state",
]

_KINDS = ("cells", "amount", "concentration", "vesicles", "effect", "integral")
_ALLOWED = (sp.exp, sp.log, Log, Power, sp.Min, sp.Max, sp.Abs, sp.sin, sp.cos, sp.tanh, sp.Piecewise, expm1, log1p)


def formula(text: str | Expression) -> Formula:
    """A formula in place of a value: ``growth=exponential(rate=formula("g0*(1 - burden_of_repair)"))``.

    Parameters
    ----------
    text : str or sympy.Expr
        Over the names of states, parameters and observables of the model, wherever they are declared. Numbers in it
        are in internal units (h, L, mg, umol). SymPy symbols count by their names. Units are checked, so that a
        covariate is divided by a parameter in its unit: ``formula("CL_pop*(WT/WT_typical)**0.75")``.

    Returns
    -------
    Formula

    Raises
    ------
    ModelError
        It is neither a text nor a SymPy expression, or has a function that is not allowed. Undeclared names are
        refused, with the nearest one, when the model is joined.

    Notes
    -----
    A formula of parameters alone is held to the bounds of its slot, as a quantity there is: when the model is joined,
    by `Model.with_parameters`, and for each member of a run or a fit, which then fails with a sentence. One that names
    states, or ``t``, is not checked, because its value is known only on the way; what decides how a dose arrives (F,
    lag, modelled rate and duration), and a start, cannot name them.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> law = mdr.growth.exponential(rate=mdr.formula("g*(1 - loss)"))
    >>> model = mdr.Model(mdr.clone("R", growth=law), mdr.parameter("g", "0.5 1/day"), mdr.parameter("loss", 0.2))
    >>> print(model.equations())
    dR/dt = R*g*(1 - loss)
    """
    if isinstance(text, str):
        return Formula(text)
    if not isinstance(text, sp.Expr):
        raise ModelError(f"{shown(text)} is neither a formula text nor a SymPy expression")
    parts = parts_of(text)
    for part in parts:
        if isinstance(part, sp.Function) and not isinstance(part, _ALLOWED):
            raise ModelError(
                f"the function {part.func} in {text} is not "
                f"allowed{did_you_mean(str(part.func), [str(known) for known in _ALLOWED])}"
            )
    if any(_is_unsafe(part) for part in parts):
        text = text.replace(_is_unsafe, lambda part: Log(*part.args) if part.func == sp.log else Power(*part.args))
    return Formula(text)


def _is_unsafe(part: Expression) -> bool:
    """Whether it is a real power or a logarithm, which must stay numbers when a solver steps just below zero."""
    return isinstance(part, sp.log) or (isinstance(part, sp.Pow) and not part.exp.is_Integer)


@dataclass(frozen=True, slots=True)
class SharedParameter(Parameter):
    """A parameter that stands in the model by itself and may fill several slots; see `parameter`."""

    @property
    def label(self) -> str:
        """``parameter_<name>``."""
        return f"parameter_{self.name}"

    def declare(self, scope: Scope) -> None:
        """Add the parameter."""
        scope.parameter(self.name, self, unit=self.unit)

    def connect(self, scope: Scope) -> None:
        """Nothing more."""


@takes(ModelError, name=TEXT, source=TEXT, description=TEXT)
def parameter(
    name: str,
    value: QuantityLike,
    *,
    lower: QuantityLike = float("-inf"),
    upper: QuantityLike = float("inf"),
    source: str = "assumed",
    description: str = "",
) -> SharedParameter:
    """A parameter of one's own: for formulas, or shared by several slots.

    Give it to the model, to a slot, or to both; two slots with the same one share it. Slots narrow its bounds.

    Parameters
    ----------
    name : str
        Unique in the model.
    value : quantity
        With its unit, which becomes the unit of the parameter.
    lower, upper : quantity
        Bounds; a bare number is in that unit.
    source : str
        Where the value comes from.
    description : str
        One line for tables.

    Returns
    -------
    SharedParameter

    Raises
    ------
    ModelError
        The value is outside the bounds, or the same name stands for two values in one model.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> K = mdr.parameter("K", "2e12 cell")
    >>> clones = [mdr.clone(name, growth=mdr.growth.gompertz(rate="0.01 1/day", capacity=K)) for name in "SR"]
    >>> list(mdr.Model(*clones).parameters)
    ['growth_S', 'K', 'growth_R']
    """
    check_name(name, "the name of a parameter")
    found = quantity(value, f"parameter {shown(name)}")
    low, high = (_bound(given, found.unit, name) for given in (lower, upper))
    return SharedParameter(name, found.value, found.unit, low, high, source, description)


def _bound(given: QuantityLike, unit: Unit, name: str) -> float:
    if isinstance(given, float) and math.isinf(given):
        return given
    return read(given, unit, f"bound of parameter {shown(name)}", bare=True) / unit.factor


@dataclass(frozen=True, slots=True)
class UserState:
    """Declaration behind `state`."""

    name: str
    start: Given | None
    unit: Unit
    kind: str = "effect"
    balance: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise ModelError(
                f"state {shown(self.name)}: kind {shown(self.kind)} is not known{did_you_mean(self.kind, _KINDS)}"
            )

    @property
    def label(self) -> str:
        """``state_<name>``."""
        return f"state_{self.name}"

    def declare(self, scope: Scope) -> None:
        """Add the state."""
        scope.state(
            self.name,
            unit=self.unit,
            start=self.start,
            kind=self.kind,
            balance=self.balance,
            description=self.description,
        )

    def connect(self, scope: Scope) -> None:
        """Nothing more."""


@takes(ModelError, name=TEXT, kind=TEXT, balance=TEXT, description=TEXT)
def state(
    name: str,
    start: Given | None = None,
    *,
    unit: str = "",
    kind: str = "effect",
    balance: str = "",
    description: str = "",
) -> Mechanism:
    """A state of one's own; processes move it.

    Parameters
    ----------
    name : str
        Unique in the model.
    start : quantity, Parameter or Formula, optional
        In `unit`, not negative; parameter ``<name>0``. Zero if absent.
    unit : str
        Unit in which it is shown.
    kind : str
        ``"cells"``, ``"amount"``, ``"concentration"``, ``"vesicles"``, ``"effect"`` or ``"integral"``.
    balance : str
        Name of the conserved stock it belongs to, for transfers; its kind if absent.
    description : str
        One line for tables.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        The kind is unknown, or the name is taken.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> exposure = mdr.state("AUC", unit="uM*h", kind="integral")
    >>> model = mdr.Model(mdr.medium("dox"), exposure, mdr.process("add", "C_dox", {"AUC": 1}))
    >>> print(model.derivatives["AUC"])
    medium_dox
    """
    return UserState(name, start, Unit.of(unit), kind, balance, description)


@dataclass(frozen=True, slots=True)
class UserProcess:
    """Declaration behind `process`."""

    name: str
    rate: Formula
    moves: tuple[tuple[str, float | Formula], ...]
    transfer: bool = False
    description: str = ""

    @property
    def label(self) -> str:
        """``process_<name>``."""
        return f"process_{self.name}"

    def declare(self, scope: Scope) -> None:
        """Nothing yet: the states must be known."""

    def connect(self, scope: Scope) -> None:
        """Write the process."""
        rate = scope.written(f"rate_of_{self.name}", self.rate)
        moves = {
            name: scope.written(f"{name}_moved_by_{self.name}", share) if isinstance(share, Formula) else share
            for name, share in self.moves
        }
        scope.process(self.name, rate, moves, transfer=self.transfer, description=self.description)


@takes(ModelError, name=TEXT, transfer=FLAG, description=TEXT)
def process(
    name: str,
    rate: str | Expression,
    moves: Mapping[str, float | str | Expression],
    *,
    transfer: bool = False,
    description: str = "",
) -> Mechanism:
    """A process of one's own: a rate, and what it moves.

    Parameters
    ----------
    name : str
        Unique among processes.
    rate : str or sympy.Expr
        Per hour, over the names of states, parameters and observables; ``t`` is the time in hours. Logarithms and
        powers with a broken exponent are for arguments above zero; below, they count as at zero.
    moves : mapping of str to float or formula
        State to its change by one unit of the rate: ``{"S": -1, "R": 1}``.
    transfer : bool
        Whether it must conserve what it moves; this is checked.
    description : str
        One line for tables.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError, ExpressionError, UnitError
        When the model is joined: an undeclared name (the nearest is suggested), a text outside the grammar, units
        that do not fit, or a transfer that does not conserve.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.state("E", 3.2e5, unit="cell"),
    ...     mdr.parameter("d", "0.0412 1/day"),
    ...     mdr.process("death", "d*E", {"E": -1}),
    ... )
    >>> print(model.equations())
    dE/dt = -E*d
    """
    check_name(name, "the name of a process")
    if not isinstance(moves, Mapping) or not moves:
        raise ModelError(
            f"process {shown(name)}: {shown(moves)} does not say what moves; write for example {{'S': -1, 'R': 1}}"
        )
    shares = tuple(
        (key, formula(share) if isinstance(share, (str, sp.Expr)) else share) for key, share in moves.items()
    )
    return UserProcess(name, formula(rate), shares, transfer, description)


@dataclass(frozen=True, slots=True)
class UserObservable:
    """Declaration behind `observable`."""

    name: str
    expression: Formula
    unit: Unit
    description: str = ""

    @property
    def label(self) -> str:
        """``observable_<name>``."""
        return f"observable_{self.name}"

    def declare(self, scope: Scope) -> None:
        """Nothing yet: other names must be known."""

    def connect(self, scope: Scope) -> None:
        """Add the observable."""
        if self.name in TOTALS and scope.clones:
            raise ModelError(f"observable {shown(self.name)} is given by the clones of the model; choose another name")
        value = scope.parameter(f"value_of_{self.name}", self.expression, unit=self.unit)
        scope.observable(self.name, value, self.unit, self.description)


@takes(ModelError, name=TEXT, description=TEXT)
def observable(name: str, expression: str | Expression, unit: str = "", *, description: str = "") -> Mechanism:
    """Something to measure or plot: a formula over states, parameters and other observables.

    Parameters
    ----------
    name : str
        Unique in the model.
    expression : str or sympy.Expr
        In internal units; ``t`` is the time in hours.
    unit : str
        Unit in which it is shown; checked against the formula.
    description : str
        One line for tables.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError, ExpressionError, UnitError
        When the model is joined: an undeclared name, a text outside the grammar, or another unit.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(mdr.clone("S"), mdr.observable("signal", "gain*S"), mdr.parameter("gain", 0.02))
    >>> print(model.observables["signal"].expression)
    S*gain
    """
    return UserObservable(name, formula(expression), Unit.of(unit), description)

"""What was declared but can change nothing in a model, read off its equations.

Two things are read. Which states can ever differ from zero: those that have a start, those that a dose or an act fills,
and those that a process fills at a rate which is not zero while all others are empty. And which quantities that are
there to be used (`Scope.offer`) nothing uses, be it another mechanism or a formula of the user.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pkpd_mdr.errors import did_you_mean, shown
from pkpd_mdr.expression import symbol
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.model.symbols import symbols_in

if TYPE_CHECKING:
    from pkpd_mdr.model.scope import Scope

__all__ = ["idle"]

_UNUSED = {
    "concentration": "nothing takes the concentration of {0}; {1}",
    "content": "nothing takes what cells hold, {0}; add death.path(...), or for MGMT damage.adducts(..., suicide=...)",
    "pgp": "the P-gp of {0} pumps no drug out; add intracellular(..., on={0}, vP=..., Km=...)",
    "cargo": "the cargo {0} does nothing there; add vesicles.effect(...)",
    "transit": "no death of {0} goes that way; add death.path(..., via='transit'), as kill(...) removes cells at once",
    "damaged": "no death of {0} goes that way; add death.path(..., via='damaged'), as kill(...) removes cells at once",
    "apoptosis evasion": "{0} dies by no death.path(..., path='apoptosis'), and a kill(...) cannot be evaded",
    "other-death evasion": "{0} dies by no death.path(..., path='other'), and a kill(...) cannot be evaded",
    "antigen": "nothing attacks {0} by its antigen; add immune.attack(...)",
    "checkpoint": "nothing attacks as {0}; add immune.attack(...)",
    "effector": "{0} attack no clone; add immune.attack(...)",
    "suppressor": "{0} hold nothing back; add immune.suppression(...)",
    "stroma": "{0} neither feed nor hinder; add stroma.support(...), stroma.barrier(...) or cytokine(...)",
    "carrying capacity": "no clone grows within it; write growth.gompertz(..., capacity=formula({0}))",
}
"""Kinds of offers that are idle unless used, and what is said then; {0} is the owner, {1} who could take a drug."""

_OUTPUTS = ("concentration", "pgp", "cargo")


def idle(scope: Scope) -> tuple[str, ...]:
    """Sentences about what can change nothing in a joined scope, whatever is dosed or started.

    A state that a run may start (a clone, effectors) counts as filled. Drug, P-gp and cargo may be measured for their
    own sake; they are told only where something acts on clones. A parameter that stands by itself may be there to be
    read from outside, and is never told.

    Parameters
    ----------
    scope : Scope
        In which all mechanisms have spoken and contents are carried.

    Returns
    -------
    tuple of str
    """
    reading = _Reading(scope)
    unused = {(kind, owner): (label, value) for kind, owner, label, value in scope.unused()}
    sites = {owner for kind, owner in scope.owners("concentration") if (kind, owner) not in unused}
    told: dict[tuple[str, str], list[str]] = {}
    for (kind, owner), (label, value) in unused.items():
        if kind not in _UNUSED or (kind in _OUTPUTS and not reading.treated):
            continue
        if kind == "concentration" and (("content", owner) in unused or _is_measured(scope, owner, sites)):
            continue
        by_itself = kind == "concentration" and "@" not in owner
        if by_itself and owner in scope.startable:  # a signal such as PSA is measured
            continue
        if not (reading.neutral(value) or reading.acts(label, value, follow=by_itself)):
            told.setdefault((label, kind), []).append(owner)
    notes = [
        f"{label}: {_UNUSED[kind].format(', '.join(map(shown, owners)), _takers(owners[0]))}"
        for (label, kind), owners in told.items()
    ]
    notes += [
        f"{label}: there is no {kind} of {shown(owner)} to change{did_you_mean(owner, known)}"
        for label, kind, owner, known in scope.missed()
    ]
    return (*notes, *_never_filled(scope, reading.empty, {label for label, _ in told}))


def _is_measured(scope: Scope, owner: str, used: set[str]) -> bool:
    """Whether a site is shown beside another one at which the drug acts: cerebrospinal fluid, or bound in cells."""
    drug, _, site = owner.partition("@")
    others = {item.partition("@")[2] for item in used if item.startswith(f"{drug}@")}
    beside = bool(site) and site not in scope.clones and not others <= scope.clones.keys()
    return beside or site.rpartition("_")[0] in scope.clones


def _takers(owner: str) -> str:
    drug, _, site = owner.partition("@")
    if site:
        return f"write site={shown(site)} in kill({shown(drug)}, ...) or in another effect of it"
    return f"add kill({shown(drug)}, ...) or another effect of it, or name it among inhibitors"


def _never_filled(scope: Scope, empty: set[Expression], told: set[str]) -> Iterator[str]:
    for label, added in scope.added.items():
        names = [name for name in scope.states if name in added - scope.sinks - scope.startable]
        # where some are filled the others may be left out on purpose: the inside of vesicles that only bind drug
        if names and label not in told and all(symbol(name) in empty for name in names):
            verb = "stays" if len(names) == 1 else "stay"
            what = "it" if len(names) == 1 else "them"
            yield f"{label}: {', '.join(names)} {verb} at zero; no process, dose or act fills {what}"


@dataclass(frozen=True, slots=True)
class _Read:
    """A state that a process moves, and the names that decide by how much."""

    process: str
    moved: str
    names: set[str]
    receives: set[str]


class _Reading:
    """What can differ from zero in a scope, and what acts on what."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.empty = _empty(scope)
        self.reads = list(self._reads())
        switches = {name for name, item in scope.processes.items() if len(scope.clones.keys() & item.moves.keys()) > 1}
        self.treated = any(
            read.moved in scope.clones
            and read.process not in switches
            and any(self._is_treatment(name) for name in read.names)
            for read in self.reads
        )

    def _reads(self) -> Iterator[_Read]:
        known: dict[Expression, bool] = {}
        for process in self.scope.processes.values():
            if not _is_zero(process.rate, self.empty, known):
                for moved, share in process.moves.items():
                    # cells that become others, as effectors that are exhausted, are there to be received
                    received = process.transfer and self.scope.states[moved].balance == "host" and share.is_positive
                    yield _Read(
                        process.name, moved, _names(process.rate) | _names(share), {moved} if received else set()
                    )
        for port in self.scope.ports:
            for name, effect in port.effects.items():
                yield _Read("", name, _names(effect), set())

    def _is_treatment(self, name: str) -> bool:
        state = self.scope.states.get(name)
        return state is not None and (state.kind in ("amount", "concentration") or state.balance == "host")

    def neutral(self, value: Expression | None) -> bool:
        """Whether a value is a parameter of zero, as of what was left out."""
        found = self.scope.parameters.get(str(value))
        return found is not None and found.value == 0

    def acts(self, label: str, value: Expression | None, follow: bool) -> bool:
        """Whether anything that a mechanism put into a value decides on what is not the mechanism's own stock.

        What is a drug by itself may act through what it becomes (a metabolite, drug out of a carrier): `follow`.
        """
        mine = self.scope.added.get(label, set())
        parts = mine if value is None else mine & _names(value)
        states = {name for name in parts if name in self.scope.states}
        reached = self._passed_on(states) if follow else states
        used = {name for name in reached if symbol(name) not in self.empty}
        return any(
            (read.process not in mine and (read.names & (parts - states) or read.receives & used))
            or any(self._apart(name, read.moved) for name in read.names & used)
            for read in self.reads
        )

    def _passed_on(self, states: set[str]) -> set[str]:
        """States and all into which they flow."""
        reached: set[str] = set()
        while states - reached:
            reached |= states
            states = {read.moved for read in self.reads if read.names & reached} - self.scope.sinks
        return reached

    def _apart(self, name: str, moved: str) -> bool:
        """Whether what is moved is more than another place of the same stock: another population, or another stock.

        Vesicles are more, as they take what is in them to other cells.
        """
        if name == moved or moved in self.scope.sinks:
            return False
        one, other = (self.scope.states[item].balance or item for item in (name, moved))
        carrier = self.scope.states.get(self.scope.states[moved].carrier)
        return one != other or one in ("cells", "host") or (carrier is not None and carrier.kind == "vesicles")


def _names(expression: Expression) -> set[str]:
    return {item.name for item in symbols_in(expression)}


def _empty(scope: Scope) -> set[Expression]:
    """Symbols of the states that stay at zero."""
    filled = {name for name, state in scope.states.items() if not state.start.is_zero} | scope.startable
    filled |= {name for name, state in scope.states.items() if state.carrier in filled and not state.filling.is_zero}
    filled |= {port.target for port in scope.ports if port.target}
    flows = [(name, item.rate, share) for item in scope.processes.values() for name, share in item.moves.items()]
    flows += [(name, effect, effect) for port in scope.ports for name, effect in port.effects.items()]
    while True:
        empty = {symbol(name) for name in scope.states if name not in filled}
        known: dict[Expression, bool] = {}
        found = {
            name
            for name, rate, share in flows
            if name not in filled and not (_is_zero(rate, empty, known) or _is_zero(share, empty, known))
        }
        if not found:
            return empty
        filled |= found


def _is_zero(expression: Expression, empty: set[Expression], known: dict[Expression, bool]) -> bool:
    """Whether an expression is zero while some symbols are; False where its form does not tell."""
    if expression.is_Symbol:
        return expression in empty
    if expression.is_number:
        return bool(expression.is_zero)
    if expression not in known:
        rule = _RULES.get(type(expression).__name__)
        known[expression] = rule is not None and rule(expression, lambda part: _is_zero(part, empty, known))
    return known[expression]


Ask = Callable[[Expression], bool]


def _power(expression: Expression, ask: Ask) -> bool:
    base, exponent = expression.args
    return not exponent.is_nonpositive and ask(base)


_RULES: dict[str, Callable[[Expression, Ask], bool]] = {
    "Mul": lambda expression, ask: any(map(ask, expression.args)),
    "Add": lambda expression, ask: all(map(ask, expression.args)),
    "Max": lambda expression, ask: all(map(ask, expression.args)),
    "Pow": _power,
    "Power": _power,
    "Piecewise": lambda expression, ask: all(ask(value) for value, _ in expression.args),
}

"""What the lane drivers work with: kinds of instructions, arrays in named tuples, calls of machine code.

Everything is a flat array or a number, so that numba can compile the drivers and threads can share what they only read.
Annotations are evaluated here, and in `column_records.py`: a named tuple compiles each that is left as a string, at
every import.
"""

import ctypes
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = [
    "ACT", "ADD", "BUDGET", "CHANGE", "DUE", "END", "MARK", "OK", "RATE", "RESET", "SET", "STEADY", "STUCK",
    "Control", "Floats", "Integers", "Lanes", "Machine", "Members", "Pointers", "Program", "Results", "Run", "invoke",
]  # fmt: skip

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MARK, ADD, RATE, SET, STEADY, RESET, CHANGE, END, ACT = range(9)
OK, DUE, BUDGET, STUCK = range(4)

_FUNCTIONS: dict[tuple[int, int], Any] = {}


def invoke(address: int, pointers: tuple[int, ...]) -> None:
    """Call machine code with addresses of arrays."""
    key = address, len(pointers)
    if key not in _FUNCTIONS:
        _FUNCTIONS[key] = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * len(pointers))(int(address))
    _FUNCTIONS[key](*pointers)


class Machine(NamedTuple):
    """Addresses of the model's functions; `acts` has one for each port, 0 where the port has no act."""

    prepare: int
    start: int
    step: int
    march: int
    dense: int
    observe: int
    guard: int
    acts: Integers


class Pointers(NamedTuple):
    """Addresses of arrays of `Lanes`, and of the tolerances and `most` of `Control`."""

    y: int
    w: int
    k: int
    p: int
    q: int
    u: int
    t: int
    used: int
    tolerances: int
    take: int
    work: int
    e: int
    x: int
    out: int
    amount: int
    seen: int
    g: int
    h: int
    target: int
    due: int
    active: int
    most: int
    steps: int
    stretch: int
    after: int
    verdict: int
    which: int


class Program(NamedTuple):
    """Instructions of all timelines one after another, and where each timeline begins.

    `slot` is a state (ADD, SET), a port (RATE, ACT), a parameter row (CHANGE), the number of a steady state (STEADY) or
    1 for a RESET to the start. `memory` says which remembered step serves after an instruction. `stop` is the next
    instruction that is not a MARK. `dosed` numbers the instructions of a timeline that may have derivatives of their
    own; it is -1 elsewhere. `rates` (timelines, ports) and `row` hold at the begin; `feeds` is the input of a port.
    """

    time: Floats
    kind: Integers
    slot: Integers
    value: Floats
    memory: Integers
    stop: Integers
    dosed: Integers
    first: Integers
    begin: Floats
    rates: Floats
    row: Integers
    feeds: Integers


class Members(NamedTuple):
    """What is to be solved, by member.

    `line` is the timeline; parameter rows of member m begin at ``rows[row_first[m]]``, its steady states at
    ``settled[settled_first[m]]`` (with `fixes` 0: not touched, 1: replaced, 2: added; the last column 1 ends all
    inputs), its marks at ``values[mark_first[m]]`` of the results. `order` is the order in which members are solved.
    """

    line: Integers
    row_first: Integers
    rows: Floats
    starts: Floats
    settled_first: Integers
    settled: Floats
    fixes: Integers
    mark_first: Integers
    order: Integers


class Results(NamedTuple):
    """Outputs at marks (marks, outputs) and, by member: marks reached, last state and time, status, last event, steps.

    `below` has, for a stock that fell below zero by more than rounding explains: its state, value and time. `crossed`
    is the watch that ended the member, or -1.
    """

    values: Floats
    reached: Integers
    end: Floats
    time: Floats
    status: Integers
    event: Integers
    steps: Integers
    below: Floats
    crossed: Integers


class Lanes(NamedTuple):
    """What the lanes hold now; the last axis is the lane.

    State `y`, new state `w`, stages `k`, parameters `p` and what ``prepare`` made of them (`q`), inputs `u`, time `t`,
    step that is controlled (`h`) and step that is tried (`used`), squared error and growth (`e`), whether the next step
    begins at `w` (`take`), rates by port, time of the next event (`target`) and of the next mark or event (`due`),
    whether a member is in the lane (`active`), remembered steps (`memo`), conditions `g` (their modes stand behind the
    inputs in `u`), the lanes that ``march`` returned for, behind their number (`which`), and scratch.
    """

    y: Floats
    w: Floats
    k: Floats
    p: Floats
    q: Floats
    u: Floats
    t: Floats
    h: Floats
    used: Floats
    e: Floats
    take: Floats
    work: Floats
    x: Floats
    out: Floats
    amount: Floats
    rates: Floats
    target: Floats
    memo: Floats
    high: Floats
    seen: Floats
    g: Floats
    due: Floats
    active: Floats
    steps: Floats
    stretch: Floats
    after: Floats
    verdict: Floats
    member: Integers
    place: Integers
    memory: Integers
    fresh: Integers
    row: Integers
    which: Integers


class Control(NamedTuple):
    """How exactly to integrate.

    `tolerances` has rtol, then the absolute tolerance of each state. `slack` tells per state how far it may fall below
    zero: a share of its largest size so far, and an absolute part; the latter is negative for a state that may be
    negative. `most` is (in one place) the number of steps between two events, `first` the step in hours to try first.
    `inclusive` tells per condition whether it holds at zero, `direction` which of its changes count (0 both, 1 only
    where it begins to hold, -1 only where it ceases); the last `watches` of them end the member.
    """

    tolerances: Floats
    slack: Floats
    most: Floats
    first: float
    inclusive: Integers
    direction: Integers
    watches: int


class Run(NamedTuple):
    """All that one driver works with."""

    machine: Machine
    at: Pointers
    program: Program
    members: Members
    results: Results
    lanes: Lanes
    control: Control

"""What the driver of stochastic paths works with: arrays and addresses, in tuples that numba knows."""

from __future__ import annotations

from typing import NamedTuple

from pkpd_mdr.engine.machine.records import Floats, Integers, Members, Program, Results

__all__ = [
    "BELOW", "BROKEN", "DIRECT", "EVENTS", "FLOW", "FLOWS", "FRACTION", "JUMPS", "LEAP", "LEAPS", "NEGATIVE", "PAUSE",
    "TURN", "Codes", "Lane", "Net", "Pointers", "Rules", "Run",
]  # fmt: skip

# why a member stops, beside those of machine.records: a negative rate, a rate that is not finite, a count below zero,
# a part of a cell at the start, the budget; and why a stretch ends: a population turned large or small, or a break
NEGATIVE, BROKEN, BELOW, FRACTION, EVENTS = range(4, 9)
TURN, PAUSE = -1, -2

# what a process does: flow in the differential equations, jump one by one, or leap many at once
FLOWS, JUMPS, LEAPS = range(3)

# how a member moves on: event by event at constant rates, by leaps at constant rates, or along the flows
DIRECT, LEAP, FLOW = range(3)


class Codes(NamedTuple):
    """Addresses of machine code; see `code.py`. `acts` by port, `after` by process."""

    prepare: int
    settle: int
    start: int
    step: int
    dense: int
    hazards: int
    slopes: int
    moves: int
    observe: int
    guard: int
    acts: Integers
    after: Integers


class Pointers(NamedTuple):
    """Addresses of arrays of `Lane`, and of the tolerances."""

    y: int
    w: int
    k: int
    p: int
    q: int
    r: int
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
    a: int
    b: int
    c: int
    d: int
    v: int
    truth: int


class Net(NamedTuple):
    """A network as arrays.

    Process j changes the states ``state[first[j]:first[j + 1]]`` by `change`, or by what ``moves`` wrote to place
    `varied` where that is not negative. `event` by process, `counted` and `reactant` (some rate depends on it) by
    state; `slope_process` and `slope_state` tell what ``slopes`` writes; `targets` are the states that inputs feed;
    `inclusive` by condition: whether it holds where its two sides are equal. `carrier` by state: of a pool, the counted
    population whose content it is, else -1.
    """

    first: Integers
    state: Integers
    change: Floats
    varied: Integers
    event: Integers
    counted: Integers
    slope_process: Integers
    slope_state: Integers
    reactant: Integers
    targets: Integers
    inclusive: Integers
    carrier: Integers
    static: int
    flowing: int
    parameters: int


class Lane(NamedTuple):
    """What is known of the member at work.

    State `y` with the hazard as its last, new state `w`, stages `k`, parameters with switches `p` and what was made of
    them (`q`, `r`), inputs that flow `u` and that jump `inflow`, time `t` and the time that flows have reached
    (`flowed`), the step that is controlled (`h`) and the one that is tried (`used`), the hazard at which the next event
    strikes, or at constant rates the time (`level`; before `t` where that is not drawn yet), the longest sensible step
    (`limit`), rates `a`, and `b` and `c` further on in a leap, slopes `d`, changes `v`, drift and spread of states
    (`mu`, `var`) and stiffness of rates (`g`), numbers of events of a leap (`many`), conditions (`truth`), `role` of
    processes, `large` by state, `mode`, how many events still to do one by one (`exact`), and how many steps until the
    next break (`left`).
    """

    y: Floats
    w: Floats
    k: Floats
    p: Floats
    q: Floats
    r: Floats
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
    seen: Floats
    rates: Floats
    inflow: Floats
    flowed: Floats
    level: Floats
    limit: Floats
    a: Floats
    b: Floats
    c: Floats
    d: Floats
    v: Floats
    mu: Floats
    var: Floats
    g: Floats
    many: Floats
    high: Floats
    truth: Floats
    role: Integers
    large: Integers
    member: Integers
    place: Integers
    mode: Integers
    exact: Integers
    left: Integers


class Rules(NamedTuple):
    """How paths are made.

    Whether by leaps (`tau`), where populations become large and small again (`threshold`, `low`), `epsilon`, whether
    parts of cells are drawn, the budget, the step to try first, and the slack of stocks.
    """

    tau: int
    threshold: float
    low: float
    epsilon: float
    draw: int
    budget: int
    first: float
    slack: Floats


class Run(NamedTuple):
    """All that one driver works with.

    `tolerances` as in `machine.records`, that of the hazard as the last. `random` are the streams (members, 6); `large`
    what is known of populations at the begin, -1 for nothing (members, states); `detail` the process or state that made
    a member stop, and its value (members, 2).
    """

    codes: Codes
    at: Pointers
    net: Net
    program: Program
    members: Members
    results: Results
    lane: Lane
    rules: Rules
    tolerances: Floats
    random: Integers
    large: Integers
    detail: Floats

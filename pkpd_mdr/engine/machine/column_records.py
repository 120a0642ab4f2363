"""What the driver of sensitivities works with beside `records.py`: addresses, working arrays, derivatives of events."""

from typing import NamedTuple

from pkpd_mdr.engine.machine.records import Floats, Integers

__all__ = ["ColumnMachine", "ColumnPointers", "Columns", "Derivatives", "Wide"]


class ColumnMachine(NamedTuple):
    """Addresses: of `tangent.py`, and the right-hand side of one lane; `acts` by port."""

    prepare: int
    columns: int
    dense: int
    start_by: int
    observe_by: int
    guard_by: int
    flow: int
    acts: Integers


class Columns(NamedTuple):
    """Working arrays; the last axis has eight lanes, which are parameters. See `tangent.Arrays` for the first eight.

    `flow` has one lane; `before` and `delay` (by column) serve a change of mode.
    """

    S: Floats
    W: Floats
    V: Floats
    B: Floats
    U: Floats
    Z: Floats
    e: Floats
    q: Floats
    p: Floats
    dp: Floats
    inner: Floats
    y: Floats
    t: Floats
    x: Floats
    amount: Floats
    out: Floats
    u: Floats
    dt: Floats
    none: Floats
    g: Floats
    flow: Floats
    before: Floats
    delay: Floats
    rates: Floats


class ColumnPointers(NamedTuple):
    """Addresses of arrays of `Columns`, of scratch, of the decomposition and of rtol."""

    S: int
    W: int
    V: int
    B: int
    U: int
    Z: int
    e: int
    q: int
    p: int
    dp: int
    inner: int
    y: int
    t: int
    x: int
    amount: int
    out: int
    u: int
    dt: int
    none: int
    g: int
    flow: int
    area: int
    lu: int


class Derivatives(NamedTuple):
    """What depends on parameters outside the model's functions, by member.

    `controlled` tells whether the error of sensitivities judges steps: against the absolute tolerances `loose` by
    state, divided by the `sizes` (members, columns) of the parameters. `own` tells whether the start is the model's;
    else its derivatives are `starts` (members, n, columns). `rates` (members, ports, columns) are those of the inputs
    at the begin. `shifts` are those of times of events (`moves` where that is not zero), `inputs` those of what they
    add, with a row for each instruction that `Program.dosed` numbers; rows of member m begin at `first`. `settled` goes
    with the steady states. `targets` are the states that inputs feed. `values` (marks, outputs, columns) is the result,
    and so are `ends` (members, n, columns) of the last state and `delays` (members, columns) of the time at which a
    watch ended the member; there, column c stands at ``order[c]``.
    """

    own: int
    controlled: int
    loose: Floats
    sizes: Floats
    starts: Floats
    rates: Floats
    first: Integers
    shifts: Floats
    moves: Integers
    inputs: Floats
    settled: Floats
    targets: Integers
    order: Integers
    values: Floats
    ends: Floats
    delays: Floats


class Wide(NamedTuple):
    """All that one driver works with beside `records.Run`."""

    machine: ColumnMachine
    at: ColumnPointers
    columns: Columns
    derivatives: Derivatives

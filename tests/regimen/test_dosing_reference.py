"""Dose records against NONMEM, through a closed-form interpreter that shares no code with the engine.

The interpreter knows one model: first-order absorption into one compartment, amounts [depot, central], solved with
matrix exponentials between the instructions of a timeline.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from pkpd_mdr.engine.timeline import Kind, PortValues, SteadyDose, Timeline, build
from pkpd_mdr.regimen import Act, DoseRecords, Give, Mark, Subject, arrange, read_doses
from pkpd_mdr.units import Quantity, Unit, quantity

KA, VOLUME, CLEARANCE = 1.5, 20.0, 1.1
COMPARTMENTS = {1: ("drug", "oral"), 2: ("drug", "iv")}
ROUTES = {"oral": 0, "iv": 1}


@dataclass
class TwoPorts:
    """Depot and central; what each port says about doses comes from a function of port and parameter row."""

    say: Callable[[int, int], PortValues] = lambda port, row: PortValues()

    def find(self, act: Act) -> int:
        return ROUTES[act.route]

    def amount(self, index: int, given: Quantity) -> float:
        return given.internal

    def values(self, index: int, row: int) -> PortValues:
        return self.say(index, row)


class Interpreter:
    """Executes a timeline; `clearance` maps a parameter row to CL."""

    def __init__(self, clearance: Callable[[int], float] = lambda row: CLEARANCE) -> None:
        self.clearance = clearance

    def run(self, timeline: Timeline) -> dict[int, np.ndarray]:
        state, inputs, row, now = np.zeros(2), np.zeros(2), 0, timeline.start
        marks: dict[int, np.ndarray] = {}
        for step in timeline:
            state, now = self.flow(state, inputs, step.time - now, row), step.time
            if step.kind is Kind.MARK:
                marks[step.index] = state.copy()
            elif step.kind is Kind.JUMP:
                state[step.port] += step.value
            elif step.kind is Kind.RATE:
                inputs[step.port] += step.value
            elif step.kind is Kind.CHANGE:
                row = step.index
            elif step.kind is Kind.RESET:
                state, inputs = np.zeros(2), np.zeros(2)
            elif step.kind is Kind.STEADY:
                assert step.steady is not None
                settled = self.settled(step.steady, step.port, row)
                state = state + settled if step.steady.add else settled
                inputs = inputs if step.steady.add else np.zeros(2)
        return marks

    def matrix(self, row: int) -> np.ndarray:
        return np.array([[-KA, 0.0], [KA, -self.clearance(row) / VOLUME]])

    def flow(self, state: np.ndarray, inputs: np.ndarray, span: float, row: int) -> np.ndarray:
        assert span >= 0
        whole = np.zeros((3, 3))
        whole[:2, :2], whole[:2, 2] = self.matrix(row), inputs
        return (expm(whole * span) @ np.array([*state, 1.0]))[:2]

    def settled(self, dose: SteadyDose, port: int, row: int) -> np.ndarray:
        """Sum over the infinite past of the train, by the geometric series of the propagator."""
        one = np.eye(2)[port]
        if dose.interval == 0:
            return np.linalg.solve(self.matrix(row), -one * dose.rate)
        decay = np.linalg.inv(np.eye(2) - expm(self.matrix(row) * dose.interval))
        if dose.rate == 0:
            return expm(self.matrix(row) * dose.phase) @ decay @ one * dose.amount
        # doses older than their duration form a geometric series; younger ones are added one by one
        running = [age for k in range(10_000) if (age := dose.phase + k * dose.interval) <= dose.duration]
        young = sum((self.flow(np.zeros(2), one * dose.rate, age, row) for age in running), np.zeros(2))
        whole = self.flow(np.zeros(2), one * dose.rate, dose.duration, row)
        rest = dose.phase + len(running) * dose.interval - dose.duration
        return young + expm(self.matrix(row) * rest) @ decay @ whole


def ports_of(records: DoseRecords, subject: Subject) -> TwoPorts:
    """F, lag and modelled values of compartment 2 are columns of the reference tables."""

    def say(port: int, row: int) -> PortValues:
        if port == 0:
            return PortValues()
        table = dict(zip(records.covariates, subject.covariates[row], strict=True))
        rate = table["RAT2"] if table["MODE"] == 1 else np.nan
        duration = table["DUR2"] if table["MODE"] == 2 else np.nan
        return PortValues(table["BIOAV"], table["LAGT"], rate, duration)

    return TwoPorts(say)


def predicted(records: DoseRecords, subject: Subject) -> np.ndarray:
    entries = subject.entries(marks="all")
    timeline = build(entries, ports_of(records, subject), stop=subject.records[-1].clock)
    names = records.covariates
    position = names.index("WT") if "WT" in names else None

    def clearance(row: int) -> float:
        return CLEARANCE if position is None else CLEARANCE * (subject.covariates[row][position] / 70.0) ** 0.75

    marks = Interpreter(clearance).run(timeline)
    return np.array([marks[k][1] for k in range(len(subject.records))]) / (VOLUME / 1000.0)


def relative(found: np.ndarray, reference: np.ndarray) -> np.ndarray:
    return np.abs(found - reference) / np.where(np.abs(reference) > 1e-9, np.abs(reference), 1.0)


DOSING = ["LAGT", "MODE", "DUR2", "RAT2", "BIOAV"]


def test_every_row_of_29_scenarios_matches_nonmem(shared: Path) -> None:
    folder = shared / "reference" / "dosing"
    records = read_doses(
        folder / "1001.csv",
        compartments=COMPARTMENTS,
        amount_unit="mg",
        carry="nocb",
        covariates=DOSING,
    )
    reference = pd.read_csv(folder / "1001-nm.csv")
    found = np.concatenate([predicted(records, subject) for subject in records])
    assert len(records) == 29
    assert len(found) == len(reference) == 3837
    error = relative(found, reference["CP"].to_numpy())
    assert error.max() < 5e-5, reference.assign(found=found, error=error).nlargest(10, "error").to_string()


@pytest.mark.parametrize(("carry", "matches"), [("nocb", True), ("locf", False)])
def test_time_varying_clearance_follows_nonmem_only_with_nocb(shared: Path, carry: str, matches: bool) -> None:
    folder = shared / "reference" / "dosing"
    records = read_doses(
        folder / "2001.csv",
        compartments=COMPARTMENTS,
        amount_unit="mg",
        carry=carry,
        covariates=["WT", *DOSING],
    )
    reference = pd.read_csv(folder / "2001-nm.csv")["CP"].to_numpy()
    worst = relative(predicted(records, records.subject(1)), reference).max()
    assert worst < 5e-5 if matches else worst > 1e-2


# -- laws that hold whatever the numbers are -------------------------------------------------------------------

amounts = st.floats(1.0, 500.0)
intervals = st.sampled_from([6.0, 8.0, 12.0, 24.0, 7.3])
MG = Unit.of("mg")


def dose(time: float, amount: float, route: str, **more: object) -> Act:
    return Act(time, "drug", "dose", Quantity(amount, MG), route=route, **more)  # type: ignore[arg-type]


def levels(acts: Sequence[Act], times: Sequence[float], values: PortValues | None = None) -> np.ndarray:
    say = values or PortValues()
    entries = arrange(sorted(acts, key=lambda act: act.time), times, after=True)
    timeline = build(entries, TwoPorts(lambda port, row: say), stop=max(*times, *(act.time for act in acts)))
    marks = Interpreter().run(timeline)
    return np.array([marks[k] for k in range(len(times))])


@st.composite
def manners(draw: st.DrawFn) -> dict[str, object]:
    kind = draw(st.sampled_from(["bolus", "duration", "rate", "modelled rate", "modelled duration"]))
    if kind == "duration":
        return {"duration": draw(st.floats(0.5, 60.0))}
    if kind == "rate":
        return {"rate": Quantity(draw(st.floats(1.0, 50.0)), Unit.of("mg/h"))}
    return {"modelled": kind.removeprefix("modelled ")} if kind != "bolus" else {}


@st.composite
def port_values(draw: st.DrawFn, longest_lag: float = 40.0) -> PortValues:
    return PortValues(
        draw(st.floats(0.05, 2.0)),
        draw(st.sampled_from([0.0, 1.0, 6.0, 12.0]) | st.floats(0.0, longest_lag)),
        draw(st.floats(1.0, 50.0)),
        draw(st.floats(0.5, 60.0)),
    )


@settings(max_examples=60, deadline=None)
@given(amounts, intervals, st.integers(1, 6), st.sampled_from(["iv", "oral"]), manners(), port_values())
def test_additional_doses_equal_doses_written_out(
    amount: float, interval: float, count: int, route: str, manner: dict[str, object], values: PortValues
) -> None:
    train = dose(3.0, amount, route, interval=interval, additional=count, **manner)
    times = list(np.linspace(0.0, 150.0, 31) + 0.01)
    np.testing.assert_allclose(
        levels([train], times, values), levels(list(train.written_out()), times, values), rtol=1e-9, atol=1e-9
    )


@pytest.mark.filterwarnings("ignore:.*the lag of:UserWarning")
@settings(max_examples=40, deadline=None)
@given(amounts, intervals, st.sampled_from(["iv", "oral"]), manners(), port_values())
def test_steady_state_equals_400_doses(
    amount: float, interval: float, route: str, manner: dict[str, object], values: PortValues
) -> None:
    record, count = 400 * interval, 400
    long = dose(0.0, amount, route, interval=interval, additional=count, **manner)
    settled = dose(record, amount, route, interval=interval, steady=1, **manner)
    times = record + np.array([0.0, 0.3, 1.0, interval / 2, interval - 1e-3])
    given_before = levels([long], list(times), values)
    found = levels([settled], list(times), values)
    np.testing.assert_allclose(found, given_before, rtol=1e-7, atol=1e-7 * amount)


@settings(max_examples=30, deadline=None)
@given(amounts, intervals, manners(), port_values(longest_lag=5.0))
def test_steady_state_2_adds_its_own_steady_state(
    amount: float, interval: float, manner: dict[str, object], values: PortValues
) -> None:
    other = dose(0.0, 70.0, "oral", interval=12.0, additional=9)
    second = dose(30.0, amount, "iv", interval=interval, steady=2, **manner)
    alone = dose(30.0, amount, "iv", interval=interval, steady=1, **manner)
    values = PortValues(values.bioavailability, min(values.lag, 0.9 * interval), values.rate, values.duration)
    times = [30.0, 31.0, 37.5, 60.0, 100.0]
    both = levels([other, second], times, values)
    np.testing.assert_allclose(
        both, levels([other], times, values) + levels([alone], times, values), rtol=1e-8, atol=1e-8
    )


@settings(max_examples=30, deadline=None)
@given(amounts, st.floats(1.0, 48.0), st.floats(0.05, 0.95))
def test_split_infusion_is_one_infusion(amount: float, over: float, share: float) -> None:
    whole = dose(2.0, amount, "iv", duration=over)
    parts = [
        dose(2.0, amount * share, "iv", duration=over * share),
        dose(2.0 + over * share, amount * (1 - share), "iv", duration=over * (1 - share)),
    ]
    times = [1.0, 5.0, 20.0, 60.0]
    np.testing.assert_allclose(levels(parts, times), levels([whole], times), rtol=1e-9, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(amounts, st.floats(0.1, 2.0), manners())
def test_scaling_bioavailability_scales_the_amount(amount: float, share: float, manner: dict[str, object]) -> None:
    times = [0.5, 3.0, 12.0, 47.0]
    with_share = levels([dose(0.0, amount, "iv", **manner)], times, PortValues(share, 0.0, 10.0, 4.0))
    scaled = levels([dose(0.0, amount * share, "iv", **manner)], times, PortValues(1.0, 0.0, 10.0, 4.0))
    np.testing.assert_allclose(with_share, scaled, rtol=1e-9, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(amounts, st.floats(0.0, 500.0), manners(), port_values())
def test_a_time_shift_shifts_the_answer(
    amount: float, shift: float, manner: dict[str, object], values: PortValues
) -> None:
    train = {"interval": 9.0, "additional": 4, **manner}
    times = np.array([0.5, 7.0, 19.0, 60.0, 100.0])
    early = levels([dose(0.0, amount, "oral", **train)], list(times), values)
    late = levels([dose(shift, amount, "oral", **train)], list(times + shift), values)
    np.testing.assert_allclose(late, early, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("modelled", ["rate", "duration"])
def test_modelled_infusions_equal_their_data_counterpart(modelled: str) -> None:
    times = [1.0, 6.0, 13.0, 40.0]
    values = PortValues(0.7, 2.0, rate=10.0, duration=7.0)
    found = levels([dose(0.0, 100.0, "iv", modelled=modelled)], times, values)
    data = {"rate": quantity("10 mg/h")} if modelled == "rate" else {"duration": 7.0}
    np.testing.assert_allclose(found, levels([dose(0.0, 100.0, "iv", **data)], times, values), rtol=1e-12)


def test_constant_infusion_at_steady_state_stops_at_its_time() -> None:
    record = Act(5.0, "drug", "dose", Quantity(0.0, MG), "iv", rate=quantity("22 mg/h"), steady=1)
    found = levels([record], [4.0, 5.0, 15.0], PortValues(0.3, 4.0))  # neither F nor lag take part
    plateau = 22.0 / CLEARANCE * VOLUME
    np.testing.assert_allclose(found[:, 1], [0.0, plateau, plateau * np.exp(-10 * CLEARANCE / VOLUME)], rtol=1e-12)


def test_the_interpreter_can_fail() -> None:
    entries = (Give(dose(0.0, 100.0, "iv")), Mark(10.0, 0))
    one = Interpreter().run(build(entries, TwoPorts(), stop=10.0))[0][1]
    other = Interpreter(lambda row: 2.0 * CLEARANCE).run(build(entries, TwoPorts(), stop=10.0))[0][1]
    assert one == pytest.approx(100 * np.exp(-10 * CLEARANCE / VOLUME), rel=1e-12)
    assert other < 0.7 * one

"""Endpoints of long runs, where the rows asked for stand far apart, against rows that stand near each other."""

import math
import pickle
import warnings
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import pkpd_mdr as mdr
from pkpd_mdr.engine import Ensemble, compile_model
from pkpd_mdr.run import courses, windows
from pkpd_mdr.run.bends import bends
from pkpd_mdr.run.reading import _roots
from pkpd_mdr.run.stopping import Stop

KD, KTR, E0, GAMMA = 0.02, 4.0 / 124.0, 5e9, 0.17  # 1/h, 1/h, 1/L
MODEL = mdr.Model(
    mdr.pk.one_compartment("dox", CL="10 L/h", V="500 L", molar_mass="543.5 g/mol"),
    mdr.clone("S", growth=mdr.growth.exponential(rate="0.05 1/day"), start="1e10 cell"),
    mdr.kill("dox", on="S", emax="3 1/day", ec50="50 nM", hill=1.4),
    mdr.toxicity.myelosuppression(
        "anc", slope={"dox": "10 L/umol"}, baseline="5e9 1/L", transit_time="124 h", feedback=GAMMA
    ),
)


def _right(t: float, y: np.ndarray) -> list[float]:
    """Concentration (umol/L), log of the burden, five stages of neutrophils."""
    c, _, p, t1, t2, t3, n = y
    power = max(1000.0 * c, 0.0) ** 1.4
    growth = 0.05 / 24 - 3.0 / 24 * power / (50.0**1.4 + power)
    born = KTR * p * ((1.0 - 10.0 * c) * (E0 / n) ** GAMMA - 1.0)
    return [-KD * c, growth, born, KTR * (p - t1), KTR * (t1 - t2), KTR * (t2 - t3), KTR * (t3 - n)]


def _dense(doses: int, every: float, until: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hours, burden and neutrophils, a row a quarter of an hour or so, by SciPy."""
    y, found = np.array([0.0, np.log(1e10), *[E0] * 5]), []
    for begin, end in zip(every * np.arange(doses), [*(every * np.arange(1.0, doses)), until], strict=True):
        y[0] += 60.0e3 / 543.5 / 500.0
        t = np.linspace(begin, end, round(4 * (end - begin)) + 1)
        part = solve_ivp(_right, (begin, end), y, "LSODA", t_eval=t, rtol=1e-11, atol=1e-12)
        found.append(np.vstack([t, part.y]))
        y = part.y[:, -1].copy()
    t, table = np.concatenate([part[0] for part in found]), np.concatenate([part[1:] for part in found], axis=1)
    return t, np.exp(table[1]), table[6]


def _vertex(t: np.ndarray, y: np.ndarray) -> float:
    """The lowest value, by a parabola through the three rows around it."""
    k = int(y.argmin())
    a, b, c = np.polyfit(t[k - 1 : k + 2] - t[k], y[k - 1 : k + 2], 2)
    return float(c - b * b / (4 * a))


def test_nadirs_of_a_long_run_are_those_of_a_dense_one() -> None:
    # six cycles looked at for five years: rows a week apart missed the nadir of neutrophils
    until = 5 * 8766.0
    t, burden, neutrophils = _dense(6, 504.0, until)
    run = MODEL.simulate(
        mdr.bolus("dox", "60 mg").every("21 day", times=6), until="5 year", accuracy=mdr.Accuracy(rtol=1e-9)
    )
    assert run.endpoint("nadir") == pytest.approx(_vertex(t, burden), rel=2e-6)
    assert run.endpoint("anc_nadir") == pytest.approx(_vertex(t, neutrophils), rel=2e-6)
    low = np.minimum.accumulate(burden)
    k = int(np.flatnonzero(burden > 1.2 * low)[0])
    assert run.endpoint("time_to_progression_recist") * 8766 == pytest.approx(t[k], abs=0.5)
    area = np.trapezoid(neutrophils, t) / 8766
    assert run.endpoint("auc_anc") == pytest.approx(area, rel=1e-6)


def test_an_ensemble_reads_the_same_as_its_members_alone() -> None:
    dox = mdr.bolus("dox", "60 mg").every("21 day", times=6)
    rates = {"emax_dox_S": [1.0, 3.0, 5.0]}  # per day
    found = mdr.simulate_many(MODEL, dox, parameters=rates, until="5 year", endpoints=["nadir", "anc_nadir"])
    for k, value in enumerate(rates["emax_dox_S"]):
        own = MODEL.simulate(dox, until="5 year", parameters={"emax_dox_S": (value, "1/day")})
        for name in ("nadir", "anc_nadir"):
            assert found.endpoints[name].iloc[k] == pytest.approx(own.endpoint(name), rel=1e-5)


def test_rows_are_added_until_cubics_are_as_exact_as_asked_for() -> None:
    times = np.linspace(0.0, 100.0, 9)

    def wave(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return 2.0 + np.sin(0.2 * t)[None, :, None], 0.2 * np.cos(0.2 * t)[None, :, None]

    for _ in range(3):
        more = bends(times, *wave(times), finest=1e-3, exact=1e-6)[0]
        times = np.union1d(times, more)
    assert not len(more)
    gaps = np.diff(times)[:, None] * np.array([0.5])
    y, m = (part[0, :, 0] for part in wave(times))
    middle = (y[:-1] + y[1:]) / 2 + np.diff(times) * (m[:-1] - m[1:]) / 8
    truth = wave(times[:-1] + gaps[:, 0])[0][0, :, 0]
    assert np.abs(middle / truth - 1).max() < 2e-6


def test_nothing_is_read_over_a_jump_and_flat_outputs_need_no_rows() -> None:
    times = np.array([0.0, 1.0, 2.0, 2.0, 3.0, 4.0])
    values = np.array([1.0, 1.0, 1.0, 7.0, 7.0, 7.0])[None, :, None]
    assert not len(bends(times, values, 0.0 * values, finest=1e-3, exact=1e-6)[0])


def test_a_curve_as_flat_as_rounding_has_the_roots_of_a_straight_line() -> None:
    # NumPy divided by the first coefficient and told that an array held infinities
    assert _roots(np.array([3e-320, 1e-310, 2.0, -1.0])) == pytest.approx([0.5])


def test_solving_again_up_to_an_act_gives_the_same_as_solving_all_again(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = mdr.bolus("dox", "60 mg").every("21 day", times=3)
    solved_windows: list[tuple[float, float]] = []
    solved, more = windows.solve, np.array([1.0, 40.0, 530.0])

    def solve(*given: Any, **options: Any) -> Ensemble:
        solved_windows.append(options["window"])
        return solved(*given, **options)

    def lacking(*given: Any, **options: Any) -> list[np.ndarray]:
        return [more if len(solved_windows) == 1 else np.empty(0)]

    monkeypatch.setattr(windows, "solve", solve)
    monkeypatch.setattr(windows, "bends", lacking)
    short = MODEL.simulate(plan, until="60 day", times="1 day")
    assert len(short.frame) == 61
    assert solved_windows == [(0.0, math.inf)]  # nobody has read it between rows yet
    one = short.course
    assert solved_windows == [(0.0, math.inf), (0.0, 2 * 21 * 24.0)]  # the third dose is behind the last of these rows
    assert short.course is one
    assert len(short.frame) == 61
    solved_windows.clear()
    monkeypatch.setattr(windows, "_enough", lambda member, timeline: math.inf)
    whole = MODEL.simulate(plan, until="60 day", times="1 day")
    other = whole.course
    assert solved_windows == [(0.0, math.inf), (0.0, math.inf)]
    assert one.times.tolist() == other.times.tolist()
    assert set(more) < set(one.times.tolist())
    assert one.shown.tolist() == other.shown.tolist()
    assert one.values.tobytes() == other.values.tobytes()


@pytest.mark.parametrize("stop", [None, {"burden": "1e8 cell"}])
@pytest.mark.parametrize(
    "plan",
    [
        mdr.bolus("dox", "60 mg").every("21 day", times=3),
        mdr.adaptive(mdr.bolus("dox", "60 mg").every("7 day", times=9), stop_below=0.5, visit="14 day"),
    ],
    ids=["regimen", "strategy"],
)
def test_rows_that_are_added_later_are_those_that_are_added_at_once(plan: Any, stop: dict[str, str] | None) -> None:
    run = MODEL.simulate(plan, until="90 day", times="1 day", stop=stop)
    model = run.model
    compiled, values = compile_model(model), np.array([item.internal for item in model.parameters.values()])
    at_once = courses(
        compiled,
        values[None],
        None,
        run.plan,
        until=90 * 24.0,
        times=24.0 * np.arange(91),
        outputs=run.rows.outputs,
        stop=Stop.of(model, stop),
    )[0]
    assert len(run.rows.times) < len(at_once.times)
    assert at_once.between() is at_once
    assert run.course.values.tobytes() == at_once.values.tobytes()
    assert run.course.times.tolist() == at_once.times.tolist()
    assert run.course.shown.tolist() == at_once.shown.tolist()
    assert (run.course.acts, run.course.until, run.course.stopped) == (run.rows.acts, run.rows.until, run.rows.stopped)
    shown = np.isin(run.course.times, run.rows.times[run.rows.shown]) & run.course.shown
    assert run.course.values[shown].tobytes() == run.rows.values[run.rows.shown].tobytes()
    assert pickle.loads(pickle.dumps(run)).course.values.tobytes() == at_once.values.tobytes()


def test_what_grew_without_limit_is_read_without_a_warning_of_numpy() -> None:
    with pytest.raises(mdr.SimulationError, match="grows without limit") as told:
        MODEL.with_parameters(growth_S=(80.0, "1/day")).simulate(mdr.nothing(), until="2 year")
    run = told.value.partial
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run.endpoint("nadir") == pytest.approx(1e10)
        assert run.endpoint("time_to_progression") * 8766 < run.status.time
        assert "grows without limit" in str(run)

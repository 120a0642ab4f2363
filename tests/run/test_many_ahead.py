"""Rows that endpoints need under a regimen are found once, at the model's own values, before its members run."""

from typing import Any

import numpy as np
import pytest

import pkpd_mdr as mdr
from pkpd_mdr.run import windows
from pkpd_mdr.run.many import study

MODEL = mdr.Model(
    mdr.pk.one_compartment("dox", CL="10 L/h", V="500 L", ka="1 1/h", lag="0.5 h", molar_mass="543.5 g/mol"),
    mdr.clone("S", growth=mdr.growth.exponential(rate="0.05 1/day"), start="1e10 cell"),
    mdr.kill("dox", on="S", emax="3 1/day", ec50="50 nM", hill=1.4),
    mdr.toxicity.myelosuppression(
        "anc", slope={"dox": "10 L/umol"}, baseline="5e9 1/L", transit_time="124 h", feedback=0.17
    ),
)
DOX = mdr.oral("dox", "60 mg").every("21 day", times=4)
DRAWS = {"CL_dox": np.linspace(8.0, 12.0, 12), "ec50_dox_S": np.linspace(30.0, 80.0, 12)}
ENDPOINTS = ["nadir", "anc_nadir", "time_to_progression"]


def many(model: mdr.Model = MODEL, **options: Any) -> mdr.Many:
    given = {"parameters": DRAWS, "until": "2 year", "endpoints": ENDPOINTS, "reduce": "endpoints"} | options
    return mdr.simulate_many(model, {"dox": DOX, "none": mdr.nothing()}, **given)


def test_fewer_members_are_solved_again_and_all_read_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    again = []
    coarse = windows._coarse

    def counted(done: Any, *rest: Any) -> Any:
        found = coarse(done, *rest)
        again.append((len(done), len(found)))
        return found

    monkeypatch.setattr(windows, "_coarse", counted)
    ahead = many()
    with_pilot = next(lacking for looked, lacking in again if looked == 24)
    again.clear()
    monkeypatch.setattr(study, "_ahead", lambda *given: {})
    alone = many()
    assert again[0] == (24, 12)  # all who are treated
    assert with_pilot < 10
    for name in ENDPOINTS:
        assert ahead.endpoints[name].to_numpy() == pytest.approx(alone.endpoints[name].to_numpy(), rel=1e-5)


def test_what_a_member_gives_depends_on_no_other_member_and_no_chunk() -> None:
    whole = many()
    few = {name: column[:5] for name, column in DRAWS.items()}
    for other, members in ((many(chunk=5), 12), (many(chunk=1), 12), (many(parameters=few), 5)):
        for plan in ("dox", "none"):
            rows = whole.endpoints[whole.endpoints["regimen"] == plan][ENDPOINTS].to_numpy()[:members]
            assert other.endpoints[other.endpoints["regimen"] == plan][ENDPOINTS].to_numpy().tolist() == rows.tolist()


def test_a_first_start_that_is_none_changes_nothing_for_the_others() -> None:
    starts = {"S [cell]": [np.nan, 1e10, 2e10]}
    options = {"parameters": None, "combine": "product"}
    whole, fine = many(starts=starts, **options), many(starts={"S [cell]": [1e10, 2e10]}, **options)
    assert len(whole.failures) == 2  # one under each plan
    kept = whole.endpoints[whole.endpoints["nadir"].notna()]
    assert kept[ENDPOINTS].to_numpy().tolist() == fine.endpoints[ENDPOINTS].to_numpy().tolist()


@pytest.mark.parametrize("method", ["rodas", "LSODA"])
def test_a_level_ends_members_before_rows_of_the_pilot(method: str) -> None:
    stop = {"burden": "5e8 cell"}
    found = many(stop=stop, until="60 day", accuracy=mdr.Accuracy(method=method))
    rows = found.endpoints[found.endpoints["regimen"] == "dox"]
    for k in (0, 11):
        values = {"CL_dox": (DRAWS["CL_dox"][k], "L/h"), "ec50_dox_S": (DRAWS["ec50_dox_S"][k], "nM")}
        own = MODEL.simulate(DOX, until="60 day", stop=stop, parameters=values)
        assert own.course.stopped
        assert rows["nadir"].iloc[k] == pytest.approx(own.endpoint("nadir"), rel=1e-6)


def test_own_values_that_cannot_run_leave_it_to_the_members() -> None:
    wild = MODEL.with_parameters(growth_S=(40.0, "1/day"))
    with pytest.raises(mdr.SimulationError, match="grows without limit"):
        wild.simulate(DOX, until="2 year")
    found = many(wild, parameters=DRAWS | {"growth_S": np.full(12, 0.05)})
    assert not found.failures
    assert found.endpoints["nadir"].to_numpy() == pytest.approx(many().endpoints["nadir"].to_numpy(), rel=1e-5)


@pytest.mark.parametrize("rtol", [1e-6, 1e-13])
def test_a_regimen_has_one_pilot_whatever_the_chunks_and_the_accuracy(rtol: float) -> None:
    study._rows_of_pilot.cache_clear()
    options = {"until": "30 day", "accuracy": mdr.Accuracy(rtol=rtol), "parameters": {"CL_dox": [8.0, 10.0, 12.0]}}
    found = many(chunk=1, **options)
    assert not found.failures
    made = study._rows_of_pilot.cache_info()
    assert (made.misses, made.hits) == (2, 4)  # six chunks, two regimens
    given = (30 * 24.0, np.linspace(0.0, 720.0, 241).tobytes(), ("S", "d/dt S"), mdr.Accuracy(rtol=rtol))
    start = np.array([{"S": 1e10}.get(name, 0.0) for name in MODEL.states])
    assert len(study._rows_of_pilot(MODEL, DOX, *given, start.tobytes())) > 0  # 1e-13 is the strictest there is

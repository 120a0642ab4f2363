"""Fairness by peak and by toxicity, the null test, checkpoints."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pkpd_mdr as mdr
from pkpd_mdr.run import end_of, nadir_of

HARM = "harm"  # observable: what the drug does to the host, in proportion to its concentration


@pytest.fixture(scope="module")
def model():
    """A marrow that loses a share k*C a day and gains nothing: its end is 100*exp(-k*AUC), in closed form."""
    return mdr.Model(
        mdr.medium("A", unit="nM"),
        mdr.medium("B", unit="nM"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6),
        mdr.kill("A", on="S", slope="0.01 1/day/nM"),
        mdr.kill("B", on="S", slope="0.01 1/day/nM"),
        mdr.state("marrow", 100),
        mdr.parameter("k_A", "0.001 1/day/nM"),
        mdr.parameter("k_B", "0.004 1/day/nM"),
        mdr.process("loss_A", "k_A*C_A*marrow", {"marrow": -1}),
        mdr.process("loss_B", "k_B*C_B*marrow", {"marrow": -1}),
    )


A = mdr.exposure("A", "20 nM", over="10 day")
B = mdr.exposure("B", "20 nM", over="10 day")
ARMS = {"A": A, "B": B}
RUN = {"until": "20 day", "endpoints": ["final_burden", "marrow_nadir"]}


def draws(count=9):
    return [{"k_A": 0.001 * scale, "k_B": 0.004 * scale} for scale in np.linspace(0.5, 1.5, count)]


def test_equal_toxicity_is_solved(model):
    found = mdr.compare(model, ARMS, parameters=draws(), fair=mdr.equal_toxicity("marrow_nadir"), **RUN)
    rows = {row.arm: row for row in found.matching.rows}
    assert rows["A"].factor == 1.0
    assert rows["B"].factor == pytest.approx(0.25, rel=5e-3)
    assert rows["B"].before.value == pytest.approx(100 * math.exp(-0.8), rel=1e-5)
    assert rows["B"].after.value == pytest.approx(rows["A"].after.value, rel=2e-3)
    medians = found.table["median"].xs("marrow_nadir", level="endpoint")
    assert medians["B"] == pytest.approx(medians["A"], rel=2e-3)
    assert "every arm has the same median marrow_nadir (81.87); scaled: B in 'B' x 0.2" in str(found)
    assert found.given["factor"]["B", "B"] == rows["B"].factor


def test_equal_mean_of_an_own_endpoint_and_one_drug(model):
    fair = mdr.equal_toxicity(end_of("marrow", better="high"), by="mean", drugs="B")
    found = mdr.compare(model, {"both": A & B, "more": A & B.scaled(2.0)}, parameters=draws(5), fair=fair, **RUN)
    assert [(row.drug, round(row.factor, 2)) for row in found.matching.rows] == [("B", 1.0), ("B", 0.5)]


def test_each_arm_at_its_tolerated_dose(model):
    """marrow < 60 where k*AUC > log(100/60): for 2 of 9 draws (scales 1.375 and 1.5) and no more."""
    fair = mdr.tolerated("marrow", below=60.0, risk=0.25, within=(0.1, 10))
    found = mdr.compare(model, ARMS, parameters=draws(), fair=fair, **RUN)
    limit = math.log(100 / 60) / 1.25  # the third highest scale is just tolerated
    factors = {row.arm: row.factor for row in found.matching.rows}
    assert factors["A"] == pytest.approx(limit / 0.2, rel=6e-3)
    assert factors["B"] == pytest.approx(limit / 0.8, rel=6e-3)
    breached = (found.array("marrow_nadir") < 60).mean(axis=1)
    assert breached.tolist() == pytest.approx([2 / 9, 2 / 9])
    assert "gets below 60 in at most 25 % of draws (of 9 draws" in str(found)


def test_strategies_are_scaled_too(model):
    arms = {"A": A, "adaptive": mdr.adaptive(mdr.exposure("A", "20 nM", over="20 day"), visit="2 day")}
    found = mdr.compare(model, arms, parameters=draws(3), fair=mdr.equal_toxicity("marrow_nadir"), **RUN)
    medians = found.table["median"].xs("marrow_nadir", level="endpoint")
    assert medians["adaptive"] == pytest.approx(medians["A"], rel=2e-3)


@pytest.mark.parametrize(
    ("fair", "arms", "error", "words"),
    [
        (
            mdr.tolerated("marrow", below=99.9, risk=0.0),
            ARMS,
            mdr.SimulationError,
            "arm 'A' is not tolerated at any dose",
        ),
        (mdr.tolerated("marrow", below=1e-9), ARMS, mdr.SimulationError, "arm 'A' has no highest tolerated dose"),
        (mdr.tolerated("marrow", below="1 mg"), ARMS, mdr.RegimenError, "the level is '1 mg'|like that"),
        (
            mdr.equal_toxicity("marrow_nadir", within=(0.5, 2)),
            ARMS,
            mdr.SimulationError,
            "arm 'B' cannot have the median",
        ),
        (mdr.equal_toxicity("marrow_nadir", drugs="C"), ARMS, mdr.RegimenError, "arm 'A' gives none of 'C'"),
        (
            mdr.equal_toxicity("marrow_nadir"),
            {"A": A, "none": mdr.nothing()},
            mdr.RegimenError,
            "arm 'none' gives nothing",
        ),
        ("equal_toxicity", ARMS, mdr.SimulationError, "did you mean"),
        (3, ARMS, mdr.SimulationError, "fair is 3, not 'total_dose'"),
    ],
)
def test_what_cannot_be_matched_is_refused(model, fair, arms, error, words):
    with pytest.raises(error, match=words):
        mdr.compare(model, arms, fair=fair, **RUN)


def test_a_toxicity_that_turns_is_refused(model):
    """More drug is first worse and then, beyond 10 nM, better again."""
    ten = mdr.parameter("ten", "10 nM")
    spared = model.plus(ten, mdr.observable("strain", "C_A/ten*exp(-C_A/ten)", unit=""))
    arms = {"A": mdr.exposure("A", "3 nM", over="10 day"), "more": mdr.exposure("A", "12 nM", over="10 day")}
    fair = mdr.equal_toxicity("strain_peak", within=(0.05, 1.9))
    with pytest.raises(mdr.SimulationError, match="does not go one way with the dose"):
        mdr.compare(spared, arms, fair=fair, **RUN)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: mdr.tolerated("anc"), "give one level"),
        (lambda: mdr.tolerated("anc", below=1.0, above=2.0), "give one level"),
        (lambda: mdr.tolerated("anc", below=1.0, risk=1.5), "is not a share of draws"),
        (lambda: mdr.tolerated("anc", below=1.0, within=(2, 1)), "are no factors"),
        (lambda: mdr.equal_toxicity("anc_nadir", by="mode"), "choose 'median' or 'mean'"),
    ],
)
def test_refusals(build, words):
    with pytest.raises(mdr.SimulationError, match=words):
        build()


def test_equal_peak():
    pk = mdr.pk.one_compartment("dox", CL="10 L/h", V="50 L", ka="0.5 1/h")
    model = mdr.Model(
        pk,
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6),
        mdr.kill("dox", on="S", slope="0.05 1/h/(mg/L)"),
    )
    arms = {"oral": mdr.oral("dox", "50 mg"), "twice": mdr.oral("dox", "50 mg").every("12 h", times=2)}
    found = mdr.compare(model, arms, fair="peak", until="3 day", endpoints=["C_dox_peak"])
    assert found.array("C_dox_peak")[:, 0] == pytest.approx(np.full(2, found.array("C_dox_peak")[0, 0]), rel=1e-5)
    ka, k = 0.5, 0.2
    time = math.log(ka / k) / (ka - k)
    peak = 50 * ka / (50 * (ka - k)) * (math.exp(-k * time) - math.exp(-ka * time))
    assert found.array("C_dox_peak")[0, 0] == pytest.approx(peak, rel=1e-4)
    assert found.matching.rows[1].factor < 1
    assert "the same peak of the concentration at the model's values" in str(found)


# -- the null test ---------------------------------------------------------------------------------------


def test_equal_exposures_pass_the_null_test(model):
    arms = {"A & B": A & B, "A, B": A.then(B), "B, A": B.then(A)}
    found = mdr.compare(model, arms, null=True, parameters=draws(3), **RUN)
    assert np.abs(found.null.table[["decades", "lower", "upper"]].to_numpy()).max() < 1e-6
    assert found.null.error < 1e-5
    assert "no arm differs, as all have the same exposures" in str(found)
    assert found.values.shape[2] == 2
    plain = mdr.compare(model, arms, parameters=draws(3), **RUN)
    assert found.values == pytest.approx(plain.values, rel=1e-5)


def test_more_drug_is_told_from_better_timing(model):
    """One decade is what the first arm's exposure does: 1.5 times of it leaves half a decade less."""
    arms = {"A": A, "more": mdr.exposure("A", "30 nM", over="10 day"), "none": mdr.nothing()}
    found = mdr.compare(model, arms, null=True, **RUN)
    assert found.null.table["decades"].tolist() == pytest.approx([0.0, -0.5, 1.0], abs=1e-5)
    assert "apart from 'A': 'more' -0.5 decades, 'none' +1 decades; that part is amount" in str(found)
    with pytest.raises(mdr.SimulationError, match="no arm gives a drug"):
        mdr.compare(model, {"none": mdr.nothing()}, null=True, **RUN)


def test_the_null_test_follows_a_strategy(model):
    """The idle tumour is given what the strategy gives because of the real one."""
    arms = {
        "A": mdr.exposure("A", "20 nM", over="20 day"),
        "adaptive": mdr.adaptive(mdr.exposure("A", "20 nM", over="20 day"), visit="2 day"),
    }
    found = mdr.compare(model, arms, null=True, **RUN)
    given = found.given["median"]
    assert found.null.table["decades"][1] == pytest.approx(1 - given["adaptive", "A"] / given["A", "A"], abs=1e-5)
    assert found.null.table["decades"][1] > 0.1


# -- checkpoints -----------------------------------------------------------------------------------------


def test_a_comparison_goes_on_from_its_checkpoint(model, tmp_path):
    arms = {
        **ARMS,
        "adaptive": mdr.adaptive(mdr.exposure("A", "20 nM", over="20 day"), visit="5 day"),
        "none": mdr.nothing(),
    }
    options = {**RUN, "parameters": draws(60), "stop": {"burden": "4e6 cell"}}
    here, seen = mdr.compare(model, arms, **options), []
    folder = tmp_path / "study"

    def half(done, total):
        seen.append((done, total))
        return done < total / 2

    with pytest.raises(
        mdr.SimulationError, match=r"stopped by progress= after .* of 240 members; the checkpoint keeps"
    ):
        mdr.compare(model, arms, **options, checkpoint=folder, progress=half)
    again = mdr.compare(model, arms, **options, checkpoint=folder)
    assert again.values.tobytes() == here.values.tobytes()
    assert again.ends.tobytes() == here.ends.tobytes()
    assert again.given.equals(here.given)
    assert str(again) == str(here)
    assert seen[-1][1] == 240
    with pytest.raises(mdr.SimulationError, match="another study: parameters and starts differ"):
        mdr.compare(model, arms, **(options | {"parameters": draws(61)}), checkpoint=folder)


def test_matching_goes_on_from_its_checkpoint(model, tmp_path, monkeypatch):
    """Stopped in the middle of the search, the same call runs what is missing and no more, with the same numbers."""
    from pkpd_mdr.compare.running import Running

    ran, whole = [], Running._chunk
    fair = mdr.equal_toxicity("marrow_nadir")

    def counted(self, *chunk):
        if len(ran) == stop:
            raise KeyboardInterrupt
        ran.append(chunk[0])
        return whole(self, *chunk)

    monkeypatch.setattr(Running, "_chunk", counted)
    stop, options = -1, {"parameters": draws(3), "fair": fair, **RUN}
    plain = mdr.compare(model, ARMS, **options)
    total, stop = len(ran), 5
    ran.clear()
    with pytest.raises(KeyboardInterrupt):
        mdr.compare(model, ARMS, checkpoint=tmp_path / "study", **options)
    stop = -1
    found = mdr.compare(model, ARMS, checkpoint=tmp_path / "study", **options)
    assert len(ran) == total
    assert np.array_equal(found.values, plain.values)
    assert found.matching == plain.matching


def test_names_of_arms_are_part_of_a_checkpoint(model, tmp_path):
    mdr.compare(model, ARMS, **RUN, checkpoint=tmp_path / "study")
    with pytest.raises(mdr.SimulationError, match="arms differ"):
        mdr.compare(model, {"B": A, "A": B}, **RUN, checkpoint=tmp_path / "study")


def test_the_nadir_of_a_level_is_what_is_matched(model):
    assert mdr.tolerated("marrow", below=60.0).item.name == nadir_of("marrow").name


def test_a_level_without_a_unit_is_not_a_share_of_one():
    model = mdr.Model(mdr.medium("dox", unit="nM"), mdr.state("w", 90, unit="%"))
    arms = {"A": mdr.exposure("dox", "1 nM"), "B": mdr.exposure("dox", "2 nM")}
    with pytest.raises(mdr.RegimenError, match=r"the level is '80'.*shows 'w' in '%'"):
        mdr.compare(model, arms, until="1 day", endpoints=["w_end"], fair=mdr.tolerated("w", below=80), measure="w")

"""Shares of clones from counts: the posterior in closed form, and clones that were not seen."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import pkpd_mdr as mdr
from pkpd_mdr import distributions as dist


@pytest.fixture(scope="module")
def model():
    law = mdr.growth.exponential(rate="0.1 1/day")
    return mdr.Model(
        *(mdr.clone(name, growth=law, start="1 cell", resistant=name != "S") for name in ("S", "R1", "R2")),
        mdr.clone("P", growth=law),
    )


COUNTS = {"S": 950, "R1": 50, "R2": 0}


def test_the_posterior_is_a_dirichlet_distribution():
    table = mdr.composition(COUNTS, total="1e9 cell").table()
    alpha = np.array([950.5, 50.5, 0.5])
    np.testing.assert_allclose(table["share"], alpha / alpha.sum())
    theirs = stats.beta(50.5, 951.0)
    np.testing.assert_allclose(table.loc["R1", ["lower", "upper"]].astype(float), theirs.ppf([0.025, 0.975]))
    assert table.loc["R2", "lower"] == 0
    assert table.loc["R2", "upper"] == pytest.approx(stats.beta(0.5, 1001.0).ppf(0.95))


@pytest.mark.parametrize("n", [30, 300, 3000])
def test_a_clone_that_was_not_seen_obeys_the_rule_of_three(n):
    bound = mdr.composition({"S": n, "R": 0}, total="1e9 cell", prior="uniform").table().loc["R", "upper"]
    assert bound == pytest.approx(1 - 0.05 ** (1 / (n + 1)), rel=1e-9)
    assert bound == pytest.approx(3 / n, rel=3.5 / n + 0.003)


def test_drawn_starts_have_the_posterior_and_the_burden(model):
    found = mdr.composition(COUNTS, total=dist.lognormal("1e9 cell", cv=0.5))
    cohort = mdr.patients(model, 4000, composition=found, seed=1)
    assert cohort.parameters == ("S0", "R10", "R20")
    total = cohort.table.sum(axis=1)
    assert np.median(total) == pytest.approx(1e9, rel=0.04)
    shares = cohort.table.div(total, axis=0)
    ranks = stats.kstest(shares["R20"], stats.beta(0.5, 1001.0).cdf)
    assert ranks.pvalue > 1e-3
    assert stats.kstest(shares["R10"], stats.beta(50.5, 951.0).cdf).pvalue > 1e-3
    assert "R2 not seen: shares come from the prior alone" in cohort.notes[-1]
    assert (cohort["R20"] > 0).all()  # shares far below 1e-16 of the whole are numbers still


def test_patients_have_the_composition_of_one_sample(model):
    counts = pd.DataFrame(
        {"barcode": ["S", "R1", "S", "R1"], "n": [99000, 1000, 20000, 80000], "donor": ["a", "a", "b", "b"]}
    )
    found = mdr.composition(counts, total="1e6 cell", clone="barcode", count="n", sample="donor")
    shares = mdr.patients(model, 400, composition=found, seed=1)["R10"] / 1e6
    near = [(np.abs(shares - p) < 0.02).mean() for p in (0.01, 0.8)]
    assert sum(near) == pytest.approx(1.0, abs=0.01)
    assert near[0] == pytest.approx(0.5, abs=0.1)


def test_rare_clones_may_be_absent(model):
    """At 0.1 expected cells a clone is absent in exp(-0.1) of the patients."""
    counts = {"S": 10**9, "R1": 1}
    found = mdr.composition(counts, total="1e8 cell", prior=1e-9, whole=True)
    cells = mdr.patients(model, 3000, composition=found, seed=1)["R10"]
    assert (cells == np.rint(cells)).all()
    # the share is Gamma(1)/1e9, so the count is geometric with mean 0.1
    assert (cells == 0).mean() == pytest.approx(1 / 1.1, abs=4 * 0.288 / np.sqrt(3000))


@pytest.mark.parametrize(
    ("counts", "options", "kind", "sentence"),
    [
        ({"S": 3, "R1": -1}, {}, mdr.DataError, r"row 1: -1 is no count"),
        ({"S": 3, "R1": 1.5}, {}, mdr.DataError, r"row 1: 1\.5 is no count"),
        ({"S": 0, "R1": 0}, {}, mdr.DataError, "nothing was counted"),
        ({"S": 3}, {}, mdr.DataError, "not two or more different clones"),
        ({"S": 3, "Q": 1}, {"clones": ["S", "R1"]}, mdr.DataError, "counts 'Q', not one of clones"),
        (COUNTS, {"total": "3 mg"}, mdr.UnitError, "total is fixed"),
        (COUNTS, {"total": 0}, mdr.UnitError, "give a number of cells above zero"),
        (COUNTS, {"prior": "flat"}, mdr.DataError, "prior 'flat' is not known"),
        (COUNTS, {"prior": 0}, mdr.DataError, "prior = 0 is no weight"),
        ([1, 2], {}, mdr.DataError, r"counts is \[1, 2\]"),
        (pd.DataFrame({"clone": ["S", "S"], "count": [1, 2]}), {}, mdr.DataError, "two or more|counted twice"),
        (pd.DataFrame({"clone": ["S"], "n": [1]}), {}, mdr.DataError, "no column 'count'"),
    ],
)
def test_refusals(counts, options, kind, sentence):
    with pytest.raises(kind, match=sentence):
        mdr.composition(counts, **({"total": "1e9 cell"} | options))


def test_a_clone_needs_a_start_of_its_own(model):
    with pytest.raises(mdr.DataError, match=r"no clone 'R3'; known are 'S', 'R1'"):
        mdr.patients(model, 3, composition=mdr.composition({"S": 1, "R3": 1}, total="1e9 cell"))
    with pytest.raises(mdr.DataError, match=r"clone 'P' starts from '0'.*clone\('P', start='1 cell'\)"):
        mdr.patients(model, 3, composition=mdr.composition({"S": 1, "P": 1}, total="1e9 cell"))

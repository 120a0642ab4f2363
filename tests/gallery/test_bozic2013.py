"""Published table 1 and figure 5 of Bozic et al. 2013, and numbers derived from the formula (science: card 2.11)."""

import math

import pytest

import pkpd_mdr as mdr
from pkpd_mdr import ModelError
from pkpd_mdr.gallery import Lesion, bozic2013


@pytest.mark.law("I24")
@pytest.mark.parametrize(
    ("cells", "sites_both", "failure", "tolerance"),
    [
        (8.5e8, 1, 0.677, 2e-3),  # published, N22
        (8.5e8, 0, 0.001, 2e-3),
        (1e9, 1, 0.737, 2e-3),  # published, figure 5
        (1e9, 0, 0.001, 2e-3),
        (1.8e10, 1, 1.0, 2e-3),  # published, N19 (several lesions)
        (1.8e10, 0, 0.023, 1e-2),
        (2.6e11, 1, 1.0, 2e-3),  # published, N1 (several lesions)
        (2.6e11, 0, 0.283, 1e-2),
        (1.8e10, 0, 0.0232, 2e-4),  # derived: one lesion
        (2.6e11, 0, 0.288, 1e-3),
    ],
)
def test_failure_of_both_drugs_together(cells, sites_both, failure, tolerance):
    assert 1 - bozic2013(cells, sites_both=sites_both).eradication() == pytest.approx(failure, abs=tolerance)


def test_doubly_resistant_cells_at_the_start():
    assert bozic2013(1e9).resistant_cells() == pytest.approx(0.16, abs=0.005)
    assert bozic2013(1e9, sites_both=1).resistant_cells() == pytest.approx(253, abs=1)


@pytest.mark.law("I24")
def test_no_resistance_tends_to_luria_delbruck_without_turnover():
    """P(none) = exp(M u n ln(s)/(1 - s)), and the factor tends to -1 as s tends to 1."""
    lesion = bozic2013(1e8, sites_1=0, sites_2=0, sites_both=10, death=0.14e-6)
    assert lesion.no_resistance_at_start() == pytest.approx(math.exp(-1e8 * 1e-9 * 10), rel=1e-5)


def test_larger_lesions_and_more_sites_are_harder_to_eradicate():
    cures = [bozic2013(cells, sites_both=1).eradication() for cells in (1e7, 1e8, 1e9)]
    assert cures == sorted(cures, reverse=True)
    assert bozic2013(1e9, sites_both=1).eradication() < bozic2013(1e9).eradication()


@pytest.mark.parametrize("bad", [{"death": 0.15}, {"death_treated": 0.1}, {"mutation": 0.0}])
def test_an_impossible_lesion_is_refused(bad):
    with pytest.raises(ModelError, match="lesion"):
        bozic2013(1e9, **bad)


@pytest.mark.parametrize(("cells", "sites_both"), [(8.5e8, 0), (8.5e8, 1), (1e9, 0), (1e9, 1)])
def test_the_approximation_is_close_to_the_integral(cells, sites_both):
    lesion = bozic2013(cells, sites_both=sites_both)
    assert lesion.eradication() == pytest.approx(lesion.integrated_eradication(), abs=2e-3)


def test_a_cost_of_resistance_helps_and_none_changes_nothing():
    cures = [Lesion(1e11, cost=cost).integrated_eradication() for cost in (0.0, 1e-9, 0.1, 0.5)]
    assert cures[0] == pytest.approx(cures[1], rel=1e-6)
    assert cures[0] < cures[2] < cures[3]


def test_the_means_are_those_of_the_formula_without_treatment():
    lesion = bozic2013(1e8, sites_both=1)
    days = math.log(lesion.cells * lesion.survival) / 0.01
    run = lesion.model().simulate(until=f"{days} day", times=f"{days} day").frame.iloc[-1]
    assert run["S"] == pytest.approx(1e8, rel=1e-4)
    assert run["R1"] == pytest.approx(1e8 * 50 * lesion.mutations_per_cell, rel=1e-4)
    assert run["R12"] == pytest.approx(lesion.resistant_cells(), rel=1e-4)


def test_two_drugs_together_hit_a_cell_no_harder_than_one():
    model = bozic2013().model()
    one, two = mdr.exposure("drug1", 1), mdr.exposure("drug1", 1) & mdr.exposure("drug2", 1)
    ends = [model.simulate(plan, until="100 day", start={"S": 1e9}).frame["S"].iloc[-1] for plan in (one, two)]
    assert ends[0] == pytest.approx(ends[1], rel=1e-6)
    assert ends[0] == pytest.approx(1e9 * math.exp(-0.03 * 100), rel=1e-4)

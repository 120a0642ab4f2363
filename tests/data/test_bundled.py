"""The bundled figures are those of the raw sets, and say where they come from."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pkpd_mdr.data import bundled, bundled_names, bundled_path, bundled_source, bundled_table, read_assay, read_events
from pkpd_mdr.errors import DataError

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", bundled_names())
def test_every_set_says_where_it_comes_from(name: str) -> None:
    source = bundled_source(name)
    for word in ("Origin", "commit", "Licence", "Citation", "derive_bundled.py"):
        assert word in source
    assert len(bundled(name)) > 0


def test_unknown_names() -> None:
    with pytest.raises(DataError, match="did you mean 'mckenna_dox_pulses'"):
        bundled("mckenna_dox_pulse")
    with pytest.raises(DataError, match="did you mean 'lxf_erlotinib_doses'"):
        bundled_table("lxf_erlotinib_dose")


def test_mckenna_has_what_a_fit_needs() -> None:
    data = bundled("mckenna_dox_pulses")
    assert len(data.conditions) == 60
    assert data.observables == ("burden",)
    table = data.table
    assert table["time"].min() > 20
    assert (table["n"] == 6).all()
    assert np.isfinite(data.standard_errors).all()
    assert (data.standard_errors > 0).all()
    for condition in data.conditions:
        acts = condition.regimen.acts
        assert len(acts) == (condition.labels["dox_nM"] > 0)
        if acts:
            assert acts[0].amount.value == condition.labels["dox_nM"]
            assert acts[0].duration == condition.labels["exposure_h"]
        assert 1000 < condition.starts["burden"].internal < 6000
    everything = bundled("mckenna_dox_pulses", complete=False)
    assert len(everything) > len(data)
    assert everything.only(cell_line="SUM149", exposure_h=24, dox_nM=2500).table["time"].max() > 700


def test_script_reads_the_same_from_the_path() -> None:
    data = read_assay(
        bundled_path("mckenna_dox_pulses"),
        time="time_h [h]",
        value="mean_count [cell]",
        sd="sd_count",
        n="n_wells",
        drug={"dox": "dox_nM [nM]"},
        exposure="exposure_h [h]",
        by="cell_line",
        keep={"cell_line": "SUM149", "used": 1},
    )
    whole = bundled("mckenna_dox_pulses", complete=False).only(cell_line="SUM149")
    pd.testing.assert_frame_equal(
        data.table.drop(columns="source_row"), whole.table.drop(columns="source_row"), check_dtype=False
    )


def test_lxf_arms_and_doses() -> None:
    data = bundled("lxf_erlotinib")
    assert [condition.name for condition in data.conditions] == ["control", "low", "medium"]
    assert [len(condition.regimen.acts) for condition in data.conditions] == [0, 14, 14]
    low = data.conditions[1].regimen.acts
    assert (low[0].time, low[-1].time, low[0].route) == (72.0, 384.0, "oral")
    assert (data.table["n"] == 8).all()
    assert bundled("lxf_erlotinib", complete=False).table["n"].min() == 5


def test_figures_are_those_of_the_raw_sets(shared: Path, tmp_path: Path) -> None:
    script = runpy.run_path(str(ROOT / "benchmarks" / "derive_bundled.py"))
    for path in script["write"](shared / "data", tmp_path):
        kept = script["BUNDLED"] / path.relative_to(tmp_path)
        assert path.read_bytes() == kept.read_bytes()


def test_mckenna_means_recomputed_through_the_reader(shared: Path) -> None:
    """The raw wells through `read_assay` and `mean_of_replicates` give the bundled figures."""
    for line in ("SUM149", "MDAMB231"):
        wells = read_assay(
            shared / "data" / "mckenna_dox_pulse_counts" / f"counts_{line}.csv",
            time="time_h_rel_drug [h]",
            value="cell_count [cell]",
            drug={"dox": "dox_nM [nM]"},
            exposure="exposure_h [h]",
            by="cell_line",
            replicate="well",
            last_valid={"timepoint_index": "last_valid_timepoint"},
        )
        means = wells.between("1 h").mean_of_replicates().table
        expected = bundled("mckenna_dox_pulses", complete=False).only(cell_line=line).table
        for column in ("time", "value", "sd", "n"):
            np.testing.assert_allclose(means[column], expected[column], rtol=1e-9)
        assert means["condition"].tolist() == expected["condition"].tolist()


def test_lxf_means_recomputed_through_the_reader(shared: Path) -> None:
    mice = read_events(
        shared / "data" / "lxf_erlotinib_pdx" / "lxf_low_erlotinib_dose.csv",
        subject="ID",
        time="Time [day]",
        value="Value",
        observable_column="Observable",
        observable={"Tumour volume": "tumour_volume [cm**3]"},
        dose={"erlotinib": "Dose [mg]"},
        missing="drop",
    )
    grouped = mice.table.groupby("time")["value"]
    expected = bundled("lxf_erlotinib", complete=False).only(arm="low").table
    np.testing.assert_allclose(grouped.mean(), expected["value"], rtol=1e-9)
    np.testing.assert_allclose(grouped.std(), expected["sd"], rtol=1e-9)
    assert grouped.size().tolist() == expected["n"].tolist()


def test_mckenna_control_needs_its_well_column(shared: Path) -> None:
    with pytest.raises(DataError, match=r"values for the same condition .*replicate='well'"):
        read_assay(
            shared / "data" / "mckenna_dox_pulse_counts" / "counts_SUM149.csv",
            time="time_h_rel_drug [h]",
            value="cell_count",
            drug={"dox": "dox_nM [nM]"},
            exposure="exposure_h [h]",
        )


def test_reference_tables_read(shared: Path) -> None:
    folder = shared / "data"
    rye = read_assay(
        folder / "drc_reference" / "ryegrass.csv", value="rootl", covariates={"conc": "conc [mM]"}, repeats="number"
    )
    assert (len(rye), len(rye.conditions)) == (24, 7)
    alba = read_assay(
        folder / "drc_reference" / "S_alba.csv",
        value="DryMatter",
        by="Herbicide",
        covariates={"dose": "Dose"},
        repeats="number",
    )
    assert len(alba.only(Herbicide="Glyphosate").conditions) > 5
    puromycin = read_assay(
        folder / "michaelis_menten_puromycin" / "Puromycin.csv",
        value="rate",
        by="state",
        covariates={"conc": "conc"},
        repeats="number",
    )
    assert len(puromycin) == 23
    theoph = read_assay(
        folder / "pk_theophylline" / "Theoph.csv",
        time="Time [h]",
        value="conc [mg/L]",
        dose={"theo": "Dose [mg/kg]"},
        weight="Wt [kg]",
        by="Subject",
        route="oral",
    )
    assert len(theoph.conditions) == 12
    assert theoph.only(Subject=1).conditions[0].regimen.acts[0].amount.internal == pytest.approx(319.992)
    numbers = np.loadtxt(folder / "nist_strd_nonlinear" / "Misra1a.dat", skiprows=60)
    misra = read_assay(pd.DataFrame(numbers, columns=["y", "x"]), time="x [1]", value="y")
    assert misra.table["time"].tolist() == sorted(numbers[:, 1])

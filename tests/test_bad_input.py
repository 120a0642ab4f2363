"""What hostile and clumsy users get through the public names: one plain sentence of our own family, or an answer."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import pkpd_mdr as mdr

FAMILY = {
    mdr.DataError,
    mdr.ExpressionError,
    mdr.FitError,
    mdr.ModelError,
    mdr.RegimenError,
    mdr.SimulationError,
    mdr.UnitError,
}
REPRS = re.compile(
    r"object at 0x|Traceback|<class|<function|<Regimen|dtype|array\(|Timestamp\(|Timedelta\(|PosixPath\(|mappingproxy|"
    r"Empty DataFrame|Fraction\(|\b(?:Act|Quantity|Unit|Parameter|State|Port|Condition|Endpoint|Formula|Visit|Symbol)\("
)
exponential = mdr.growth.exponential

MODEL = mdr.Model(
    mdr.medium("dox", unit="uM"),
    mdr.clone("S", growth=exponential(rate="0.03 1/h"), start="500 cell"),
    mdr.clone("R", growth=exponential(rate="0.02 1/h"), start="5 cell", resistant=True),
    mdr.kill("dox", on="S", emax="0.1 1/h", ec50="50 nM"),
)
PK = mdr.Model(mdr.pk.one_compartment("pac", V="20 L", CL="5 L/h", ka="1 1/h"))
EXPOSED = mdr.exposure("dox", "100 nM", over="24 h")
DOSE = mdr.bolus("pac", "75 mg")
FRAME = pd.DataFrame({"t": [0, 12, 24.0], "c": [500, 600, 800.0], "d": [0, 0, 0.0]})
FREE = {"growth_S": ("0.001 1/h", "0.1 1/h")}


def check_sentence(error: BaseException) -> str:
    """The message is one sentence in plain words; a formula may be shown below it with a caret."""
    assert type(error) in FAMILY, f"{type(error).__name__}: {error}"
    sentence, *picture = str(error).split("\n")
    assert not picture or (type(error) is mdr.ExpressionError and len(picture) == 2 and picture[1].strip() == "^")
    assert sentence, "an empty message"
    assert len(sentence) <= 400, sentence
    assert not REPRS.search(sentence), sentence
    assert not re.search(r"[a-z]{2}[.!] [A-Z]|\.$|  ", sentence), f"more than one plain sentence: {sentence}"
    return sentence


def assay(frame: pd.DataFrame = FRAME, **options: Any) -> mdr.Data:
    return mdr.read_assay(frame, **{"time": "t [h]", "value": "c [cell]", "drug": {"dox": "d [nM]"}, **options})


def doses(**cells: Any) -> Any:
    frame = pd.DataFrame({"ID": [1, 1], "TIME": [0, 24], "AMT": [100, 100], **cells})
    return mdr.read_doses(frame, compartments={1: ("pac", "iv")}, amount_unit="mg")


def text(rate: str, start: Any = 1.0, **values: Any) -> mdr.Model:
    extra = [mdr.parameter(name, value) for name, value in values.items()]
    return mdr.Model(mdr.state("x", start), mdr.process("p", rate, {"x": 1}), *extra)


def simulated(model: Any = MODEL, plan: Any = None, **options: Any) -> mdr.Run:
    return mdr.simulate(model, plan, **{"until": "48 h", **options})


def compared(arms: Any = None, **options: Any) -> mdr.Comparison:
    arms = {"a": EXPOSED, "b": mdr.nothing()} if arms is None else arms
    return mdr.compare(MODEL, arms, **{"until": "48 h", **options})


def fitted(free: Any = None, data: Any = None, **options: Any) -> Any:
    return mdr.fit(MODEL, assay() if data is None else data, FREE if free is None else free, **options)


def killing(**changes: Any) -> mdr.Model:
    given = {"on": "S", "emax": "1 1/h", "ec50": "1 nM", **changes}
    return mdr.Model(mdr.clone("S"), mdr.medium("dox"), mdr.kill(given.pop("drug", "dox"), **given))


def seeded(**shares: Any) -> mdr.Model:
    return mdr.Model(*map(mdr.clone, "SRQ"), mdr.seeding(total=1e9, **shares))


def drawn(**columns: Any) -> mdr.Comparison:
    return compared(parameters=pd.DataFrame(columns, dtype=object))


def ruled(function: Callable[..., Any]) -> mdr.Run:
    return simulated(plan=mdr.rule(function, visit="1 day"))


ONE = {"V": "1 L", "CL": "1 L/h"}
WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    # unknown names, the nearest suggested
    "parameter of a model": (
        lambda: MODEL.with_parameters(ec50_dox_s="1 nM"),
        "'ec50_dox_s'; did you mean 'ec50_dox_S'",
    ),
    "parameter of a run": (lambda: simulated(parameters={"growth_s": 1}), "did you mean 'growth_S'"),
    "parameter of a fit": (lambda: fitted({"growth_s": None}), "free: .*did you mean 'growth_S'"),
    "state": (lambda: simulated(start={"s": 3}), "start: the model has no state 's'; did you mean 'S'"),
    "drug of a run": (
        lambda: simulated(plan=mdr.exposure("dax", "1 nM")),
        "no drug or modality 'dax'; did you mean 'dox'",
    ),
    "drug of a strategy": (
        lambda: simulated(plan=mdr.adaptive(mdr.exposure("dax", "1 nM", over="40 h"), visit="10 h")),
        "'dax'; did you mean 'dox'",
    ),
    "drug of a rule": (lambda: ruled(lambda visit: mdr.exposure("dax", "1 nM")), "'dax'; did you mean 'dox'"),
    "drug of an arm": (
        lambda: compared({"first": mdr.bolus("dax", "1 mg")}),
        "arm 'first': .*'dax'; did you mean 'dox'",
    ),
    "drug of a fit": (
        lambda: fitted(data=assay(FRAME.assign(d=5.0), drug={"dax": "d [nM]"})),
        "condition 'd=5' cannot be simulated: .*'dax'; did you mean 'dox'",
    ),
    "a dose into a medium": (
        lambda: simulated(plan=mdr.bolus("dox", "1 mg")),
        r"'dox' cannot be given as dose; .* expose by 'medium'; write exposure\(\.\.\.\), or declare pk\.one_comp",
    ),
    "a tablet of an infusion": (
        lambda: simulated(
            mdr.Model(mdr.pk.one_compartment("dox", V="1 L", CL="1 L/h"), mdr.clone("S")), mdr.oral("dox", "1 mg")
        ),
        r"by 'oral'; .*dose by 'iv'; write bolus\(\.\.\.\) or infusion\(\.\.\.\)$",
    ),
    "route": (lambda: simulated(PK, mdr.bolus("pac", "1 mg", route="in")), "by 'in'; .*dose by 'oral', dose by 'iv'"),
    "endpoint": (lambda: simulated().endpoint("nadirr"), "'nadirr' is neither .*; did you mean 'nadir'"),
    "endpoint of a comparison": (lambda: compared(endpoints=["nadirr"]), "did you mean 'nadir'"),
    "endpoint of no output": (lambda: simulated().endpoint("Q_peak"), "no output 'Q'; known are"),
    "endpoint of no drug": (lambda: simulated().endpoint("exposure_dax"), "did you mean 'dox'"),
    "resistant share": (lambda: simulated(PK).endpoint("resistant_share"), "mark clones with resistant=True"),
    "arm": (lambda: compared().difference("a", "c"), "no arm 'c'; known are 'a', 'b'"),
    "reference": (lambda: compared(reference="aa"), "reference = 'aa' is not an arm; did you mean 'a'"),
    "primary": (lambda: compared(primary="time_to_progresion"), "did you mean 'time_to_progression'"),
    "observable of a fit": (
        lambda: fitted(observables={"burden": "SS"}),
        "no state or observable 'SS'; did you mean 'S'",
    ),
    "observable of data": (lambda: fitted(observables={"burdn": "S"}), "'burdn', .*did you mean 'burden'"),
    "measure": (lambda: simulated(plan=mdr.adaptive(EXPOSED, visit="12 h"), measure="burdn"), "did you mean 'burden'"),
    "column": (lambda: assay(value="cc"), "value: the table has no column 'cc'; did you mean 'c'"),
    "column of doses": (
        lambda: mdr.read_doses(
            pd.DataFrame({"ID": [1], "TIM": [0], "AMT": [1]}), compartments={1: ("x", "iv")}, amount_unit="mg"
        ),
        "no column TIME; did you mean 'TIM'",
    ),
    "clone of a kill": (lambda: killing(on="s"), "the kill by 'dox' names 's', .*did you mean 'S'"),
    "drug of a kill": (lambda: killing(drug="dax"), "'dax', which no part of the model declares; did you mean 'dox'"),
    "form of a kill": (lambda: killing(form="hazzard"), "did you mean 'hazard'"),
    "option of a drug": (lambda: mdr.pk.one_compartment("p", Ka="1 1/h", **ONE), "no option 'Ka'; did you mean 'ka'"),
    "error model": (lambda: fitted(error="aditive"), "did you mean 'additive'"),
    "fairness": (lambda: compared(fair="totaldose"), "did you mean 'total_dose'"),
    "bundled data": (lambda: mdr.bundled("lxf"), "no data set 'lxf' .*'lxf_erlotinib'"),
    "mechanism": (lambda: MODEL.without("kill_dax"), "did you mean 'kill_dox'"),
    "condition": (lambda: assay().only(condition="x"), "no measurement has condition = 'x'; known are 'd=0'"),
    "subject": (lambda: doses().subject(7), "no subject 7; known are '1'"),
    "drug of a regimen": (lambda: EXPOSED.planned_total("dax"), "did you mean 'dox'"),
    "output of a plot": (lambda: simulated().plot(["burdn"]), "did you mean 'burden'"),
    # units
    "wrong unit of a parameter": (
        lambda: simulated(parameters={"ec50_dox_S": "3 mg"}),
        "'3 mg' is not in the unit 'nM'",
    ),
    "mass for molar": (
        lambda: simulated(parameters={"ec50_dox_S": "3 mg/L"}),
        "'3 mg/L' .*'nM'.*give the drug's molar_mass",
    ),
    "wrong unit of a rate": (lambda: mdr.Model(mdr.clone("S", growth=exponential(rate="3 mg"))), "'3 mg' .*'1/h'"),
    "no unit of a rate": (lambda: mdr.Model(mdr.clone("S", growth=exponential(rate=0.1))), "no unit; .*'0.1 1/h'"),
    "unknown unit": (lambda: mdr.bolus("pac", "3 mgg"), "unit 'mgg' is not known; did you mean 'mg'"),
    "no unit of until": (lambda: simulated(until=48), "until: '48' has no unit; write a unit such as '48 h'"),
    "no unit of until as text": (lambda: simulated(until="48"), "until: '48' has no unit"),
    "wrong unit of until": (lambda: simulated(until="48 mg"), "until: '48 mg' is not in the unit 'h'"),
    "no unit of until of a comparison": (lambda: compared(until=48), "until: '48' has no unit"),
    "no unit of a period": (lambda: EXPOSED.every(21, times=2), "period of every.*'21' has no unit"),
    "no unit of a visit": (lambda: mdr.adaptive(EXPOSED, visit=14), "visit interval: '14' has no unit"),
    "no unit of a dose": (lambda: simulated(PK, mdr.bolus("pac", 75)), "'pac': '75' has no unit; .*'75 mg'"),
    "no unit of an exposure": (
        lambda: simulated(plan=mdr.exposure("dox", 100)),
        "'dox': '100' has no unit; .*'100 uM'",
    ),
    "no unit of an arm's dose": (lambda: compared({"x": mdr.exposure("dox", 100)}), "arm 'x': .*'100' has no unit"),
    "time as dose": (lambda: simulated(PK, mdr.bolus("pac", "75 h")), "'75 h' is not in the unit 'mg'"),
    "wrong unit of a start": (lambda: simulated(start={"S": "3 mg"}), "start of 'S': '3 mg' is not in the unit 'cell'"),
    "no unit of a start": (
        lambda: simulated(start={"medium_dox": 3}),
        "start of 'medium_dox': 3 has no unit; .*'3 uM'",
    ),
    "wrong unit of a bound": (lambda: fitted({"growth_S": ("1 nM", "2 nM")}), "'1 nM' is not in the unit '1/h'"),
    "no unit of a time": (lambda: simulated(times=[1, 2]), "times: 1 has no unit; .*'1 h'"),
    "no unit of a time column": (lambda: assay(time="t"), r"column 't' has no unit; .*'t \[h\]'"),
    "no unit of a drug column": (lambda: assay(drug={"dox": "d"}), r"column 'd' has no unit; .*'d \[nM\]'"),
    "time as amount unit": (
        lambda: mdr.read_doses(FRAME, compartments={1: ("x", "iv")}, amount_unit="h"),
        "amount_unit = 'h' does not measure an amount; write 'mg' or 'umol'",
    ),
    "wrong unit of radiation": (lambda: mdr.radiation("2 mg"), "'2 mg' is not in the unit 'Gy'"),
    "per body size": (lambda: mdr.bolus("x", "25 mg/kg"), "per body size; give weight='70 kg'"),
    "units of a text": (
        lambda: text("k+x", k="1 L/h"),
        r"process 'p': .*'L/h'",
    ),
    # doses
    "negative dose": (
        lambda: mdr.bolus("pac", "-75 mg"),
        "dose of 'pac' at 0 h: '-75 mg' is not above zero; leave it out",
    ),
    "no dose": (lambda: mdr.bolus("pac", "0 mg"), "'0 mg' is not above zero"),
    "negative exposure": (lambda: mdr.exposure("dox", "-1 nM"), "exposure to 'dox': '-1 nM' is not above zero"),
    "negative row": (lambda: doses(AMT=[100, -5]), "row 2, column AMT: -5 is negative; a dose has to be above zero"),
    "negative level": (lambda: assay(FRAME.assign(d=[-1, 0, 0])), "column 'd', row 0: .*-1 is negative; it must be 0"),
    "dose before zero": (lambda: mdr.bolus("pac", "1 mg", at="-1 h"), "at = '-1 h' is before the regimen's zero"),
    "zero exposure": (
        lambda: mdr.exposure("dox", "1 nM", over="0 h"),
        "over = '0 h' has to be above zero, as in '24 h'",
    ),
    "zero infusion": (
        lambda: mdr.infusion("pac", "1 mg", over="0 h"),
        r"over = '0 h' has to be above zero; use bolus\(\)",
    ),
    "infusion both ways": (lambda: mdr.infusion("pac", "1 mg", over="1 h", rate="1 mg/h"), "one of the two"),
    "surgery above one": (lambda: mdr.surgery(1.5), "share of 1.5; write a share above 0 and at most 1"),
    "regimens in a regimen": (lambda: mdr.Regimen((mdr.nothing(),)), r"cannot be made of .*bolus\(.*& and then\(\)"),
    "a number as acts": (lambda: mdr.Regimen(3), "a regimen cannot be made of 3; its acts come from"),
    "an end without number": (lambda: EXPOSED.until("x h"), r"the end of until\(\): 'x h' has no number"),
    "extinction below nothing": (lambda: mdr.endpoints.extinct(below="0 cell"), "below = '0 cell' is never reached"),
    "endless then": (lambda: mdr.exposure("dox", "1 nM").then(EXPOSED), "never ends, .*give it over='72 h'"),
    "SS without II": (lambda: doses(SS=[1, 0]), "row 1, column II: SS is 1 but the interval II is 0; write the time"),
    "ADDL without II": (lambda: doses(ADDL=[3, 0]), "row 1, column II: ADDL is 3 but the interval II is 0"),
    "unsorted rows": (lambda: doses(TIME=[24, 0]), "row 2, column TIME: 0 comes after 24; sort the rows, or reset"),
    "duplicate rows": (
        lambda: doses(TIME=[0, 0]),
        "row 2, column TIME: the dose of row 1 is repeated; remove it or say",
    ),
    "split subject": (lambda: doses(ID=[1, 2], TIME=["0", "noon"]), "row 2, column TIME: 'noon' is not a number"),
    "no time": (lambda: doses(TIME=[0, np.nan]), "row 2, column TIME: the time is missing"),
    "text in amounts": (
        lambda: doses(AMT=["100 mg", "5"]),
        "row 1, column AMT: '100 mg' is not a number; write the number",
    ),
    "comma in amounts": (lambda: doses(AMT=["1,5", "5"]), "'1,5' is not a number; write a decimal point"),
    "rate -3": (lambda: doses(RATE=[-3, 0]), "row 1, column RATE: -3 is not possible; use"),
    "event 7": (lambda: doses(EVID=[7, 1]), "row 1, column EVID: 7 is not known; use 0"),
    "compartment 9": (lambda: doses(CMT=[9, 1]), "row 1, column CMT: compartment 9 is not known; known are '1'"),
    "no duration to model": (
        lambda: simulated(PK, doses(RATE=[-2, 0]).subject(1).regimen()),
        "its duration is modelled .*add one",
    ),
    "missing file of doses": (
        lambda: mdr.read_doses("/x.csv", compartments={1: ("x", "iv")}, amount_unit="mg"),
        "'/x.csv'",
    ),
    "missing file": (
        lambda: mdr.read_assay("/x.csv", value="v"),
        "there is no file '/x.csv'; give the path of a table$",
    ),
    "folder": (lambda: mdr.read_assay("/", value="v"), "'/' is a folder"),
    # NaN, text in numbers, empty tables
    "missing value": (
        lambda: assay(FRAME.assign(c=[1, np.nan, 2])),
        "column 'c', row 1: the value is missing; fill the cell",
    ),
    "infinite value": (lambda: assay(FRAME.assign(c=[1, np.inf, 2])), "row 1: 'inf' is not a finite number; correct"),
    "text in values": (lambda: assay(FRAME.assign(c=["1", "many", "2"])), "row 1: 'many' is not a number; correct"),
    "negative count": (lambda: assay(FRAME.assign(c=[1, -1, 2])), "row 1: a count of -1 is negative"),
    "parameter NaN": (lambda: simulated(parameters={"growth_S": np.nan}), "parameter 'growth_S': nan is not finite"),
    "parameter NaN as text": (
        lambda: simulated(parameters={"growth_S": "nan 1/h"}),
        "'nan 1/h' has no number to start",
    ),
    "start NaN": (lambda: simulated(start={"S": float("nan")}), "start of 'S': nan is not finite"),
    "start NA": (lambda: simulated(start={"S": pd.NA}), "start of 'S': a missing value is not a number"),
    "start None": (lambda: simulated(start={"S": None}), "start of 'S': None is not a number"),
    "negative start": (lambda: simulated(start={"S": -1}), "start of 'S': -1 is negative, but cells cannot be"),
    "negative parameter": (
        lambda: simulated(parameters={"growth_S": -1}),
        r"-1 1/h is outside its bounds \[0, inf\] 1/h",
    ),
    "empty table": (lambda: assay(FRAME[:0]), "the table has no rows; a table needs at least one measurement"),
    "empty doses": (
        lambda: mdr.read_doses(
            pd.DataFrame({"ID": [], "TIME": [], "AMT": []}), compartments={1: ("x", "iv")}, amount_unit="mg"
        ),
        "no rows below its header",
    ),
    "no drug column": (lambda: assay(drug=None, exposure="6 h"), "without drug; name the drug's column, as in drug="),
    "drug without name": (lambda: assay(drug="d [nM]"), "does not say which drug it is; write drug="),
    # fits, bounds
    "start outside bounds": (
        lambda: fitted({"growth_S": ("0.01 1/h", "1 1/h", "0.1 1/h")}),
        "start 1 1/h is outside the bounds 0.01 1/h and 0.1 1/h",
    ),
    "bounds exchanged": (
        lambda: fitted({"growth_S": ("0.1 1/h", "0.01 1/h")}),
        "0.1 1/h is not below the upper bound 0.01",
    ),
    "bound NaN": (lambda: fitted({"growth_S": (np.nan, 1)}), "free, 'growth_S': nan is not finite"),
    "bounds of a parameter exchanged": (
        lambda: mdr.parameter("a", 3, lower=5, upper=1),
        "parameter 'a': the lower bound 5 is above the upper bound 1; exchange them",
    ),
    "value outside bounds": (lambda: mdr.parameter("a", 3, lower=5, upper=10), r"3 is outside its bounds \[5, 10\]"),
    "table for data": (lambda: fitted(data=FRAME), r"data is a DataFrame, not Data; read tables with read_assay"),
    "no model": (lambda: mdr.fit(None, assay(), FREE), r"fit\(\): model is None, not a model; build one with Model"),
    # runs
    "until before zero": (lambda: simulated(until="-4 h"), "until = '-4 h' is not after the start; write for example"),
    "until infinite": (lambda: simulated(until=float("inf")), "until: inf is not finite"),
    "time outside": (
        lambda: simulated(times=["1 h", "50 h"]),
        "the time 50 h lies outside the run of 0 to 48 h; leave",
    ),
    "time before": (lambda: simulated(times=["-1 h"]), "the time -1 h lies outside"),
    "no times": (lambda: simulated(times=[]), r"times is \[\], neither a spacing"),
    "no spacing": (lambda: simulated(times="0 h"), "times = '0 h' is not a spacing"),
    "too many rows": (lambda: simulated(times="1e-12 h"), "more than 1000000 rows; use a longer spacing"),
    "too many doses": (lambda: EXPOSED.every("25 h", times=10**6), "1000000 acts, more than the 100000 allowed"),
    "too many until": (lambda: EXPOSED.every("1 h", until="1e9 h"), "1000000000 acts, more than the 100000 allowed"),
    "too many additional": (lambda: doses(ADDL=[10**6, 0], II=[1, 0]), "more than 99999 additional doses"),
    "rule that fails": (
        lambda: ruled(lambda visit: 1 / 0),
        "the rule failed at the visit at 0 h with ZeroDivisionError",
    ),
    "rule of no visit": (lambda: ruled(lambda: None), "the rule failed at the visit at 0 h with TypeError"),
    "rule that answers text": (lambda: ruled(lambda visit: "dox"), "the rule answered str at the visit at 0 h"),
    "tolerance": (lambda: mdr.Accuracy(rtol=0), "rtol = 0 is not possible; choose between"),
    # comparisons
    "draws with an unknown column": (lambda: drawn(growth_s=[0.1]), "'growth_s', .*did you mean 'growth_S'"),
    "draws NaN": (
        lambda: drawn(growth_S=[0.1, np.nan]),
        "row 1 of parameter draws: 'growth_S' is nan, which is not a finite",
    ),
    "draws text": (lambda: drawn(growth_S=["fast"]), "row 0 of parameter draws: growth_S: 'fast' has no number"),
    "draws negative": (
        lambda: drawn(growth_S=[-1.0]),
        "row 0 of parameter draws: 'growth_S' is -1.0, .* outside its bounds",
    ),
    "draws empty": (lambda: drawn(growth_S=[]), "the table of parameter draws has no row; give it at least one"),
    "arm that never doses": (lambda: compared(fair="total_dose"), "arm 'b' gives nothing, so it cannot be matched"),
    "no arm": (lambda: compared({}), "there is no arm to compare; give a dict"),
    "arm None": (lambda: compared({"a": None}), r"arm 'a' is None; give a regimen or a strategy \(nothing\(\)"),
    "arms as list": (lambda: compared([EXPOSED]), "arms is a list; give a dict"),
    "confidence in percent": (lambda: compared(confidence=95), "confidence is 95, not a share .* example 0.95"),
    "fairness of a rule": (
        lambda: compared({"a": EXPOSED, "r": mdr.rule(lambda visit: None, visit="1 day")}, fair="total_dose"),
        "arm 'r' has no planned course",
    ),
    "adaptive nothing": (lambda: mdr.adaptive(mdr.nothing(), visit="1 day"), "needs a regimen that gives something"),
    "progression by shrinking": (lambda: mdr.on_progression(EXPOSED, visit="1 day", growth=0.8), "has to be above 1"),
    # models
    "two pharmacokinetics": (
        lambda: mdr.Model(mdr.pk.one_compartment("p", **ONE), mdr.pk.one_compartment("p", **ONE)),
        "state 'central_p' is declared twice; leave one of the two out",
    ),
    "medium and pharmacokinetics": (
        lambda: mdr.Model(mdr.medium("p"), mdr.pk.one_compartment("p", **ONE)),
        "concentration of 'p' is declared twice; leave one of the two out",
    ),
    "clone twice": (lambda: mdr.Model(mdr.clone("S"), mdr.clone("S")), "state 'S' is declared twice; leave one"),
    "kill twice": (lambda: MODEL.plus(mdr.kill("dox", on="S", slope="1 1/h/uM")), "declared twice; leave one"),
    "parameter twice": (
        lambda: mdr.Model(mdr.parameter("a", 1), mdr.parameter("a", 2)),
        r"parameter 'a' is declared twice .*\(1 and 2\); declare it once",
    ),
    "hill zero": (lambda: killing(hill=0), r"'hill_dox_S': 0 is outside its bounds \(0, inf\]; write a value within"),
    "hill negative": (lambda: killing(hill=-1), "'hill_dox_S': -1 is outside"),
    "shares above one": (lambda: seeded(R=0.7, Q=0.6), "the shares R, Q add up to 1.3; they cannot exceed 1"),
    "share below zero": (lambda: seeded(R=-0.7, Q=0.1), r"'R0_share': -0.7 is outside its bounds \[0, 1\]"),
    "bioavailability below zero": (lambda: mdr.Model(mdr.pk.one_compartment("p", F=-1, **ONE)), "'F_p': -1 is outside"),
    "name with a blank": (lambda: mdr.clone("S 1"), "'S 1' is no name; use a letter"),
    "reserved name": (lambda: mdr.clone("t"), "'t' is reserved for the time"),
    "reserved for acts": (lambda: mdr.parameter("amount", 1.0), "'amount' is reserved for the size of an act"),
    "frozen": (lambda: setattr(MODEL, "states", {}), r"a model is frozen: 'states' .*use with_parameters"),
    "text as mechanism": (lambda: mdr.Model("clone"), "'clone' is not a mechanism"),  # type: ignore[arg-type]
    "a transfer that creates": (
        lambda: mdr.Model(
            mdr.clone("S"),
            mdr.clone("R"),
            mdr.parameter("k", "1 1/h"),
            mdr.process("p", "k*S", {"S": -1, "R": 2}, transfer=True),
        ),
        "process 'p' is declared a transfer but changes the total of 'cells'",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_gets_one_sentence(case: str) -> None:
    call, expected = WRONG[case]
    with pytest.raises(mdr.PkpdMdrError) as caught:
        call()
    sentence = check_sentence(caught.value)
    assert re.search(expected, sentence), sentence


HOSTILE = [
    "__import__('os').system('id')",
    "x.__class__",
    "k*x if",
    "k^x",
    "9**9**9*x",
    "exp(exp(exp(exp(9))))*k",
    "-" * 1000 + "x",
    "(" * 60 + "x" + ")" * 60,
    "k*x;k",
    "lambda: x",
    "[x for x in k]",
    "k*x\x00",
    "\U0001d458*x",
    "1e400*x",
    "k*y",
    "sinn(x)*k",
    "hill(x)*k",
    "k*x == 3",
    "",
    " ",
    "k x",
    "x=k",
    "'k'",
    "k*x/0",
    "a" * 3000,
    "k*True",
    "k//x",
    "k*1_000",
    "0x10*k",
    "k*x#",
    "(k, x)",
    "{k}",
    "k@x",
    "not k",
    "print(x)",
    "eval(x)",
    "open(k)",
    "x[0]",
    "*x",
    "k:=x",
    "f'{k}'",
    "await x",
    "yield",
    "1j*k",
]


@pytest.mark.parametrize("formula", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_formulas(formula: str) -> None:
    with pytest.raises(mdr.ExpressionError, match="rate of process 'p': ") as caught:
        text(formula, k="1 1/h")
    check_sentence(caught.value)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (lambda: text("k*x**2", k="1 1/h"), r"stopped at (0\.99999\d*|1) h: a state grows without limit; .* x = "),
        (lambda: text("k*x**3", k="1 1/h"), r"stopped at (0\.4999\d*|0\.5) h: a state grows without limit"),
        (lambda: text("k*a/b", k="1 1/h", a=0, b=0), "stopped at 0 h: .*the rate of process 'p' is nan"),
        (
            lambda: text("k*x", k="1e6 1/h"),
            r"(the state is no longer finite|a state grows without limit); the largest state is x = (inf|1e\+300)",
        ),
    ],
    ids=["x**2", "x**3", "0/0", "fast"],
)
def test_a_run_that_breaks_keeps_what_it_has(model: Callable[[], mdr.Model], expected: str) -> None:
    with pytest.raises(mdr.SimulationError, match=expected) as caught:
        simulated(model(), until="5 h")
    check_sentence(caught.value)
    partial = caught.value.partial
    assert isinstance(partial, mdr.Run)
    assert not partial.status.ok
    assert np.isfinite(partial.frame.to_numpy()).all()


@pytest.mark.parametrize("method", ["BDF", "Radau", "DOP853"])
def test_every_method_breaks_in_a_sentence(method: str) -> None:
    with pytest.raises(mdr.SimulationError, match="the run stopped at ") as caught:
        simulated(text("k*exp(exp(x))", k="1 1/h"), until="5 h", accuracy=mdr.Accuracy(method=method))
    check_sentence(caught.value)


def test_a_stiff_run_is_finished() -> None:
    assert simulated(text("-k*x", k="1e15 1/h")).frame["x"].iloc[-1] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("at", ["48 h", "50 h"])
def test_a_dose_at_the_end_or_after_it_changes_nothing(at: str) -> None:
    assert not simulated(PK, mdr.bolus("pac", "1 mg", at=at, route="iv")).frame["C_pac"].any()


def test_an_arm_that_never_doses_is_told() -> None:
    assert "arm 'b' gives nothing" in compared().notes


def test_scalars_of_numpy_are_numbers() -> None:
    three, point = np.int64(3), np.float64(0.05)
    assert DOSE.every("1 day", times=three) == DOSE.every("1 day", times=3)
    assert DOSE.first(np.int32(1)).on_days(np.array([1, 8])) == DOSE.on_days([1, 8])
    assert DOSE.scaled(np.float32(2)) == DOSE.scaled(2)
    assert mdr.surgery(np.float64(0.5)) == mdr.surgery(0.5)
    assert simulated(parameters={"growth_S": point}, start={"S": three}).model.parameters["growth_S"].value == 0.05
    assert mdr.bolus("pac", (point, "mg")) == mdr.bolus("pac", "0.05 mg")
    assert mdr.clone("S", start=three, resistant=np.bool_(True)) == mdr.clone("S", start=3, resistant=True)
    assert text("k*x", k=(np.int64(1), "1/h")).parameters["k"].value == 1.0
    assert len(compared(confidence=np.float64(0.9), seed=three).arms) == 2
    fast = mdr.Accuracy(rtol=np.float64(1e-6), budget=np.int64(1000))
    assert simulated(until="1 h", accuracy=fast).status.ok
    assert fitted({"growth_S": (np.float64(1e-3), 0.1)}, starts=np.int64(1), most=np.int64(20)).values["growth_S"] > 0
    assert mdr.Model(mdr.state("x"), mdr.process("p", "1/t", {"x": np.int64(1)}))


class Odd:
    """Nothing that any argument wants."""


ODD: dict[str, Any] = {
    "None": None,
    "list": [],
    "dict": {},
    "bool": True,
    "object": Odd(),
    "nan": float("nan"),
    "inf": float("inf"),
    "-1": -1,
    "abc": "abc",
    "empty": "",
    "bytes": b"1 mg",
    "complex": 1j,
    "array": np.array([1.0, 2.0]),
    "array0": np.array(1.0),
    "NA": pd.NA,
    "NaT": pd.NaT,
    "path": Path("nowhere"),
    "Decimal": Decimal("3"),
    "Fraction": Fraction(1, 3),
    "function": lambda: 1,
    "set": {1},
    "tuple": (1, 2, 3),
    "names": {"a": 1},
    "frame": pd.DataFrame(),
    "huge": "1e400 h",
    "flag": np.bool_(True),
    "type": int,
    "pair": (None, "h"),
    "unit": ("1", "fox"),
    "squared": "1 \u00b5g\u00b2",
    "long": "9" * 5000,
    "bigint": 10**400,
    "texts": ["1 h"],
    "date": pd.Timestamp("2020-01-01"),
    "delta": pd.Timedelta("1h"),
    "quantity": mdr.units.quantity("3 fs"),
    "regimen": DOSE,
    "model": PK,
}


def around(*parts: Any) -> mdr.Model:
    grows = exponential(rate="1 1/day")
    return mdr.Model(mdr.clone("S", growth=grows, start=1), mdr.clone("R", growth=grows), mdr.medium("dox"), *parts)


def first_of_two(**options: Any) -> mdr.Model:
    drugs = [mdr.kill(drug, on="S", emax="1 1/h", ec50="50 nM") for drug in ("dox", "pac")]
    return around(mdr.medium("pac"), mdr.combined_kill(*drugs, **options))


def hosted(*parts: Any) -> mdr.Model:
    cells = [mdr.immune.effector("E"), mdr.immune.suppressor("T"), mdr.stroma.cells("F")]
    return around(mdr.immune.attack("E", on="S", rate="1e-9 1/cell/h"), *cells, *parts)


HOSTED: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "effector": (
        lambda **k: around(mdr.immune.effector(**k)),
        {
            "name": "N",
            "start": 1,
            "source": "1 cell/h",
            "death": "1 1/h",
            "F": 1,
            "lag": "1 h",
            "unit": "cell",
            "description": "",
        },
    ),
    "suppressor": (lambda **k: around(mdr.immune.suppressor(**k)), {"name": "N", "start": 1, "source": "1 cell/h"}),
    "attack": (
        lambda **k: hosted(mdr.immune.attack(**k)),
        {"effector": "E", "on": "R", "rate": "1 1/h", "form": "ratio", "half": 1, "exponent": 1, "by_antigen": True},
    ),
    "exhaustion": (
        lambda **k: hosted(mdr.immune.exhaustion(**k)),
        {"effector": "E", "rate": "1 1/h", "by": "S", "half": 1, "saturation": "tumour", "into": "T"},
    ),
    "priming": (lambda **k: hosted(mdr.immune.priming(**k)), {"effector": "E", "by": "E", "rate": "1 1/cell/h"}),
    "suppression": (
        lambda **k: hosted(mdr.immune.suppression(**k)),
        {"by": "T", "on": "E", "of": "kill", "half": 1, "hill": 1, "floor": 0.1},
    ),
    "checkpoint": (
        lambda **k: hosted(mdr.immune.checkpoint(**k)),
        {"pdl1": {"S": 0.1}, "antibody": "dox", "kd": "1 nM", "site": "", "effectors": "E"},
    ),
    "checkpoint level": (lambda value: hosted(mdr.immune.checkpoint({"S": value})), {"value": 0.1}),
    "checkpoint kd": (
        lambda value: hosted(mdr.immune.checkpoint({"S": 0.1}, antibody="dox", kd={"S": value})),
        {"value": "1 nM"},
    ),
    "antigen": (lambda **k: hosted(mdr.immune.antigen(**k)), {"levels": {"S": 0.1}}),
    "antigen level": (lambda value: hosted(mdr.immune.antigen({"S": value})), {"value": 0.1}),
    "antigen_loss": (
        lambda **k: hosted(mdr.immune.antigen_loss(**k)),
        {"source": "S", "into": "R", "effector": "E", "share": 0.1},
    ),
    "mhc": (
        lambda **k: hosted(mdr.immune.mhc(**k)),
        {
            "clone": "S",
            "source": "1 1/h",
            "loss": "1 1/h",
            "half": 1,
            "induced_by": "dox",
            "emax": "1 1/h",
            "ec50": "1 nM",
            "start": 1,
        },
    ),
    "stimulation": (
        lambda **k: hosted(mdr.stimulation(**k)),
        {"cells": "E", "rate": "1 1/h", "half": 1, "hill": 1, "by": "S", "form": "influx", "signal": "level"},
    ),
    "cytokine": (
        lambda **k: hosted(mdr.cytokine(**k)),
        {
            "name": "IL2",
            "unit": "nM",
            "secretion": {"S": "1 nM/cell/h"},
            "source": "1 nM/h",
            "loss": "1 1/h",
            "start": "1 nM",
            "molar_mass": "15 kg/mol",
        },
    ),
    "cytokine secretion": (lambda value: hosted(mdr.cytokine("C", secretion={"S": value})), {"value": "1 pg/mL/h"}),
    "stroma.cells": (lambda **k: around(mdr.stroma.cells(**k)), {"name": "N", "start": 1, "death": "1 1/h"}),
    "stroma.support": (
        lambda **k: hosted(mdr.stroma.support(**k)),
        {"by": "F", "on": "S", "emax": 1, "half": 1, "hill": 1},
    ),
    "stroma.support by slope": (
        lambda **k: hosted(mdr.stroma.support(**k)),
        {"by": "F", "on": "S", "slope": 1, "basal": 1},
    ),
    "stroma.barrier": (
        lambda **k: hosted(mdr.stroma.barrier(**k)),
        {"by": "F", "against": "growth", "of": "S", "most": 0.1, "half": 1, "hill": 1, "site": "tumour"},
    ),
    "genotypes": (
        lambda **k: mdr.Model(mdr.medium("dox"), mdr.genotypes(**k)),
        {
            "table": {"A": {"dox": 5.0}, "B": {"dox": 50.0}},
            "emax": "1 1/h",
            "hill": 1,
            "unit": "nM",
            "reference": None,
            "growth": exponential(rate="1 1/day"),
            "death": "1 1/day",
            "start": {"A": 1},
            "mutations": {("A", "B"): 1e-6},
            "costs": {"B": 0.1},
            "resistant": "B",
            "form": "hazard",
            "site": "",
        },
    ),
    "genotypes cell": (
        lambda value: mdr.Model(mdr.medium("dox"), mdr.genotypes({"A": {"dox": value}}, emax="1 1/h")),
        {"value": "1 nM"},
    ),
    "genotypes fold": (
        lambda value: mdr.Model(
            mdr.medium("dox"), mdr.genotypes({"A": {"dox": value}}, emax="1 1/h", reference={"dox": "1 nM"})
        ),
        {"value": 2},
    ),
    "genotypes row": (lambda value: mdr.genotypes({"A": value}, emax="1 1/h"), {"value": {"dox": "1 nM"}}),
    "genotypes mutation": (
        lambda value: mdr.genotypes(
            {"A": {"x": "1 nM"}, "B": {"x": "1 nM"}}, emax="1 1/h", mutations={("A", "B"): value}
        ),
        {"value": 1e-6},
    ),
    "persisters": (
        lambda **k: around(mdr.persisters(**k)),
        {
            "name": "P",
            "of": "S",
            "entry": "1 1/h",
            "exit": "1 1/h",
            "induced_by": "dox",
            "slope": "1 1/h/nM",
            "growth": exponential(rate="1 1/day"),
            "cycling": 0.1,
            "start": 1,
            "unit": "cell",
        },
    ),
    "epigenetic_memory": (
        lambda **k: around(mdr.epigenetic_memory(**k)),
        {"chain": ["S", "R"], "back": "1 1/h", "rate": "1 1/h", "induced_by": None, "slowing": None},
    ),
    "stem_hierarchy": (
        lambda **k: around(mdr.stem_hierarchy(**k)),
        {
            "stem": "S",
            "progeny": "R",
            "asymmetric": 0.2,
            "differentiation": 0.1,
            "dedifferentiation": "1 1/h",
            "induced_by": None,
        },
    ),
    "switching_modulation": (
        lambda **k: around(mdr.switching("S", "R", rate="1 1/h"), mdr.switching_modulation(**k)),
        {"drug": "dox", "source": "S", "into": "R", "emax": -1, "ec50": "1 nM", "hill": 1, "site": ""},
    ),
    "trait_axis": (
        lambda **k: mdr.Model(mdr.medium("dox"), mdr.trait_axis(**{"points": 3, **k})),
        {
            "name": "x",
            "growth": exponential(rate="1 1/day"),
            "start": 1,
            "diffusion": "1 1/h",
            "points": 3,
            "per_division": False,
            "mean": 0.5,
            "width": 0.2,
            "cost": 0.1,
            "drug": "dox",
            "emax": "1 1/h",
            "ec50": ("1 nM", "2 nM"),
            "hill": 1,
            "threshold": 0.5,
            "unit": "cell",
        },
    ),
}
VESICLES = {"secretion": "200 1/day", "uptake": "1e-9 mL/h", "clearance": "0.2 1/h", "conversion": 0.1}
ASSAY = {
    "table": FRAME,
    "time": "t [h]",
    "value": "c [cell]",
    "drug": {"dox": "d [nM]"},
    "observable": "burden",
    "value_unit": "cell",
    "exposure": "6 h",
    "by": [],
    "constants": {},
    "replicate": None,
    "repeats": "refuse",
    "covariates": {},
    "start": None,
    "keep": {},
    "last_valid": None,
    "missing": "refuse",
    "lloq": "1e-3 cell",
    "uloq": {},
    "censoring": None,
    "outside": "drop",
    "decimal": ".",
    "sd": None,
    "n": None,
    "zero": "table",
    "route": "",
    "dose": None,
}
EVENTS = pd.DataFrame({"id": [1, 1], "t": [0, 1], "v": [1, 2], "a": [1, None]})
CALLS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "bolus": (
        mdr.bolus,
        {"port": "x", "amount": "75 mg", "at": "1 h", "route": "iv", "weight": None, "body_surface": None},
    ),
    "infusion": (mdr.infusion, {"port": "x", "amount": "75 mg", "over": "1 h", "at": "1 h", "route": "iv"}),
    "infusion by rate": (mdr.infusion, {"port": "x", "amount": "75 mg", "rate": "1 mg/h"}),
    "oral": (mdr.oral, {"port": "x", "amount": "75 mg", "at": "1 h"}),
    "exposure": (mdr.exposure, {"port": "x", "level": "75 nM", "over": "2 h", "at": "1 h"}),
    "radiation": (mdr.radiation, {"dose": "2 Gy", "at": "1 h"}),
    "surgery": (mdr.surgery, {"removed": 0.5, "at": "1 h"}),
    "nothing": (mdr.nothing, {"over": "1 h"}),
    "every": (DOSE.every, {"period": "1 day", "times": 3}),
    "every until": (DOSE.every, {"period": "1 day", "until": "3 day"}),
    "then": (DOSE.then, {"other": DOSE, "gap": "1 h"}),
    "and": (lambda other: DOSE & other, {"other": DOSE}),
    "shift": (DOSE.shift, {"by": "1 h"}),
    "on_days": (DOSE.on_days, {"days": [1]}),
    "first": (DOSE.first, {"n": 1}),
    "until": (DOSE.until, {"end": "1 h"}),
    "between": (DOSE.between, {"begin": "1 h", "end": "2 h"}),
    "scaled": (DOSE.scaled, {"factor": 2, "port": "pac"}),
    "planned_total": (DOSE.planned_total, {"port": "pac"}),
    "alternate": (lambda one, **k: mdr.alternate(one, DOSE, **k), {"one": DOSE, "every": "1 day"}),
    "on_progression": (
        lambda one, **k: mdr.on_progression(one, DOSE, **k),
        {"one": DOSE, "visit": "1 day", "growth": 1.2, "reference": "nadir"},
    ),
    "adaptive": (mdr.adaptive, {"regimen": DOSE, "visit": "1 day", "stop_below": 0.5, "restart_above": 1.0}),
    "rule": (mdr.rule, {"function": lambda visit: None, "visit": "1 day"}),
    "Model": (lambda item: mdr.Model(item), {"item": mdr.clone("S")}),
    "clone": (
        lambda **k: mdr.Model(mdr.clone(**k)),
        {
            "name": "S",
            "growth": None,
            "start": 1,
            "unit": "cell",
            "resistant": False,
            "death": "1 1/h",
            "description": "",
        },
    ),
    "exponential": (lambda **k: mdr.Model(mdr.clone("S", growth=exponential(**k))), {"rate": "1 1/h"}),
    "logistic": (
        lambda **k: mdr.Model(mdr.clone("S", growth=mdr.growth.logistic(**k))),
        {"rate": "1 1/h", "capacity": 10, "competition": {}},
    ),
    "growth.formula": (lambda **k: mdr.Model(mdr.clone("S", growth=mdr.growth.formula(**k))), {"text": "1/t"}),
    "medium": (
        lambda **k: mdr.Model(mdr.medium(**k)),
        {"drug": "x", "unit": "nM", "half_life": "1 h", "start": "1 nM", "molar_mass": "500 g/mol"},
    ),
    "kill": (
        lambda **k: around(mdr.kill(**k)),
        {"drug": "dox", "on": "S", "emax": "1 1/h", "ec50": "1 nM", "hill": 1, "form": "hazard", "site": ""},
    ),
    "combined_kill": (first_of_two, {"by": "interaction", "strength": 0.1}),
    "combined_kill of": (lambda one: mdr.combined_kill(one, one), {"one": None}),
    "mutation": (lambda **k: around(mdr.mutation(**k)), {"source": "S", "into": "R", "probability": 1e-6}),
    "switching": (
        lambda **k: around(mdr.switching(**k)),
        {"source": "S", "into": "R", "rate": "1 1/day", "induced_by": None},
    ),
    "cost": (lambda **k: around(mdr.cost(**k)), {"on": "R", "share": 0.1}),
    "seeding": (
        lambda **k: mdr.Model(mdr.clone("S"), mdr.clone("R"), mdr.seeding(**k)),
        {"total": 1e9, "shares": {"R": 0.1}},
    ),
    "one_compartment": (
        lambda **k: mdr.Model(mdr.pk.one_compartment(**k)),
        {
            "drug": "x",
            "ka": "1 1/h",
            "F": 1,
            "lag": "1 h",
            "route": "oral",
            "iv": None,
            "keo": None,
            "amount_unit": "mg",
            **ONE,
        },
    ),
    "parameter": (mdr.parameter, {"name": "x", "value": 1, "lower": 0, "upper": 2, "source": "", "description": ""}),
    "state": (
        lambda **k: mdr.Model(mdr.state(**k)),
        {"name": "x", "start": 1, "unit": "mg", "kind": "amount", "balance": "", "description": ""},
    ),
    "process": (
        lambda **k: mdr.Model(mdr.state("x"), mdr.process(**k)),
        {"name": "p", "rate": "x/t", "moves": {"x": 1}, "transfer": False},
    ),
    "process moves": (lambda share: mdr.Model(mdr.state("x"), mdr.process("p", "x/t", {"x": share})), {"share": 1}),
    "observable": (
        lambda **k: mdr.Model(mdr.state("x"), mdr.observable(**k)),
        {"name": "p", "expression": "2*x", "unit": "", "description": ""},
    ),
    "formula": (mdr.formula, {"text": "a"}),
    "dosing": (
        lambda **k: mdr.Model(mdr.state("A", unit="mg"), mdr.dosing(**k)),
        {"drug": "x", "into": "A", "unit": "mg", "route": "iv", "steady": ()},
    ),
    **HOSTED,
    "radiotherapy": (
        lambda **k: around(mdr.radiotherapy(**k)),
        {"on": {"S": ("0.3 1/Gy", "0.03 1/Gy**2")}, "repair_half_life": "1 h"},
    ),
    "resection reach": (lambda value: around(mdr.resection({"S": value})), {"value": 0.5}),
    "resection": (lambda **k: around(mdr.resection(**k)), {"on": "S"}),
    "exosomes": (lambda **k: around(mdr.exosomes(**k)), {"source": "R", "target": "S", "into": "R", **VESICLES}),
    "contact": (
        lambda **k: around(mdr.contact_transfer(**k)),
        {"source": "R", "target": "S", "into": "R", "rate": "1 1/day", "dependence": "density"},
    ),
    "with_parameters": (lambda value: MODEL.with_parameters(growth_S=value), {"value": 0.1}),
    "with_parameters of": (MODEL.with_parameters, {}),
    "parameter of": (MODEL.parameter, {"name": "growth_S"}),
    "plus": (lambda item: MODEL.plus(item), {"item": mdr.parameter("x", 1)}),
    "without": (MODEL.without, {"label": "kill_dox"}),
    "simulate": (
        lambda model=MODEL, **k: mdr.simulate(model, **k),
        {
            "model": MODEL,
            "regimen": None,
            "until": "4 h",
            "start": {},
            "times": "1 h",
            "parameters": {},
            "accuracy": None,
        },
    ),
    "simulate start": (lambda value: simulated(start={"S": value}, until="1 h"), {"value": 1}),
    "simulate parameter": (lambda value: simulated(parameters={"growth_S": value}, until="1 h"), {"value": 1}),
    "simulate times": (lambda value: simulated(times=[value]), {"value": "1 h"}),
    "simulate measure": (
        lambda value: simulated(plan=mdr.adaptive(EXPOSED, visit="24 h"), measure=value),
        {"value": "S"},
    ),
    "Accuracy": (
        lambda **k: simulated(until="1 h", accuracy=mdr.Accuracy(**k)),
        {"rtol": 1e-7, "atol": 1e-12, "method": "auto", "budget": 10**6},
    ),
    "fit": (
        lambda model, data, free, **k: mdr.fit(model, data, free, **{"starts": 1, "most": 5, **k}),
        {
            "model": MODEL,
            "data": assay(),
            "free": FREE,
            "error": "additive",
            "starts": 1,
            "seed": 0,
            "observables": {},
            "start": None,
            "scale": {},
            "relative_to": {},
            "per": {},
            "priors": {},
            "readout": {},
            "sampling": "sobol",
            "resume": None,
            "method": "auto",
            "most": 5,
            "accuracy": None,
        },
    ),
    "fit per": (lambda value: fitted(per={"growth_S": value}, starts=1, most=5), {"value": "condition"}),
    "fit prior": (lambda value: fitted(priors={"growth_S": value}, starts=1, most=5), {"value": None}),
    "fit prior centre": (
        lambda **k: fitted(priors={"growth_S": (k["kind"], k["centre"], k["spread"])}, starts=1, most=5),
        {"kind": "lognormal", "centre": "0.03 1/h", "spread": 0.3},
    ),
    "fit readout": (lambda value: fitted(readout={"burden": value}, starts=1, most=5), {"value": "scale"}),
    "fit error": (lambda value: fitted(error={"burden": value}, starts=1, most=5), {"value": "student_t"}),
    "student_t": (lambda **k: mdr.student_t(k["of"], df=k["df"]), {"of": "additive", "df": 4}),
    "fit bound": (lambda value: fitted({"growth_S": (value, "0.1 1/h")}, starts=1, most=5), {"value": 0.001}),
    "fit bounds": (lambda value: fitted({"growth_S": value}, starts=1, most=5), {"value": None}),
    "fit start": (lambda value: fitted(start={"S": value}, starts=1, most=5), {"value": "first"}),
    "compare": (
        lambda model, arms, **k: mdr.compare(model, arms, **k),
        {
            "model": MODEL,
            "arms": {"a": EXPOSED},
            "until": "48 h",
            "parameters": None,
            "start": {},
            "endpoints": ["nadir"],
            "primary": "nadir",
            "fair": None,
            "reference": "a",
            "measure": "burden",
            "confidence": 0.95,
            "seed": 0,
            "accuracy": None,
        },
    ),
    "compare arm": (lambda value: compared({"a": value}), {"value": EXPOSED}),
    "compare draws": (lambda value: drawn(growth_S=[value]), {"value": 0.1}),
    "compare rows": (lambda value: compared(parameters=[{"growth_S": value}]), {"value": 0.1}),
    "compare start": (lambda value: compared(start={"S": value}), {"value": 1}),
    "best": (lambda **k: compared().best(**k), {"endpoint": "resistant_share"}),
    "difference": (lambda **k: compared().difference(**k), {"left": "a", "right": "b", "endpoint": None}),
    "endpoint": (mdr.endpoint, {"given": "nadir"}),
    "endpoint of a run": (lambda value: simulated(until="1 h").endpoint(value), {"value": "nadir"}),
    "time_to_progression": (
        mdr.endpoints.time_to_progression,
        {"reference": "baseline", "growth": 1.2, "visit": "1 day", "of": "burden", "name": "x"},
    ),
    "read_assay": (mdr.read_assay, ASSAY),
    "read_wide": (
        mdr.read_wide,
        {
            "table": pd.DataFrame([["h", "a", ""], [0, 1, 2], [24, 3, 4]]),
            "keep": "h",
            "name": "group",
            "value": "y",
            "header_lines": 1,
            "decimal": ".",
            "thousands": None,
            "max_rows": 9,
        },
    ),
    "read_plate": (
        mdr.read_plate,
        {
            "table": pd.DataFrame([["", 1, 2], ["A", 1, 2]]),
            "grids": "y",
            "decimal": ".",
            "thousands": None,
        },
    ),
    "grids of plates": (
        lambda value: mdr.read_plate(pd.DataFrame([["x", 1, 2], ["A", 1, 2]]), {"y": value}),
        {"value": "x"},
    ),
    "read_events": (
        mdr.read_events,
        {
            "table": EVENTS,
            "subject": "id",
            "time": "t [h]",
            "value": "v",
            "dose": {"x": "a [mg]"},
            "by": [],
            "covariates": {},
            "mdv": None,
            "lloq": "1e-3",
            "uloq": {},
            "censoring": None,
            "outside": "drop",
        },
    ),
    "read_nonmem": (
        mdr.read_nonmem,
        {
            "table": pd.DataFrame({"ID": [1, 1], "TIME": [0, 1], "AMT": [1, 0], "DV": [".", 2.0]}),
            "compartments": {1: ("x", "iv")},
            "amount_unit": "mg",
            "observables": "C_x [mg/L]",
            "time_unit": "h",
            "covariates": {},
            "blq": None,
            "lloq": "1 mg/L",
            "columns": {},
            "default": 1,
        },
    ),
    "read_doses": (
        mdr.read_doses,
        {
            "table": pd.DataFrame({"ID": [1], "TIME": [0], "AMT": [1]}),
            "compartments": {1: ("x", "iv")},
            "amount_unit": "mg",
            "time_unit": "h",
            "covariates": None,
            "carry": None,
            "columns": {},
            "default": 1,
        },
    ),
    "write_doses": (
        mdr.write_doses,
        {
            "source": DOSE,
            "compartments": {1: ("pac", "iv")},
            "amount_unit": "mg",
            "time_unit": "h",
            "infusions": "rate",
        },
    ),
    "bundled": (mdr.bundled, {"name": "lxf_erlotinib"}),
    "only": (lambda value: assay().only(condition=value), {"value": "d=0"}),
    "data between": (lambda **k: assay().between(**k), {"begin": "1 h", "end": "24 h"}),
}

DIST = mdr.distributions
MODEL_OF_COHORTS = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6))
COHORT = mdr.patients(MODEL_OF_COHORTS, 5, {"growth_S": DIST.lognormal("0.1 1/day", cv=0.3)}, seed=1)
CALLS |= {
    "normal": (DIST.normal, {"mean": "1 h", "sd": "1 h"}),
    "lognormal": (DIST.lognormal, {"median": "1 h", "cv": 0.3, "sd": None}),
    "logit_normal": (DIST.logit_normal, {"median": 0.5, "sd": 1.0, "low": 0, "high": 1}),
    "uniform": (DIST.uniform, {"low": 0, "high": 1}),
    "log_uniform": (DIST.log_uniform, {"low": 1, "high": 2}),
    "beta": (DIST.beta, {"mean": 0.5, "sd": 0.1, "low": 0, "high": 1}),
    "triangular": (DIST.triangular, {"low": 0, "mode": 1, "high": 2}),
    "empirical": (DIST.empirical, {"values": [1, 2], "unit": ""}),
    "share": (DIST.share, {"of_ones": 0.5}),
    "fixed": (DIST.fixed, {"value": 1}),
    "cut": (DIST.normal(0, sd=1).between, {"low": -1, "high": 1}),
    "patients": (
        mdr.patients,
        {
            "model": MODEL_OF_COHORTS,
            "n": 3,
            "distributions": {"growth_S": DIST.lognormal("0.1 1/day", cv=0.3)},
            "covariates": {"x": DIST.normal(0, sd=1)},
            "formulas": {},
            "correlations": {("growth_S", "x"): 0.1},
            "covariances": None,
            "constraints": [],
            "draws": None,
            "composition": None,
            "seed": 1,
        },
    ),
    "patients by name": (
        lambda item, text: mdr.patients(
            MODEL_OF_COHORTS, 3, {"growth_S": item}, covariates={"x": DIST.fixed(1)}, formulas={"S0": text}
        ),
        {"item": DIST.fixed("1 1/day"), "text": "x"},
    ),
    "composition": (
        mdr.composition,
        {
            "counts": {"S": 1, "R": 0},
            "total": "1e9 cell",
            "prior": "jeffreys",
            "clones": ["S", "R"],
            "clone": "clone",
            "count": "count",
            "sample": None,
            "whole": False,
        },
    ),
    "target": (
        mdr.target,
        {
            "of": "nadir",
            "median": 1,
            "quartiles": None,
            "quantiles": {0.1: 0.5},
            "mean": None,
            "sd": None,
            "share": 0.5,
            "above": 1,
            "below": None,
            "arm": "a",
        },
    ),
    "match_targets": (
        mdr.match_targets,
        {
            "model": MODEL_OF_COHORTS,
            "cohort": COHORT,
            "targets": [mdr.target("growth_S", mean=(float(COHORT["growth_S"].mean()), "1/day"))],
            "arms": None,
            "until": None,
        },
    ),
    "cohort rows": (COHORT.patient, {"row": 0}),
    "read_patients": (lambda path: mdr.read_patients(path, MODEL_OF_COHORTS), {"path": None}),
    "particle_filter": (mdr.particle_filter, {"particles": 20, "resample_below": 0.5, "discount": 0.98}),
    "ensemble_filter": (mdr.ensemble_filter, {"members": 20, "inflation": 1.0}),
    "assimilate": (
        mdr.assimilate,
        {
            "model": MODEL_OF_COHORTS,
            "belief": COHORT,
            "data": pd.DataFrame({"time [day]": [1.0], "burden": [1e6]}),
            "regimen": mdr.nothing(),
            "measure": "burden",
            "filter": mdr.particle_filter(10),
            "seed": 1,
        },
    ),
    "look_ahead": (
        mdr.look_ahead,
        {
            "model": MODEL_OF_COHORTS,
            "menu": {"a": mdr.nothing(), "b": mdr.nothing()},
            "belief": COHORT,
            "visit": "5 day",
            "measure": "burden",
            "objective": "burden",
            "ahead": 1,
            "horizon": "10 day",
            "beam": 3,
            "filter": mdr.particle_filter(10),
            "planning": 5,
            "seed": 1,
            "accuracy": mdr.Accuracy(),
        },
    ),
    "informed": (
        mdr.informed,
        {"model": MODEL_OF_COHORTS, "menu": {"a": mdr.nothing(), "b": mdr.nothing()}, "visit": "5 day", "ahead": 1},
    ),
    "latest": (mdr.control.latest, {"level": 1, "of": "burden"}),
    "smallest": (mdr.control.smallest, {"of": "burden", "log": True}),
}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("name", CALLS)
def test_odd_objects_are_taken_or_refused_in_a_sentence(name: str) -> None:
    """Every argument gets every odd object: an answer or our error, never that of a dependency."""
    call, arguments = CALLS[name]
    if all(value is not None for value in arguments.values()):
        call(**arguments)
    taken = 0
    for slot in arguments:
        for label, odd in ODD.items():
            try:
                call(**{**arguments, slot: odd})
                taken += 1
            except mdr.PkpdMdrError as error:
                check_sentence(error)
            except Exception as error:
                pytest.fail(f"{name}({slot}={label}) raises {type(error).__name__}: {error}")
    assert taken < len(arguments) * len(ODD) or not arguments


def test_a_table_of_a_million_rows_is_read_and_more_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "long.csv"
    file.write_text("t,c\n" + "1,2\n" * 1_000_001)
    with pytest.raises(mdr.DataError, match="1000000") as caught:
        mdr.read_assay(file, time="t [h]", value="c", repeats="number")
    check_sentence(caught.value)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: mdr.kill("dox", on="S", ic50="1 uM"), "unexpected keyword argument 'ic50'; did you mean 'ec50'?"),
        (lambda: MODEL.simulate(EXPOSED, untl="1 h"), "argument 'untl'; did you mean 'until'?"),
        (lambda: mdr.simulate_many(MODEL, start={"S": 1}), "argument 'start'; did you mean 'starts'?"),
        (lambda: mdr.read_assay(FRAME, value="v", decimals=","), "read_assay() got an unexpected keyword argument"),
        (lambda: mdr.read_assay(FRAME, value="v", seperator=","), "'seperator'; did you mean 'separator'?"),
        (lambda: mdr.read_events(FRAME, FRAME, max_row=3), "read_events() got an unexpected keyword argument"),
        (lambda: mdr.kill("dox", emax="1 1/h"), "missing 1 required keyword-only argument: 'on'"),
    ],
)
def test_a_misspelt_argument_is_met_with_the_nearest(make: Callable[[], object], sentence: str) -> None:
    with pytest.raises(TypeError, match=re.escape(sentence)):
        make()


def saves() -> dict[str, tuple[type[Exception], Callable[[Any], object]]]:
    """Everything that writes a file, and whose words it fails in."""
    dox = mdr.exposure("dox", "50 nM", over="24 h")
    compared = mdr.compare(MODEL, {"a": dox, "b": dox.shift("1 h")}, until="48 h", endpoints=["nadir"])
    cohort = mdr.Cohort(pd.DataFrame({"growth_S": [0.03, 0.04]}), {"growth_S": "1/h"}, ("growth_S",))
    data = mdr.read_assay(pd.DataFrame({"h": [0, 24.0], "v": [1.0, 2.0]}), time="h [h]", value="v [cell]")
    return {
        "comparison": (mdr.SimulationError, compared.to_csv),
        "draws": (mdr.SimulationError, lambda path: compared.to_csv(path, draws=True)),
        "report": (mdr.SimulationError, compared.report_html),
        "cohort": (mdr.DataError, cohort.to_csv),
        "data": (mdr.DataError, data.to_csv),
    }


@pytest.mark.parametrize("name", ["comparison", "draws", "report", "cohort", "data"])
def test_a_file_that_cannot_be_written_is_told_in_a_sentence(name: str, tmp_path: Path) -> None:
    error, write = saves()[name]
    for path, why in ((tmp_path / "no" / "x.csv", "lies in no folder"), (tmp_path, "is a folder"), (5, "path is 5")):
        with pytest.raises(error, match=why):
            write(path)
    with pytest.raises(error, match="cannot be written"):
        write("a\0b")
    write(tmp_path / "x.csv")
    assert (tmp_path / "x.csv").stat().st_size > 10

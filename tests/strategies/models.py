"""Random models over all mechanisms: one or two drugs, two or three clones, everything else on or off."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Sequence

import sympy as sp
from hypothesis import strategies as st
from strategies.death import DEATH
from strategies.delivery import DELIVERY
from strategies.dynamics import DYNAMICS
from strategies.harm import HARM
from strategies.immune import HOST
from strategies.values import MOLAR_MASS, Context, Draw, between, concentrations, hills, maybe, rates, shares, texts

from pkpd_mdr import mechanisms as mdr
from pkpd_mdr.model import Mechanism, Model

__all__ = ["DRUGS", "GROWTH", "OTHERS", "Context", "declarations", "groups", "models", "public_mechanisms"]

VESICLES = ("cargo", "drug", "effect", "induction", "inhibition", "pgp", "release", "removal", "uptake")

# -- drugs ------------------------------------------------------------------------------------------------


def _absorbed(draw: Draw) -> dict[str, object]:
    saturable = draw(st.booleans())
    given: dict[str, object] = {
        "CL": draw(texts(0.5, 50.0, "L/h", "mL/min")),
        "Vmax": draw(texts(0.5, 50.0, "umol/h", "mg/h")) if saturable else None,
        "Km": draw(concentrations) if saturable else None,
        "ka": draw(maybe(texts(0.1, 5.0, "1/h"))),
        "keo": draw(maybe(texts(0.1, 5.0, "1/h"))),
        "F": draw(maybe(shares)),
        "lag": draw(maybe(texts(0.1, 2.0, "h"))),
        "molar_mass": MOLAR_MASS,
        "amount_unit": draw(st.sampled_from([None, "mg", "umol"])),
    }
    if given["ka"] is None:
        given["zero_order"] = draw(maybe(texts(0.1, 3.0, "h")))
    if given["ka"] is not None or given["zero_order"] is not None:
        given["iv"] = draw(maybe(_route()))
    return given


@st.composite
def _route(draw: Draw) -> mdr.pk.Route:
    return mdr.pk.route(
        F=draw(maybe(shares)),
        lag=draw(maybe(texts(0.1, 2.0, "h"))),
        rate=draw(maybe(texts(0.1, 2.0, "mg/h", "umol/h"))),
        duration=draw(maybe(texts(0.1, 2.0, "h"))),
    )


volumes, flows = texts(1.0, 500.0, "L"), texts(0.5, 60.0, "L/h")


@st.composite
def one_compartment(draw: Draw, drug: str) -> Mechanism:
    """With one volume, any way in and any elimination."""
    return mdr.pk.one_compartment(drug, V=draw(volumes), **_absorbed(draw))


@st.composite
def two_compartment(draw: Draw, drug: str) -> Mechanism:
    """With a tissue."""
    return mdr.pk.two_compartment(drug, V1=draw(volumes), Q=draw(flows), V2=draw(volumes), **_absorbed(draw))


@st.composite
def three_compartment(draw: Draw, drug: str) -> Mechanism:
    """With two tissues."""
    tissues = {"Q2": draw(flows), "V2": draw(volumes), "Q3": draw(flows), "V3": draw(volumes)}
    return mdr.pk.three_compartment(drug, V1=draw(volumes), **tissues, **_absorbed(draw))


@st.composite
def medium(draw: Draw, drug: str) -> Mechanism:
    """In one of three units, stable or not."""
    loss = draw(st.sampled_from(["half_life", "loss", ""]))
    options = {} if not loss else {loss: "20 h" if loss == "half_life" else "0.05 1/h"}
    unit = draw(st.sampled_from(["uM", "nM", "mg/L"]))
    return mdr.medium(drug, unit=unit, start=draw(maybe(concentrations)), molar_mass=MOLAR_MASS, **options)


DRUGS: dict[str, Callable[[str], st.SearchStrategy[Mechanism]]] = {
    "pk.one_compartment": one_compartment,
    "pk.two_compartment": two_compartment,
    "pk.three_compartment": three_compartment,
    "pk.route": one_compartment,
    "medium": medium,
}

# -- growth -----------------------------------------------------------------------------------------------

capacities = st.sampled_from(["2e12 cell", 1e9, mdr.parameter("K", "5e10 cell")])


def _rivals(context: Context, clone: str) -> st.SearchStrategy[dict[str, float] | None]:
    others = [name for name in context.clones if name != clone]
    return st.none() | st.dictionaries(st.sampled_from(others), between(0.0, 6.0))


GROWTH: dict[str, Callable[[Context, str], st.SearchStrategy[mdr.growth.Growth]]] = {
    "growth.exponential": lambda context, clone: st.builds(mdr.growth.exponential, rate=rates),
    "growth.logistic": lambda context, clone: st.builds(
        mdr.growth.logistic, rate=rates, capacity=capacities, competition=_rivals(context, clone)
    ),
    "growth.gompertz": lambda context, clone: st.builds(
        mdr.growth.gompertz, rate=rates, capacity=capacities, competition=_rivals(context, clone)
    ),
    "growth.exponential_linear": lambda context, clone: st.builds(
        mdr.growth.exponential_linear, rate=rates, linear=texts(1e3, 1e6, "cell/day"), psi=between(1.0, 25.0)
    ),
    "growth.birth_death": lambda context, clone: st.builds(
        mdr.growth.birth_death, birth=rates, death=rates, capacity=maybe(capacities)
    ),
    "growth.formula": lambda context, clone: st.just(mdr.growth.formula(f"speed*(1 - {clone}/1e12)")),
}

# -- everything else: a list of declarations each ---------------------------------------------------------

Parts = st.SearchStrategy[list[Mechanism]]


@st.composite
def _clone(draw: Draw, context: Context) -> list[Mechanism]:
    parts = []
    for name in context.clones:
        growth = draw(GROWTH[draw(st.sampled_from(sorted(GROWTH)))](context, name))
        death = None if isinstance(growth, mdr.growth.BirthDeath) else draw(maybe(rates))
        start = draw(st.just("1e6 cell") | st.just(1e3)) if name != "S" else None
        parts.append(mdr.clone(name, growth=growth, death=death, start=start, resistant=name == "R"))
    return [*parts, mdr.parameter("speed", "0.01 1/h"), mdr.observable("pace", "speed*burden", "cell/h")]


@st.composite
def _kill(draw: Draw, context: Context) -> list[Mechanism]:
    return [mdr.kill(drug, on=_targets(draw, context), **_effect(draw)) for drug in context.drugs[:1]]


def _targets(draw: Draw, context: Context) -> str | list[str]:
    return draw(st.sampled_from(context.clones) | st.permutations(context.clones))


def _effect(draw: Draw) -> dict[str, object]:
    form = draw(st.sampled_from(["hazard", "norton_simon", "cytostatic"]))
    if form == "hazard" and draw(st.booleans()):
        return {"slope": draw(texts(0.01, 2.0, "L/umol/day", "L/mg/h"))}
    emax = draw(rates) if form == "hazard" else draw(shares)
    return {"emax": emax, "ec50": draw(concentrations), "hill": draw(hills), "form": form}


@st.composite
def _combined(draw: Draw, context: Context) -> list[Mechanism]:
    if len(context.drugs) < 2:
        return []
    by = draw(st.sampled_from(["bliss", "loewe", "interaction"]))
    form = draw(st.sampled_from(["hazard", "norton_simon", "cytostatic"]))
    emax, hill = draw(rates if form == "hazard" else shares), draw(hills)
    kills = [
        mdr.kill(drug, on=list(context.clones), emax=emax, ec50=draw(concentrations), hill=hill, form=form)
        for drug in context.drugs
    ]
    return [mdr.combined_kill(*kills, by=by, strength=draw(between(-1.0, 3.0)) if by == "interaction" else None)]


@st.composite
def _switching(draw: Draw, context: Context) -> list[Mechanism]:
    drug = draw(st.none() | st.sampled_from(context.drugs))
    effect: dict[str, object] = {}
    if drug is not None:
        effect = {"induced_by": drug, "slope": draw(texts(0.01, 1.0, "L/umol/day"))}
        if draw(st.booleans()):
            effect = {"induced_by": drug, "emax": draw(rates), "ec50": draw(concentrations)}
    return [mdr.switching("S", "R", rate=draw(rates), back=draw(maybe(rates)), **effect)]


@st.composite
def _exosomes(draw: Draw, context: Context) -> list[Mechanism]:
    return [
        mdr.exosomes(
            draw(st.sampled_from(["R", ["R", "S"]])),
            "S",
            context.clones[-1],
            secretion=draw(texts(1.0, 500.0, "1/day", "vesicle/h")),
            uptake=draw(texts(1e-10, 1e-8, "mL/h")),
            clearance=draw(rates),
            conversion=draw(shares),
            volume=draw(texts(0.1, 10.0, "mL", "cm**3")),
            start=draw(maybe(texts(1.0, 1e8, "vesicle/mL"))),
            inhibition=draw(maybe(shares)),
            depletion=draw(maybe(rates)),
        )
    ]


@st.composite
def _contact(draw: Draw, context: Context) -> list[Mechanism]:
    into = context.clones[-1]
    dependence = draw(st.sampled_from(["frequency", "density"]))
    rate = draw(rates) if dependence == "frequency" else "1e-12 1/cell/h"
    fixation = draw(maybe(rates)) if into != "R" else None
    return [
        mdr.contact_transfer(
            "R", "S", into, rate=rate, loss=draw(maybe(rates)), fixation=fixation, dependence=dependence
        )
    ]


def _pgp_content(draw: Draw, context: Context, drug: bool) -> list[Mechanism]:
    parts = []
    for name in context.clones:
        effect: dict[str, object] = {}
        if drug and draw(st.booleans()):
            effect = {"induced_by": context.drugs[0], "emax": draw(rates), "ec50": draw(concentrations)}
        turnover = {"synthesis": draw(maybe(rates)), "degradation": draw(maybe(rates))}
        parts.append(mdr.pgp.content(name, start=draw(between(0.0, 2.0)), **turnover, **effect))
    return parts


@st.composite
def _pgp(draw: Draw, context: Context) -> list[Mechanism]:
    return _pgp_content(draw, context, drug=True)


@st.composite
def _pgp_contact(draw: Draw, context: Context) -> list[Mechanism]:
    density = draw(st.booleans())
    rate = "1e-12 1/cell/h" if density else draw(rates)
    dependence = "density" if density else "frequency"
    return [
        *_pgp_content(draw, context, drug=False),
        mdr.pgp.contact(list(context.clones), rate=rate, dependence=dependence),
    ]


@st.composite
def _pgp_grid(draw: Draw, context: Context) -> list[Mechanism]:
    density = draw(st.booleans())
    return [
        mdr.pgp.grid(
            "M",
            largest=draw(between(0.5, 3.0)),
            bins=draw(st.integers(3, 4)),
            tau="1e-12 1/cell/h" if density else draw(maybe(rates)),
            dependence="density" if density else "frequency",
            f=draw(between(0.01, 0.5)),
            growth=draw(st.none() | st.just(mdr.growth.exponential(rate="0.1 1/day"))),
            death=draw(maybe(rates)),
            degradation=draw(maybe(rates)),
            synthesis=draw(maybe(rates)),
            start={0.0: draw(texts(1.0, 1e8, "cell"))},
        )
    ]


@st.composite
def _intracellular(draw: Draw, context: Context) -> list[Mechanism]:
    drug, form = context.drugs[0], draw(st.sampled_from(["dynamic", "quasi-steady"]))
    hourly = texts(0.05, 3.0, "1/h")
    given: dict[str, object] = {"k0": draw(hourly), "form": form, "kmet": draw(maybe(hourly))}
    if draw(st.booleans()):
        given |= {"vP": draw(texts(0.1, 30.0, "uM/h", "mg/L/h")), "Km": draw(concentrations)}
        if len(context.drugs) > 1 and draw(st.booleans()):
            given["inhibitors"] = {context.drugs[1]: draw(concentrations)}
    if draw(st.booleans()):
        given |= {"kb": draw(texts(0.1, 5.0, "1/uM/h")), "kd": draw(hourly), "Bmax": draw(concentrations)}
    if draw(st.booleans()):
        given |= {"kseq": draw(hourly), "krel": draw(maybe(hourly))}
    if draw(st.booleans()):
        given |= {"ksort": draw(hourly), "kout": draw(maybe(hourly)) if form == "dynamic" else None}
    clone = draw(st.sampled_from(context.clones))
    effect = {"emax": draw(rates), "ec50": draw(concentrations)}
    return [mdr.intracellular(drug, on=clone, **given), mdr.kill(drug, on=clone, site=clone, **effect)]


@st.composite
def _vesicles(draw: Draw, context: Context) -> list[Mechanism]:
    """Everything that vesicles do, with a drug of their own so that it is in a medium and can be balanced."""
    hourly, small = texts(0.05, 3.0, "1/h"), texts(1e-10, 1e-7, "mL/h")
    well = mdr.parameter("well", "1 mL")
    cell = {"k0": draw(hourly), "vP": "2 uM/h", "Km": "1 uM", "kmet": draw(hourly), "ksort": draw(hourly)}
    what, more = draw(st.sampled_from([("pgp", ""), ("energy", ""), ("efflux", "ptx"), ("metabolism", "ptx")]))
    size = draw(between(0.0 if what == "pgp" else -1.0, 3.0))
    half, hill = draw(between(1.0, 1e4)), draw(hills)
    other = context.clones[-1]
    return [
        mdr.medium("ptx", start="1 uM"),
        mdr.medium("gw4869", molar_mass="577.5 g/mol"),
        *_pgp_content(draw, context, drug=False),
        mdr.intracellular("ptx", on=["S", "R"], into="EV", consumed=True, outside_volume=well, **cell),
        mdr.vesicles.release(
            {"R": draw(texts(1.0, 500.0, "1/day")), other: "10 1/day"},
            clearance=draw(hourly),
            depletion=draw(maybe(hourly)),
            start=draw(maybe(texts(1.0, 1e8, "vesicle/mL"))),
        ),
        mdr.vesicles.uptake(["S", "R"], rate=draw(small), saturation=draw(maybe(texts(1e3, 1e9, "vesicle/mL")))),
        mdr.vesicles.induction(context.drugs[0], on="R", emax=2, ec50=draw(concentrations)),
        mdr.vesicles.inhibition("gw4869", on="R", emax=draw(shares), ec50=draw(concentrations)),
        mdr.vesicles.removal(),
        mdr.vesicles.cargo("mir", load={"R": draw(between(0.0, 50.0))}, into="S", decay=draw(maybe(hourly))),
        mdr.vesicles.effect("mir", on="S", what=what, drug=more, size=size, half=half, hill=hill),
        mdr.vesicles.pgp({"R": draw(between(0.0, 1e-3))}, into="S"),
        mdr.vesicles.drug("ptx", into="S", kon="1e-12 mL/h", koff=draw(maybe(hourly)), outside_volume=well),
    ]


@st.composite
def _radiotherapy(draw: Draw, context: Context) -> list[Mechanism]:
    alpha = texts(0.05, 0.5, "1/Gy")
    pairs = st.tuples(alpha, texts(0.005, 0.05, "1/Gy**2")) | alpha
    half_life = draw(maybe(texts(0.5, 4.0, "h")))
    on = draw(st.dictionaries(st.sampled_from(context.clones), pairs, min_size=1))
    on = on if half_life is None else on | {"S": ("0.3 1/Gy", "0.03 1/Gy**2")}
    return [mdr.radiotherapy(on, repair_half_life=half_life)]


@st.composite
def _resection(draw: Draw, context: Context) -> list[Mechanism]:
    return [mdr.resection(draw(st.none() | st.dictionaries(st.sampled_from(context.clones), shares, min_size=1)))]


@st.composite
def _mutation(draw: Draw, context: Context) -> list[Mechanism]:
    given = {"probability": draw(shares)} if draw(st.booleans()) else {"rate": draw(rates)}
    return [mdr.mutation("S", context.clones[-1], **given)]


def _quiescent(context: Context) -> list[Mechanism]:
    """A user's own pool that S fills and that empties again, as text and as SymPy."""
    S, sleep = sp.symbols("S sleep", positive=True)
    return [
        mdr.state("Q", unit="cell", kind="cells", balance="cells"),
        mdr.process("fall_asleep", S * sleep, {"S": -1, "Q": 1}, transfer=True),
        mdr.process("wake_up", "sleep*Q/2", {"S": 1, "Q": -1}, transfer=True),
        mdr.parameter("sleep", "0.01 1/h"),
    ]


def _own_drug(context: Context) -> list[Mechanism]:
    return [
        mdr.state("A_tmz", unit="mg", kind="amount", balance="tmz"),
        mdr.process("leave", "k_tmz*A_tmz", {"A_tmz": -1}),
        mdr.parameter("k_tmz", "0.1 1/h"),
        mdr.dosing("tmz", into="A_tmz", unit="mg", F=0.5, concentration="A_tmz/V_tmz", concentration_unit="mg/L"),
        mdr.parameter("V_tmz", "30 L"),
        mdr.kill("tmz", on="S", slope="0.01 L/mg/h"),
    ]


def _both(make: Callable[[Context], list[Mechanism]]) -> Callable[[Context], Parts]:
    return lambda context: st.just(make(context))


OTHERS: dict[str, Callable[[Context], Parts]] = {
    "clone": _clone,
    "kill": _kill,
    "combined_kill": _combined,
    "mutation": _mutation,
    "switching": _switching,
    "cost": lambda context: shares.map(lambda share: [mdr.cost("R", share)]),
    "exosomes": _exosomes,
    "contact_transfer": _contact,
    "intracellular": _intracellular,
    "pgp.content": _pgp,
    "pgp.contact": _pgp_contact,
    "pgp.grid": _pgp_grid,
    "radiotherapy": _radiotherapy,
    **dict.fromkeys((f"vesicles.{name}" for name in VESICLES), _vesicles),
    "resection": _resection,
    "seeding": lambda context: texts(1.0, 1e12, "cell").map(lambda total: [mdr.seeding(total=total, shares={})]),
    "process": _both(_quiescent),
    "state": _both(_quiescent),
    "parameter": _both(_quiescent),
    "dosing": _both(_own_drug),
    "occasions": _both(
        lambda context: [
            mdr.occasions("kappa", every="2 day", times=3),
            mdr.observable("swing", "exp(kappa)*burden", "cell"),
        ]
    ),
    "observable": _both(lambda context: [mdr.observable("volume", "burden*1e-8", "1")]),
    "formula": _both(lambda context: [mdr.observable("half", mdr.formula("burden/2").text, "cell")]),
    **HOST,
    **DYNAMICS,
    **DELIVERY,
    **DEATH,
    **HARM,
}


def public_mechanisms() -> set[str]:
    """The names of everything that a model can be made of."""
    public = {name: getattr(mdr, name) for name in mdr.__all__}
    names = {name for name, item in public.items() if not inspect.ismodule(item)} - {"table"}
    for prefix, room in public.items():
        if inspect.ismodule(room):
            names |= {f"{prefix}.{name}" for name in room.__all__ if inspect.isfunction(getattr(room, name))}
    return names


@st.composite
def declarations(draw: Draw, most: int = 8, group: Sequence[str] | None = None) -> list[Mechanism]:
    """What a random model is joined from, in random order: drugs, clones, and these or at most so many mechanisms."""
    context = Context(
        draw(st.sampled_from([("dox",), ("dox", "pac")])), draw(st.sampled_from([("S", "R"), ("S", "R", "A")]))
    )
    parts = list(draw(OTHERS["clone"](context)))
    for drug in context.drugs:
        parts.append(draw(DRUGS[draw(st.sampled_from(sorted(DRUGS)))](drug)))
    labels = {part.label for part in parts}
    names = sorted(set(OTHERS) - {"clone"})
    chosen = draw(st.lists(st.sampled_from(names), unique=True, max_size=most)) if group is None else list(group)
    if len(context.drugs) > 1 and "combined_kill" in chosen:
        chosen = [name for name in chosen if name != "kill"]  # a drug kills a clone in one way
    if set(chosen) & {"genotypes", "persisters", "trait_axis"}:
        chosen = [name for name in chosen if name != "seeding"]  # its rest would have several clones to go to
    if "stem_hierarchy" in chosen:
        chosen = [name for name in chosen if not name.startswith("switching")]  # one spontaneous rate for S to R
    for name in chosen:
        for part in draw(OTHERS[name](context)):
            if part.label not in labels:
                labels.add(part.label)
                parts.append(part)
    return draw(st.permutations(parts))


def models(most: int = 8, group: Sequence[str] | None = None) -> st.SearchStrategy[Model]:
    """A random model of these, or of at most so many, mechanisms beside drugs and clones."""
    return declarations(most, group).map(lambda parts: Model(*parts))


def groups(rounds: int, size: int = 4, seed: int = 0) -> list[tuple[str, ...]]:
    """All mechanisms beside drugs and clones in random groups, each once a round; those that come together are one.

    Lists of mechanisms that hypothesis draws resemble each other: among 500, many mechanisms are in one or two.
    """
    names = sorted({make: name for name, make in OTHERS.items() if name != "clone"}.values())
    chance, found = random.Random(seed), []
    for _ in range(rounds):
        order = chance.sample(names, len(names))
        found += [tuple(order[i : i + size]) for i in range(0, len(order), size)]
    return found

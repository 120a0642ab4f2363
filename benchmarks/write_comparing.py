"""Write docs/comparing.md and its pictures from the comparison of examples/03_compare.py.

Run it after a change to either: ``PYTHONPATH=. python benchmarks/write_comparing.py``.
"""

import runpy
from pathlib import Path

from pkpd_mdr.compare.show import headline
from pkpd_mdr.compare.verdict import limits_of_the_verdict
from pkpd_mdr.report.schedules import schedule

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "comparing"
PAGE = """# How to read a comparison

A comparison answers one question: **of these ways to treat this tumour, which is better, and how sure are we?**
This page goes through the one that `python examples/03_compare.py` makes: five ways to give doxorubicin and
paclitaxel, {draws} draws of uncertain parameters, {until}. Every number and picture here comes from `python
benchmarks/write_comparing.py`.

## What was compared

{arms}

All arms treat the same {draws} patients: a patient is one draw of the uncertain parameters ({varied}). So arms
are not compared as two groups of a trial are; each patient gets every arm, and differences are taken within the
patient. That is why a difference can be certain although the medians of the arms overlap widely.

## The table

```text
{table}
```

- **median** and its interval: over the patients. The interval says how different patients are, and how little
  is known of them; it is not an interval of the mean.
- **difference**: within each patient, then the median and interval of that. Read this one first. It is this
  that holds or leaves out zero.
- **best in**: in how many patients the arm is the best of all. Arms that tie share.
- A time that was not reached by the end is shown as more than the run and counts as its end in differences, so
  that such a difference is too small rather than too large.

## The verdict in words

> {verdict}

`print(comparison)` begins with it, `comparison.verdict("resistant_share")` gives that of another endpoint, and
`comparison.report_html("page.html")` writes it and all that follows as a page to keep or to send.

- **come to the same**: their differences stay within 1 % in the whole interval, whoever is ahead.
- **cannot be told apart, as neither reaches it**: the run was too short to say; a longer one or another endpoint may.
- **the best arm**: the interval of the difference leaves out zero, and it is best in 95 % of the draws or more.
- **as good or better**: they tie in some draws, as where neither reaches progression, and it loses in none.
- **ahead, but cannot be told apart**: some draws say one thing, others another.
- **too few to be sure**: so few draws that all of them agree could be chance (a sign test at the confidence asked for).
- The interval behind a share of draws is that of so few of them; it shrinks with more. The interval of the difference
  does not: it is what is not known about the parameters.
- **Against**: endpoints in which another arm is surely better, by a twentieth or more: the price of the gain.

## Differences: the forest

![differences to the best arm](comparing/forest.png)

One row for each arm, the paired difference to the reference. Blue lies on the better side as a whole, orange on
the worse one; grey holds zero, so that the data do not tell these two arms apart. A difference that leaves out
zero is certain *in the model*; whether it is worth anything in a clinic is another question: look at its size
in days.

## Times: Kaplan-Meier

![time to progression](comparing/survival.png)

Who has not progressed, over time, with the numbers still followed below. The bands are those of a trial with as
many patients as there are draws; they shrink with more draws and say nothing about whether the model is right.

## Single patients: the swimmer

![what each patient was given](comparing/swimmer.png)

Each bar is a patient: coloured where a drug was given, a triangle where the burden first fell below half, a
cross at progression. An adaptive arm gives each patient something else, and here one sees what.

## Efficacy and its price

![time to progression against neutrophils](comparing/front.png)

Filled arms are on the front: no other arm is better in both. Between them the model has no opinion; that is a
matter of what the patient and the clinic are willing to pay.

## Patients who differ, and parameters that are not known

A share of draws is how sure one is only if draws are what is not known about *one* tumour. Draws of patients who differ
(`mdr.patients`) say how many fare better, and the verdict then adds the mean difference: an arm can be better for 60 %
of the patients and, on average, surely better. Where both are there, draw patients for each draw of what is not known,
and take the mean within it:

```python
groups = [mdr.patients(model, 50, spread, draws=known.iloc[[k]], seed=k).frame for k in range(20)]
comparison = mdr.compare(model, arms, parameters=pd.concat(groups), until="3 year")
gaps = pd.Series(comparison.gaps("adaptive", "combination"))
means = gaps.groupby(np.repeat(range(20), 50)[comparison.kept]).mean()
print(means.quantile([0.025, 0.5, 0.975]), (means > 0).mean())
```

with `known` a table of draws such as `fit.draws(20).frame` and `spread` how patients differ. `(means > 0).mean()` is
how sure it is that the arm is better on average; `(gaps > 0).mean()` is for how many patients.

## What would change the verdict

![which unknown decides](comparing/deciders.png)

{deciders}

A long bar with a large share says: measure this before you believe the verdict. With {draws} draws only the
plainest of such things can be told; use hundreds. A parameter that was held fixed has no bar at all:

{limits}

## Five ways to fool oneself

- **Unequal doses.** An arm that gives more drug usually wins. `fair="total_dose"` or `fair="auc"` gives every
  arm the same; what was scaled is printed, and what a strategy then leaves out, too.
- **One set of parameters.** Without draws there is no interval, and the order of arms may be an accident of one
  number.
- **Failed runs.** Patients that one arm could not finish are left out of all arms, counted and quoted. If they
  fail where that arm does badly, it looks better than it is.
- **An endpoint that punishes the plan.** An adaptive arm lets the burden come back on purpose. If it may return to
  where it began and progression is a fifth above that, or any confirmed rise of PSA, pauses are counted as
  progression; compare a time to a level that matters, such as `mdr.endpoints.time_to_threshold("1e11 cell")`, too.
- **No price.** Without an endpoint of toxicity the verdict knows none, and more drug is always better.
"""


def main() -> None:
    """Run the example and fill the page."""
    found = runpy.run_path(str(ROOT / "examples" / "03_compare.py"))["table"]
    PICTURES.mkdir(exist_ok=True)
    pictures = {
        "forest": found.plot_forest(),
        "survival": found.plot_survival(),
        "swimmer": found.plot_swimmer("adaptive", most=12),
        "front": found.plot_pareto("time_to_progression", "anc_nadir"),
        "deciders": found.plot_deciders(),
    }
    for name, axes in pictures.items():
        axes.figure.savefig(PICTURES / f"{name}.png", dpi=160, metadata={"Software": None})
    deciders = found.deciders()["sentence"]
    page = PAGE.format(
        draws=found.drawn,
        until=found.until,
        varied=", ".join(found.settings.varied),
        arms="\n".join(f"- **{arm}**: {'; '.join(schedule(plan))}" for arm, plan in found.plans.items()),
        table="\n\n".join([headline(found), str(found).split("\n\n")[1]]),
        verdict=found.verdict(),
        deciders="\n".join(f"- {line}" for line in deciders),
        limits="\n".join(f"- {line}" for line in limits_of_the_verdict(found)),
    )
    (ROOT / "docs" / "comparing.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()

"""Write docs/comparing.md and its pictures from the comparison of examples/03_compare.py.

Run it after a change to either: ``PYTHONPATH=. python benchmarks/write_comparing.py``.
"""

import runpy
from pathlib import Path

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

`comparison.report("page.html")` writes this sentence and all that follows as a page to keep or to send.

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

## What would change the verdict

![which unknown decides](comparing/deciders.png)

{deciders}

A long bar with a large share says: measure this before you believe the verdict. With {draws} draws only the
plainest of such things can be told; use hundreds. A parameter that was held fixed has no bar at all:

{limits}

## Four ways to fool oneself

- **Unequal doses.** An arm that gives more drug usually wins. `fair="total_dose"` or `fair="auc"` gives every
  arm the same; what was scaled is printed, and what a strategy then leaves out, too.
- **One set of parameters.** Without draws there is no interval, and the order of arms may be an accident of one
  number.
- **Failed runs.** Patients that one arm could not finish are left out of all arms, counted and quoted. If they
  fail where that arm does badly, it looks better than it is.
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
        table="\n\n".join(str(found).split("\n\n")[:2]),
        verdict=found.verdict(),
        deciders="\n".join(f"- {line}" for line in deciders),
        limits="\n".join(f"- {line}" for line in limits_of_the_verdict(found)),
    )
    (ROOT / "docs" / "comparing.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()

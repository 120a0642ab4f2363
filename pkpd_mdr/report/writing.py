"""`report`: from a result to a page of HTML that needs nothing else."""

from __future__ import annotations

import base64
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from pkpd_mdr.arguments import TEXT, Kind, saved, takes
from pkpd_mdr.compare import Comparison
from pkpd_mdr.errors import SimulationError, shown
from pkpd_mdr.fit import Fit
from pkpd_mdr.model import Model
from pkpd_mdr.report.blocks import Page, Section, Text

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

__all__ = ["html", "report"]

Reported = Comparison | Fit | Model
_TEMPLATE = "page.html"
_PLACES = re.compile(r"(?<=[*/+(,_])|(?<=\b[0-9a-f]{32})")  # in formulas, names and hashes
_WORD = 24  # letters up to which a word is not broken

FIT = Kind.of(Fit, words="the fit that the draws come from; write fit=found with what mdr.fit(...) returned")


@takes(SimulationError, title=TEXT, question=TEXT, fit=FIT)
def report(
    result: Reported,
    path: str | Path,
    *,
    title: str | None = None,
    question: str | None = None,
    fit: Fit | None = None,
) -> Path:
    """Write a comparison, a fit or a model as one HTML file.

    The file holds its pictures and loads nothing, so that it can be sent, printed and kept; it is the same to the last
    byte for the same result.

    Parameters
    ----------
    result : Comparison, Fit or Model
    path : str or Path
        Of the file; what is there is replaced.
    title : str, optional
        The heading.
    question : str, optional
        What was asked, in your own words; stands first.
    fit : Fit, optional
        For a comparison: where its draws come from. Its data, estimates and doubts are added.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    SimulationError
        `result` is something else, or there is no folder for the file.

    Examples
    --------
    >>> import tempfile
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0.5 1/day"), start=1e6))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     mdr.report(model, f"{folder}/model.html").name
    'model.html'
    """
    text = html(result, title=title, question=question, fit=fit)
    return saved(path, lambda target: target.write_text(text, encoding="utf-8"), SimulationError, "the report")


@takes(SimulationError, title=TEXT, question=TEXT, fit=FIT)
def html(result: Reported, *, title: str | None = None, question: str | None = None, fit: Fit | None = None) -> str:
    """The page of `report` as text; same arguments."""
    found = page(result, fit)
    asked = (Section("Question", (Text(question),)),) if question else ()
    named = Page(title or found.title, asked + found.sections)
    return _template().render(page=named, version=_version())


def page(result: Reported, fit: Fit | None = None) -> Page:
    """The sections of a result.

    Raises
    ------
    SimulationError
        It is no comparison, fit or model.
    """
    from pkpd_mdr.report.comparing import comparison_page
    from pkpd_mdr.report.fitting import fit_page
    from pkpd_mdr.report.modelling import model_page

    if isinstance(result, Comparison):
        return comparison_page(result, fit)
    if isinstance(result, Fit):
        return fit_page(result)
    if isinstance(result, Model):
        return model_page(result)
    raise SimulationError(f"there is no report of {shown(result)}; give a Comparison, a Fit or a Model")


def _template() -> Template:
    """The page with everything escaped that is put into it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("pkpd_mdr.report", package_path=""),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters["base64"] = lambda content: base64.b64encode(content).decode("ascii")
    environment.filters["breakable"] = _breakable
    return environment.get_template(_TEMPLATE)


def _breakable(text: str) -> Markup:
    """Escaped text with the places at which a narrow column may break what has no spaces."""
    from markupsafe import Markup

    words = re.split(r"(\s+)", text)
    return Markup("").join(Markup("<wbr>").join(_PLACES.split(w) if len(w) > _WORD else [w]) for w in words)


def _version() -> str:
    try:
        return version("pkpd-mdr")
    except PackageNotFoundError:
        return "(not installed)"

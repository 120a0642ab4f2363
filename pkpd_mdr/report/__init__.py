"""Reports: one self-contained HTML page about a comparison, a fit or a model."""

from pkpd_mdr.report.writing import html, report

__all__ = ["html", "report"]

"""Cards of all public mechanisms, and the table that shows them."""

from pkpd_mdr.mechanisms.cards.card import HEADINGS, SOURCES, Card, Range
from pkpd_mdr.mechanisms.cards.listing import cards, find, table

__all__ = ["HEADINGS", "SOURCES", "Card", "Range", "cards", "find", "table"]

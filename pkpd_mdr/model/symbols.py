"""What formulas are made of."""

from __future__ import annotations

from functools import lru_cache

from pkpd_mdr.model.parts import Expression

__all__ = ["parts_of", "symbols_in"]


def parts_of(expression: Expression) -> set[Expression]:
    """An expression and all that it is made of, each once; SymPy's traversals visit again what is shared.

    Examples
    --------
    >>> from pkpd_mdr.expression import symbol
    >>> len(parts_of(symbol("CL") / symbol("V")))  # CL/V, CL, 1/V, V, -1
    5
    """
    found, left = set(), [expression]
    while left:
        part = left.pop()
        if part not in found:
            found.add(part)
            left.extend(part.args)
    return found


@lru_cache(maxsize=4096)
def symbols_in(expression: Expression) -> frozenset[Expression]:
    """The free symbols of an expression; kept, because joining a model asks for them again and again.

    Examples
    --------
    >>> from pkpd_mdr.expression import symbol
    >>> sorted(item.name for item in symbols_in(symbol("CL") / symbol("V")))
    ['CL', 'V']
    """
    return frozenset(expression.free_symbols)

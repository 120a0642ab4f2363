"""Arguments checked where they are handed in, so that none fails later in somebody else's words."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar

from pkpd_mdr.errors import PkpdMdrError, did_you_mean, is_flag, shown

__all__ = ["CONFIDENCE", "COUNT", "FLAG", "NUMBER", "SEED", "TABLE", "TEXT", "TEXTS", "Kind"]
__all__ += ["fraction", "listed", "saved", "takes", "whole"]

_P = ParamSpec("_P")
_R = TypeVar("_R")
_LONGEST_TEXT = 2000


def listed(given: object) -> list[Any] | None:
    """The items of a list, an array or another collection; None for one value, a text or a mapping.

    Examples
    --------
    >>> listed((1, 2)), listed("1 h"), listed(3)
    ([1, 2], None, None)
    """
    if isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Collection):
        return None
    try:
        return list(given)
    except TypeError:  # an array without dimensions
        return None


def saved(path: object, write: Callable[[Path], object], error: type[PkpdMdrError], what: str) -> Path:
    """Write a file, or say why it cannot be written.

    Parameters
    ----------
    path : str or path
        As it was handed in.
    write : callable
        Writes to a path.
    error : type of error
    what : str
        What is written, as in ``"the report"``.

    Returns
    -------
    Path

    Raises
    ------
    PkpdMdrError
        It is no path, lies in no folder that is there, is a folder itself, or the system refuses it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     saved(f"{folder}/table.csv", lambda file: file.write_text("1,2"), PkpdMdrError, "the table").name
    'table.csv'
    """
    if not isinstance(path, (str, PathLike)):
        raise error(f"{what} cannot be written: path is {shown(path)}; write the name of a file such as 'found.csv'")
    target = Path(path)
    try:
        if target.is_dir() or not target.parent.is_dir():
            why = "is a folder" if target.is_dir() else "lies in no folder that exists"
            raise error(f"{what} cannot be written: {shown(str(target))} {why}; name a file in a folder that is there")
        write(target)
    except (OSError, ValueError) as problem:
        if isinstance(problem, PkpdMdrError):
            raise
        why = getattr(problem, "strerror", None) or str(problem)
        raise error(f"{what} cannot be written to {shown(str(target))}: {why}; name a file that can be") from problem
    return target


@dataclass(frozen=True, slots=True)
class Kind:
    """What an argument has to be.

    Parameters
    ----------
    words : str
        Completes "... is this, not" in the message, with the repair.
    fits : callable
        Whether a value will do.
    plain : callable, optional
        Turns a value that will do into Python's own type, so that scalars of NumPy are as good as numbers.
    """

    words: str
    fits: Callable[[Any], bool]
    plain: Callable[[Any], Any] = lambda given: given

    @staticmethod
    def of(*types: type, words: str) -> Kind:
        """An object of our own types."""
        return Kind(words, lambda given: isinstance(given, types))


def _are_texts(given: object) -> bool:
    items = [given] if isinstance(given, str) else listed(given)
    return items is not None and all(isinstance(part, str) for part in items)


TEXT = Kind(
    f"text of at most {_LONGEST_TEXT} characters; write a name in quotes",
    lambda given: isinstance(given, str) and len(given) <= _LONGEST_TEXT,
)
TEXTS = Kind("a name or a list of names; write names in quotes", _are_texts)
NUMBER = Kind("a number without a unit", lambda given: isinstance(given, Real) and not is_flag(given), float)
COUNT = Kind(
    "a whole number; write for example 3", lambda given: isinstance(given, Integral) and not is_flag(given), int
)
SEED = Kind("a whole number of 0 or more; write for example 1", lambda given: COUNT.fits(given) and given >= 0, int)
FLAG = Kind("True or False", is_flag, bool)
TABLE = Kind("a dict from a name to a value; write for example {'name': ...}", lambda given: isinstance(given, Mapping))


def whole(least: int, most: int | None = None, *, example: int) -> Kind:
    """A whole number that is not too small, nor too large where `most` says so."""
    bounds = f"of {least} or more" if most is None else f"from {least} to {most:,}"
    return Kind(
        f"a whole number {bounds}; write for example {example}",
        lambda given: COUNT.fits(given) and least <= given and (most is None or given <= most),
        int,
    )


def fraction(*, example: float) -> Kind:
    """A share between 0 and 1, which are none themselves."""
    words = f"a share between 0 and 1; write for example {example:g}"
    return Kind(words, lambda given: NUMBER.fits(given) and 0 < given < 1, float)


CONFIDENCE = fraction(example=0.95)
"""Of an interval."""


def takes(
    error: type[PkpdMdrError], options: type | None = None, /, **kinds: Kind
) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Check arguments where they are handed in, so that none fails later in somebody else's words.

    Parameters
    ----------
    error : type
        Raised for an argument of another kind.
    options : type, optional
        The `TypedDict` of a function that hands on ``**options``.
    **kinds : Kind
        By argument name. None passes where it is the default; numbers are handed on as Python's own.

    Examples
    --------
    >>> from pkpd_mdr.errors import ModelError
    >>> @takes(ModelError, on=TEXT)
    ... def kill(drug, *, on):
    ...     return f"{drug} kills {on}"
    >>> kill("dox", on=3)
    Traceback (most recent call last):
        ...
    pkpd_mdr.errors.ModelError: kill(): on is 3, not text of at most 2000 characters; write a name in quotes
    """

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        """The function behind the check of its arguments."""
        signature = inspect.signature(function)
        known = _known(signature, options)
        arguments = _arguments(signature, kinds)

        @wraps(function)
        def checked(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            """Refuse what does not fit, then call the function; Python itself says which one is too many or missing."""
            if known is not None:
                _refuse_unknown(function.__name__, known, kwargs)
            given = list(args)
            for one in arguments:
                if one.place < len(given):
                    given[one.place] = one.checked(error, function.__name__, given[one.place])
                elif one.named and one.name in kwargs:
                    kwargs[one.name] = one.checked(error, function.__name__, kwargs[one.name])
            return function(*given, **kwargs)  # type: ignore[arg-type]

        return checked

    return decorate


def _known(signature: inspect.Signature, options: type | None) -> tuple[str, ...] | None:
    """Names of all arguments; None where any name is one."""
    rest = [name for name, one in signature.parameters.items() if one.kind is inspect.Parameter.VAR_KEYWORD]
    if rest and options is None:
        return None
    return (*(name for name in signature.parameters if name not in rest), *getattr(options, "__annotations__", ()))


def _refuse_unknown(function: str, known: Collection[str], given: Iterable[str]) -> None:
    """A `TypeError` as Python's own for a misspelt argument, with the nearest one."""
    for name in given:
        if name not in known:
            near = did_you_mean(name, known)
            raise TypeError(f"{function}() got an unexpected keyword argument {shown(name)}{near}") from None


class _Argument(NamedTuple):
    """An argument that is checked: whether None is its default, its place, and whether it may be given by name."""

    name: str
    kind: Kind
    optional: bool
    place: int
    named: bool

    def checked(self, error: type[PkpdMdrError], function: str, given: object) -> object:
        """What is handed on, or an error that names the argument."""
        if given is None and self.optional:
            return None
        with suppress(OverflowError, TypeError, ValueError):  # a number beyond floats, or what only looks like a list
            if self.kind.fits(given):
                return self.kind.plain(given)
        raise error(f"{function}(): {self.name} is {shown(given)}, not {self.kind.words}")


def _arguments(signature: inspect.Signature, kinds: Mapping[str, Kind]) -> list[_Argument]:
    found = []
    for place, (name, one) in enumerate(signature.parameters.items()):
        if name in kinds:
            own = place if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD) else sys.maxsize
            found.append(_Argument(name, kinds[name], one.default is None, own, one.kind != one.POSITIONAL_ONLY))
    return found

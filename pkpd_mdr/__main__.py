"""The command line: ``pkpd-mdr`` with ``demo``, ``check table.csv``, ``mechanisms``, ``gallery`` or ``warm-up``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pkpd_mdr import __version__
from pkpd_mdr.errors import PkpdMdrError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process if left out.

    Returns
    -------
    int
        0, or 2 when an input is refused or a file cannot be written; the sentence goes to standard error.

    Examples
    --------
    >>> main(["gallery", "greene2019"])  # doctest: +ELLIPSIS
    Model of 3 states...
    0
    """
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough, as `head` has; what is left in the buffer goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (PkpdMdrError, OSError) as problem:
        print(f"pkpd-mdr: {problem}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pkpd-mdr", description="A tumour resists its drugs; which regimen is better?"
    )
    parser.add_argument("--version", action="version", version=f"pkpd-mdr {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    demo = commands.add_parser("demo", help="fit bundled real data and compare regimens; leaves figures and tables")
    demo.add_argument("--out", type=Path, default=Path("pkpd_mdr_demo"), help="folder for the results")
    demo.add_argument("--draws", type=_count, default=40, help="parameter draws in the comparison")
    demo.set_defaults(run=_demo)
    check = commands.add_parser("check", help="read a table of measurements and say what is in it")
    check.add_argument("table", type=Path)
    check.add_argument("--time", help="column of times, as 'name [unit]'")
    check.add_argument("--value", required=True, help="column of measurements")
    check.add_argument("--drug", action="append", default=[], help="drug=column, as 'dox=dox_nM [nM]'; may be repeated")
    check.add_argument("--by", action="append", default=[], help="column that separates conditions; may be repeated")
    check.add_argument("--replicate", help="column of wells or animals")
    check.add_argument("--sheet", help="sheet of a workbook")
    check.add_argument("--decimal", default=".", help="decimal mark, '.' or ','")
    check.add_argument("--thousands", help="mark that groups digits, such as ','")
    check.set_defaults(run=_check)
    gallery = commands.add_parser("gallery", help="list the published models, or show one")
    gallery.add_argument("model", nargs="?")
    gallery.add_argument("--check", action="store_true", help="compute the published numbers; fails if one is missed")
    gallery.set_defaults(run=_gallery)
    mechanisms = commands.add_parser("mechanisms", help="list the mechanisms, or the parameters of one with ranges")
    mechanisms.add_argument("mechanism", nargs="?", help="such as vesicles.release")
    mechanisms.set_defaults(run=_mechanisms)
    warm = commands.add_parser("warm-up", help="compile the engine's loops for this machine now, not when it pays")
    warm.set_defaults(run=_warm_up)
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def _demo(options: argparse.Namespace) -> None:
    from pkpd_mdr.demo import run_demo

    begun = time.perf_counter()
    run_demo(options.out, draws=options.draws, say=lambda text: print(text, end="\n\n", flush=True))
    print(f"Done in {time.perf_counter() - begun:.0f} s")


def _check(options: argparse.Namespace) -> None:
    from pkpd_mdr.data import read_assay
    from pkpd_mdr.errors import DataError

    drug = {}
    for item in options.drug:
        name, _, column = item.partition("=")
        if not (name and column):
            raise DataError(f"--drug {item!r} is not drug=column; write for example --drug 'dox=dox_nM [nM]'")
        drug[name] = column
    data = read_assay(
        options.table,
        time=options.time,
        value=options.value,
        drug=drug or None,
        by=options.by,
        replicate=options.replicate,
        sheet=options.sheet,
        decimal=options.decimal,
        thousands=options.thousands,
    )
    print(data)
    print(data.summary().to_string())


def _gallery(options: argparse.Namespace) -> None:
    from pkpd_mdr import gallery

    names = [] if options.model is None else [options.model]
    if options.check:
        _check_gallery(names)
    elif not names:
        print(gallery.table())
    else:
        entry = gallery.find(options.model)
        print(entry.make())
        print(f"\n{entry}")


def _check_gallery(names: Sequence[str]) -> None:
    from pkpd_mdr import gallery
    from pkpd_mdr.errors import ModelError

    outcomes = gallery.check(*names)
    print(gallery.numbers(outcomes))
    missed = [outcome for outcome in outcomes if not outcome.declared]
    if missed:
        raise ModelError(f"{len(missed)} of {len(outcomes)} numbers are not as declared, first: {missed[0]}")


def _mechanisms(options: argparse.Namespace) -> None:
    from pkpd_mdr.mechanisms import cards, table

    if options.mechanism is None:
        print(table())
        return
    card = cards.find(options.mechanism)
    print(f"{card.name} ({card.heading}): {card.biology}")
    print(f"  states:  {', '.join(card.states()) or 'none of its own'}")
    print(f"  gallery: {', '.join(card.used_by()) or 'no model'}\n")
    print(table(card.name))


def _warm_up(options: argparse.Namespace) -> None:
    from pkpd_mdr.engine.machine.compiled import warm_up

    print(f"The compiled engine is ready; this took {warm_up():.0f} s")


if __name__ == "__main__":
    sys.exit(main())

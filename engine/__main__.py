"""The command line: `python -m engine COMMAND`.

Exit codes: 0 done, 2 what the user gave is wrong (one sentence on stderr), 1 our fault (a traceback, so that it can be reported).
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from engine.commands import COMMANDS
from engine.errors import UserError
from engine.extensions import load_extensions


class _Parser(argparse.ArgumentParser):
    """Answers a mistyped command in the form of every other mistake: one sentence."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message[:1].upper()}{message[1:]}; see `{self.prog} --help`.")


def parser() -> argparse.ArgumentParser:
    top = _Parser(prog="python -m engine", description="Compute what every exit of a network says, and sweep policies over it.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    for name, module in COMMANDS.items():
        command = commands.add_parser(name, help=module.__doc__, description=module.__doc__)
        command.set_defaults(run=module.run)
        command.add_argument("--json", action="store_true", help="print one JSON document on stdout and nothing else")
        module.arguments(command)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    try:
        given = parser().parse_args(arguments)
        load_extensions()
        document = given.run(given)
        if given.json:
            print(json.dumps(document, allow_nan=False))
        sys.stdout.flush()
    except UserError as mistake:
        print(mistake, file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever reads has seen enough (`| head`); Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        print("Stopped; the same command goes on from here.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

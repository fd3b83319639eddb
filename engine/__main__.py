"""The command line: `python -m engine COMMAND`.

Exit codes: 0 success, 1 a bug in Offramp (a traceback to report), 2 a user error (one sentence on stderr), 130 interrupted.
"""

import argparse
import errno
import json
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from engine.commands import COMMANDS
from engine.commands.progress import log_on_stderr
from engine.errors import UserError
from engine.extensions import load_extensions

#: What is in Offramp's environment, by the names under which it is imported.
_NEEDED = frozenset(
    "numpy scipy sklearn pyarrow PIL safetensors array_api_compat filelock pandas plotly streamlit starlette uvicorn".split()
)


class _Parser(argparse.ArgumentParser):
    """Reports a mistyped command like every other user error: in one sentence."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message[:1].upper()}{message[1:]}; see `{self.prog} --help`.")


def parser() -> argparse.ArgumentParser:
    top = _Parser(prog="python -m engine", description="Compute the outputs of every exit of a network and sweep policies over them.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    for name, module in COMMANDS.items():
        command = commands.add_parser(name, help=(module.__doc__ or "").replace("%", "%%"), description=module.__doc__)
        command.set_defaults(run=module.run)
        command.add_argument("--json", action="store_true", help="print one JSON document on stdout and nothing else")
        module.arguments(command)
    return top


def _run(given: argparse.Namespace) -> Any:
    """The document of the command that is given. Raises UserError if it needs a package that is not installed."""
    try:
        load_extensions()
        with log_on_stderr():
            return given.run(given)
    except ModuleNotFoundError as missing:
        name = (missing.name or "").partition(".")[0]
        if name in ("torch", "torchvision"):
            raise UserError(
                f"PyTorch is not installed in this Python and `{given.command}` needs it; install requirements.txt."
            ) from missing
        if name not in _NEEDED:
            raise
        environment = "`. .venv/bin/activate`, or `.venv\\Scripts\\activate` on Windows"
        raise UserError(
            f"This Python has no {name}, which `{given.command}` needs; activate Offramp's environment ({environment}), which"
            " `python3 run_app.py` makes."
        ) from missing


def main(arguments: Sequence[str] | None = None) -> int:
    resumes = False
    try:
        given = parser().parse_args(arguments)
        resumes = getattr(COMMANDS[given.command], "RESUMES", False)
        document = _run(given)
        if given.json:
            print(json.dumps(document, allow_nan=False))
        sys.stdout.flush()
    except UserError as mistake:
        print(mistake, file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader has closed the pipe (`| head`). Without this, Python would report the error again when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as problem:
        if problem.errno not in (errno.ENOSPC, errno.EDQUOT) or problem.filename is not None:
            raise
        print("The output could not be written because the disk is full; free some space and try again.", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except KeyboardInterrupt:
        print(f"Interrupted; run the same command again to {'continue' if resumes else 'start from the beginning'}.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

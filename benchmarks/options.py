"""The command line that all benchmarks share. Invalid input is explained in one sentence, with exit code 2."""

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn

from engine.errors import UserError


class Options(argparse.ArgumentParser):
    """The options of `python FOLDER/NAME.py`; `--help` prints the docstring of the file."""

    def __init__(self, name: str, about: str | None, folder: str = "benchmarks") -> None:
        form = argparse.RawDescriptionHelpFormatter
        super().__init__(prog=f"python {folder}/{name}.py", description=about, formatter_class=form)

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message[:1].upper()}{message[1:]}; see `{self.prog} --help`.")


def run(main: Callable[[], None]) -> None:
    try:
        main()
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        sys.exit(130)

#!/usr/bin/env python3
"""Runs the linter and the whole test suite in two processes; arguments are passed to pytest. The first run sets everything up in .venv.

This file must run under any Python 3, so that it can say when the version is too old. Code for newer versions is imported after that check.
"""

import os
import sys


def workers(argv: list) -> list:
    """Two processes, each with whole test files and one thread for arithmetic, unless the arguments set their number."""
    if any(argument.startswith(("-n", "--numprocesses", "--dist", "--pdb")) for argument in argv):
        return []
    for library in ("OMP", "OPENBLAS"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    # In the order of their names: files of few tests, which the plug-in would run last, are often those that take longest.
    return ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]


def coverage(argv: list) -> list:
    """`--coverage` reports which lines of engine and app the tests run."""
    if "--coverage" not in argv:
        return argv
    return [argument for argument in argv if argument != "--coverage"] + [
        "--cov=engine",
        "--cov=app",
        "--cov-report=term-missing:skip-covered",
    ]


def main(argv: list) -> int:
    if sys.version_info < (3, 11):
        here = ".".join(str(part) for part in sys.version_info[:2])
        print(
            f"Offramp needs Python 3.11 or newer and this is {here}: start it with a newer one, for example"
            " python3.12 run_tests.py (from python.org or your package manager).",
            file=sys.stderr,
        )
        return 2
    import bootstrap
    from setting_up import processes

    try:
        processes.interrupt_on_sigterm()
        python = bootstrap.ensure("dev")
        os.chdir(bootstrap.ROOT)
        lint = processes.call([python, "-m", "ruff", "check"])
        return processes.call([python, "-m", "pytest", *workers(argv), *coverage(argv)]) or lint
    except bootstrap.SetupError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped.")
        return 130


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

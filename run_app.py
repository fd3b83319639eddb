#!/usr/bin/env python3
"""Starts the Offramp dashboard. The first start sets everything up in .venv; later ones take seconds.

This file must run under any Python 3, so that it can say when the version is too old. Code for newer versions is imported after that check.
"""

import argparse
import ipaddress
import os
import re
import sys
from contextlib import redirect_stdout

#: Commands of the engine that run networks or read data sets.
NEED_TORCH = ("compute", "download", "measure", "train")


class OneSentence(argparse.ArgumentParser):
    """Reports a mistake in the arguments in one sentence, without the usage lines, and exits with code 2."""

    def error(self, message: str) -> None:
        print(f"run_app.py: {message} (see --help)", file=sys.stderr)
        raise SystemExit(2)


def port_number(text: str) -> int:
    if not (text.isdecimal() and len(text) <= 5 and 1 <= int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is not a port, which is a whole number from 1 to 65535")
    return int(text)


def host_name(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        if not re.fullmatch(r"[\w-]+(\.[\w-]+)*", text, re.ASCII):
            raise argparse.ArgumentTypeError(f"{text!r} is not a host name, such as lab.example without http:// and port") from None
    return text


def folder(text: str) -> str:
    if not os.path.isdir(text):
        raise argparse.ArgumentTypeError(f"there is no folder {text!r}")
    return os.path.abspath(text)


def parse(argv: list) -> argparse.Namespace:
    parser = OneSentence(prog="run_app.py", description="Starts the Offramp dashboard; the first start sets it up.")
    parser.add_argument("--port", type=port_number, default=8501, help="default 8501, or the next free port if it is taken")
    parser.add_argument("--host", default="127.0.0.1", help="default 127.0.0.1, this computer only; 0.0.0.0 serves the whole network")
    parser.add_argument(
        "--allow-host",
        type=host_name,
        action="append",
        default=[],
        metavar="NAME",
        help="another name by which the server is reached, through a proxy or a forwarded port; may be repeated",
    )
    parser.add_argument("--all", action="store_true", help="open the page only after PyTorch is installed too")
    parser.add_argument("--base-path", metavar="PATH", default="", help="serve below a path such as /demo/offramp")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    parser.add_argument("--data", type=folder, metavar="DIR", help="folder with the bundles (default: data/)")
    parser.add_argument("--datasets", type=folder, metavar="DIR", help="folder with the downloaded data sets")
    return parser.parse_args(argv)


def install_everything(python: str) -> str:
    """Install PyTorch too. Where it does not exist, the page runs without it."""
    import bootstrap
    from setting_up.environment import NotForThisPlatform

    try:
        return bootstrap.ensure("full")
    except NotForThisPlatform as reason:
        print(reason, flush=True)
        return python


def main(argv: list) -> int:
    if sys.version_info < (3, 11):
        here = ".".join(str(part) for part in sys.version_info[:2])
        print(
            f"Offramp needs Python 3.11 or newer and this is {here}: start it with a newer one, for example"
            " python3.12 run_app.py (from python.org or your package manager).",
            file=sys.stderr,
        )
        return 2
    import bootstrap
    from setting_up import processes

    options = parse(argv)
    try:
        processes.interrupt_on_sigterm()
        python = bootstrap.ensure("view")
        if options.all:
            python = install_everything(python)
        else:
            bootstrap.install_in_background(python)
    except bootstrap.SetupError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped before set-up was finished; run the same command again to continue.")
        return 0
    os.environ["OFFRAMP_DATA"] = options.data or os.environ.get("OFFRAMP_DATA") or str(bootstrap.ROOT / "data")
    if os.environ.get("OFFRAMP_EXTENSIONS"):  # relative to the current folder, which the server does not have
        folders = os.environ["OFFRAMP_EXTENSIONS"].split(os.pathsep)
        os.environ["OFFRAMP_EXTENSIONS"] = os.pathsep.join(os.path.abspath(folder) for folder in folders if folder)
    if options.datasets:
        os.environ["OFFRAMP_DATASETS"] = options.datasets
    arguments = ["--host", options.host, "--port", str(options.port)] + ["--no-browser"] * options.no_browser
    arguments += [f"--allow-host={name}" for name in options.allow_host]
    arguments += [f"--base-path={options.base_path}"] if options.base_path else []
    return processes.replace_process([python, "-m", "app.serve", *arguments])


def command() -> int:
    """The command `offramp`: starts the page, or runs a command of the engine."""
    argv = sys.argv[1:]
    if not argv or argv[0] == "page" or argv[0].startswith("-"):
        return main(argv[1:] if argv[:1] == ["page"] else argv)
    if sys.version_info < (3, 11):
        return main([])  # prints that this Python is too old
    return run_engine(argv)


def run_engine(argv: list) -> int:
    """Run a command of the engine in a Python that has the packages: this one, or that of `.venv`."""
    import bootstrap
    from setting_up import processes
    from setting_up.environment import SetupError

    try:
        processes.interrupt_on_sigterm()
        with redirect_stdout(sys.stderr):  # --json prints one document and nothing else
            python = bootstrap.ensure("full" if argv[0] in NEED_TORCH else "view")
        if python != sys.executable:
            os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(bootstrap.ROOT), os.environ.get("PYTHONPATH")]))
            return processes.call([python, "-m", "engine", *argv])
    except SetupError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    from engine.__main__ import main as engine

    return engine(argv)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

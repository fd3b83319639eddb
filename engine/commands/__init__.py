"""The commands, one file each. The docstring of a file is its `--help` text, `arguments` adds its arguments, and `run` runs it.

A file that states `RESUMES = True` goes on where an interrupted run ended.

`run` prints readable text unless `--json` is given, and returns the document that `--json` prints. Commands import heavy libraries only
when they run, so that `list` and `--help` are fast.
"""

from engine.commands import compute, download, import_outputs, list_here, measure, report, route, speedup, sweep, train, verify

COMMANDS = {
    "list": list_here,
    "download": download,
    "train": train,
    "compute": compute,
    "measure": measure,
    "sweep": sweep,
    "speedup": speedup,
    "route": route,
    "import": import_outputs,
    "report": report,
    "verify": verify,
}

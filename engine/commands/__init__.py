"""The commands, a file each: its docstring is what `--help` says, `arguments` what it asks for, `run` what it does.

`run` prints for people unless `--json` was asked for, and returns the document that is printed then. Heavy libraries are imported by the
command that needs them: `list` and `--help` answer at once.
"""

from engine.commands import compute, download, import_outputs, list_here, measure, sweep, train, verify

COMMANDS = {
    "list": list_here,
    "download": download,
    "train": train,
    "compute": compute,
    "measure": measure,
    "sweep": sweep,
    "import": import_outputs,
    "verify": verify,
}

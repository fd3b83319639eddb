"""The log in a table, in whichever form it is, with its costs."""

from engine.display_text import listed, printable
from engine.importing.logs.column_names import ModelColumns, before_name, guess, unit_in_words
from engine.importing.logs.costs_file import check_any, priced
from engine.importing.logs.log import Log
from engine.importing.logs.long import read_long
from engine.importing.logs.table import Table
from engine.importing.logs.wide import model_columns, read_wide
from engine.importing.options import Options
from engine.outputs import CascadeKind


def read_log(table: Table, costs: Table | None, options: Options, kind: CascadeKind | None, notes: list[str]) -> Log:
    """costs: a second table with costs. Raises UserError if anything is wrong."""
    columns = guess(table.columns, options.columns, table.ignored)
    if "model" in columns.roles:
        notes.append(columns.in_words())
        used = columns.used
        log = read_long(table, columns, options, kind, notes)
    else:
        models = model_columns(table, columns, options.models)
        # What is not about a single model has no place in this form.
        used = {column for role, column in columns.roles.items() if role in ("example", "label", "text", "split")}
        used |= {*columns.factors.values(), *columns.before.values(), *(column for model in models.values() for column in model.used)}
        shown = [f"{role} = {printable(column)}" for role, column in columns.roles.items() if column in used]
        shown += columns.numbers_in_words(("factor", "before"))
        shown.append(f"the models {listed([printable(name) for name in models])}{_parts_in_words(list(models.values()))}")
        notes.append(f"Columns were read as {', '.join(shown)}; to change this, give --models or --map.")
        log = read_wide(table, columns, models, options, kind, notes)
    unused = [printable(column) for column in table.columns if column not in used] + list(table.ignored)
    if unused:
        notes.append(f"Columns that are not used: {listed(unused)}{_use_of_number(table, used)}.")
    log = priced(log, options, costs)
    check_any(log, table)
    return log


def _use_of_number(table: Table, used: set[str]) -> str:
    """What the first unused column of numbers may be good for, as the end of a sentence; empty if there is none."""
    number = next((column for column in table.columns if column not in used and table.is_numeric(column, {})), None)
    if number is None:
        return ""
    mapped = f"--map {before_name(number)}={printable(number)}"
    return f"; if {printable(number)} is known before any model runs, {mapped} lets policies read it"


def _parts_in_words(models: list[ModelColumns]) -> str:
    """What there is about the models besides their quality."""
    parts = [name for name in ("pred", "conf", "failed") if any(getattr(model, name) for model in models)]
    parts += dict.fromkeys(f"feature {name}" for model in models for name in model.features)
    parts += dict.fromkeys(unit_in_words(unit) for model in models for unit in model.costs)
    return f" with {', '.join(parts)}" if parts else ""

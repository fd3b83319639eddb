"""Which array each column of a file of many examples belongs to."""

from collections.abc import Mapping, Sequence

from engine.errors import UserError
from engine.importing.logs.column_names import guess
from engine.importing.schema import is_cost, is_of_exits, no_exit, of_exit, wanted
from engine.outputs import CascadeKind

#: Outputs of exits that are one value for an exit and an example.
OUTPUTS = ("pred", "correct", "quality")
_PLURAL = {"label": "labels", "id": "ids", "text": "texts"}
#: The arrays that stand for what a column of a log may be.
_OF_ROLES = {"example": "ids", "label": "labels", "text": "texts", "split": "split"}
#: Columns of long text, which become arrays of objects.
LONG = ("ids", "texts")

#: An array, and its exit or None.
Place = tuple[str, int | None]


def places_of(columns: Sequence[str]) -> dict[str, Place]:
    """{column: place} of the known columns of a Parquet file."""
    return {column: place for column in columns if (place := _place(column)) is not None}


def places_in_log(columns: Sequence[str], kind: CascadeKind | None) -> dict[str, Place]:
    """{column: place} of the known columns of a CSV or JSON-lines file, which may have other names for what is not about an exit.

    kind: as the user gave it. In a log, costs of separate models are those of each alone, whatever their name
    """
    places = places_of(columns)
    for role, column in guess(columns, {}).roles.items():
        array = _OF_ROLES.get(role)
        if array is not None and column not in places and (array, None) not in places.values():
            places[column] = (array, None)
    if kind is CascadeKind.FAMILY:
        totals = {column: place for column, place in places.items() if is_cost(place[0]) and place[0].startswith("cost")}
        places |= {column: (f"stage_{array}", exit) for column, (array, exit) in totals.items()}
    return places


def have_outputs(places: Mapping[str, Place]) -> bool:
    """Whether there is an output of any exit."""
    return any(array in OUTPUTS and exit is not None for array, exit in places.values())


def check_places(places: Mapping[str, Place]) -> None:
    """Raise UserError if two columns name the same array, or an exit is not named or has no column of an array that others have."""
    if len(set(places.values())) < len(places):
        raise UserError("Two columns name the same array; rename or leave out one of them.")
    for column, (name, exit) in places.items():
        if is_of_exits(name) and exit is None:
            raise UserError(f"Column {column} does not name its exit; call it exit0.{name}, exit1.{name} and so on.")
    exits = 1 + max(exit for _, exit in places.values() if exit is not None)
    for name in sorted({array for array, _ in places.values()}):
        present = {exit for array, exit in places.values() if array == name and exit is not None}
        missing = sorted(set(range(exits)) - present) if present else []
        if missing:
            last = f"exit{max(present)}.{name}"
            raise no_exit(last, missing[0], f"exit{missing[0]}.{name}", "these columns count exits")


def _place(column: str) -> Place | None:
    exit, name = of_exit(column) or (None, _PLURAL.get(column, column))
    return (name, exit) if wanted(name) and name != "images" else None

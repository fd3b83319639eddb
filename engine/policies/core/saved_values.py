"""Rules and their parts as JSON values, and back to the last bit.

The types of a dataclass's fields determine how its values are written and which are accepted:

    registered dataclass  {"type": NAME, FIELD: value, ...}, every field and no other
    array                 nested lists of numbers; without numbers, {"shape": [...]}
    float                 a number, or "inf" or "-inf", which JSON does not have; never NaN
    int, bool, str        as in JSON; a value of an enumeration is its text
    Sequence[X]           a list
    Mapping[str, X]       an object
    Mapping[K, X]         a list of [key, value]
    tuple[X, Y]           a list of that length
    X | None              null or X

Numbers are in the shortest form that reads back as the same float64. A float32 is written as the float64 that equals it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from engine.policies.core.saved_types import SAVED_TYPES, name_of, saved_fields

#: Types nested deeper than this are refused: a mixture of mixtures of ... ends the interpreter's stack.
MOST_NESTED = 12
MOST_TEXT = 4000
MOST_EMPTY = 10**6  # the longest axis of an array without numbers
_INFINITE = {"inf": np.inf, "-inf": -np.inf}


class InvalidValue(ValueError):
    """A value cannot be saved or loaded. The message names its place and says why, without a full stop."""


def encode(value: Any, kind: Any, where: str = "it") -> Any:
    """The JSON value of a field of type `kind`."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return None if value is None else encode(value, _not_none(arguments), where)
    if origin is np.ndarray:
        return _encode_array(np.asarray(value), where)
    if origin is tuple:
        return [encode(part, part_kind, where) for part, part_kind in zip(value, arguments, strict=True)]
    if _is_sequence(origin) and arguments[0] is str:
        return [str(part) for part in value]  # there may be a thousand names of classes
    if _is_sequence(origin):
        return [encode(part, arguments[0], f"{where}[{i}]") for i, part in enumerate(value)]
    if _is_mapping(origin):
        pairs = [(encode(key, arguments[0], where), encode(part, arguments[1], f"{where}[{key}]")) for key, part in value.items()]
        return dict(pairs) if arguments[0] is str else [list(pair) for pair in pairs]
    if kind is float:
        return _encode_number(float(value), where)
    if kind in (int, bool, str) or issubclass(kind, StrEnum):
        return (str if issubclass(kind, StrEnum) else kind)(value)
    return encode_fields(value, where)


def encode_fields(value: Any, where: str) -> dict[str, Any]:
    """The JSON object of a registered type."""
    name = name_of(type(value))
    if name is None:
        raise InvalidValue(f"{where} is a {type(value).__name__}, which is not registered with @engine.register_saved")
    hints = get_type_hints(type(value))
    fields = {field: encode(getattr(value, field), hints[field], f"{where}.{field}") for field in saved_fields(type(value))}
    return {"type": name, **fields}


def decode(value: Any, kind: Any, where: str = "it", depth: int = 0) -> Any:
    """The value of type `kind` that a JSON value stands for. Raises InvalidValue for anything else."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return None if value is None else decode(value, _not_none(arguments), where, depth)
    if origin is np.ndarray:
        return _decode_array(value, get_args(arguments[1])[0], where)
    if origin is tuple:
        parts = _typed(value, list, where)
        if len(parts) != len(arguments):
            raise InvalidValue(f"{where} has {len(parts)} entries instead of {len(arguments)}")
        return tuple(decode(part, part_kind, where, depth) for part, part_kind in zip(parts, arguments, strict=True))
    if _is_sequence(origin) and arguments[0] is str and isinstance(value, list) and all(map(_is_text, value)):
        return tuple(value)
    if _is_sequence(origin):
        return tuple(decode(part, arguments[0], f"{where}[{i}]", depth) for i, part in enumerate(_typed(value, list, where)))
    if _is_mapping(origin):
        return _decode_mapping(value, arguments[0], arguments[1], where, depth)
    if kind is float:
        return _decode_number(value, where)
    if kind is str:
        if not _is_text(_typed(value, str, where)):
            raise InvalidValue(f"{where} has {len(value):,} characters, and at most {MOST_TEXT:,} are allowed")
        return value
    if kind in (int, bool):
        return _typed(value, kind, where)
    if issubclass(kind, StrEnum):
        if value not in list(kind):
            raise InvalidValue(f"{where} is {_brief(value)} instead of {' or '.join(kind)}")
        return kind(value)
    return _decode_type(value, kind, where, depth)


def decode_fields(value: Mapping[str, Any], kind: type, where: str, depth: int = 0) -> dict[str, Any]:
    """The values of a dataclass's fields, from an object that has exactly these keys."""
    names = saved_fields(kind)
    unknown, missing = sorted(set(value) - set(names)), [name for name in names if name not in value]
    if unknown:
        raise InvalidValue(f"{where} has the unknown key {_brief(unknown[0])}")
    if missing:
        raise InvalidValue(f"{where} lacks the key {missing[0]!r}")
    hints = get_type_hints(kind)
    return {name: decode(value[name], hints[name], f"{where}.{name}" if where else name, depth) for name in names}


def parts_of(value: Any) -> Iterator[Any]:
    """A registered value and all registered values in it."""
    if is_dataclass(value) and name_of(type(value)) is not None:
        yield value
        for field in saved_fields(type(value)):
            yield from parts_of(getattr(value, field))
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from parts_of(part)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for part in value:
            yield from parts_of(part)


def _decode_type(value: Any, kind: type, where: str, depth: int) -> Any:
    fields = dict(_typed(value, dict, where))
    if depth == MOST_NESTED:
        raise InvalidValue(f"{where} is nested more than {MOST_NESTED} deep")
    name = fields.pop("type", None)
    registered = SAVED_TYPES.get(name) if isinstance(name, str) else None
    if registered is None:
        remedy = "if an extension defines it, name its folder in OFFRAMP_EXTENSIONS"
        raise InvalidValue(f"{where} has the unknown type {_brief(name)} ({remedy})")
    if not issubclass(registered, kind):
        raise InvalidValue(f"{where} has the type {name!r}, which is not allowed there")
    return registered(**decode_fields(fields, registered, where, depth + 1))


def _decode_mapping(value: Any, key_kind: Any, part_kind: Any, where: str, depth: int) -> dict[Any, Any]:
    if key_kind is str:
        pairs = list(_typed(value, dict, where).items())
    else:
        pairs = [_typed(pair, list, where) for pair in _typed(value, list, where)]
        if any(len(pair) != 2 for pair in pairs):
            raise InvalidValue(f"{where} is not a list of pairs")
    decoded = {}
    for key, part in pairs:
        read = decode(key, key_kind, where, depth)
        if read in decoded:
            raise InvalidValue(f"{where} has the key {_brief(key)} twice")
        decoded[read] = decode(part, part_kind, f"{where}[{_brief(key)}]", depth)
    return decoded


def _encode_array(array: NDArray, where: str) -> Any:
    if np.isnan(array).any():
        raise InvalidValue(f"{where} contains NaN")
    if array.size == 0 and array.ndim > 1:  # nested lists would lose the shape
        return {"shape": list(array.shape)}

    def listed(part: Any) -> Any:
        return [listed(inner) for inner in part] if isinstance(part, list) else _encode_number(part, where)

    return listed(array.tolist())


def _decode_array(value: Any, dtype: type[np.floating], where: str) -> NDArray[np.floating]:
    if isinstance(value, dict):
        shape = _typed(value.get("shape"), list, f"{where}.shape")
        sizes = len(shape) in (2, 3) and all(type(size) is int and 0 <= size <= MOST_EMPTY for size in shape)
        if set(value) != {"shape"} or not sizes or 0 not in shape:
            raise InvalidValue(f"{where} is not the shape of an array without numbers")
        return np.empty(shape, dtype)

    def numbers(part: Any, depth: int) -> Any:
        if not isinstance(part, list):
            return _decode_number(part, where)
        if depth == 3:
            raise InvalidValue(f"{where} has more than three axes")
        return [numbers(inner, depth + 1) for inner in part]

    nested = numbers(_typed(value, list, where), 0)
    try:
        array = np.array(nested, np.float64)
    except ValueError:
        raise InvalidValue(f"{where} has rows of different lengths") from None
    with np.errstate(over="ignore"):
        exact = array.astype(dtype)
    if not np.array_equal(exact.astype(np.float64), array):
        raise InvalidValue(f"{where} has a number that {np.dtype(dtype).name} cannot hold")
    return exact


def _encode_number(number: float, where: str) -> float | str:
    if number != number:
        raise InvalidValue(f"{where} is NaN")
    return ("inf" if number > 0 else "-inf") if abs(number) == np.inf else float(number)


def _decode_number(value: Any, where: str) -> float:
    if isinstance(value, str) and value in _INFINITE:
        return _INFINITE[value]
    if type(value) is int and abs(value) <= 2**53:  # other programs write 1.0 as 1
        return float(value)
    if type(value) is not float or not np.isfinite(value):
        raise InvalidValue(f"{where} is {_brief(value)} instead of a number")
    return value


def _is_text(value: Any) -> bool:
    return type(value) is str and len(value) <= MOST_TEXT


def _typed(value: Any, kind: type, where: str) -> Any:
    """The value, if it has exactly this type: True is not a number."""
    if type(value) is not kind:
        names = {list: "a list", dict: "an object", str: "text", int: "a whole number", bool: "true or false"}
        raise InvalidValue(f"{where} is {_brief(value)} instead of {names[kind]}")
    return value


def _brief(value: Any) -> str:
    """A value in a few characters, on one line."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    # A whole number of a million digits takes long to print.
    return "a huge number" if isinstance(value, int) and abs(value) > 2**64 else repr(value)[:40]


def _not_none(kinds: tuple[Any, ...]) -> Any:
    (kind,) = (kind for kind in kinds if kind is not NoneType)
    return kind


def _is_sequence(origin: Any) -> bool:
    return isinstance(origin, type) and issubclass(origin, Sequence) and origin is not tuple


def _is_mapping(origin: Any) -> bool:
    return isinstance(origin, type) and issubclass(origin, Mapping)

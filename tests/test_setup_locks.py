"""The requirements that people edit, the locks made from them, and other files that name the same packages."""

import re
import tomllib
from pathlib import Path

import pytest

from setting_up.environment import REQUIREMENTS, ROOT, normalized, read_pins, requirements

LEVELS = tuple(REQUIREMENTS)
LOCKS = sorted((ROOT / "locks").glob("*.txt"))


def entries(lock: Path) -> dict[tuple[str, str, str], set[str]]:
    """{(package, version, marker): hashes}; a package may have a version for each range of Pythons."""
    text = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    locked = {}
    for line in filter(None, (line.split("#")[0].strip() for line in text.splitlines())):
        requirement, *hashes = re.split(r"\s+--hash=", line)
        pin, _, marker = requirement.partition(";")
        name, _, version = pin.partition("==")
        locked[normalized(name), version.strip(), marker.strip()] = set(hashes)
    return locked


@pytest.mark.parametrize("level", LEVELS)
def test_every_pin_is_exact_and_locked(level: str) -> None:
    pins = read_pins(requirements(level))
    assert all(re.fullmatch(r"\d+(\.\d+)+", version) for version in pins.values())
    locked = {(name, version) for name, version, _ in entries(ROOT / "locks" / f"{level}.txt")}
    assert {(normalized(name), version) for name, version in pins.items()} <= locked


@pytest.mark.parametrize(("part", "whole"), [("view", "full"), ("full", "dev")])
def test_a_level_is_a_subset_of_the_next_one(part: str, whole: str) -> None:
    assert read_pins(requirements(part)).items() < read_pins(requirements(whole)).items()
    smaller, larger = (entries(ROOT / "locks" / f"{level}.txt") for level in (part, whole))
    versions = {(name, version) for name, version, _ in larger}
    assert {(name, version) for name, version, _ in smaller} < versions
    shared = smaller.keys() & larger.keys()
    assert all(smaller[key] == larger[key] for key in shared)
    assert len(shared) >= 0.9 * len(smaller)  # a marker may be wider in the larger one


def test_viewing_needs_no_torch() -> None:
    names = {name for name, _, _ in entries(ROOT / "locks" / "view.txt")}
    assert not names & {"torch", "torchvision", "triton"} and not any(name.startswith("nvidia") for name in names)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_has_hashes_and_no_address(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert all(hashes and all(re.fullmatch(r"sha256:[0-9a-f]{64}", hash) for hash in hashes) for hashes in entries(lock).values())
    assert not re.search(r"https?:|file:|^-|index-url|find-links", text, re.MULTILINE)


def test_the_installer_is_the_uv_of_the_tests() -> None:
    assert {(name, version) for name, version, _ in entries(ROOT / "locks" / "uv.txt")} == {("uv", read_pins(requirements("dev"))["uv"])}


def test_pip_install_uses_the_same_requirements_and_provides_the_command() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    files = project["tool"]["setuptools"]["dynamic"]["dependencies"]["file"]
    assert {**read_pins(ROOT / files[0]), **read_pins(ROOT / files[1])} == read_pins(requirements("full"))
    assert project["project"]["scripts"] == {"offramp": "run_app:command"}

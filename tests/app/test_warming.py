"""The caches are filled while no visitor needs the computer, and only then."""

from pathlib import Path
from threading import Event

import pytest

from app import resources, store, warming
from app.address import DEFAULT_POLICY
from app.byte_cache import ByteCache
from app.shown import Shown
from app.warming import first_shown, warm
from engine.bundle.bundle import Bundle
from engine.sweep import Sweep
from tests.app.samples import write_sample


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path))
    monkeypatch.setattr(warming, "LOOK", 0.001)
    # Empty ones: other tests leave shipped bundles and their sweeps behind, and nothing is warmed where there is no room.
    bundles: ByteCache[Bundle] = ByteCache(128_000_000, lambda bundle: bundle.nbytes)
    sweeps: ByteCache[Sweep] = ByteCache(64_000_000, lambda sweep: sweep.nbytes)
    monkeypatch.setattr(store, "_bundles", bundles)
    monkeypatch.setattr(store, "_sweeps", sweeps)
    for id in ("one", "two"):
        write_sample(tmp_path, id)
    return tmp_path


def swept() -> list[str]:
    """The bundles whose first page needs no fit."""
    return [entry.id for entry in store.listed() if store.is_swept(entry, DEFAULT_POLICY, "macs")]


def test_every_bundle_then_opens_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    warm(Event(), lambda: 100.0)
    assert swept() == ["one", "two"]
    for name in ("run_sweep", "read_bundle"):
        monkeypatch.delattr(store, name)
    for name in ("sweep_resource", "bundle_resource"):
        monkeypatch.delattr(resources, name)
    for entry in store.listed():
        Shown.of(entry, *first_shown(entry))
        resources.bundle_address(entry)
        resources.sweep_address(entry, *first_shown(entry))


def test_a_damaged_bundle_does_not_hold_up_the_others(data: Path) -> None:
    (data / "bundles" / "one" / "logits.safetensors").write_bytes(b"")
    warm(Event(), lambda: 100.0)
    assert swept() == ["two"]


def test_a_bundle_without_the_default_policy_shows_another_first(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "runnable", lambda entry: (["static"], {}))
    warm(Event(), lambda: 100.0)
    assert all(store.is_swept(entry, "static", "macs") for entry in store.listed()) and swept() == []


def test_the_random_mix_comes_second_as_it_spends_any_budget(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "runnable", lambda entry: (["static", "random_mix"], {}))
    assert {first_shown(entry) for entry in store.listed()} == {("random_mix", "macs")}


def test_it_waits_for_visitors_even_in_the_middle_of_a_sweep() -> None:
    visits = [0.0, 0.0, *[100.0] * 40, 0.0]  # a visitor at first, and one in the middle of the first sweep
    seen: list[bool] = []

    def quiet_for() -> float:
        if visits:
            seen.append(bool(swept()))
            return visits.pop(0)
        return 100.0

    warm(Event(), quiet_for)
    assert not any(seen) and swept() == ["one", "two"]


def test_it_stops_in_the_middle_of_a_sweep() -> None:
    stop, calls = Event(), 0

    def quiet_for() -> float:
        nonlocal calls
        calls += 1
        if calls == 40:
            stop.set()
        return 100.0

    warm(stop, quiet_for)
    assert swept() == [] and calls <= 41


def test_it_stops_while_visitors_are_there() -> None:
    stop = Event()

    def quiet_for() -> float:
        stop.set()
        return 0.0

    warm(stop, quiet_for)
    assert swept() == []


def test_it_takes_no_room_from_what_visitors_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: ByteCache[Bundle] = ByteCache(1_000, lambda bundle: bundle.nbytes)
    monkeypatch.setattr(store, "_bundles", kept)
    warm(Event(), lambda: 100.0)
    assert swept() == [] and len(kept) == 0

"""What the pages share: a bundle and a policy put together for showing."""

import sys
from typing import Any

from app import store
from app.byte_cache import ByteCache
from app.payload.explore import Shown, explorer_payload
from app.worker.pictures import album
from engine.bundle.library import Entry
from engine.policies import POLICIES


def shown(entry: Entry, policy: str, unit: str) -> Shown:
    """A policy on a bundle, with what it is held against."""
    return Shown(
        entry=entry,
        bundle=store.opened(entry),
        album=album(entry),
        policy=policy,
        chosen=store.swept(entry, policy, unit),
        mix=store.swept(entry, store.MIX, unit),
        oracle=store.swept(entry, store.ORACLE, unit),
    )


def _bytes(payload: object) -> int:
    """Memory taken by plain JSON values."""
    parts: list[object] = []
    if isinstance(payload, dict):
        parts = [*payload.keys(), *payload.values()]
    elif isinstance(payload, list | tuple):
        parts = [*payload]
    return sys.getsizeof(payload) + sum(_bytes(part) for part in parts)


#: Worked out again from the sweeps within a tenth of a second, so only what several visitors look at just now is kept.
_payloads: ByteCache[dict[str, Any]] = ByteCache(24_000_000, _bytes)


def payload(entry: Entry, policy: str, unit: str) -> dict[str, Any]:
    """What the live block is sent; worked out once for all visitors."""
    found = shown(entry, policy, unit)
    key = str(entry.folder), entry.stamp(), policy, unit, found.album.missing
    return _payloads.get(key, lambda: explorer_payload(found))


def runnable(entry: Entry) -> tuple[list[str], dict[str, str]]:
    """Names of the policies that can run on a bundle, and for the others one sentence why not."""
    outputs = store.opened(entry).outputs
    reasons = {name: policy.unavailable_reason(outputs) for name, policy in POLICIES.items()}
    return [name for name, reason in reasons.items() if reason is None], {name: reason for name, reason in reasons.items() if reason}

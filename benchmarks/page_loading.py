"""What it costs to load the page with an empty cache: bytes, requests, times, main-thread tasks and layout shifts."""

import base64
import re
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from benchmarks.dashboard import SCREEN
from benchmarks.versions import Version, heading, row
from engine.errors import UserError

if TYPE_CHECKING:
    from playwright.sync_api import Browser

LONG = 200.0  # ms, a task during which the page does not react noticeably
QUIET = 1_500  # ms without a request, a long task or a layout shift after which the page counts as loaded
LIMIT = 90  # seconds
#: Milliseconds between polls, and polls in a row that must find the page quiet: the first one after a long task may come before the
#: browser has reported the task.
POLL, POLLS = 200, 3

#: Runs before the page's own scripts. Times are milliseconds from the start of the navigation. The sentence's time is that of its first
#: paint, as the browser reports it: a task queued behind the paint would delay any callback.
WATCH = """(() => {
  if (window !== top) return
  const loading = { sentence: null, ready: null, tasks: [], shift: 0, last: 0 }
  window.loading = loading
  const observe = (type, add) => new PerformanceObserver((list) => {
    loading.last = performance.now()
    list.getEntries().forEach(add)
  }).observe({ type, buffered: true })
  observe('longtask', (entry) => loading.tasks.push(entry.duration))
  observe('layout-shift', (entry) => (loading.shift += entry.value))
  observe('resource', () => {})
  observe('element', (entry) => (loading.sentence ??= entry.renderTime))
  new MutationObserver(() => {
    document.querySelector('.offramp-sentence')?.setAttribute('elementtiming', 'sentence')
    if (document.querySelector('.offramp[data-ready="true"]')) loading.ready ??= performance.now()
  }).observe(document, { childList: true, subtree: true, attributeFilter: ['data-ready'] })
})()"""


@dataclass(frozen=True)
class Load:
    """The cost of loading the page once.

    http:       bytes of all responses over HTTP as transferred, that is compressed and with their headers
    websocket:  bytes of all messages over the WebSocket as transferred, that is compressed
    data:       bytes of the component's data in them, before compression; None if there is none
    sentence, ready: milliseconds from the navigation until the first sentence is painted, and until the block is ready
    longest:    milliseconds of the longest main-thread task (0 if none took 50 ms)
    long_tasks: number of main-thread tasks of more than 200 ms
    shift:      sum of all layout shifts
    """

    http: int
    requests: int
    websocket: int
    data: int | None
    sentence: float
    ready: float
    longest: float
    long_tasks: int
    shift: float

    @property
    def wire(self) -> int:
        return self.http + self.websocket


@dataclass
class Traffic:
    """What a page receives, counted from the events of the browser's network domain."""

    http: int = 0
    pending: set[str] = field(default_factory=set)
    requests: set[str] = field(default_factory=set)
    messages: list[bytes] = field(default_factory=list)
    extension: str = ""

    def begun(self, event: dict[str, Any]) -> None:
        if event["request"]["url"].startswith("http"):  # neither data: nor blob:
            self.pending.add(event["requestId"])
            self.requests.add(event["requestId"])

    def from_memory(self, event: dict[str, Any]) -> None:
        self.requests.discard(event["requestId"])

    def finished(self, event: dict[str, Any]) -> None:
        if event["requestId"] in self.requests:
            self.http += int(event["encodedDataLength"])
        self.pending.discard(event["requestId"])

    def failed(self, event: dict[str, Any]) -> None:
        self.pending.discard(event["requestId"])

    def handshake(self, event: dict[str, Any]) -> None:
        headers = {name.lower(): value for name, value in event["response"]["headers"].items()}
        self.extension = headers.get("sec-websocket-extensions", "")

    def message(self, event: dict[str, Any]) -> None:
        content = event["response"]["payloadData"]
        self.messages.append(base64.b64decode(content) if event["response"]["opcode"] == 2 else content.encode())

    def websocket(self) -> int:
        """Bytes of the messages as transferred. The browser reports them decompressed, so they are compressed again like the server does.

        This is RFC 7692: one stream for all messages, each ending at a flush whose last 4 bytes are not sent.
        """
        if "permessage-deflate" not in self.extension:
            return sum(map(len, self.messages))
        bits = re.search(r"server_max_window_bits=(\d+)", self.extension)
        stream = zlib.compressobj(wbits=-int(bits[1]) if bits else -15, memLevel=5)
        return sum(len(stream.compress(message) + stream.flush(zlib.Z_SYNC_FLUSH)) - 4 for message in self.messages)

    def component_data(self) -> int | None:
        """Bytes of the largest component's data."""
        sizes = []
        for message in self.messages:
            component = ForwardMsg.FromString(message).delta.new_element.bidi_component
            if kind := component.WhichOneof("data"):
                content = getattr(component, kind)
                sizes.append(len(content) if isinstance(content, str | bytes) else content.ByteSize())
        return max(sizes, default=None)


def load(browser: "Browser", address: str) -> Load:
    """Load the page in a fresh browser context, whose cache is empty."""
    context = browser.new_context(viewport=SCREEN)
    page = context.new_page()
    page.add_init_script(WATCH)
    traffic, network = Traffic(), context.new_cdp_session(page)
    network.on("Network.requestWillBeSent", traffic.begun)
    network.on("Network.requestServedFromCache", traffic.from_memory)
    network.on("Network.loadingFinished", traffic.finished)
    network.on("Network.loadingFailed", traffic.failed)
    network.on("Network.webSocketHandshakeResponseReceived", traffic.handshake)
    network.on("Network.webSocketFrameReceived", traffic.message)
    network.send("Network.enable")
    page.goto(address, wait_until="commit")
    end = time.monotonic() + LIMIT
    quiet = 0  # polls in a row
    while True:
        page.wait_for_timeout(POLL)
        seen, now = page.evaluate("[window.loading, performance.now()]")
        loaded = seen["ready"] and seen["sentence"] and not traffic.pending and now - seen["last"] > QUIET
        quiet = quiet + 1 if loaded else 0
        if quiet == POLLS:
            break
        if time.monotonic() > end:
            raise UserError(f"The page at {address} was not loaded after {LIMIT} s; open it in a browser to see why.")
    context.close()
    return Load(
        http=traffic.http,
        requests=len(traffic.requests),
        websocket=traffic.websocket(),
        data=traffic.component_data(),
        sentence=seen["sentence"],
        ready=seen["ready"],
        longest=max(seen["tasks"], default=0.0),
        long_tasks=sum(task > LONG for task in seen["tasks"]),
        shift=seen["shift"],
    )


def loads(browser: "Browser", addresses: Sequence[str], rounds: int) -> list[list[Load]]:
    """The same number of loads of each address, in turns, so that other programs on the machine slow all of them equally."""
    for address in addresses:
        load(browser, address)  # not counted: the server fills its caches
    each: list[list[Load]] = [[] for _ in addresses]
    for _ in range(rounds):
        for address, measured in zip(addresses, each, strict=True):
            measured.append(load(browser, address))
    return each


def table(versions: Sequence[Version], each: Sequence[Sequence[Load]]) -> list[str]:
    def line(name: str, of: str, unit: float, form: str) -> str:
        return row(name, [[getattr(one, of) / unit for one in measured] for measured in each], lambda value: format(value, form))

    data = all(one.data is not None for measured in each for one in measured)
    return [
        heading(versions),
        line("MB over the wire, compressed", "wire", 1e6, ".2f"),
        line("  of these over HTTP", "http", 1e6, ".2f"),
        line("  of these over the WebSocket", "websocket", 1e6, ".2f"),
        line("requests over HTTP", "requests", 1, ".0f"),
        *([line("kB of component data, before compression", "data", 1e3, ".0f")] if data else []),
        line("s to the first painted sentence", "sentence", 1e3, ".2f"),
        line("s until the block is ready", "ready", 1e3, ".2f"),
        line("ms of the longest main-thread task", "longest", 1, ".0f"),
        line(f"main-thread tasks over {LONG:.0f} ms", "long_tasks", 1, ".0f"),
        line("sum of layout shifts", "shift", 1, ".3f"),
    ]

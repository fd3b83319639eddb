"""When visitors last asked for something or got something, for work that should wait until they do not."""

import time
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Asked every few seconds by every page that is open: whether the server is there, and the bundle still the same. No visitor waits for it.
_HEALTH = ("/_stcore/health", "/offramp/version")


@dataclass
class Traffic:
    """ASGI middleware. last: when a message last came or went, in seconds of `time.monotonic`; at first, when this was made"""

    app: ASGIApp
    last: float = field(default_factory=time.monotonic)

    def quiet_for(self) -> float:
        """Seconds since then."""
        return time.monotonic() - self.last

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or scope["path"].endswith(_HEALTH):
            return await self.app(scope, receive, send)

        async def received() -> Message:
            message = await receive()
            self.last = time.monotonic()
            return message

        async def sent(message: Message) -> None:
            self.last = time.monotonic()
            await send(message)

        self.last = time.monotonic()
        await self.app(scope, received, sent)

"""The dashboard in a process of its own that records every name it looks up and every address it connects or sends to.

python -m tests.browser.watched_server FILE [options of app.serve]
"""

import sys
from collections.abc import Sequence
from typing import Any

#: Python's audit events of network access, and which argument holds the address.
WHERE = {
    "socket.getaddrinfo": 0,
    "socket.gethostbyname": 0,
    "socket.gethostbyaddr": 0,
    "socket.getnameinfo": 0,
    "socket.connect": 1,
    "socket.sendto": 1,
    "socket.sendmsg": 1,
}


def main(argv: Sequence[str]) -> int:
    path, *options = argv
    record = open(path, "w", buffering=1)

    def log(event: str, arguments: tuple[Any, ...]) -> None:
        if event in WHERE:
            record.write(f"{event} {arguments[WHERE[event]]!r}\n")

    sys.addaudithook(log)
    from app.serve import main as serve  # imported here, so that nothing it does while loading is missed

    return serve(options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The names of a server, and when only this computer reaches it. What is served and what refused: tests/browser/test_strangers.py."""

import socket

import pytest

from app.allowed_hosts import is_private, own_names

LOCAL = {"localhost", "127.0.0.1", "::1"}


@pytest.mark.parametrize(("host", "address"), [("127.0.0.1", "127.0.0.1"), ("localhost", "127.0.0.1"), ("::1", "::1")])
def test_a_private_server_has_only_the_names_of_this_computer(host: str, address: str) -> None:
    assert own_names(host, address) == LOCAL


def test_a_name_given_for_this_computer_is_one_of_its_names() -> None:
    assert own_names("My-Machine", "127.0.1.1") == LOCAL | {"my-machine"}


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_public_server_also_has_the_hosts_name_and_looks_up_nothing(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "Amber.lab.example")
    for name in ("getaddrinfo", "getfqdn", "gethostbyname"):
        monkeypatch.delattr(socket, name)
    assert own_names(host, host) == LOCAL | {"amber.lab.example", "amber", "amber.local"}


@pytest.mark.parametrize(
    ("address", "further", "private"),
    [
        ("127.0.0.1", set(), True),
        ("127.0.1.1", set(), True),
        ("::1", set(), True),
        ("127.0.0.1", {"localhost"}, True),  # a port forwarded to this computer
        ("127.0.0.1", {"localhost", "lab.example"}, False),  # behind a proxy
        ("0.0.0.0", set(), False),
        ("::", set(), False),
        ("192.168.1.5", set(), False),
        ("fe80::1%eth0", set(), False),
    ],
)
def test_a_server_is_private_only_if_no_other_computer_reaches_it(address: str, further: set[str], private: bool) -> None:
    assert is_private(address, further) is private

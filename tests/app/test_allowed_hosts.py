"""The names a server has, and when only this computer reaches it. What is answered and what refused: tests/browser/test_strangers.py."""

import socket

import pytest

from app.allowed_hosts import is_private, own_names

LOCAL = {"localhost", "127.0.0.1", "::1"}


@pytest.mark.parametrize(("host", "address"), [("127.0.0.1", "127.0.0.1"), ("localhost", "127.0.0.1"), ("::1", "::1")])
def test_on_this_computer_alone_it_has_its_names_only(host: str, address: str) -> None:
    assert own_names(host, address) == LOCAL


def test_a_name_given_for_this_computer_is_one_of_its_names() -> None:
    assert own_names("My-Machine", "127.0.1.1") == LOCAL | {"my-machine"}


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_for_the_network_it_has_the_computers_name_too_and_looks_nothing_up(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
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
        ("127.0.0.1", {"localhost", "lab.example"}, False),  # a proxy before it
        ("0.0.0.0", set(), False),
        ("::", set(), False),
        ("192.168.1.5", set(), False),
        ("fe80::1%eth0", set(), False),
    ],
)
def test_it_is_private_only_where_no_other_computer_reaches_it(address: str, further: set[str], private: bool) -> None:
    assert is_private(address, further) is private

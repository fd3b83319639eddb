"""pip's settings, passed on to uv."""

from pathlib import Path

import pytest

from setting_up.pip_settings import uv_settings


@pytest.fixture(autouse=True)
def no_custom_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)


def test_without_settings_uv_uses_the_systems_certificates() -> None:
    assert uv_settings("") == ({"UV_SYSTEM_CERTS": "1"}, ["--index-strategy", "unsafe-best-match"])


def test_a_variable_wins_over_a_setting_for_install_and_that_over_a_global_one() -> None:
    config = (
        ":env:.index-url='https://c/'\ninstall.index-url='https://b/'\nglobal.index-url='https://a/'\ndownload.index-url='https://d/'\n"
    )
    assert uv_settings(config)[0]["UV_DEFAULT_INDEX"] == "https://c/"
    assert uv_settings(config.split("\n", 1)[1])[0]["UV_DEFAULT_INDEX"] == "https://b/"


def test_every_setting_is_passed_on(tmp_path: Path) -> None:
    config = f"""global.cert='/etc/ssl/own.pem'
global.client-cert='/etc/ssl/me.pem'
global.extra-index-url='https://a/simple\\nfile:///b/simple'
global.proxy='http://proxy:3128'
global.retries='7'
global.trusted-host='lab.example other.example'
global.no-index='true'
:env:.default-timeout='180'
:env:.find-links='{tmp_path} {tmp_path}/nowhere https://c/wheels'
"""
    settings, options = uv_settings(config)
    assert settings == {
        "SSL_CERT_FILE": "/etc/ssl/own.pem",
        "SSL_CLIENT_CERT": "/etc/ssl/me.pem",
        "UV_INDEX": "https://a/simple file:///b/simple",
        "ALL_PROXY": "http://proxy:3128",
        "HTTPS_PROXY": "http://proxy:3128",
        "HTTP_PROXY": "http://proxy:3128",
        "UV_HTTP_RETRIES": "7",
        "UV_HTTP_TIMEOUT": "180",
        "UV_INSECURE_HOST": "lab.example other.example",
    }
    assert options[2:] == [
        "--no-index",
        "--find-links",
        str(tmp_path),
        "--find-links",
        "https://c/wheels",
    ]  # pip skips the missing folder too


def test_a_folder_of_certificates(tmp_path: Path) -> None:
    assert uv_settings(f"global.cert='{tmp_path}'")[0] == {"SSL_CERT_DIR": str(tmp_path)}


def test_a_line_that_is_not_a_setting_is_skipped() -> None:
    assert uv_settings("WARNING: odd\nglobal.timeout=unquoted words\nglobal.timeout='5'\n")[0]["UV_HTTP_TIMEOUT"] == "5"

"""pip's configured index, certificates and proxy, for uv."""

from __future__ import annotations

import ast
import os
import re
from contextlib import suppress
from pathlib import Path

#: (pip's setting, the variable that tells uv)
UV_VARIABLES = (
    ("index-url", "UV_DEFAULT_INDEX"),
    ("extra-index-url", "UV_INDEX"),
    ("trusted-host", "UV_INSECURE_HOST"),
    ("keyring-provider", "UV_KEYRING_PROVIDER"),
    ("cert", "SSL_CERT_FILE"),
    ("client-cert", "SSL_CLIENT_CERT"),
    *(("proxy", f"{scheme}_PROXY") for scheme in ("ALL", "HTTPS", "HTTP")),
    ("default-timeout", "UV_HTTP_TIMEOUT"),
    ("timeout", "UV_HTTP_TIMEOUT"),
    ("retries", "UV_HTTP_RETRIES"),
)


def uv_settings(pip_config: str) -> tuple[dict[str, str], list[str]]:
    """Environment variables, which keep passwords out of the process list, and options, from the output of `pip config list`."""
    pip: dict[str, str] = {}
    for section in ("global", "install", ":env:"):  # the later ones win
        for line in pip_config.splitlines():
            key, _, value = line.partition("=")
            if key.rpartition(".")[0] == section:
                with suppress(ValueError, SyntaxError):
                    pip[key.rpartition(".")[2]] = str(ast.literal_eval(value))
    settings = {variable: " ".join(pip[name].split()) for name, variable in UV_VARIABLES if pip.get(name)}
    if pip.get("cert") and Path(pip["cert"]).is_dir():
        settings["SSL_CERT_DIR"] = settings.pop("SSL_CERT_FILE")
    elif "SSL_CERT_FILE" not in {**os.environ, **settings}:
        settings["UV_SYSTEM_CERTS"] = "1"  # as pip does
    options = ["--index-strategy", "unsafe-best-match"]  # as pip does; the hashes decide what may be installed
    options += ["--no-index"] * (pip.get("no-index", "").lower() in ("1", "true", "yes", "on"))
    for place in pip.get("find-links", "").split():
        if place.startswith("http") or Path(re.sub("^file://", "", place)).exists():  # uv stops at a missing folder, pip skips it
            options += ["--find-links", place]
    return settings, options

"""Where a request comes from: this machine or elsewhere, our own page or another site's."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

_PROXY_HEADERS = ("forwarded", "via", "x-real-ip", "x-forwarded-")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def is_loopback(host: str | None) -> bool:
    """Whether a host name or address means this machine, by its text alone."""
    if host is None:
        return False
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)  # ::ffff:127.0.0.1 on a socket for both
    return bool((mapped or address).is_loopback)


def host_name(host: str) -> str | None:
    """The name in a ``Host`` header, without its port; raises ValueError for a malformed one."""
    host.encode("ascii")  # raises UnicodeEncodeError, which is a ValueError
    parts = urlsplit(f"//{host}")
    _ = parts.port  # raises for what is no port
    return parts.hostname


def is_local(peer: str | None, headers: Headers) -> bool:
    """Whether a request was made on this machine, as far as it shows.

    ``peer`` is the address of the connection. Each header that a proxy adds says no, and so does
    an Origin or a Host that is not of this machine. A proxy that adds none and sends a Host of
    its own cannot be seen here.
    """
    if any(name.startswith(_PROXY_HEADERS) for name in headers):
        return False
    origin = headers.get("origin")
    try:
        if origin is not None and not is_loopback(urlsplit(origin).hostname):
            return False
        return is_loopback(peer) and is_loopback(host_name(headers.get("host", "")))
    except ValueError:
        return False


def same_origin(scope: Scope, public_url: str) -> bool:
    """Whether a request comes from our own page, or from no browser at all.

    By Sec-Fetch-Site, which a browser sends with HTTP over TLS or to this machine; else, and
    always for a websocket, by Origin, which has to be ``public_url`` (an origin such as
    ``https://retrack.example``, or empty), the Host, or the X-Forwarded-Host of a proxy on this
    machine.
    """
    headers = Headers(scope=scope)
    site = headers.get("sec-fetch-site")
    if scope["type"] == "http" and site is not None:
        return site in {"same-origin", "none"}
    origin = headers.get("origin")
    if origin is None:
        return True
    try:
        given = urlsplit(origin.lower())
        given_host = given.netloc.removesuffix(_DEFAULT_PORTS.get(given.scheme, ""))
    except ValueError:
        return False
    if not given_host:
        return False
    if public_url and f"{given.scheme}://{given_host}" == public_url:
        return True
    hosts = [headers.get("host", "")]
    if _by_trusted_proxy(scope, headers):
        hosts.append(headers.get("x-forwarded-host", "").partition(",")[0].strip())
    port = _DEFAULT_PORTS.get(given.scheme, "")
    return given_host in {host.lower().removesuffix(port) for host in hosts}


def _by_trusted_proxy(scope: Scope, headers: Headers) -> bool:
    """Whether the peer is of this machine.

    When it is and names the browser's address in X-Forwarded-For, uvicorn has put that address in
    the peer's place. No page can make a browser send such a header.
    """
    client = scope.get("client")
    peer = client[0] if client else None
    return is_loopback(peer) or (
        peer is not None and peer in headers.get("x-forwarded-for", "").replace(",", " ").split()
    )


def describe_refusal(headers: Headers) -> str:
    """What the log says of a request that is not from our page, and what to do if it was."""
    return (
        f"its Origin {headers.get('origin', '')!r} is not the Host {headers.get('host', '')!r}; "
        "if that is this page behind a proxy, let the proxy keep the Host, or set "
        "RETRACK_PUBLIC_URL to the page's address"
    )

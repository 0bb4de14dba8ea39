"""What counts as one address: the network of one customer."""

from __future__ import annotations

import functools
import ipaddress

_IPV6_NETWORK_BITS = 64
"""What one customer has of IPv6 at the least (RFC 6177)."""


@functools.lru_cache(maxsize=4096)
def network_of_address(address: str) -> str:
    """An address of IPv4 or the network of one of IPv6; what is no address stands for itself."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped:  # of a socket for both
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((int(found), _IPV6_NETWORK_BITS), strict=False))
    return address

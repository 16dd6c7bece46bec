"""Who may read /metrics of the web process."""

import hmac
from collections.abc import Mapping

from api.access.throttling import address

# A proxy adds at least one of these. Then the peer is the proxy, in a private network, and the client may be anybody.
PROXIED = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA", "HTTP_X_FORWARDED_PROTO")


def may_scrape(meta: Mapping[str, str], token: str) -> bool:
    """Whoever sends the token, unless it is empty; without it this machine and private networks, past any proxy.
    `meta`: of the request."""
    sent = meta.get("HTTP_AUTHORIZATION", "").encode(errors="replace")
    if token and hmac.compare_digest(sent, f"Bearer {token}".encode()):
        return True
    peer = address(meta.get("REMOTE_ADDR", ""))
    return peer is not None and peer.is_private and not any(name in meta for name in PROXIED)

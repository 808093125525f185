"""The headers by which a receiver knows that a webhook is ours, and whether it had it before.

Source: Standard Webhooks 1.0, "Webhook Headers (Sending metadata to consumers)".
"""

import hmac
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from uuid import UUID


def signed(
    body: bytes, delivery: UUID, secrets: Sequence[bytes], now: datetime
) -> list[tuple[str, str]]:
    """The headers of a webhook, signed with each of the secrets: one that was rotated counts on."""
    stamp = str(int(now.timestamp()))
    content = f"{delivery}.{stamp}.".encode() + body
    signatures = (b64encode(hmac.digest(secret, content, sha256)).decode() for secret in secrets)
    return [
        ("webhook-id", str(delivery)),
        ("webhook-timestamp", stamp),
        ("webhook-signature", " ".join(f"v1,{signature}" for signature in signatures)),
    ]

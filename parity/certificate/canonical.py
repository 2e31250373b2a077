"""The one form of a certificate as bytes, and its digest."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any


def canonical(content: Any) -> bytes:
    """JSON with sorted keys, no spaces and letters as they are, in UTF-8.

    Raises:
        ValueError: the content is not JSON: a number that is not finite, or half of a letter.
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")


def digest(certificate: Mapping[str, Any]) -> str:
    """SHA-256 in hex of all of a certificate but its digest.

    Raises:
        ValueError: as `canonical`.
    """
    return sha256(canonical({name: part for name, part in certificate.items() if name != "digest"})).hexdigest()

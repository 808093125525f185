"""What kind of file is it? Asked of its first bytes; its name and its sender may say anything.

Source: WHATWG MIME Sniffing, 6 and 7.1.
"""

import codecs
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

SNIFFED: Final = 1_445  # bytes, as the standard has it
UNKNOWN: Final = "application/octet-stream"
TEXT: Final = "text/plain"
_SIGNATURES: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBPVP", "image/webp"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"\x1a\x45\xdf\xa3", "video/webm"),
    (4, b"ftyp", "video/mp4"),
    (0, b"OggS\x00", "application/ogg"),
    (8, b"WAVE", "audio/wave"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"\x1f\x8b\x08", "application/gzip"),
)
KNOWN: Final = frozenset({TEXT, *(media_type for *_, media_type in _SIGNATURES)})
# What no text has: control characters but for tabs, ends of lines and pages, and escapes.
_BINARY: Final = bytes({*range(0x09), 0x0B, *range(0x0E, 0x1B), *range(0x1C, 0x20)})
INLINE: Final[Mapping[str, str]] = MappingProxyType({
    "image/png": "image/png",
    "image/jpeg": "image/jpeg",
    "image/gif": "image/gif",
    "image/webp": "image/webp",
    "video/webm": "video/webm",
    "video/mp4": "video/mp4",
    "application/pdf": "application/pdf",
    TEXT: "text/plain; charset=utf-8",
})  # fmt: skip
"""The types that may be shown where they are, and as what. Never what runs: HTML, SVG, XML."""


def media_type_of(head: bytes) -> str:
    """The type of a file that begins like this; application/octet-stream: none that is known."""
    for at, signature, media_type in _SIGNATURES:
        if head.startswith(signature, at):
            return media_type
    return TEXT if head and _is_text(head) else UNKNOWN


def _is_text(head: bytes) -> bool:
    if head.translate(None, _BINARY) != head:
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # it may end within a character
    except UnicodeDecodeError:
        return False
    return True

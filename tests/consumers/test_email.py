"""A mail carries what hostile people write, and nothing of it becomes a header or a recipient."""

import asyncio
from collections.abc import Iterator
from typing import Final
from uuid import uuid4

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from consumers.email import AddressUnusable, Item, Letter, composed
from consumers.post_office import PostOffice, Server
from tests import examples as x
from tests.consumers.mail import Sink, sinking

SENDER: Final = "no-reply@desk.example"
HOSTILE: Final = "x\r\nBcc: eve@evil.example\r\n\r\nX-Evil: 1\n\u2028Cc: eve@evil.example\0\ud800"
HEADERS: Final = [
    "from", "to", "reply-to", "subject", "message-id", "in-reply-to", "references",
    "auto-submitted", "x-auto-response-suppress", "list-unsubscribe", "list-unsubscribe-post",
    "mime-version", "content-type",
]  # fmt: skip
words = st.text(max_size=80) | st.sampled_from(
    [HOSTILE, '"a" <eve@evil.example>', "=?utf-8?q?eve?=", "é" * 90, ".\r\n.", "a" * 300, " "]
)
FINE: Final = ("rob@acme.com", "röb@acmé.com")
UNUSABLE: Final = (
    *("rob@acme.com,eve@evil.example", "rob@acme.com\r\nBcc: eve@evil.example", "<rob@acme.com>"),
    *("rob@acme.com rob@b.io", "rob", "", "a@b@c", '"a b"@acme.com', "@acme.com"),
)
addresses = st.sampled_from(FINE) | st.sampled_from(UNUSABLE)


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    with sinking() as sink:
        yield sink


def letter(subject: str, name: str, address: str, said: str) -> Letter:
    return Letter(
        delivery=uuid4(),
        recipient=address,
        name=name,
        case=x.CASE,
        items=[Item(x.NUMBER, subject, f"{name} wrote", said, None, None)],
        because=f"You receive this because {name} added you to this case.",
        ends="End the mails of this case",
        unsubscribe="https://desk.example/unsubscribe/0",
    )


@settings(max_examples=80)
@given(words, words, addresses, words)
@example(HOSTILE, HOSTILE, "rob@acme.com", HOSTILE)
def test_hostile_words_add_no_recipient_and_no_header(
    sink: Sink, subject: str, name: str, address: str, said: str
) -> None:
    sink.received.clear()
    office = PostOffice(Server.at(sink.url), SENDER)

    async def send() -> None:
        try:
            await office.send(composed(letter(subject, name, address, said), SENDER), address)
        finally:
            await office.close()

    try:
        asyncio.run(send())
    except AddressUnusable:
        assert address in UNUSABLE
        return
    (received,) = sink.received
    assert received.recipients == [address]
    assert [key.lower() for key, _ in received.message.raw_items()] == HEADERS
    (to,) = received.message["to"].addresses
    assert to.addr_spec.encode("utf-8", "surrogateescape").decode() == address
    assert "eve@evil.example" not in {a.addr_spec for a in received.message["from"].addresses}
    visible = " ".join(said.encode("utf-8", "replace").decode().split())
    assert visible[:20] in " ".join(received.text.split())


def test_markup_in_words_is_shown_and_not_followed(sink: Sink) -> None:
    said = composed(letter("<i>", "<img src=x>", "rob@acme.com", "<script>1</script>"), SENDER)
    html = said.get_body(("html",))
    assert html is not None
    text = html.get_content()
    assert "<script>" not in text
    assert "<img" not in text
    assert "&lt;script&gt;1&lt;/script&gt;" in text

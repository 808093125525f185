"""The link in every mail that ends them: one click for a mail program, a form for people.

Source: RFC 8058. To read it changes nothing: scanners of mail follow every link.
"""

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse

from api.deps import Given
from api.page import secret_page
from api.preferences import end_mail
from domain.runtime.settings import Settings
from domain.runtime.unsubscribing import End, Ending

router = APIRouter(include_in_schema=False)

Secret = Annotated[str, Path(max_length=200)]
OF: Final = "SELECT stream, recipient FROM desk.deliveries WHERE id = %(delivery)s"
END: Final = """
INSERT INTO desk.unsubscribed (stream, recipient) VALUES (%(stream)s, %(recipient)s)
    ON CONFLICT DO NOTHING
"""
TITLE: Final = "End these mails"
ASK: Final = """<h1>{what}</h1><p>{effect}</p>
<form method="post"><button>{what}</button></form>"""
CASE: Final = ("End the mails of this case", "You will get no more e-mail about this one case.")
ALL: Final = (
    "End these mails",
    "You will get no more e-mail from here. The portal still tells you.",
)
DONE: Final = "<h1>Done</h1><p>{effect}</p>"
GONE: Final = "<h1>This link is not good</h1><p>It is not complete, or not one of ours.</p>"


@router.get("/unsubscribe/{secret}")
async def ask_to_end(secret: Secret, request: Request) -> HTMLResponse:
    """The form."""
    end = _read(secret, request)
    if end is None:
        return secret_page(TITLE, GONE, 404)
    what, effect = ALL if end.of_all else CASE
    return secret_page(TITLE, ASK.format(what=what, effect=effect))


@router.post("/unsubscribe/{secret}")
async def end_mails(secret: Secret, request: Request, given: Given) -> HTMLResponse:
    """Ends them, whoever asks: the secret is all that is needed."""
    end = _read(secret, request)
    if end is None or not await _ended(end, given):
        return secret_page(TITLE, GONE, 404)
    _, effect = ALL if end.of_all else CASE
    return secret_page(TITLE, DONE.format(effect=effect))


def _read(secret: str, request: Request) -> End | None:
    chosen: Settings = request.app.chosen
    return Ending(chosen.master_key_bytes).read(secret)


async def _ended(end: End, given: Given) -> bool:
    """Whether there was such a delivery, to somebody who is not forgotten."""
    async with given.store.pool.connection() as conn, conn.transaction():
        row = await (await conn.execute(OF, {"delivery": end.delivery})).fetchone()
        if row is None or not row[1]:
            return False
        stream, recipient = row
        if end.of_all:
            await end_mail(conn, UUID(recipient))
        else:
            await conn.execute(END, {"stream": stream, "recipient": recipient})
    return True

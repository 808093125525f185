"""The page behind a link: somebody sets their password, in any browser and without a script."""

from html import escape
from typing import Annotated, Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse

from api.deps import Given
from api.links import LinkUnknown
from api.signing_in import FEWEST_CHARACTERS, PasswordRefused, redeem

router = APIRouter(include_in_schema=False)

Secret = Annotated[str, Path(max_length=200)]
# The address is a secret: it is kept from caches and from every other server.
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    ),
}
PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Set your password · Casebook</title>
<style>
:root {{ color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }}
body {{ margin: 0; display: grid; min-height: 100vh; place-items: center; }}
main {{ width: min(24rem, 100vw - 3rem); }}
h1 {{ font-size: 1.35rem; margin: 0 0 1rem; }}
label {{ display: block; font-weight: 600; margin-bottom: .35rem; }}
input, button {{ font: inherit; width: 100%; box-sizing: border-box; padding: .6rem .75rem;
  border: 1px solid color-mix(in srgb, currentColor 35%, transparent); border-radius: .5rem; }}
button {{ margin-top: 1rem; border: 0; background: #1d5fd1; color: #fff; font-weight: 600;
  cursor: pointer; }}
button:hover {{ background: #174ca8; }}
:focus-visible {{ outline: 3px solid #6ea0f5; outline-offset: 2px; }}
p {{ margin: .5rem 0; }} .hint {{ opacity: .75; }}
.wrong {{ border-left: 4px solid #c62f2f; padding-left: .75rem; }}
</style>
<main>{body}</main>
"""
FORM: Final = """<h1>Set your Casebook password</h1>{wrong}
<form method="post">
<label for="password">New password</label>
<input id="password" name="password" type="password" autocomplete="new-password"
  minlength="{fewest}" maxlength="200" required autofocus aria-describedby="hint">
<p class="hint" id="hint">At least {fewest} characters. A few words that you remember are best.</p>
<button>Set password</button>
</form>"""
DONE: Final = "<h1>Your password is set</h1><p>You can sign in with it from now on.</p>"
GONE: Final = (
    "<h1>This link is not good any more</h1>"
    "<p>It was used, or it is older than a day. Ask whoever sent it for a new one.</p>"
)


@router.get("/welcome/{secret}")
async def welcome(secret: Secret) -> HTMLResponse:
    """The form. Whether the link is good is told when it is used: reading it must not use it up."""
    assert secret, "a path has no empty part"
    return _page(_form())


@router.post("/welcome/{secret}")
async def set_password(secret: Secret, request: Request, given: Given) -> HTMLResponse:
    """What the form sends."""
    sent = parse_qs((await request.body()).decode("utf-8", "replace"))
    try:
        await redeem(secret, sent.get("password", [""])[0], given)
    except PasswordRefused as refused:
        return _page(_form(str(refused)), 422)
    except LinkUnknown:
        return _page(GONE, 404)
    return _page(DONE)


def _form(wrong: str = "") -> str:
    said = f'<p class="wrong" role="alert">{escape(wrong)}</p>' if wrong else ""
    return FORM.format(wrong=said, fewest=FEWEST_CHARACTERS)


def _page(body: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(PAGE.format(body=body), status, HEADERS)

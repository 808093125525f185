"""The page behind a link: somebody sets their password, in any browser and without a script."""

from html import escape
from typing import Annotated, Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse

from api.deps import Given
from api.links import LinkUnknown
from api.page import secret_page
from api.signing_in import FEWEST_CHARACTERS, PasswordRefused, redeem

router = APIRouter(include_in_schema=False)

Secret = Annotated[str, Path(max_length=200)]
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
    return secret_page("Set your password", body, status)

"""Plain pages, of the API's description and behind links: no script, no address but our own."""

from html import escape
from typing import Final

from fastapi.responses import HTMLResponse

POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
SHELL: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Casebook API</title>
<style>
:root {{ color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d5dae0; --paper: #fff;
  --tint: #f4f6f8; --link: #1d5fd1; --good: #1a7f42; --warn: #b0481e; }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #e4e8ee; --soft: #9aa5b1; --line: #363d47;
  --paper: #14181d; --tint: #1d232a; --link: #7fb0ff; --good: #58c98b; --warn: #f0936a; }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }}
main {{ max-width: 62rem; margin: 0 auto; padding: 2rem 1.25rem 5rem; }}
h1 {{ font-size: 1.9rem; line-height: 1.2; margin: 0 0 1rem; }}
h2 {{ font-size: 1.3rem; margin: 2.6rem 0 .6rem; padding-bottom: .3rem;
  border-bottom: 1px solid var(--line); }}
h3 {{ font-size: 1rem; margin: 1.4rem 0 .4rem; }}
a {{ color: var(--link); text-underline-offset: .15em; }}
a:focus-visible, summary:focus-visible {{ outline: 3px solid var(--link); outline-offset: 2px;
  border-radius: .2rem; }}
code, pre {{ font: .875em/1.5 ui-monospace, "SF Mono", Consolas, monospace; }}
code {{ overflow-wrap: anywhere; }}
pre {{ background: var(--tint); border: 1px solid var(--line); border-radius: .5rem;
  padding: .8rem 1rem; overflow-x: auto; margin: .4rem 0 1rem; }}
table {{ width: 100%; border-collapse: collapse; margin: .4rem 0 1rem; }}
th, td {{ text-align: left; vertical-align: top; padding: .4rem .8rem .4rem 0;
  border-bottom: 1px solid var(--line); overflow-wrap: break-word; }}
th, td:nth-child(2) {{ white-space: nowrap; }} td:last-child {{ white-space: normal; }}
th {{ color: var(--soft); font-weight: 600; font-size: .85rem; }}
details {{ border: 1px solid var(--line); border-radius: .5rem; margin: .5rem 0; }}
details[open] {{ padding-bottom: .4rem; }}
details > :not(summary) {{ margin-inline: 1rem; }}
details > table {{ width: calc(100% - 2rem); }}
td:first-child code {{ overflow-wrap: normal; }}
summary {{ cursor: pointer; padding: .55rem 1rem; display: flex; gap: .4rem .9rem; flex-wrap: wrap;
  align-items: baseline; }}
summary b {{ font: 600 .8rem ui-monospace, monospace; min-width: 3.4rem; }}
summary .get {{ color: var(--good); }} summary .other {{ color: var(--warn); }}
summary span {{ color: var(--soft); }}
.soft {{ color: var(--soft); }}
@media (max-width: 40rem) {{ main {{ padding: 1.25rem 1rem 4rem; }} h1 {{ font-size: 1.5rem; }}
  summary span {{ flex-basis: 100%; }} th, td {{ padding-right: .5rem; }} }}
</style>
<main><h1>{title}</h1>{body}</main>
"""

# The address is a secret: it is kept from caches and from every other server.
SECRET: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    ),
}
FORM: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title} · Casebook</title>
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


def page(title: str, body: str) -> HTMLResponse:
    """A page with this heading; `body` is HTML."""
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "public, max-age=300"}
    return HTMLResponse(SHELL.format(title=escape(title), body=body), 200, headers)


def secret_page(title: str, body: str, status: int = 200) -> HTMLResponse:
    """A page behind a link that is a secret, with a form or what came of it; `body` is HTML."""
    return HTMLResponse(FORM.format(title=escape(title), body=body), status, SECRET)

"""What an operator does at the command line, on the database: recorded like everything else."""

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar
from uuid import UUID, uuid4

import typer
from pydantic import ValidationError

from api.auth import Scope, make_token
from api.links import make_link
from api.terminal import first_wrong, refuse, say
from domain import commands as c
from domain.configuration import Account, Person, document_stream
from domain.errors import Refusal
from domain.recorded import Cause
from domain.runtime.keys import KeyUnusable
from domain.runtime.opening import open_store
from domain.runtime.settings import serving, settings
from domain.runtime.store import Store
from domain.values import Actor, Role
from projections import directory

CAUSE = Cause("command line")
Result = TypeVar("Result")

accounts = typer.Typer(help="The companies that are supported.", no_args_is_help=True)
people = typer.Typer(help="Who signs in.", no_args_is_help=True)
erase = typer.Typer(help="Destroy the keys of a case or a person.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]


def operator() -> Actor:
    """Whoever is at the command line, as events name them."""
    return Actor(id=f"operator:{getpass.getuser()}", role=Role.OPERATOR)


def on_the_log(work: Callable[[Store], Awaitable[Result]]) -> Result:
    """Opens the log for a piece of work; a refusal ends the command with its sentence."""

    async def run() -> Result:
        async with open_store(settings(), "casebook operator") as store:
            return await work(store)

    try:
        return asyncio.run(run())
    except (Refusal, KeyUnusable) as refused:
        refuse(str(refused))


@accounts.command("add")
def add_account(
    name: str,
    zone: Annotated[str, typer.Option(help="Its time zone.")] = "UTC",
    country: Annotated[str | None, typer.Option(help="Whose phone numbers, e.g. DE.")] = None,
    domain: Annotated[list[str] | None, typer.Option(help="An e-mail domain of its own.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Add an account, or set it anew."""
    given = {"name": name, "zone": zone, "country": country, "domains": tuple(domain or ())}
    command = c.SetAccount(document=checked(Account, given))
    stream = account_id(name)
    on_the_log(lambda store: store.handle(stream, command, by=operator(), cause=CAUSE))
    say({"account": stream, "name": name}, f"Account {name}: {stream}", as_json=as_json)


@people.command("add")
def add_person(
    name: str,
    role: Annotated[Role, typer.Option(help="What they are to the desk.")],
    account: Annotated[str | None, typer.Option(help="The account's name or id.")] = None,
    email: Annotated[str | None, typer.Option(help="Their e-mail address.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Add a person, or set them anew if the e-mail address is known."""
    of = account_id(account) if account else None
    given = {"name": name, "role": role, "account": of, "email": email}
    document = checked(Person, given)
    command = c.SetPerson(document=document)

    async def add(store: Store) -> UUID:
        stream = uuid4()
        if document.email:
            stream = person_id(document.email)
            async with store.pool.connection() as conn:
                stream = next(iter(await directory.of_address(conn, document.email)), stream)
        await store.handle(stream, command, by=operator(), cause=CAUSE)
        return stream

    stream = on_the_log(add)
    say({"person": stream, "name": name}, f"{name}: {stream}", as_json=as_json)


def token(
    person: Annotated[str, typer.Argument(help="The person's id or e-mail address.")],
    label: Annotated[str, typer.Option(help="What it is for.")] = "command line",
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long it is good.")] = 90,
    scope: Annotated[list[Scope] | None, typer.Option(help="What it may be used for.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make a bearer token for a person. It is shown once."""
    if not label.isprintable():
        refuse("label: must be one line without control characters.")
    expires = datetime.now(UTC) + timedelta(days=days)

    async def make(store: Store) -> str:
        stream, found = await known(store, person)
        if found.role is Role.SERVICE and not scope:
            refuse("A service account may do just what its token's scopes say: --scope cases:read")
        async with store.pool.connection() as conn:
            _id, secret = await make_token(
                conn,
                stream,
                scopes=scope or (),
                label=label,
                made_by=str(operator().id),
                expires_at=expires,
            )
            return secret

    secret = on_the_log(make)
    say({"token": secret, "expires_at": expires.isoformat()}, secret, as_json=as_json)


@people.command("invite")
def invite(
    person: Annotated[str, typer.Argument(help="The person's id or e-mail address.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Make a link by which a person sets their password, also anew. It is good once, for a day."""

    async def make(store: Store) -> tuple[str, datetime]:
        stream, found = await known(store, person)
        if not found.active or found.role is Role.SERVICE:
            refuse(f"{person} cannot sign in.")
        async with store.pool.connection() as conn:
            return await make_link(conn, stream, made_by=str(operator().id))

    secret, expires = on_the_log(make)
    here = serving()
    link = f"http://{here.host}:{here.port}/welcome/{secret}"
    say({"link": link, "secret": secret, "expires_at": expires}, link, as_json=as_json)


async def known(store: Store, reference: str) -> tuple[UUID, Person]:
    """The person of an id or an address in writing; ends the command where there is none."""
    stream = person_id(reference)
    if "@" in reference:  # somebody who was added over HTTP has an id that says nothing
        async with store.pool.connection() as conn:
            stream = next(iter(await directory.of_address(conn, reference)), stream)
    found = await store.lookup.documents.one(stream, Person)
    if found is None:
        refuse(f"There is no person {reference}: casebook people add.")
    return stream, found[0]


def account_id(reference: str) -> UUID:
    """The account of an id in writing, or of the name under which it was added."""
    return _id(reference) or document_stream("account", reference.casefold())


def person_id(reference: str) -> UUID:
    """The person of an id in writing, or of the address with which they were added."""
    return _id(reference) or document_stream("person", reference.lower())


def _id(reference: str) -> UUID | None:
    try:
        return UUID(reference)
    except ValueError:
        return None


def checked(kind: type[Any], given: dict[str, Any]) -> Any:  # noqa: ANN401  of the kind given
    """A command or a document of what was given; ends with a sentence where it is none."""
    try:
        return kind.model_validate(given)
    except ValidationError as wrong:
        refuse(first_wrong(wrong))

"""What the machine says: the CASEBOOK_ variables of the environment, read once per process.

What is secret can stand in a folder instead, which CASEBOOK_SECRETS names: one file a setting,
named like its variable in small letters, such as casebook_master_key. The environment goes first.
"""

import os
import re
import sys
from base64 import b64decode
from email.utils import parseaddr
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, NoReturn, TypeVar

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "CASEBOOK_"
SECRETS = "CASEBOOK_SECRETS"
MASTER_KEY_BYTES = 32
MEANINGS = {
    "database_url": "the PostgreSQL of the service, such as postgresql://casebook@db.example/casebook",
    "master_key": "32 random bytes in base64, under which the keys of the log are kept",
}


def _is_a_key(value: SecretStr) -> SecretStr:
    try:
        raw = b64decode(value.get_secret_value(), validate=True)
    except ValueError:
        raw = b""
    if len(raw) != MASTER_KEY_BYTES:
        raise ValueError("it must be 32 bytes in base64")
    return value


def _leads_to_a_database(value: str) -> str:
    try:
        conninfo_to_dict(value)
    except ProgrammingError:
        raise ValueError("it must be an address such as postgresql://casebook@db/x") from None
    return value


def _leads_to_files(value: str) -> str:
    if not re.fullmatch(r"file:///.+|(s3|gs|az|abfss?|https|memory)://.*", value):
        raise ValueError(
            "it must be an address such as file:///var/lib/casebook or s3://bucket/path"
        )
    return value


def _is_a_rule(value: str) -> str:
    for part in filter(None, (part.strip() for part in value.split(","))):
        if ":" in part or part[-1].isdigit():
            try:
                ip_network(part)
            except ValueError:
                raise ValueError("it must be networks and hosts, such as 10.1.0.0/16") from None
    return value


def _leads_to_a_scanner(value: str) -> str:
    if value and not re.fullmatch(r"unix:/.+|tcp://.+:[0-9]{1,5}", value):
        raise ValueError("it must be unix:/path or tcp://host:port")
    return value


def _leads_to_mail(value: SecretStr) -> SecretStr:
    url = value.get_secret_value()
    if url and not re.fullmatch(r"smtps?://([^@/\s]+@)?[^@/\s:]+(:[0-9]{1,5})?/?", url):
        raise ValueError("it must be an address such as smtp://user:password@mail.example:587")
    return value


def _is_a_mailbox(value: str) -> str:
    name, address = parseaddr(value)
    if "@" not in address or not (name + address).isprintable():
        raise ValueError("it must be an address such as Support <no-reply@desk.example>")
    return value


def _leads_here(value: str) -> str:
    if value and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", value):
        raise ValueError("it must be an address such as https://desk.example")
    return value.rstrip("/")


def _leads_to_kafka(value: str) -> str:
    if value and not re.fullmatch(r"[^\s:,/]+:[0-9]{1,5}(,[^\s:,/]+:[0-9]{1,5})*", value):
        raise ValueError("it must be host:port, or several separated by commas")
    return value


def _here() -> str:
    return Path("var/files").absolute().as_uri()


DatabaseUrl = Annotated[str, AfterValidator(_leads_to_a_database)]


def _release() -> str:
    try:
        return version("casebook")
    except PackageNotFoundError:
        return "unreleased"


class Environment(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, env_ignore_empty=True)


class Databases(Environment):
    """Where the data is: all that `casebook migrate` needs."""

    database_url: DatabaseUrl
    """As the service's role, which may read the log and append to it."""
    owner_url: DatabaseUrl | None = None
    """As the owner, for migrations and erasure; None: `database_url` is the owner's."""
    read_url: DatabaseUrl | None = None
    """Where read models are read; None: in `database_url`."""

    @property
    def as_owner(self) -> str:
        return self.owner_url or self.database_url

    @property
    def for_reading(self) -> str:
        return self.read_url or self.database_url


class Serving(Environment):
    """How a process serves: what `casebook up` needs before there is a database."""

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    workers: int = Field(default=1, ge=1, le=64)
    public_url: Annotated[str, AfterValidator(_leads_here)] = ""
    """Where people and programs reach it, such as https://desk.example; none: host and port."""
    proxies: str = ""
    """Addresses of proxies, separated by commas, that are believed where a request comes from."""
    log_format: Literal["console", "json"] = "console"
    build: str = Field(default_factory=_release)
    """The release, as every event names it."""

    @property
    def site(self) -> str:
        """What an address of ours begins with, without a slash at its end."""
        return self.public_url or f"http://{self.host}:{self.port}"


class Kafka(Environment):
    """Where events are published, if anywhere."""

    kafka: Annotated[str, AfterValidator(_leads_to_kafka)] = ""
    """Brokers as host:port, separated by commas; none: nothing is published."""
    kafka_prefix: str = Field(default="", pattern=r"^[a-zA-Z0-9._-]*$", max_length=200)
    """What the names of topics begin with: for several logs on one Kafka."""
    kafka_content: Literal["thin", "full"] = "thin"
    """Whether words and personal data are in what is published."""
    kafka_partitions: int = Field(default=12, ge=1, le=1000)
    kafka_replicas: int = Field(default=1, ge=1, le=15)
    """Of topics that are made; others must have as many."""
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_ca: str = ""
    """A file with the certificates that are believed; none: those of this machine."""
    kafka_certificate: str = ""
    """A file with the certificate that is shown, and in `kafka_certificate_key` its key."""
    kafka_certificate_key: str = ""
    kafka_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_user: str = ""
    kafka_password: SecretStr = SecretStr("")


class Settings(Databases, Serving, Kafka):
    requests_per_minute: int = Field(default=6_000, ge=0)
    """With one token, in each worker; 0: as many as it likes."""
    failures_per_minute: int = Field(default=60, ge=0)
    """From one address without a token that is good, in each worker; 0: as many as it likes."""
    request_seconds: float = Field(default=30, gt=0)
    """After which a request is ended."""
    metrics: Literal["loopback", "all"] = "loopback"
    """Who may read /metrics: this machine alone, or everybody who reaches the port."""
    files: Annotated[str, AfterValidator(_leads_to_files)] = Field(default_factory=_here)
    """Where files are kept: file:///folder, or an object store such as s3://bucket/path."""
    scanner: Annotated[str, AfterValidator(_leads_to_a_scanner)] = ""
    """A clamd that looks through them, unix:/path or tcp://host:port; none: nobody does."""
    webhooks_allow: Annotated[str, AfterValidator(_is_a_rule)] = ""
    """Where webhooks may go beside public addresses: networks and hosts, separated by commas."""
    smtp: Annotated[SecretStr, AfterValidator(_leads_to_mail)] = SecretStr("")
    """The server that takes e-mail, smtp://user:password@host:port or smtps://; none: no mail."""
    mail_from: Annotated[str, AfterValidator(_is_a_mailbox)] = "Casebook <no-reply@localhost>"
    """The sender of every e-mail; nobody reads what is sent there."""
    master_key: Annotated[SecretStr, AfterValidator(_is_a_key)]

    @property
    def master_key_bytes(self) -> bytes:
        return b64decode(self.master_key.get_secret_value())


Kind = TypeVar("Kind", bound=Environment)


@cache
def settings() -> Settings:
    """The settings of this process; ends it with one sentence when they are not right."""
    return _read(Settings)


@cache
def databases() -> Databases:
    """The part of the settings that names the databases; ends the process as `settings` does."""
    return _read(Databases)


@cache
def serving() -> Serving:
    """The part of the settings that no database is needed for; ends the process likewise."""
    return _read(Serving)


def is_given(name: str) -> bool:
    """Whether this process is told the variable of this name, wherever it stands."""
    folder = _secrets()
    return bool(os.environ.get(name)) or (folder is not None and (folder / name.lower()).exists())


def _read(kind: type[Kind]) -> Kind:
    try:
        return kind(_secrets_dir=_secrets())
    except ValidationError as wrong:
        _end(_sentence(wrong))


def _secrets() -> Path | None:
    """The folder of the secrets; ends the process when it is named and not there."""
    named = os.environ.get(SECRETS)
    if named and not Path(named).is_dir():
        _end(f"{SECRETS} is not right: there is no such folder.")
    return Path(named) if named else None


def _end(why: str) -> NoReturn:
    sys.stderr.write(why + "\n")
    raise SystemExit(2)


def _sentence(wrong: ValidationError) -> str:
    """What is wrong with the first setting. Never its value: it may be a secret."""
    first = wrong.errors(include_url=False, include_context=False, include_input=False)[0]
    name = str(first["loc"][0])
    if first["type"] == "missing":
        return f"{PREFIX}{name.upper()} is not set: {MEANINGS[name]}."
    return f"{PREFIX}{name.upper()} is not right: {first['msg'].removeprefix('Value error, ')}."

"""The mail server of one machine: what it is handed stands in its folder, and can be read."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.letterbox import read
from consumers.email import composed
from consumers.post_office import PostOffice, Server
from domain.runtime.database import connect
from domain.runtime.keys import Keyring
from domain.runtime.suppressing import Suppressed
from tests.consumers.test_email import SENDER, letter
from tests.deploy.running import free_port, within
from tests.desks import Desk
from tests.journeys.test_command_line import Terminal, terminal

__all__ = ["terminal"]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    folder, port = tmp_path / "mail", free_port()
    argv = [sys.executable, "-m", "deploy.local.mailbox", str(folder), str(port)]
    process = subprocess.Popen(argv, cwd=ROOT)
    try:
        assert within(20, folder.is_dir)
        yield folder, port
    finally:
        process.kill()
        process.wait()


def test_a_mail_that_is_handed_over_can_be_read_as_it_was_sent(mailbox: tuple[Path, int]) -> None:
    folder, port = mailbox
    said = "Line.\n.\n..dots\nüber"
    mails = [composed(letter("Slow", "Anna", to, said), SENDER) for to in ("a@b.io", "röb@b.io")]
    office = PostOffice(Server.at(f"smtp://127.0.0.1:{port}"), SENDER)

    async def send() -> None:
        for one in mails:
            await office.send(one, str(one["to"].addresses[0].addr_spec))
        await office.close()

    def sent() -> bool:
        try:
            asyncio.run(send())
        except Exception:  # noqa: BLE001  it is not up yet
            return False
        return True

    assert within(20, sent)
    kept = [read(file) for file in sorted(folder.glob("[0-9]*.eml"))]
    assert [one["subject"] for one in kept] == ["[Case 00000042] Slow"] * 2
    assert [one["message-id"] for one in kept] == [str(one["message-id"]) for one in mails]
    body = kept[0].get_body(("plain",))
    assert body is not None
    assert said in "\n".join(body.get_content().splitlines())


def test_a_person_lists_and_reads_what_was_kept(tmp_path: Path, terminal: Terminal) -> None:
    folder = ("--folder", str(tmp_path))
    assert terminal.casebook("mail", *folder).out == "There are no mails.\n"
    for name, said in (("1", "First."), ("2", "Second.")):
        mail = composed(letter("It is slow", "Anna", "rob@acme.com", said), SENDER)
        (tmp_path / f"{name}.eml").write_bytes(bytes(mail))
    listed = terminal.casebook("mail", *folder).out.splitlines()
    assert [line.split()[:3] for line in listed] == [
        [number, "Anna", "<rob@acme.com>"] for number in ("1", "2")
    ]
    shown = terminal.casebook("mail", "2", *folder).out
    assert "Subject: [Case 00000042] It is slow" in shown
    assert "First." in shown
    assert terminal.casebook("mail", "3", *folder).status == 2


def test_an_operator_lets_mail_go_again_to_an_address_that_refused_it(
    desk: Desk, terminal: Terminal
) -> None:
    keyring = Keyring(desk.settings.master_key_bytes)
    with connect(desk.settings.database_url, "test", autocommit=True) as conn:
        Suppressed(keyring).add(conn, "rob@acme.com", "550 no such user")
        said = terminal.casebook("lift", "Rob@acme.com")
        assert "550 no such user" in said.out
        assert Suppressed(keyring).why(conn, "rob@acme.com") is None
    again = terminal.casebook("lift", "rob@acme.com")
    assert (again.status, again.err) == (2, "No mail to rob@acme.com is held back.\n")

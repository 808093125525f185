"""Notifier and mailer under load, killed: counted at the mail server against the pure table."""

from tests.consumers.killing import killed_at_work
from tests.desks import Desk


def test_every_delivery_is_there_once_and_each_is_sent_whenever_the_consumers_are_killed(
    desk: Desk,
) -> None:
    killed_at_work(desk, 3)

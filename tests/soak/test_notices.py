"""Twenty kills of notifier and mailer under load."""

import pytest

from tests.consumers.killing import killed_at_work
from tests.desks import Desk


@pytest.mark.soak
def test_twenty_kills_lose_no_delivery_and_make_none_twice(desk: Desk) -> None:
    killed_at_work(desk, 20)

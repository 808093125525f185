"""Webhooks under many kills."""

import pytest

from tests.api.http import serving
from tests.consumers.test_webhook_crowd import survive
from tests.desks import Desk


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_killed_20_times_no_event_is_lost_out_of_order_or_sent_again_without_need(
    desk: Desk,
) -> None:
    with serving(desk) as http:
        survive(http, 20)

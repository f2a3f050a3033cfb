"""A receiver for every test of webhooks that asks for one."""

import pytest

from tests.core.webhooks.receiver import Receiver


@pytest.fixture
def receiver():
    found = Receiver()
    yield found
    found.close()

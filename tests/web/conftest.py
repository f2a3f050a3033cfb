"""The API, for the tests of what HTTP needs."""

from tests.api import api

__all__ = ["api"]

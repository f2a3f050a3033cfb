"""The API, and the shell that it is compared with, for every test of a route."""

from tests.api import api
from tests.commands.shell import bvinv, plain_environment, shop_template

__all__ = ["api", "bvinv", "plain_environment", "shop_template"]

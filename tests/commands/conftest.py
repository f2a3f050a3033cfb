"""The shell, for every test of a command."""

from tests.commands.shell import bvinv, plain_environment, shop_template

__all__ = ["bvinv", "plain_environment", "shop_template"]

"""Every BVINV_* variable, typed.

`BVINV_FORMAT` is read by `output`, and `BVINV_DEBUG` by `cli`, where a command may have failed
before there were settings.
"""

import getpass

import typer
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from bvinv.core.access import Role


class Settings(BaseSettings):
    """What the environment says; the options of the command line go before it."""

    model_config = SettingsConfigDict(env_prefix="BVINV_")

    db: str = ""
    actor: str = ""
    # What this user may do. Whoever can write the file can do everything, unless it says less.
    role: Role = "admin"
    # Hosts that images may come from, with commas between them; none named means any public one.
    image_hosts: str = ""
    # Where search indexes live, else beside the database file, or in the user's cache.
    search_dir: str = ""
    lock_timeout: float = Field(default=30.0, ge=0, le=86_400, allow_inf_nan=False)

    def database(self) -> str:
        """Return the database's path or URL: BVINV_DB, else `bvinv.db` in the user's folder."""
        return self.db or f"{typer.get_app_dir('bvinv')}/bvinv.db"

    def who(self) -> str:
        """Return who acts: BVINV_ACTOR, else the user of the operating system."""
        if self.actor:
            return self.actor
        try:
            return getpass.getuser()
        except (KeyError, OSError):  # a container without a user
            return "unknown"

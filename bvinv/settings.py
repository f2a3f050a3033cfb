"""Every BVINV_* variable, typed.

`BVINV_FORMAT` is read by `output`, and `BVINV_DEBUG` by `cli`, where a command may have failed
before there were settings.
"""

import getpass
from typing import Literal

import typer
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from bvinv.core import clocks
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
    # What follows is for PostgreSQL. Seconds that one statement may take; 0: as long as it takes.
    statement_timeout: float = Field(default=300.0, ge=0, le=86_400, allow_inf_nan=False)
    # A read replica: the catalogue is read there, unless it is further behind than so many seconds.
    db_replica: str = ""
    replica_lag: float = Field(default=10.0, ge=0, le=86_400, allow_inf_nan=False)
    # How far the clock may be ahead of the last change, such as 400d; 0: as far as it likes.
    clock_jump: str = "400d"

    # What follows is for `bvinv serve`. Tokens are accepted where one of the next four is set.
    jwt_secret: str = Field(default="", repr=False)
    jwt_secret_file: str = ""
    jwt_key_file: str = ""  # a public key, PEM
    jwt_jwks_file: str = ""
    jwt_algorithm: str = "HS256"
    jwt_issuer: str = ""
    jwt_audience: str = ""
    jwt_lifetime: int = Field(default=3600, ge=1, le=31_536_000)  # seconds, from iat to exp at most
    # Such as 600/minute, for each caller; several with ; between them. Empty: no limit.
    rate_limit: str = ""
    # Wrong keys and tokens from one address; empty: no limit.
    login_limit: str = "100/minute"
    # Open reservations of one caller with the role service; 0: no limit.
    reservation_quota: int = Field(default=10_000, ge=0, le=10**9)
    # Addresses of proxies whose X-Forwarded-For is believed, with commas between them.
    trusted_proxies: str = ""
    # Origins whose pages may read answers (CORS), with commas between them; * is any.
    cors_origins: str = ""
    body_limit: int = Field(default=1_000_000, ge=1_000, le=10**9)  # bytes
    cache_size: int = Field(default=24_000_000, ge=0, le=10**10)  # bytes, in each worker
    access_log: Literal["text", "json", "off"] = "text"
    # Hosts, with their ports, that webhooks may have although they are not on the public Internet.
    webhook_hosts: str = ""

    def database(self) -> str:
        """Return the database's path or URL: BVINV_DB, else `bvinv.db` in the user's folder."""
        return self.db or f"{typer.get_app_dir('bvinv')}/bvinv.db"

    def jump(self) -> int:
        """Return how far the clock may be ahead, in microseconds. Raises InvalidInput."""
        return clocks.bound(self.clock_jump)

    def search_cache(self) -> str:
        """Return where the search indexes of databases lie that are no file of this machine."""
        return f"{typer.get_app_dir('bvinv')}/search"

    def who(self) -> str:
        """Return who acts: BVINV_ACTOR, else the user of the operating system."""
        if self.actor:
            return self.actor
        try:
            return getpass.getuser()
        except (KeyError, OSError):  # a container without a user
            return "unknown"

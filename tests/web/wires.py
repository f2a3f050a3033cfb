"""Which connections to PostgreSQL this process has."""

import gc

import psycopg


def wires() -> set[psycopg.Connection]:
    """Return those that are open."""
    found = [one for one in gc.get_objects() if isinstance(one, psycopg.Connection)]
    return {one for one in found if not one.closed}

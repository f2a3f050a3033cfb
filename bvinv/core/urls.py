"""URLs of databases as they may be shown: without what nobody else should read."""

from sqlalchemy.engine import make_url

# The parameters that libpq takes for secret (its documentation, 34.1.2).
_SECRET = ("password", "sslpassword")


def shown(url: str) -> str:
    """Return the URL of a PostgreSQL database with *** for its passwords."""
    made = make_url(url).set(drivername="postgresql")
    hidden = {name: "***" for name in _SECRET if name in made.query}
    return made.update_query_dict(hidden).render_as_string()


def has_password(url: str) -> bool:
    """Tell whether the URL holds a password, which `shown` hides."""
    made = make_url(url)
    return bool(made.password) or any(name in made.query for name in _SECRET)

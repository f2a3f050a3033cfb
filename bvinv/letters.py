"""Signs for terminals that have no letters for bars and frames."""

import codecs

_SIGNS = str.maketrans("▁▂▃▄▅▆▇█░·│┤└┴─", "_.-=+*%#:.||++-")
INSTEAD = "bvinv.instead"  # an `errors=` of codecs


def _instead(error: UnicodeError) -> tuple[str | bytes, int]:
    """Stand in for a letter that cannot be encoded: a sign like it, else its number."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    said = error.object[error.start].translate(_SIGNS)
    return said.encode("ascii", "backslashreplace").decode("ascii"), error.start + 1


codecs.register_error(INSTEAD, _instead)

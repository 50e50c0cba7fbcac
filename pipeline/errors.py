"""What reaches the user as a single line instead of a traceback."""

from __future__ import annotations


class BadInput(Exception):
    """Wrong input; the message names the file, what was expected, found, and to do."""


def printable(name: object) -> str:
    """A name, such as a path, fit for a line: newlines and bad bytes are escaped.

    `a<newline>b` becomes `a\\nb`; a byte that is no UTF-8 becomes `\\udcff`.
    """
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode()
        for sign in str(name)
    )

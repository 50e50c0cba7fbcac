"""Errors that reach the user as one line instead of a traceback."""

from __future__ import annotations

import unicodedata
from errno import EDQUOT, EFBIG, EMFILE, ENFILE, ENOMEM, ENOSPC

# The disk, the memory or the table of open files is full: nobody's input is wrong.
FULL = (ENOSPC, EDQUOT, EFBIG, ENOMEM, EMFILE, ENFILE)
JOINERS = "\u200c\u200d"  # of Persian and Indic letters, and of emoji


class BadInput(Exception):
    """Invalid input; the message says which file, what was expected and found."""


class BadEnvironment(BadInput):
    """Something else is wrong or missing, not the file being read."""


def printable(name: object) -> str:
    """Escape what does not fit on a line: newlines, control and undecodable bytes.

    `a<newline>b` becomes `a\\nb`; a byte that is not UTF-8 becomes `\\udcff`. Spaces of
    other scripts and joined letters stay: they are parts of names.
    """
    return "".join(
        sign
        if sign.isprintable() or sign in JOINERS or unicodedata.category(sign) == "Zs"
        else sign.encode("unicode_escape").decode()
        for sign in str(name)
    )

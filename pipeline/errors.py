"""What reaches the user as a single line instead of a traceback."""

from __future__ import annotations

import errno

# what a machine lacks, as against what a user named or the program got wrong
FULL = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.ENOMEM,
    errno.EMFILE,
    errno.ENFILE,
)


class BadInput(Exception):
    """Wrong input; the message names the file, what was expected, found, and to do."""


class BadEnvironment(BadInput):
    """An environment variable or option is wrong, not the file at hand."""


def printable(name: object) -> str:
    """A name, such as a path, fit for a line: newlines and bad bytes are escaped.

    `a<newline>b` becomes `a\\nb`; a byte that is no UTF-8 becomes `\\udcff`.
    """
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode()
        for sign in str(name)
    )

"""The one exception that reaches the user as a single line instead of a traceback."""


class BadInput(Exception):
    """Wrong input; the message names the file, what was expected, found, and to do."""

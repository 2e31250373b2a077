"""Everything parity raises on purpose, on one page.

Each message shows the value that was given, what is wrong with it and what would be accepted.
"""

INTERRUPTED = 130
"""The exit status of what Ctrl-C ended, as shells have it."""


class ParityError(Exception):
    """Base of every error parity raises on purpose; `exit_status` is the command line's."""

    exit_status = 2


class InputError(ParityError):
    """A value that cannot work: of the wrong type, out of range, or at odds with another value."""


class InfeasibleError(ParityError):
    """No design is left: constraints forbid all, or what it has beside its experts alone costs too much.

    The message says which, and what relaxes it.
    """

    exit_status = 1

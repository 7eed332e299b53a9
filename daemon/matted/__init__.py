"""matted: a daemon that removes backgrounds, and the command that talks to it."""

__version__ = "0.1.0"

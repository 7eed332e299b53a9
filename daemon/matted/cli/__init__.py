"""The `matted` command: `main`, a module for each command, and `output`, what their results look like.

A command is a module with `add_parser(commands)`, which sets `run`: a function of the parsed arguments that returns an
exit code and raises MattedError.
"""

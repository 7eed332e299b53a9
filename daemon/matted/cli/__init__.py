"""The `matted` command line: `main`, a module for each command, and `output`, which prints their results.

A command is a module with `add_parser(commands)`, which sets `run`: a function that takes the parsed
arguments, returns an exit code, and raises MattedError.
"""

"""`matted doctor`: check everything from Python to the plug-ins, and say what to do about what is wrong.

A module for each kind of check; `checks` runs them all, `report` writes what they found into a file.
"""

"""`matted doctor`: is everything in order, from Python to the plug-ins, and what to do about what is not.

A module for each kind of check; `examination` has them all, `report` writes what they found into a file.
"""

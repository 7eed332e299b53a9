"""The hosts, which are the programs that matted has a plug-in for: where their profiles are, and what belongs into one.

A host is one object, in a module of its own (`gimp`, `krita`), and one line in `registry`. All else works for any host.
"""

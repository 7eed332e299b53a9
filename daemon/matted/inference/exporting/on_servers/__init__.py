"""Modules that run on servers, with the servers' own Python: an export copies them. Nothing of matted is imported."""

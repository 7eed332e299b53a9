"""Measure what matted does: masks against the truth, seconds, and an INT8 variant against its original."""

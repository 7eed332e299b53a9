"""matted for programs in Python: what `from matted import remove, mask, refine, Session` gives."""

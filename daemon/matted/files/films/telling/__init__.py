"""What came of films: in words, for programs, in a report, and on sheets."""

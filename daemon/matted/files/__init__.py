"""Remove the background of picture files: read them, plan where the results go, have the daemon make the masks."""

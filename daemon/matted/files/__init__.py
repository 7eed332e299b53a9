"""Cut out pictures in files: read and write them, plan where results go, run them through the daemon."""

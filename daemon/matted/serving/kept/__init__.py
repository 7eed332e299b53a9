"""What clients keep in the daemon between their requests: open pictures, and sequences. All of it is bounded."""

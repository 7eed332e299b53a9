"""Read the settings into one frozen object (`config`), and change one in the user's file (`edit`)."""

"""The settings: read once into one frozen object (`config`), and changed in the user's file (`edit`)."""

"""`matted remove`, `refine` and `formats`: picture files in and out."""

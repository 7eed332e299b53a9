"""Films, and folders of numbered frames: one scene through time, frame by frame through the daemon, sound and all."""

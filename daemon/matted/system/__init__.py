"""Services of the operating system, for all rooms: files, locks, processes, memory, the log, and privacy of texts."""

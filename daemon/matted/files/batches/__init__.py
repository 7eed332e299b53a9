"""Run many pictures through the daemon: find them, plan where results go, work on several at once, say what came."""

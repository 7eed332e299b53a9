"""Serve the protocol: sockets and events, requests, the queue of jobs, and the threads that work on them."""

"""What orders take in Redis: `make bench-memory`."""

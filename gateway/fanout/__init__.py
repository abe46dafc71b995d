"""Fan-out: each message published once, in Redis, and handed to every client of every replica that wants it."""

"""The tour: a bot that talks to a running gateway over HTTP and WebSocket, and to nothing else."""

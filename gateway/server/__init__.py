"""The edges of uvicorn: limits it does not have, and a way to stop that loses nothing."""

"""The REST edge: routes, the public shapes, and the one table from error codes to HTTP."""

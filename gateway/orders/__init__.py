"""Orders: placed at most once, and never lost silently."""

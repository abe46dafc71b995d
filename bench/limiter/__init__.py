"""The limiter against its floors: its speed, what others do on the same Redis, and a judge of what arrives."""

"""What an order costs in Redis, whole and after its end: `make bench-orders-memory`."""

"""What an order may be, before anything is spent on it: limits at four levels, and halts."""

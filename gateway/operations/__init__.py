"""What changes an account's money or its terms without being an order, done at most once each."""

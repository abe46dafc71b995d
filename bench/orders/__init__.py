"""What an order costs on its way through the gateway, beside nginx on the same way."""

"""The WebSocket edge: frames in, replies and market data out."""

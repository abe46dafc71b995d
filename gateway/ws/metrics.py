"""What an operator sees of the WebSocket clients: every name a dashboard uses is here."""

from prometheus_client import Counter, Gauge

clients = Gauge("crossgate_ws_clients", "Open client connections.")
subscriptions = Gauge("crossgate_ws_subscriptions", "Topics subscribed, over all clients.")
sent = Counter("crossgate_ws_sent_total", "Messages written to clients.")
refused = Counter("crossgate_ws_refused_total", "Client frames answered with an error.", ["code"])
closed = Counter("crossgate_ws_closed_total", "Connections that we closed.", ["code"])

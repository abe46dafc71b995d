"""Redis: the connection, the scripts, the names of every key. What the keys mean belongs to those who use them."""

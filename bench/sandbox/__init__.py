"""How fast a simulated venue is on one core: its engine, its two faces over HTTP, its streams."""

"""What several venues' adapters share: HTTP, waiting, breaking circuits, clocks. It knows no venue by name."""

"""Measurements, runnable by anyone: `make bench`. They report; what must hold is for the tests to say."""

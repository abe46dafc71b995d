"""Adapters: one contract, one package per venue.

A library of its own: it knows neither the gateway nor Redis. What a venue needs from outside (a throttle, a clock,
credentials) arrives through the Protocols of `adapters.contract`.
"""

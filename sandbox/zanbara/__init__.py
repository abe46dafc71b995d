"""The Zanbara face: the venue's REST and WebSocket protocol in front of the neutral simulation.

Perpetuals only. Source: docs.zanbarax.com (API overview, authentication, rate limits, error codes); where those pages
say nothing, the most natural reading of their conventions.
"""

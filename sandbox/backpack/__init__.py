"""Backpack's face: its paths, signatures, wire formats, errors and streams, over the shared engine.

Source of what is imitated: https://docs.backpack.exchange/ and what its public clients expect. Nothing here is shared
with the adapter that talks to Backpack, so that each can judge the other.
"""

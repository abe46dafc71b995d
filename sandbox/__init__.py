"""Simulated exchanges: one matching engine, one face per venue that speaks the venue's wire protocol.

They judge whatever talks to them, so they share no code with any client: nothing here imports the gateway or its
adapters. In a program: `async with sandbox.server.running(SandboxConfig()) as urls`. As a process:
`python -m sandbox --help`.
"""

"""Who is calling, and what they may do: clients and their secrets, tokens, signatures, grants."""

from gateway.auth.budget import ClientBudget
from gateway.auth.grants import Client, Clients, admitted
from gateway.auth.signatures import Signatures
from gateway.auth.tokens import TokenRefused, Tokens

__all__ = ["Client", "ClientBudget", "Clients", "Signatures", "TokenRefused", "Tokens", "admitted"]

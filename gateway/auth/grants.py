"""Clients: one bot each, with its scopes and the accounts it was granted."""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from adapters.models import AccountName
from gateway.addresses import AllowList
from gateway.errors import Code, Refusal
from gateway.limiter import ClientTerms
from gateway.public_key import public_key_bytes
from gateway.settings import AccountAccess, ClientConfig, ProfileConfig, Scope, Settings


@dataclass(frozen=True, slots=True)
class Client:
    """What one client may do. `version` changes with anything of it, so that older tokens end with the change."""

    name: str
    desk: str | None
    scopes: frozenset[Scope]
    accounts: Mapping[AccountName, AccountAccess]
    ip_allow: AllowList
    max_wait_s: float | None
    version: str
    key_sha256: tuple[str, ...]
    terms: ClientTerms = field(default_factory=ClientTerms)
    """How it shares the venues' budgets with others."""
    signing_key: bytes | None = None
    """The public half of the key it signs requests with."""
    sign_writes: bool = False
    """Whatever it changes must be signed."""

    def may(self, scope: Scope) -> bool:
        """Whether it has the scope; to trade includes to cancel."""
        return scope in self.scopes or (scope is Scope.CANCEL and Scope.TRADE in self.scopes)

    def sees(self, account: AccountName, owner: str) -> bool:
        """Whether it may see what `owner` did on `account`."""
        access = self.accounts.get(account)
        return access is AccountAccess.ACCOUNT or (access is AccountAccess.OWN and owner == self.name)

    def keeps_all_of(self, before: "Client", address: str) -> bool:
        """Whether one who was let in `before`, from this address, has lost no scope, account or secret since."""
        return (
            (not self.ip_allow or address in self.ip_allow)
            and self.scopes >= before.scopes
            and set(self.key_sha256) >= set(before.key_sha256)
            and all(
                self.accounts.get(account) in {access, AccountAccess.ACCOUNT}
                for account, access in before.accounts.items()
            )
        )


def admitted(client: Client, scope: Scope, address: str) -> Client:
    """The client, if it has the scope and calls from where it may. Raises `Refusal`."""
    if client.ip_allow and address not in client.ip_allow:
        raise Refusal(Code.IP_NOT_ALLOWED, f"client {client.name} may not call from {address}")
    if not client.may(scope):
        raise Refusal(Code.PERMISSION_DENIED, f"client {client.name} lacks the scope {scope.value!r}")
    return client


_ORDINARY = ClientTerms()


class Clients:
    """All configured clients, by name."""

    def __init__(self, settings: Settings):
        self._by_name: Mapping[str, Client] = {}
        self.take_up(settings)

    def take_up(self, settings: Settings) -> None:
        """Replace all clients; tokens of those whose grants changed end with this."""
        self._by_name = {
            name: _client(name, config, settings.profiles.get(config.profile or ""))
            for name, config in settings.clients.items()
        }

    def __iter__(self) -> Iterator[Client]:
        return iter(self._by_name.values())

    def get(self, name: str) -> Client | None:
        return self._by_name.get(name)

    def terms(self, name: str) -> ClientTerms:
        """How a client shares; one that is not configured, such as ourselves, as any other."""
        client = self._by_name.get(name)
        return client.terms if client else _ORDINARY

    def with_secret(self, name: str, secret: str) -> Client | None:
        """The client of this name, if the secret is one of its own.

        An unknown name costs the same comparison. A plain SHA-256 suffices: secrets are 256 random bits, which no
        dictionary holds.
        """
        client = self._by_name.get(name)
        digest = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
        known = client.key_sha256 if client else ("0" * 64,)
        matches = [hmac.compare_digest(digest, one) for one in known]
        return client if any(matches) else None


def _client(name: str, config: ClientConfig, profile: ProfileConfig | None) -> Client:
    profile = profile or ProfileConfig()
    scopes = next((own for own in (config.scopes, profile.scopes) if own is not None), frozenset({Scope.READ}))
    max_wait_ms = config.max_wait_ms if config.max_wait_ms is not None else profile.max_wait_ms
    return Client(
        name=name,
        desk=config.desk,
        scopes=scopes,
        accounts={AccountName(account): access for account, access in config.accounts.items()},
        ip_allow=AllowList(config.ip_allow),
        max_wait_s=None if max_wait_ms is None else max_wait_ms / 1000,
        version=_version(config, scopes),
        key_sha256=config.key_sha256,
        terms=ClientTerms(
            weight=config.weight or profile.weight or 1, max_share=config.max_share or profile.max_share or 1.0
        ),
        signing_key=None if config.signing_key is None else public_key_bytes(config.signing_key),
        sign_writes=config.sign_writes,
    )


def _version(config: ClientConfig, scopes: frozenset[Scope]) -> str:
    """The same on every replica: sets are written in order, whatever order this process keeps them in."""
    facts = [
        config.desk,
        sorted(scopes),
        sorted(config.accounts.items()),
        sorted(config.key_sha256),
        sorted(config.ip_allow),
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]

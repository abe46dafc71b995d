"""The door: who asks, how often, with what right. In this order: address limit, token, key, address whitelist,
signature, key limit, permission.

A request takes a slot in each bucket it was checked against, whatever comes of it, except that one refused for a limit
takes none at all.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.config import ZanbaraConfig
from sandbox.face import Admission, Caller, Request, Response
from sandbox.ledger import Ledger
from sandbox.limits import Limits, Standing
from sandbox.whitelist import allows
from sandbox.zanbara.errors import Problem, invalid_key, unauthenticated
from sandbox.zanbara.keys import ApiKey
from sandbox.zanbara.limits import RequestClass, multiplier
from sandbox.zanbara.signing import Signatures, is_signed
from sandbox.zanbara.tokens import Claims, ExpiredToken, Tokens, bearer
from sandbox.zanbara.wire import failure

MINUTE_MS = 60_000
_REFUSALS = {
    "AUTHENTICATION_FAILED": "token",
    "INVALID_API_KEY": "key",
    "IP_NOT_WHITELISTED": "address",
    "SIGNATURE_REQUIRED": "signature",
    "INVALID_SIGNATURE": "signature",
    "PERMISSION_DENIED": "scope",
}
Headers = tuple[tuple[str, str], ...]
Execute = Callable[[ApiKey | None, int], tuple[int, bytes]]


@dataclass(frozen=True, slots=True)
class Rights:
    """What a route asks of its caller; without a scope it is public. Some are closed to suspended accounts."""

    request_class: RequestClass
    scope: str | None = None
    needs_signature: bool = False
    is_for_active: bool = False


@dataclass(frozen=True, slots=True)
class Bucket:
    """One of the two places a request is counted in."""

    caller: str
    name: str
    multiplier: int


class Gate:
    """Knows keys, tokens and limits; lets requests through to whatever executes them."""

    def __init__(
        self, config: ZanbaraConfig, keys: dict[str, ApiKey], tokens: Tokens, limits: Limits, ledger: Ledger
    ) -> None:
        self._config = config
        self._keys = keys
        self._tokens = tokens
        self._limits = limits
        self._ledger = ledger
        self._signatures = Signatures(max_skew_ms=config.max_skew_ms, reject_replay=config.reject_replay)
        self._is_limited = config.environment != "testnet"

    def admit(self, request: Request, rights: Rights, execute: Execute) -> Admission:
        """Count and judge a request; one that is let in is executed later with its key."""
        now_us = request.arrived_us
        identity: ApiKey | Problem | None = self._identity(request) if rights.scope else None
        key = identity if isinstance(identity, ApiKey) else None
        caller = Caller(key.name, key.account, rights.request_class) if key else _nobody(request, rights)
        buckets = self._buckets(request, rights, key)
        address_bucket = buckets[:1]
        if self._is_limited and not self._take(buckets[0], now_us):
            return Admission(caller, self._too_many(address_bucket, buckets, now_us), refused="limit")
        try:
            if isinstance(identity, Problem):
                raise identity
            if key is not None:
                self._check_request(request, rights, key)
        except Problem as problem:
            return Admission(caller, self._refused(problem, address_bucket, now_us), refused=_REFUSALS[problem.code])
        if key is not None and self._is_limited and not self._take(buckets[1], now_us):
            self._limits.give_back(buckets[0].caller, buckets[0].name)
            return Admission(caller, self._too_many(buckets, buckets, now_us), refused="limit")
        if key is not None and rights.scope is not None:
            try:
                require_scope(key, rights.scope)
            except Problem as problem:
                return Admission(caller, self._refused(problem, buckets, now_us), refused=_REFUSALS[problem.code])
        headers = self._headers(buckets, now_us)

        def run(at_us: int) -> Response:
            status, body = execute(key, at_us)
            return Response(status, body, headers=headers)

        return Admission(caller, run)

    def key_of(self, token: str, now_us: int) -> tuple[ApiKey, Claims]:
        """Whose token this is; raises `Problem`. Tokens that are over are counted."""
        try:
            claims = self._tokens.verify(token, now_us)
        except ExpiredToken as expired:
            key = self._keys.get(expired.claims.api_key)
            if key is not None:
                self._ledger.record_expired_token(key.account)
            raise unauthenticated() from expired
        key = self._keys.get(claims.api_key)
        if key is None or not self._is_for_here(key):
            raise invalid_key()
        return key, claims

    def is_good(self, claims: Claims, now_us: int) -> bool:
        """Whether a token that was good still is."""
        return self._tokens.is_good(claims, now_us)

    def login(self, request: Request, api_key: str, api_secret: str) -> ApiKey:
        """The key, if the secret is its own; raises `Problem`."""
        key = self._keys.get(api_key)
        if key is None or key.api_secret != api_secret or not self._is_for_here(key):
            raise invalid_key()
        self.check_address(request.address, key)
        return key

    def check_address(self, address: str, key: ApiKey) -> None:
        """Raises `Problem` for an address that may not use the key."""
        if not allows(key.ip_whitelist, address):
            raise Problem("IP_NOT_WHITELISTED", "Address is not in the key's whitelist", details={"ip": address})

    # -- who ---------------------------------------------------------------------------------------------------------

    def _identity(self, request: Request) -> ApiKey | Problem:
        try:
            return self.key_of(bearer(request.headers.get("authorization")), request.arrived_us)[0]
        except Problem as problem:
            return problem

    def _check_request(self, request: Request, rights: Rights, key: ApiKey) -> None:
        self.check_address(request.address, key)
        if is_signed(request.headers):
            self._signatures.check(request, key.api_key, key.api_secret)
        elif rights.needs_signature or self._config.require_signature:
            raise Problem("SIGNATURE_REQUIRED", "This request must be signed")

    def _is_for_here(self, key: ApiKey) -> bool:
        here = "test" if self._config.environment == "testnet" else "live"
        return not self._config.strict_key_environment or key.environment == here

    # -- how often ---------------------------------------------------------------------------------------------------

    @staticmethod
    def _buckets(request: Request, rights: Rights, key: ApiKey | None) -> list[Bucket]:
        """The address's bucket, and the key's where there is one."""
        kind = rights.request_class
        times = multiplier(key.vip_level, kind) if key else 1
        buckets = [Bucket(request.address, f"ip_{kind}", times)]
        if key is not None:
            buckets.append(Bucket(key.name, f"key_{kind}", times))
        return buckets

    def _take(self, bucket: Bucket, now_us: int) -> bool:
        return self._limits.arrived(bucket.caller, bucket.name, now_us, multiplier=bucket.multiplier)

    def _standings(self, buckets: list[Bucket], now_us: int) -> list[Standing]:
        found = (
            self._limits.standing(bucket.caller, bucket.name, now_us, multiplier=bucket.multiplier)
            for bucket in buckets
        )
        return [standing for standing in found if standing is not None]

    def _headers(self, buckets: list[Bucket], now_us: int) -> Headers:
        """The bucket with least left speaks; of equal ones, the smaller."""
        standings = self._standings(buckets, now_us) if self._is_limited else []
        if not standings:
            return ()
        told = min(standings, key=lambda standing: (standing.remaining, standing.limit))
        return (
            ("X-RateLimit-Limit", str(told.limit)),
            ("X-RateLimit-Remaining", str(told.remaining)),
            ("X-RateLimit-Reset", str(-(-told.resets_us // 1_000_000))),
        )

    def _too_many(self, told: list[Bucket], checked: list[Bucket], now_us: int) -> Response:
        """Names the exhausted bucket that opens last: before that, no request can pass."""
        exhausted = [standing for standing in self._standings(checked, now_us) if not standing.remaining]
        last = max(exhausted, key=lambda standing: standing.resets_us)
        wait_s = max(1, -(-(last.resets_us - now_us) // 1_000_000))
        problem = Problem(
            "RATE_LIMIT_EXCEEDED",
            f"Rate limit exceeded: {last.limit} requests per {self._period()}. Please retry after {wait_s} seconds.",
            retry_after=wait_s,
        )
        return self._refused(problem, told, now_us, ("Retry-After", str(wait_s)))

    def _period(self) -> str:
        period_ms = self._limits.period_ms
        return "minute" if period_ms == MINUTE_MS else f"{period_ms / 1000:g} seconds"

    def _refused(self, problem: Problem, told: list[Bucket], now_us: int, *more: tuple[str, str]) -> Response:
        headers = (*self._headers(told, now_us), *more)
        return Response(problem.status, failure(problem, now_us), headers=headers)


def require_scope(key: ApiKey, scope: str) -> None:
    """Raises `Problem` without the right; trading and withdrawing both include reading."""
    if scope not in key.scopes and not (scope == "read" and key.scopes):
        raise Problem("PERMISSION_DENIED", f"This key lacks the {scope} permission", details={"required": scope})


def _nobody(request: Request, rights: Rights) -> Caller:
    return Caller(request.address, None, rights.request_class)

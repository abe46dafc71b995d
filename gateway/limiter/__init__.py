"""The budget of venue requests that all clients, accounts and replicas share. What the limits are, venues say."""

from gateway.limiter.limiter import Limiter
from gateway.limiter.plan import Plan
from gateway.limiter.presence import PRESENCE, CallerLeft, Presence
from gateway.limiter.rules import RuleStatus
from gateway.limiter.settings import AccountTerms, ClientTerms, LimiterSettings
from gateway.limiter.throttle import ON_SPENT, Throttle

__all__ = [
    "ON_SPENT",
    "PRESENCE",
    "AccountTerms",
    "CallerLeft",
    "ClientTerms",
    "Limiter",
    "LimiterSettings",
    "Plan",
    "Presence",
    "RuleStatus",
    "Throttle",
]

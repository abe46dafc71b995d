"""Every Redis key name and lifetime, built here and nowhere else. What is kept under a key belongs to its user.

A name reads `cg:{venue}:<area>:<what>:<whose>`. The braces are Redis Cluster's hash tag: all keys of one venue share a
slot, so that one script may touch several of them. To add an area, add its functions below, each with its lifetime.
"""

from adapters.models import AccountName, VenueClientId, VenueName


def _key(venue: VenueName, *parts: str) -> str:
    if not venue or "{" in venue or "}" in venue:
        raise ValueError(f"a venue named {venue!r} cannot be a Redis hash tag")
    return ":".join(("cg", f"{{{venue}}}", *parts))


# --- limiter


def limit_rule(venue: VenueName, scope: str, owner: str, rule: str) -> str:
    """A hash: the units of one rule in use by one owner, an egress or an account."""
    return _key(venue, "limit", "rule", scope, owner, rule)


def limit_own_rule(rule_key: str, what: str) -> str:
    """A hash like that of the rule it belongs to: the units of a rule of our own."""
    return f"{rule_key}:{what}"


def limit_consumed(rule_key: str) -> str:
    """A hash: who spent how much of a rule lately; lives for two periods after the last spending."""
    return f"{rule_key}:clients"


def limit_rule_ttl_ms(hard_timeout_us: int, period_us: int) -> int:
    """Twice the longest time a unit can be in use: a state that expired had nothing left in it."""
    return 2 * (hard_timeout_us + period_us) // 1000 + 1000


def limit_epoch(venue: VenueName) -> str:
    """A string without expiry, one per venue: since when (Redis time, µs) the limiter's state is complete.

    It has no lifetime because its absence is the sign that the state was lost.
    """
    return _key(venue, "limit", "epoch")


def limit_replicas(venue: VenueName) -> str:
    """A sorted set: the replicas that share the venue's budget, by when they last said so."""
    return _key(venue, "limit", "replicas")


LIMIT_REPLICA_TTL_MS = 6_000
"""How long a replica counts after its last heartbeat."""


# --- feeds and fanout


def feed_topic(venue: VenueName, topic: str) -> str:
    """A pub/sub channel: the messages of one topic, from its owner to every replica with a reader."""
    return _key(venue, "feed", "topic", topic)


def feed_control(venue: VenueName) -> str:
    """A pub/sub channel: topics that a replica wants a snapshot of, to the owner of the venue's streams."""
    return _key(venue, "feed", "control")


def feed_pulse(venue: VenueName) -> str:
    """A pub/sub channel: the owner is alive, and how far each topic has got."""
    return _key(venue, "feed", "pulse")


def feed_wishes(venue: VenueName) -> str:
    """A sorted set of `topic|replica` by when the wish ends (Redis time, ms); lives twice as long as a wish."""
    return _key(venue, "feed", "wishes")


def feed_lease(venue: VenueName) -> str:
    """A string: the replica and epoch that own the venue's streams; lives as long as the lease."""
    return _key(venue, "feed", "lease")


def feed_epoch(venue: VenueName) -> str:
    """A string without expiry, one per venue: the last epoch given out. Lost, it starts over from Redis' own time."""
    return _key(venue, "feed", "epoch")


# --- orders: finished ones are kept for `orders.records.KEEP_FINISHED_MS`, open ones until they are finished


def order(venue: VenueName, order_id: str) -> str:
    """A hash: the record of one order."""
    return _key(venue, "order", "record", order_id)


def client_order(venue: VenueName, account: AccountName, owner: str, client_order_id: str) -> str:
    """A hash: which order a client's own id stands for, and the hash of what it asked. Lives as long as the order."""
    return _key(venue, "order", "client", account, owner, client_order_id)


def venue_client_id(venue: VenueName, account: AccountName, client_id: VenueClientId) -> str:
    """A string: the order a venue's client id is reserved for. Lives as long as the order."""
    return _key(venue, "order", "reserved", account, client_id)


def pending_orders(venue: VenueName, account: AccountName) -> str:
    """A sorted set: orders that are not settled, by when to look at them (Redis time, ms)."""
    return _key(venue, "order", "pending", account)


def recent_orders(venue: VenueName, account: AccountName) -> str:
    """A sorted set: an account's orders by when they were claimed (Redis time, ms); older ones than kept are cut."""
    return _key(venue, "order", "recent", account)


def live_orders(venue: VenueName, account: AccountName) -> str:
    """A sorted set: orders that rest at the venue, by when that was seen (Redis time, ms)."""
    return _key(venue, "order", "live", account)


def sweep_lease(venue: VenueName, account: AccountName) -> str:
    """A string: the replica that sweeps the account's pending orders; lives for a few sweeps."""
    return _key(venue, "order", "sweep", account)


def withdrawals(venue: VenueName) -> str:
    """A sorted set: orders that shall end, by when to see to them (Redis time, ms), until they have ended."""
    return _key(venue, "order", "withdrawals")


# --- dead-man switches


def dead_man_deadlines(venue: VenueName) -> str:
    """A sorted set: switches that are set, by when they fire (Redis time, ms)."""
    return _key(venue, "deadman", "deadlines")


def dead_man_firings(venue: VenueName) -> str:
    """A sorted set: firings whose orders have not all ended, by when to see to them (Redis time, ms)."""
    return _key(venue, "deadman", "firings")


def dead_man_switches(venue: VenueName, account: AccountName, client: str) -> str:
    """A hash: one client's switches on one account, by session; lives for `DEAD_MAN_KEEP_MS` after a change."""
    return _key(venue, "deadman", "switches", account, client)


def dead_man_covered(venue: VenueName, firing: str) -> str:
    """A set: the orders that a firing has found to end; lives for `DEAD_MAN_COVERED_MS` after the last look."""
    return _key(venue, "deadman", "covered", firing)


DEAD_MAN_KEEP_MS = 30 * 24 * 3600 * 1000
"""How long switches are remembered: 30 days, of which none can be set for longer than one without firing."""

DEAD_MAN_COVERED_MS = 24 * 3600 * 1000
"""How long a firing remembers its orders while nobody can see to it."""


# --- venue tokens


def token(venue: VenueName, account: AccountName) -> str:
    """A hash: the account's sealed token and its generation; lives as long as the token."""
    return _key(venue, "token", "sealed", account)


def token_lease(venue: VenueName, account: AccountName) -> str:
    """A string: the caller that logs in for the whole fleet; lives as long as a login may take."""
    return _key(venue, "token", "lease", account)


# --- signed requests


def signature(client: str, digest: str) -> str:
    """A string: a signed request that was accepted; lives until its timestamp has grown too old for sure."""
    return f"cg:{{signatures}}:{client}:{digest}"


SIGNATURE_TTL_MS = 11_000
"""A timestamp may be five seconds ahead, and is good for five after that; the rest is for rounding."""


# --- journals


def journal(venue: VenueName, account: AccountName) -> str:
    """A stream: what happened on the account, in order; cut to about `journal.entry.MAX_LENGTH` entries.

    Where there is an archive, only what has been copied to it is cut.
    """
    return _key(venue, "journal", "entries", account)


def journal_holdings(venue: VenueName, account: AccountName) -> str:
    """A hash without expiry: what was last entered of each position and balance; as many as the account ever had."""
    return _key(venue, "journal", "holdings", account)


def journal_fills(venue: VenueName, account: AccountName) -> str:
    """A sorted set: order and trade ids already in the journal, by time; cut to as many as the journal has entries."""
    return _key(venue, "journal", "fills", account)


def journal_checkpoint(venue: VenueName, account: AccountName) -> str:
    """A string without expiry: until when (Redis time, ms) the account's stream was surely followed."""
    return _key(venue, "journal", "checkpoint", account)


def archive_lease(venue: VenueName) -> str:
    """A string: the replica and epoch that write the venue's archive; lives as long as the lease."""
    return _key(venue, "journal", "archive", "lease")


def archive_epoch(venue: VenueName) -> str:
    """A string without expiry, one per venue: the last epoch given out. Lost, it starts over from Redis' own time."""
    return _key(venue, "journal", "archive", "epoch")


def archive_position(venue: VenueName, account: AccountName) -> str:
    """A string without expiry: the cursor up to which the account's journal has been copied to its archive."""
    return _key(venue, "journal", "archived", account)


# --- risk: limits span venues, so that their keys share a slot of their own; halts lie beside the orders they stop


def _risk_key(*parts: str) -> str:
    return ":".join(("cg", "{risk}", *parts))


def risk_reservations(venue: VenueName, account: AccountName) -> str:
    """A hash: by claim, which order has reserved how much at which levels; empty once all of them have ended."""
    return _risk_key("reserved", venue, account)


def risk_level(level: str) -> tuple[str, str, str]:
    """What counts against one level's limits.

    A hash of what each open order may still trade, with their sum, empty once all of them have ended; a hash of what
    traded on which day, which lives for `RISK_TRADED_TTL_MS`; a sorted set of orders by when they were admitted, which
    lives as long as the period of the rate.
    """
    return _risk_key("open", level), _risk_key("traded", level), _risk_key("rate", level)


RISK_TRADED_TTL_MS = 2 * 24 * 3600 * 1000


def halts(venue: VenueName) -> str:
    """A hash without expiry: the halts at this venue, by scope and name; lifting one removes it."""
    return _key(venue, "halt", "set")


def halt_generation(venue: VenueName) -> str:
    """A string without expiry: when the halts last changed (Redis time, µs). Its absence says that they were lost."""
    return _key(venue, "halt", "generation")


def halt_progress(venue: VenueName, halt: str) -> str:
    """A hash: how many orders a halt has cancelled, and how many rest by account; lives as long as the halt."""
    return _key(venue, "halt", "progress", halt)


def halt_replicas(venue: VenueName) -> str:
    """A sorted set: the replicas that keep a copy of the halts, by when they last said so (Redis time, ms)."""
    return _key(venue, "halt", "replicas")


def halt_seen(venue: VenueName) -> str:
    """A hash: the generation of the halts that each replica goes by; lives as long as the replicas' set."""
    return _key(venue, "halt", "seen")


HALT_REPLICA_TTL_MS = 3_000
"""How long a replica counts after it last looked."""

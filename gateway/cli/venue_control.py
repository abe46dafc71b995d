"""A simulated venue's control plane, for tests: what goes wrong, where prices are, what time it is, what happened."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.cli.loopback import ask


@dataclass(frozen=True, slots=True)
class VenueControl:
    """Calls under `/sim/`; each raises `httpx.HTTPStatusError` for what the venue does not understand."""

    url: str

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Any call of the control plane: `ask("GET", "ledger", account="desk-a")`."""
        answer = ask(method, f"{self.url}/sim/{path}", json=body, params=query)
        return answer.raise_for_status().json()

    def fault(self, do: Mapping[str, Any], **rule: Any) -> int:
        """Make something go wrong: `fault({"status": 503}, match={"method": "POST", "path": "/api/v1/order"})`.

        Returns the rule's id.
        """
        return int(self.ask("POST", "faults", {"do": do, **rule})["added"][0])

    def faults(self) -> list[dict[str, Any]]:
        """The rules in force, with what is `left` of each and how often it has `met` something and `struck`."""
        rules: list[dict[str, Any]] = self.ask("GET", "faults")["faults"]
        return rules

    def clear_faults(self, fault: int | None = None) -> None:
        """Forget one rule by its id, or all."""
        self.ask("DELETE", "faults", **({} if fault is None else {"id": fault}))

    def strike_sockets(self, do: str, **where: Any) -> int:
        """`close` (with `code`), `reset` or `half_open` all sockets, or those of a `topic` or an `account`.

        Returns how many.
        """
        return int(self.ask("POST", "sockets", {"do": do, **where})["struck"])

    def outage(self, do: str, for_ms: int, *, cut: bool = False) -> None:
        """`refuse` new connections, or let them `hang`; the venue's control plane is out of reach as well."""
        self.ask("POST", "outage", {"do": do, "for_ms": for_ms, "cut": cut})

    def skip_ids(self, symbol: str, count: int) -> None:
        """Let so many update ids of a book pass without a change: its followers see a gap."""
        self.ask("POST", "books", {"symbol": symbol, "skip_ids": count})

    def maintenance(self, *, on: bool, **told: Any) -> None:
        """Begin or end maintenance; `message`, `start_ms` and `end_ms` are what the venue says of it."""
        self.ask("POST", "maintenance", {"on": on, **told})

    def set_prices(self, symbol: str, **prices: str | None) -> None:
        """Pin `index`, `mark` or `funding_rate` of a market; None lets it go again."""
        self.ask("POST", "prices", {"symbol": symbol, **prices})

    def set_state(self, symbol: str, state: str) -> None:
        """Say which orders a market takes from now on."""
        self.ask("POST", "markets", {"symbol": symbol, "state": state})

    def transfer(self, account: str, asset: str, amount: str) -> None:
        """Pay money into an account or, negative, out of it."""
        self.ask("POST", "transfers", {"account": account, "asset": asset, "amount": amount})

    def now_ms(self) -> int:
        """The venue's time."""
        return int(self.ask("GET", "clock")["time"])

    def advance(self, forward_ms: int) -> int:
        """Move the venue's clock forward; returns its time then, in milliseconds."""
        return int(self.ask("POST", "clock", {"advance_ms": forward_ms})["time"])

    def ledger(self, account: str | None = None) -> dict[str, Any]:
        """What really happened: requests, orders, limits, subscriptions."""
        ledger: dict[str, Any] = self.ask("GET", "ledger", **({} if account is None else {"account": account}))
        return ledger

    def reset(self) -> None:
        """Start over: accounts, books, counts, faults and ledger as at the start; open sockets are closed."""
        self.ask("POST", "reset")

    # -- the venue's own rules, and its true state -------------------------------------------------------------------

    def step_clock(self, by_ms: int) -> int:
        """Put the venue's clock forward or back without time passing; returns its time then, in milliseconds."""
        return int(self.ask("POST", "clock", {"step_ms": by_ms})["time"])

    def drift_clock(self, ppm: int) -> None:
        """Let the venue's clock run so many millionths too fast or, negative, too slow."""
        self.ask("POST", "clock", {"drift_ppm": ppm})

    def set_limits(self, limits: Mapping[str, int | None], *, period_ms: int | None = None) -> list[str]:
        """Set limits of classes of requests, None for no limit; returns the classes that are counted anew."""
        restarted: list[str] = self.ask("POST", "limits", {"limits": limits, "period_ms": period_ms})["restarted"]
        return restarted

    def set_market(self, symbol: str, **rules: str | None) -> None:
        """Change a market's `tick`, `step`, `min_quantity` … from now on."""
        self.ask("POST", "markets", {"symbol": symbol, **rules})

    def delay_histories(self, lag_ms: int, *, jitter_seed: int | None = None) -> None:
        """Let histories and fills be late, with a seed each row by its own part of it."""
        self.ask("POST", "history", {"lag_ms": lag_ms, "jitter_seed": jitter_seed})

    def true_book(self, symbol: str, update_id: int, *, depth: int | None = None) -> dict[str, Any]:
        """The book as it truly was when this id (Zanbara: sequence) was the last used."""
        query = {"symbol": symbol, "update_id": update_id} | ({} if depth is None else {"depth": depth})
        book: dict[str, Any] = self.ask("GET", "ledger/books", **query)
        return book

    def subscriptions(self) -> dict[str, Any]:
        """Open subscriptions, their history, and the most connections at once by stream."""
        report: dict[str, Any] = self.ask("GET", "ledger/subscriptions")
        return report

"""Money that came in: whatever is paid into an account shows as a confirmed deposit from its asset's first chain."""

from dataclasses import dataclass
from typing import Any

from sandbox.backpack.addresses import BLOCKCHAINS, SERVED, address_of, deposit_source, transaction_hash
from sandbox.backpack.errors import Problem
from sandbox.backpack.markets import ASSETS
from sandbox.backpack.pages import Page, page
from sandbox.backpack.parameters import Parameters
from sandbox.backpack.wire import naive_iso, plain
from sandbox.matching import Account
from sandbox.matching.events import Event, Transfer
from sandbox.records import Lateness, Shelf

CHAINS = {asset.symbol: asset.tokens[0].blockchain for asset in ASSETS}


@dataclass(frozen=True, slots=True)
class Deposit:
    id: int
    transfer: Transfer


class Deposits:
    """Listens to the simulation."""

    def __init__(self, lateness: Lateness) -> None:
        self._shelf: Shelf[Deposit] = Shelf(lateness)
        self._next_id = 1_201

    def on_events(self, events: list[Event], now_us: int) -> None:
        for event in events:
            if isinstance(event, Transfer) and event.amount > 0:
                self._shelf.add(event.account.name, Deposit(self._next_id, event), now_us)
                self._next_id += 1

    def history(self, account: Account, query: Parameters, now_us: int) -> Page:
        """None of them came from the platform itself, so that excluding those changes nothing."""
        from_ms, to_ms = query.period()
        query.boolean("excludePlatform")
        rows = (
            deposit
            for deposit in self._shelf.newest_first(account.name, now_us)
            if from_ms <= deposit.transfer.time_us // 1000 <= to_ms
        )
        return page(query, rows, deposit_row)

    def address(self, account: Account, query: Parameters) -> Any:
        """Where an account takes deposits; there is no address on a chain none of the assets lives on."""
        blockchain = query.required_choice("blockchain", "Blockchain", BLOCKCHAINS)
        if blockchain not in SERVED:
            raise Problem(409, "PRECONDITION_FAILED", "No deposit address on this blockchain")
        return {"address": address_of(account.name, blockchain)}


def deposit_row(deposit: Deposit) -> dict[str, Any]:
    transfer = deposit.transfer
    blockchain = CHAINS.get(transfer.asset, "Solana")
    return {
        "createdAt": naive_iso(transfer.time_us),
        "fiatAmount": None,
        "fiatCurrency": None,
        "fromAddress": address_of("somebody else", blockchain),
        "id": deposit.id,
        "institutionBic": None,
        "platformMemo": None,
        "quantity": plain(transfer.amount),
        "source": deposit_source(blockchain),
        "status": "confirmed",
        "symbol": transfer.asset,
        "toAddress": address_of(transfer.account.name, blockchain),
        "transactionHash": transaction_hash(f"deposit {deposit.id}", blockchain),
    }

"""The way of orders, put together: who claims, sends, settles, cancels and tends, at all venues of one replica."""

from collections.abc import Coroutine, Iterator, Mapping
from typing import Any

from adapters.models import VenueName
from gateway.accounts import Accounts
from gateway.clock import VenueClock
from gateway.journal import MAX_LENGTH
from gateway.orders.amending import Amending
from gateway.orders.asking_again import AskingAgain
from gateway.orders.batching import Batching
from gateway.orders.calling_off import CallingOff
from gateway.orders.cancelling import Cancelling
from gateway.orders.cancelling_all import CancellingAll
from gateway.orders.cancelling_many import CancellingMany
from gateway.orders.closing import Closing
from gateway.orders.dead_man_firing import DeadMan
from gateway.orders.dead_man_switches import DeadManSwitches
from gateway.orders.finding import Finding
from gateway.orders.halt_cancels import HaltCancels
from gateway.orders.identity import Identities
from gateway.orders.in_flight import InFlight
from gateway.orders.placing import Placing
from gateway.orders.records import Records
from gateway.orders.replacing import Replacing
from gateway.orders.reserving import Reserving
from gateway.orders.resolving import Resolving
from gateway.orders.sending import Sending
from gateway.orders.sending_many import SendingMany
from gateway.orders.settling import Settling
from gateway.orders.tending import Tending
from gateway.orders.waits import Waits
from gateway.orders.withdrawing import Withdrawing
from gateway.reference import Markets
from gateway.risk.gate import Risk
from gateway.risk.halts import Halts
from gateway.settings import OrderSettings
from gateway.store.client import Store
from gateway.store.memory import StoreMemory

TENDING = "tending of accounts"
"""What is left to other replicas when one goes."""


class OrderPath:
    """Everything that deals with orders; what `run` names has to run."""

    def __init__(
        self,
        *,
        store: Store,
        accounts: Accounts,
        markets: Markets,
        clocks: Mapping[VenueName, VenueClock],
        identities: Identities,
        risk: Risk,
        settings: OrderSettings,
        replica: str,
        journal_max: int = MAX_LENGTH,
    ):
        self.in_flight, self.memory, waits = InFlight(), StoreMemory(store), Waits()
        self.records = records = {
            name: Records(store, name, identities, settings, journal_max=journal_max) for name in clocks
        }
        self.halts = Halts(
            store,
            list(clocks),
            replica=replica,
            desk_of=risk.desk_of,
            redis_time_ms={name: clock.redis_time_ms for name, clock in clocks.items()},
        )
        self.reserving = Reserving(risk, records, markets)
        self.settling = Settling(
            records=records, markets=markets, clocks=clocks, settings=settings, ended=self.reserving.ended
        )
        self.resolving = Resolving(records=records, identities=identities, settling=self.settling)
        self.finding = Finding(
            accounts=accounts, markets=markets, records=records, settling=self.settling, identities=identities
        )
        self.cancelling = Cancelling(
            markets=markets,
            records=records,
            finding=self.finding,
            settling=self.settling,
            calling_off=CallingOff(self.settling, waits),
        )
        cancelling_many = CancellingMany(cancelling=self.cancelling, settling=self.settling)
        self.cancelling_all = CancellingAll(
            accounts=accounts,
            markets=markets,
            records=records,
            identities=identities,
            settling=self.settling,
            cancelling_many=cancelling_many,
        )
        self.halt_cancels = HaltCancels(self.halts, records, self.cancelling)
        self.withdrawing = Withdrawing(
            accounts=accounts,
            store=store,
            records=records,
            clocks=clocks,
            cancelling=self.cancelling,
            settling=self.settling,
        )
        self.switches = {name: DeadManSwitches(store, name) for name in clocks}
        self.dead_man = DeadMan(
            store=store,
            switches=self.switches,
            records=records,
            identities=identities,
            withdrawing=self.withdrawing,
        )
        asking_again = AskingAgain(
            records=records,
            markets=markets,
            clocks=clocks,
            settling=self.settling,
            halts=self.halts,
            in_flight=self.in_flight,
        )
        sending = Sending(
            records=records,
            clocks=clocks,
            settling=self.settling,
            withdrawing=self.withdrawing,
            reserving=self.reserving,
            halts=self.halts,
            settings=settings,
            waits=waits,
            asking_again=asking_again,
        )
        self.placing = Placing(
            accounts=accounts,
            markets=markets,
            records=records,
            clocks=clocks,
            sending=sending,
            risk=risk,
            halts=self.halts,
            settling=self.settling,
            identities=identities,
            settings=settings,
            in_flight=self.in_flight,
            memory=self.memory,
        )
        self.closing = Closing(accounts, markets, self.finding, self.placing)
        self.amending = Amending(
            markets=markets,
            records=records,
            clocks=clocks,
            finding=self.finding,
            settling=self.settling,
            placing=self.placing,
            replacing=Replacing(cancelling=self.cancelling, placing=self.placing, settling=self.settling),
            risk=risk,
            halts=self.halts,
            settings=settings,
            in_flight=self.in_flight,
        )
        self.batching = Batching(
            accounts=accounts,
            finding=self.finding,
            placing=self.placing,
            sending=sending,
            sending_many=SendingMany(
                records=records, clocks=clocks, sending=sending, halts=self.halts, settings=settings
            ),
            cancelling_many=cancelling_many,
            amending=self.amending,
            in_flight=self.in_flight,
        )
        self.tending = Tending(
            accounts,
            store=store,
            records=records,
            settling=self.settling,
            replica=replica,
            clocks=clocks,
            settings=settings,
            identities=identities,
            also=(self.reserving.repair, self.halt_cancels.go_on),
        )

    def run(self) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        """What never ends by itself, with a name for each."""
        yield "halts", self.halts.run()
        yield TENDING, self.tending.run()
        yield "withdrawals of orders", self.withdrawing.run()
        yield "dead-man switches", self.dead_man.run()
        yield "memory of the store", self.memory.run()

"""Carries out what faults do to messages of streams, one message on its way to one connection at a time."""

from functools import partial
from weakref import WeakKeyDictionary

from sandbox.errands import Errands, real_ms
from sandbox.faults import Fate, Faults, MessageDeed
from sandbox.sockets import Connection, Hub, Topic


class StreamFaults:
    """Stands in the messages' way as long as there are rules about them."""

    def __init__(self, faults: Faults, hub: Hub, errands: Errands) -> None:
        self._faults = faults
        self._hub = hub
        self._errands = errands
        self._held: WeakKeyDictionary[Connection, dict[Topic, str]] = WeakKeyDictionary()

    def follow_rules(self) -> None:
        """Step in or aside, after rules have come or gone; what was held back to be overtaken then goes out."""
        if self._faults.are_about_messages:
            self._hub.tamper(self.meet)
            return
        self._hub.tamper(None)
        for connection, held in list(self._held.items()):
            for topic in list(held):
                self._let_go(connection, topic)

    def meet(self, connection: Connection, topic: Topic, text: str) -> None:
        """Send a message as the rules want it; what it was to overtake follows."""
        rule = self._faults.strike_message(*topic, at_ms=real_ms())
        if rule is None:
            connection.send(text)
        else:
            text = rule.deed.spoiled(text, rule.noise)
            if rule.deed.fate is Fate.REORDER and topic not in self._held.get(connection, ()):
                self._held.setdefault(connection, {})[topic] = text
                return
            self._send(connection, text, rule.deed)
        self._let_go(connection, topic)

    def _send(self, connection: Connection, text: str, deed: MessageDeed) -> None:
        match deed.fate:
            case Fate.SEND | Fate.REORDER:  # one that overtakes another is not held back itself
                connection.send(text)
            case Fate.DUPLICATE:
                connection.send(text)
                connection.send(text)
            case Fate.DELAY:
                self._errands.after(deed.delay_ms, partial(connection.send, text))
            case Fate.CLOSE:
                connection.close(deed.close_code)
            case Fate.RESET if connection.wire is not None:
                connection.wire.end(reset=True)
            case _:
                pass  # withheld

    def _let_go(self, connection: Connection, topic: Topic) -> None:
        text = self._held.get(connection, {}).pop(topic, None)
        if text is not None:
            connection.send(text)

"""One client's connection: one task reads its frames, one writes what its mailbox holds."""

import asyncio

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway import about
from gateway.auth import Client
from gateway.errors import Code, Refusal, StoreUnavailable
from gateway.fanout import metrics as fanout_metrics
from gateway.fanout.hub import Hub
from gateway.fanout.mailbox import Mailbox
from gateway.journal import Follower
from gateway.ws import metrics
from gateway.ws.frames import FRAME_MAX_BYTES, CloseCode
from gateway.ws.private import Admit, PrivateChannels, Recheck
from gateway.ws.session import Authenticate, Intent, Join, JoinPrivate, Leave, LeavePrivate, Reply, Session
from gateway.ws.settings import SocketSettings

log = structlog.get_logger()


_TAKE_BYTES = 64 * 1024
_CLOSE_TIMEOUT_S = 1.0


class _Closed(Exception):
    """We end the connection."""

    def __init__(self, code: CloseCode, reason: str):
        super().__init__(reason)
        self.code = code
        self.reason = reason


class _Gone(Exception):
    """The client ended the connection, or lost it."""


class Connection:
    """From accepted to closed."""

    def __init__(
        self,
        websocket: WebSocket,
        session: Session,
        hub: Hub,
        *,
        admit: Admit | None,
        recheck: Recheck | None,
        private: PrivateChannels | None,
        draining: asyncio.Event,
        settings: SocketSettings,
    ):
        self._websocket = websocket
        self._session = session
        self._hub = hub
        self._admit = admit
        self._recheck = recheck
        self._private = private
        self._client: Client | None = None
        self._followers: dict[tuple[str, str], Follower] = {}
        self._draining = draining
        self._revoked = asyncio.Event()
        self._settings = settings
        self._wake = asyncio.Event()
        self._has_written = asyncio.Event()
        self._mailbox = Mailbox(settings.mailbox_bytes, self._wake.set)

    def clients_changed(self) -> None:
        """What clients may do is another by now: this one goes on with it, or is closed."""
        if self._client is not None and self._recheck is not None:
            self._client = self._recheck(self._client, self._websocket)
            if self._client is None:
                self._drop_private()
                self._revoked.set()

    def draining(self, closes_in_ms: int) -> None:
        """Tell the client that the connection will be closed."""
        self._mailbox.reply(self._session.draining(closes_in_ms).body)

    async def run(self) -> None:
        """Serve until either side is done."""
        closed: _Closed | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._write())
                tasks.create_task(self._leave_when_draining())
                tasks.create_task(self._leave_when_revoked())
                await self._read()
        except* _Closed as group:
            closed = _first(group)
        except* (_Gone, WebSocketDisconnect):
            pass
        finally:
            self._hub.close(self._mailbox)
            self._drop_private()
            self._count_drops()
            metrics.subscriptions.dec(len(self._session.topics))
        if closed is not None:
            await self._close(closed)

    async def _read(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._settings.idle_s):
                    message = await self._websocket.receive()
            except TimeoutError:
                raise _Closed(CloseCode.IDLE, "no frame for too long; send a ping") from None
            if message["type"] == "websocket.disconnect":
                raise _Gone
            text = message.get("text")
            size = len(message.get("bytes") or b"") if text is None else len(text.encode())
            if size > FRAME_MAX_BYTES:
                raise _Closed(CloseCode.FRAME_TOO_LARGE, f"a frame holds at most {FRAME_MAX_BYTES} bytes")
            before = len(self._session.topics)
            intents = self._session.received_binary() if text is None else self._session.received(text)
            metrics.subscriptions.inc(len(self._session.topics) - before)
            for intent in intents:
                await self._carry_out(intent)
            # Frames that are here already are received without a wait: a client that floods must not keep the replica.
            await asyncio.sleep(0)

    async def _carry_out(self, intent: Intent) -> None:
        match intent:
            case Reply(body=body):
                self._mailbox.reply(body)
            case Join(topic=topic, since=since):
                self._hub.subscribe(topic, self._mailbox, since)
            case Leave(topic=topic):
                self._hub.unsubscribe(topic, self._mailbox)
            case JoinPrivate():
                with about.apart():
                    await self._join_private(intent)
            case LeavePrivate():
                self._leave_private(intent.channel, intent.account)
                reply = self._session.about_account("unsubscribed", intent.channel, intent.account, intent.id)
                self._mailbox.reply(reply.body)
            case Authenticate():
                self._mailbox.reply(self._authenticate(intent).body)

    def _authenticate(self, intent: Authenticate) -> Reply:
        if self._admit is None:
            return self._session.refused(Refusal(Code.NOT_SUPPORTED, "this gateway takes no tokens here"), intent.id)
        try:
            self._client = self._admit(intent.token, self._websocket)
        except Refusal as refusal:
            return self._session.refused(refusal, intent.id)
        return self._session.authenticated(intent.id)

    async def _join_private(self, intent: JoinPrivate) -> None:
        """Nothing of a private channel is ever dropped: a client that does not read it overflows, and is closed."""
        try:
            follower, complete = await self._follow(intent)
        except Refusal as refusal:
            self._mailbox.reply(self._session.refused(refusal, intent.id).body)
        except StoreUnavailable:
            gone = Refusal(Code.STORE_UNAVAILABLE, "the journal cannot be read now; subscribe again")
            self._mailbox.reply(self._session.refused(gone, intent.id).body)
        else:
            self._followers[intent.channel, intent.account] = follower
            self._mailbox.reply(complete)

    async def _follow(self, intent: JoinPrivate) -> tuple[Follower, bytes]:
        if self._private is None or self._client is None:
            raise Refusal(Code.NOT_SUPPORTED, "this gateway has no private channels")
        account = self._private.account(self._client, intent.account)
        self._leave_private(intent.channel, intent.account)
        reply = self._session.about_account("subscribed", intent.channel, account.name, intent.id)
        self._mailbox.reply(reply.body)
        return await self._private.follow(
            self._client, account, intent.channel, intent.after, send=self._mailbox.reply, room=self._room
        )

    async def _room(self) -> None:
        """Wait until the client has read most of what it was sent."""
        while self._mailbox.bytes_held > self._settings.mailbox_bytes // 4:
            self._has_written.clear()
            await self._has_written.wait()

    def _leave_private(self, channel: str, account: str) -> None:
        if (follower := self._followers.pop((channel, account), None)) and self._private is not None:
            self._private.leave([follower])

    def _drop_private(self) -> None:
        if self._private is not None:
            self._private.leave(list(self._followers.values()))
        self._followers.clear()

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        stalled_s = self._settings.stalled_s
        while True:
            await self._wake.wait()
            self._wake.clear()
            while bodies := self._mailbox.take(_TAKE_BYTES):
                try:
                    async with asyncio.timeout(stalled_s) as deadline:
                        for body in bodies:
                            await self._websocket.send_text(body.decode())
                            deadline.reschedule(loop.time() + stalled_s)  # slow is allowed, standing still is not
                except TimeoutError:
                    raise _Closed(CloseCode.SLOW, "the client does not read") from None
                metrics.sent.inc(len(bodies))
                self._has_written.set()
            self._count_drops()
            if self._mailbox.overflowed:
                raise _Closed(CloseCode.SLOW, "the client does not read its replies")

    def _count_drops(self) -> None:
        for channel, count in self._mailbox.dropped.items():
            fanout_metrics.dropped.labels(channel).inc(count)
        self._mailbox.dropped.clear()

    async def _leave_when_draining(self) -> None:
        await self._draining.wait()
        raise _Closed(CloseCode.RESTARTING, "this replica is restarting; connect again")

    async def _leave_when_revoked(self) -> None:
        await self._revoked.wait()
        raise _Closed(CloseCode.REVOKED, "what was granted to this client has changed; log in anew")

    async def _close(self, closed: _Closed) -> None:
        metrics.closed.labels(int(closed.code)).inc()
        log.info("ws_closed", code=int(closed.code), reason=closed.reason)
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await self._websocket.close(closed.code, closed.reason)
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            pass  # it is gone, or does not even read this; the server drops the socket when we return


def _first(group: BaseExceptionGroup[_Closed]) -> _Closed:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first

"""The owner's sign of life: what tells a replica that nothing is missing while nothing comes."""

import msgspec


class Pulse(msgspec.Struct, frozen=True):
    """Published every third of a lease, behind all messages it speaks of."""

    epoch: int
    owner: str
    is_connected: bool
    """Whether the venue's connection is up."""
    seqs: dict[str, int]
    """How far topics have got that moved since the last pulse Redis took."""


_decode = msgspec.json.Decoder(Pulse).decode
_encode = msgspec.json.Encoder().encode


def decode_pulse(data: bytes) -> Pulse:
    """Raises `msgspec.MsgspecError`."""
    return _decode(data)


def encode_pulse(pulse: Pulse) -> bytes:
    return _encode(pulse)

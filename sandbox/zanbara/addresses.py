"""Solana addresses: 32 bytes in base58."""

import hashlib

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BYTES = 32
LONGEST = 44  # characters that 32 bytes can take


def is_address(text: str) -> bool:
    """Whether this is base58 of exactly 32 bytes; leading ones stand for leading zero bytes."""
    if not 0 < len(text) <= LONGEST or not set(text) <= set(ALPHABET):
        return False
    number = 0
    for character in text:
        number = number * 58 + ALPHABET.index(character)
    zeros = len(text) - len(text.lstrip("1"))
    return zeros + (number.bit_length() + 7) // 8 == BYTES


def address_of(name: str) -> str:
    """An address that follows from a name, and leads nowhere."""
    return base58(hashlib.sha256(f"sandbox address {name}".encode()).digest())


def base58(data: bytes) -> str:
    number, digits = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        digits = ALPHABET[digit] + digits
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + digits

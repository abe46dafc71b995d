"""Chain addresses and transaction hashes, derived from what they are for: the same in every run, and of no chain."""

import hashlib

from sandbox.backpack.markets import ASSETS

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
# Every chain the venue names, and those on which this one takes deposits.
BLOCKCHAINS = (
    *("0G", "Aptos", "Arbitrum", "Avalanche", "Base", "Berachain", "Bitcoin", "BitcoinCash", "Bsc", "Cardano"),
    *("Dogecoin", "Eclipse", "EqualsMoney", "Ethereum", "Fogo", "HyperEVM", "Hyperliquid", "Linea", "Litecoin"),
    *("Monad", "Near", "Optimism", "Plasma", "Polygon", "Sei", "Sui", "Solana", "Stable", "Story", "Tron", "XRP"),
    "Zcash",
)
SERVED = frozenset(token.blockchain for asset in ASSETS for token in asset.tokens)


def address_of(owner: str, blockchain: str) -> str:
    """Somebody's address on a chain."""
    digest = hashlib.sha256(f"sandbox address {owner} {blockchain}".encode()).digest()
    match blockchain:
        case "Solana":
            return _base58(digest)
        case "Bitcoin":
            return f"bc1q{digest.hex()[:38]}"
        case _:
            return f"0x{digest.hex()[:40]}"


def transaction_hash(what: str, blockchain: str) -> str:
    digest = hashlib.sha512(f"sandbox transaction {what}".encode()).digest()
    return _base58(digest) if blockchain == "Solana" else f"0x{digest.hex()[:64]}"


def deposit_source(blockchain: str) -> str:
    """A chain as deposits name it."""
    return blockchain[0].lower() + blockchain[1:]


def _base58(data: bytes) -> str:
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = BASE58[digit] + text
    return text

"""The second factor: a token for the right code, good once."""

import base64
import hashlib
from typing import Any

from sandbox.backpack.errors import Problem, bad_payload
from sandbox.backpack.fields import Fields, read_object
from sandbox.matching import Account

PAYLOAD = "IssueTwoFactorTokenRequest"
CODE = "123456"  # what every app and every mail says


class TwoFactor:
    """Tokens that were issued and not used yet, by account."""

    def __init__(self) -> None:
        self._tokens: dict[str, set[str]] = {}
        self._issued = 0

    def issue(self, account: Account, body: Any) -> Any:
        """A token for the code of an app or a mail; raises `Problem` for a wrong code."""
        fields = Fields(read_object(body, PAYLOAD), PAYLOAD)
        code = fields.optional_text("app") or fields.optional_text("email")
        if code is None:
            raise bad_payload(PAYLOAD, "field is required")
        if code != CODE:
            raise wrong_code()
        self._issued += 1
        token = base64.b64encode(hashlib.sha256(f"{account.name} {self._issued}".encode()).digest()).decode()
        self._tokens.setdefault(account.name, set()).add(token)
        return {"signature": token}

    def use(self, account: Account, token: str) -> None:
        """Raises `Problem` unless the token is good; it is not good again."""
        tokens = self._tokens.get(account.name, set())
        if token not in tokens:
            raise wrong_code()
        tokens.remove(token)


def wrong_code() -> Problem:
    return Problem(400, "INVALID_TWO_FACTOR_CODE", "Invalid two factor code")

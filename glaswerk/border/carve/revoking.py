"""Revoke: what the seller's cell had granted to people and programs is granted no more.

The buyer has all of it in the bag.  What stays here is a history to read, without anybody who could act on it.
"""

from typing import Final, LiteralString

from glaswerk.border.role import grant
from glaswerk.border.sunset.still import drop_guards, own_connection, put_guards
from glaswerk.cell.config import Cell

# What is revoked, and how; each of them can be run again and finds nothing then.
_GRANTS: Final[dict[str, LiteralString]] = {
    "sessions": "DELETE FROM django_session",
    "passwords": "UPDATE people_person SET password = '!' || id WHERE home = '' AND password NOT LIKE '!%'",
    "second_steps": "DELETE FROM mfa_authenticator",
    "roles": "UPDATE people_person SET role = 'creator', is_superuser = false"
    " WHERE role IN ('moderator', 'operator') OR is_superuser",
    "merchant_staff": "DELETE FROM shop_staff",
    "tokens": "UPDATE shop_token SET revoked_at = now() WHERE revoked_at IS NULL",
    "webhooks": "UPDATE shop_endpoint SET is_active = false WHERE is_active",
}


def revoke_grants(cell: Cell) -> dict[str, int]:
    """Revoke everything, the database's border included; return how many of each kind there were."""
    found: dict[str, int] = {}
    drop_guards(cell)
    with own_connection(cell) as connection, connection.transaction():
        # No rule of a living cell is asked, such as that a merchant keeps an owner.
        connection.execute("SET LOCAL session_replication_role = replica")
        for what, statement in _GRANTS.items():
            found[what] = connection.execute(statement).rowcount
    put_guards(cell)
    grant()
    return found

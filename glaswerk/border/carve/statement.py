"""What is said about a bag, and signed: an in-toto statement in a DSSE envelope, by the key of the cell's public log.

https://github.com/in-toto/attestation (Statement v1) and https://github.com/secure-systems-lab/dsse (v1).  Whoever has
the log's public key can check it with any Ed25519.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from glaswerk.border.carve.failures import CarveRefused
from glaswerk.tlog import VerifierKey

TYPE: Final = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
HANDED_OVER: Final = "https://glaswerk.example/carve/v1"
ACCEPTED: Final = "https://glaswerk.example/carve-receipt/v1"
LARGEST: Final = 16 << 20


def _bound(payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def sign(
    subjects: Mapping[str, Mapping[str, str]], predicate_type: str, predicate: Any, seed: bytes, key: VerifierKey
) -> bytes:
    """Return the envelope of a statement about files, each named with its digests."""
    statement = {
        "_type": TYPE,
        "subject": [{"name": name, "digest": dict(subjects[name])} for name in sorted(subjects)],
        "predicateType": predicate_type,
        "predicate": predicate,
    }
    payload = orjson.dumps(statement, option=orjson.OPT_SORT_KEYS)
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(_bound(payload))
    envelope = {
        "payloadType": PAYLOAD_TYPE,
        "payload": b64encode(payload).decode(),
        "signatures": [{"keyid": key.text, "sig": b64encode(signature).decode()}],
    }
    return orjson.dumps(envelope, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2)


def verify(data: bytes, key: VerifierKey, predicate_type: str) -> dict[str, Any]:
    """Return the statement of an envelope that this key has signed.  Raises CarveRefused."""
    try:
        envelope = orjson.loads(data)
        (signature,) = envelope["signatures"]
        payload = b64decode(envelope["payload"], validate=True)
        if envelope["payloadType"] != PAYLOAD_TYPE or signature["keyid"] != key.text:
            raise CarveRefused("The statement is signed by another key than the one that was given.")
        Ed25519PublicKey.from_public_bytes(key.public).verify(
            b64decode(signature["sig"], validate=True), _bound(payload)
        )
        statement: dict[str, Any] = orjson.loads(payload)
        if statement["_type"] != TYPE or statement["predicateType"] != predicate_type:
            raise CarveRefused("The statement is about something else.")
    except InvalidSignature:
        raise CarveRefused("The signature of the statement does not hold.") from None
    except (ValueError, KeyError, TypeError):
        raise CarveRefused("This is no signed statement.") from None
    return statement

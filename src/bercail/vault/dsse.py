"""DSSE envelopes: a payload with its type, signed by both algorithms of each signer.

The envelope is that of the Dead Simple Signing Envelope specification, v1; each of our signers
adds two entries, `<key id>:ecdsa-p384` and `<key id>:ml-dsa-65`.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from bercail.foundation import Invalid, Unproven
from bercail.vault.signatures import DualPublicKey, DualSignature, DualSigner, verify_dual

_ECDSA = ":ecdsa-p384"
_ML_DSA = ":ml-dsa-65"


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """The bytes that are signed: `DSSEv1`, then type and payload, each after its length."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def envelope(payload_type: str, payload: bytes, signers: Sequence[DualSigner]) -> dict[str, Any]:
    """The signed envelope of `payload`, as canonical JSON can write it.

    Raises:
        Invalid: no signer.
    """
    if not signers:
        raise Invalid("An envelope needs a signer.", remedy="Name who signs.")
    message = pre_authentication_encoding(payload_type, payload)
    entries: list[dict[str, str]] = []
    for one in signers:
        made = one.sign(message)
        entries.append(_entry(made.key_id + _ECDSA, made.ecdsa))
        entries.append(_entry(made.key_id + _ML_DSA, made.ml_dsa))
    return {
        "payloadType": payload_type,
        "payload": base64.b64encode(payload).decode(),
        "signatures": entries,
    }


def open_envelope(signed: Any, payload_type: str, required: Sequence[DualPublicKey]) -> bytes:
    """The payload, once every key of `required` is shown to have signed it, with both algorithms.

    Raises:
        Invalid: no key is required.
        Unproven: `envelope-form`, `envelope-type`, `envelope-signer`, or as `verify_dual`.
    """
    if not required:
        raise Invalid("An envelope proves nothing without a key.", remedy="Name who must sign.")
    try:
        found_type = str(signed["payloadType"])
        payload = base64.b64decode(signed["payload"], validate=True)
        entries = {
            str(entry["keyid"]): base64.b64decode(entry["sig"], validate=True)
            for entry in signed["signatures"]
        }
    except (KeyError, TypeError, ValueError) as error:
        raise Unproven(
            "The envelope is not a DSSE envelope.",
            remedy="Fetch the file again.",
            rule="envelope-form",
        ) from error
    if found_type != payload_type:
        raise Unproven(
            f"The envelope holds `{found_type}` where `{payload_type}` is expected.",
            remedy="Another file was put in its place; fetch the right one.",
            rule="envelope-type",
        )
    message = pre_authentication_encoding(payload_type, payload)
    for public in required:
        ecdsa, ml_dsa = entries.get(public.id + _ECDSA), entries.get(public.id + _ML_DSA)
        if ecdsa is None or ml_dsa is None:
            raise Unproven(
                f"The key `{public.id}` did not sign the envelope with both algorithms.",
                remedy="Have it signed by everyone who must.",
                rule="envelope-signer",
            )
        verify_dual(public, message, DualSignature(key_id=public.id, ecdsa=ecdsa, ml_dsa=ml_dsa))
    return payload


def _entry(key_id: str, signature: bytes) -> dict[str, str]:
    return {"keyid": key_id, "sig": base64.b64encode(signature).decode()}

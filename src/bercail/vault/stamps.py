"""RFC 3161 time stamps: a request for a text, and the check of what the authority answered.

The library reads strict DER: an answer whose certificates stand in another order than DER's is
refused. A stamp is checked as of its own time, so it outlives the authority's certificate.
"""

from __future__ import annotations

from datetime import datetime

from attrs import frozen
from cryptography.x509 import Certificate, load_pem_x509_certificates
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from bercail.foundation import Invalid, Unproven


@frozen(kw_only=True)
class StampRequest:
    """What is sent to the authority (DER), and the nonce that must come back."""

    der: bytes
    nonce: int


def stamp_request(data: bytes) -> StampRequest:
    """The request of a stamp for `data`, by its SHA-512; asks for the authority's certificate."""
    request = (
        TimestampRequestBuilder().data(data).hash_algorithm(HashAlgorithm.SHA512).nonce().build()
    )
    return StampRequest(der=request.as_bytes(), nonce=int(request.nonce or 0))


def verify_stamp(reply: bytes, data: bytes, roots: bytes, nonce: int | None = None) -> datetime:
    """The time that a trusted authority says it saw `data` at, in UTC.

    `roots` are the authority's root certificates (PEM); `nonce` is that of the request, where it
    is still known.

    Raises:
        Invalid: `roots` holds no certificate.
        Unproven: `stamp-form` (no answer of RFC 3161) or `stamp` (not granted, for something
            else, or signed by somebody else).
    """
    builder = VerifierBuilder()
    for certificate in _certificates(roots):
        builder = builder.add_root_certificate(certificate)
    if nonce is not None:
        builder = builder.nonce(nonce)
    stamp = _decoded(reply)
    try:
        builder.build().verify_message(stamp, data)
    except (VerificationError, ValueError) as error:
        raise Unproven(
            "The time stamp does not hold.",
            remedy="Ask the authority again, and check its root certificate.",
            rule="stamp",
        ) from error
    return stamp.tst_info.gen_time


def _decoded(reply: bytes) -> TimeStampResponse:
    try:
        return decode_timestamp_response(reply)
    except ValueError as error:
        raise Unproven(
            "The answer of the time-stamping authority is not one of RFC 3161.",
            remedy="Check its address; ask its operator for strict DER.",
            rule="stamp-form",
        ) from error


def _certificates(roots: bytes) -> list[Certificate]:
    try:
        return list(dict.fromkeys(load_pem_x509_certificates(roots)))
    except ValueError as error:
        raise Invalid(
            "The file of root certificates holds no certificate in PEM.",
            remedy="Take it from the page of the time-stamping authority.",
        ) from error

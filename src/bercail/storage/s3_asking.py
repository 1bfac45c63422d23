"""The two requests about an upload in parts that every large object needs: its begin and end.

Through the vendor's client they would cost half a second of CPU, which is what importing and
making it takes; it stays for whatever is asked more rarely.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from xml.etree import ElementTree

import urllib3
from attrs import frozen

from bercail.foundation import BercailError
from bercail.storage import failures
from bercail.storage.location import Location
from bercail.storage.request_signing import S3Signer
from bercail.storage.retrying_pool import retrying_pool

EXISTS = {"PreconditionFailed", "ConditionalRequestConflict"}
_NO_HOME = {"NoSuchBucket"}
_INTERNAL = 500


@frozen(kw_only=True)
class Told:
    """A good answer: its XML, and its headers."""

    page: ElementTree.Element
    headers: Mapping[str, str]


class S3Asking:
    """Requests with a small body about objects of one bucket, answered in XML."""

    def __init__(self, location: Location, signer: S3Signer) -> None:
        self._location, self._signer = location, signer
        self._http = retrying_pool(location, also=("POST",))

    def post(
        self,
        key: str,
        name: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes = b"",
    ) -> Told:
        """What the host answers to a POST about the object `name`, stored under `key`.

        Raises:
            Unavailable, Refused, Missing, Unproven, Invalid: as the host answers; an error may
                also come with status 200, once the host has begun to answer.
        """
        act = f"writing `{name}`"
        payload = hashlib.sha256(body).hexdigest()
        request = self._signer.sign("POST", key, headers, query, payload)
        try:
            answer = self._http.request(
                "POST", self._signer.origin + request.target, headers=request.headers, body=body
            )
        except urllib3.exceptions.HTTPError:
            raise failures.no_answer(self._location, act) from None
        page = parsed(answer.data)
        code = "" if page is None else page.findtext("{*}Code") or page.findtext("Code") or ""
        if answer.status != 200:
            raise meaning(self._location, act, name, answer.status, code)
        if page is None:
            raise failures.not_understood(self._location, act, 200, "UnreadableXML")
        if page.tag.rpartition("}")[2] == "Error":
            raise meaning(self._location, act, name, _INTERNAL, code)
        return Told(page=page, headers={k.lower(): v for k, v in answer.headers.items()})


def meaning(location: Location, act: str, name: str, status: int, code: str) -> BercailError:
    """The house's error for what an S3 host answers to `act` on object `name`, or on the bucket."""
    if code in _NO_HOME or (status == 404 and not name):
        return failures.no_home(location)
    if status == 404 or code == "NoSuchUpload":
        return failures.no_object(location, name)
    if code in EXISTS and act.startswith("writing"):
        return failures.exists_already(location, name)
    if status == 412:
        return failures.changed(location, name)
    return failures.from_status(location, act, status, code[:80])


def parsed(body: bytes) -> ElementTree.Element | None:
    """The XML of an answer, or None. No S3 answer declares entities: none is expanded."""
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        return None
    try:
        return ElementTree.fromstring(body)  # noqa: S314  # declarations are refused above
    except ElementTree.ParseError:
        return None

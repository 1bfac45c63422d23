"""Small objects of a bucket over the wire: the request that writes one, and several at once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from bercail.storage.names import require_portable
from bercail.storage.reading import is_carried
from bercail.storage.request_signing import UNSIGNED
from bercail.storage.s3_parts import by_checksum, checksum_of
from bercail.storage.wire import Asked

if TYPE_CHECKING:
    from bercail.storage.request_signing import S3Signer
    from bercail.storage.wire import Wire


class S3Several:
    """What a store of one bucket can do for many small objects."""

    prefix: str
    signer: S3Signer
    wire: Wire
    by_crc: bool
    storage_class: str | None

    def put_several(self, bodies: Sequence[tuple[str, bytes]]) -> list[bool]:
        """See `PutsSeveral`."""
        if not all(is_carried(self.prefix + name) for name, _ in bodies):
            return [False] * len(bodies)
        for name, _ in bodies:
            require_portable(self.prefix + name)
        asked = [self.written(name, body, self.classed()) for name, body in bodies]
        return [answer is not None for answer in self.wire.several("PUT", asked)]

    def written(self, name: str, body: bytes, attributes: Mapping[str, str]) -> Asked:
        """The request that writes an object over the wire."""
        headers = {_header_of(label): value for label, value in attributes.items()}
        if self.by_crc:
            headers |= by_checksum(checksum_of((body,)))
        payload = UNSIGNED if self.by_crc else hashlib.sha256(body).hexdigest()
        signs = partial(self.signer.sign, "PUT", self.prefix + name, payload=payload)
        return Asked(signs=signs, headers=headers, body=(body,))

    def classed(self) -> dict[str, str]:
        """The attribute, by obstore's name, that says in which class an object is to stand."""
        return {"Storage-Class": self.storage_class} if self.storage_class else {}


def _header_of(label: str) -> str:
    return "x-amz-storage-class" if label == "Storage-Class" else f"x-amz-meta-{label}"

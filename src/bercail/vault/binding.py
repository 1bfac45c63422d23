"""What a sealed object is: the binding that its ciphertext is tied to."""

from __future__ import annotations

import hashlib
from typing import Any

from attrs import Attribute, field, frozen

from bercail.foundation import Invalid


def _written(_: Any, attribute: Attribute[str], value: str) -> None:
    if not isinstance(value, str) or not value:
        raise Invalid(
            f"The {attribute.name} of a binding is empty or is not text.",
            remedy="Give a kind, a store, a name and a version.",
        )
    utf8(value, attribute.name)


def utf8(text: str, what: str) -> bytes:
    """`text` in UTF-8; raises Invalid when it holds a lone surrogate (`what` names it)."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise Invalid(
            f"The {what} cannot be written in UTF-8 (character {error.start}).",
            remedy="Rename it with valid Unicode characters.",
        ) from error


def encode_parts(label: str, *parts: str) -> bytes:
    """`label`, a zero byte, then each part after its length on 4 bytes: no two lists collide."""
    out = [label.encode("ascii"), b"\x00"]
    for part in parts:
        data = utf8(part, "text")
        out += [len(data).to_bytes(4, "big"), data]
    return b"".join(out)


@frozen(kw_only=True)
class Binding:
    """The meaning of a sealed object, authenticated with each of its segments.

    `kind` is the sort of thing (`part`, `manifest`), `store` the place it belongs to (a table,
    a project), `name` its logical name and `version` which writing of it. All are non-empty text.
    """

    kind: str = field(validator=_written)
    store: str = field(validator=_written)
    name: str = field(validator=_written)
    version: str = field(validator=_written)

    def digest(self) -> bytes:
        """32 bytes: SHA-256 of the encoding in `docs/reference/formats/sealed-object.md`."""
        return hashlib.sha256(
            encode_parts("bercail binding v1", self.kind, self.store, self.name, self.version)
        ).digest()

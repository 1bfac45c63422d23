"""Questions that only Azure's protocol can put: wrong checksums, conditions, leases, blocks."""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import suppress
from secrets import token_bytes
from typing import Any

from azure.core import MatchConditions
from azure.storage.blob import BlobBlock

from bercail.foundation import BercailError, Missing, Secret
from bercail.storage.azure import AzureStore, split_name
from bercail.storage.azure_control import AzureControl
from bercail.storage.azure_ranges import checked_range, tells_ranges
from bercail.storage.location import Credentials
from bercail.storage.plain_request import status_of
from bercail.storage.probe_questions import HELD, Answer, Question, clock_answer

_BODY = b"the body that is sent"
_LEASE_SECONDS = 15  # the shortest that Azure grants
_BLOCK = base64.b64encode(b"0" * 16).decode()
_MD5 = {"Content-MD5": base64.b64encode(bytes(16)).decode()}
_CRC64 = {"x-ms-content-crc64": base64.b64encode(bytes(8)).decode()}


class AzureQuestions:
    """The questions for one account. No setting of the account is looked at or changed."""

    def __init__(self, store: AzureStore) -> None:
        self._store = store
        self._control = store.control

    def questions(self) -> list[Question]:
        """All of them, in the order in which they are asked."""
        return [
            Question(name="wrong-content-md5", ask=self._wrong(_MD5, "MD5")),
            Question(name="wrong-content-crc64", ask=self._wrong(_CRC64, "CRC-64")),
            Question(name="wrong-block-md5", ask=self._wrong_block(_MD5, "MD5")),
            Question(name="wrong-block-crc64", ask=self._wrong_block(_CRC64, "CRC-64")),
            Question(name="range-crc64-told", ask=self._range_crc64),
            Question(name="if-none-match-put", ask=self._if_none_match),
            Question(name="if-match-put", ask=self._if_match_put),
            Question(name="if-match-delete", ask=self._if_match_delete),
            Question(name="lease", ask=self._lease),
            Question(name="wrong-block-list", ask=self._wrong_block_list),
            Question(name="unfinished-invisible", ask=self._invisible, needed=True),
            Question(name="orphans-visible", ask=self._visible_orphan),
            Question(name="orphans-removable", ask=self._removed_orphan),
            Question(name="anonymous-refused", ask=self._anonymous, needed=True),
            Question(name="tampered-signature-refused", ask=self._tampered, needed=True),
            Question(name="versions", ask=self._versions),
            Question(name="clock", ask=self._clock),
        ]

    def identity(self) -> dict[str, str]:
        """What the host says of itself: no proof, but enough to tell two programs apart."""
        headers = self._headers()
        told = {"endpoint": self._store.location.endpoint or ""}
        marks = {key: headers.get(key, "")[:80] for key in ("server", "x-ms-version")}
        return told | {key: value for key, value in marks.items() if value}

    def _headers(self) -> dict[str, str]:
        """The headers of an answer about a blob that is not there."""
        heard: dict[str, str] = {}

        def listen(answer: Any) -> None:
            heard.update({k.lower(): v for k, v in answer.http_response.headers.items()})

        with self._control.translated("asking who answers", ""):
            self._blob("bercail-probe/nothing").exists(raw_response_hook=listen)
        return heard

    def _blob(self, name: str) -> Any:
        container, blob = split_name(name)
        return self._control.service.get_blob_client(container, blob)

    def _done(self, name: str, act: Callable[[Any], object]) -> bool:
        """Whether the host does `act` on the blob."""
        try:
            with self._control.translated(f"asking with `{name}`", name):
                act(self._blob(name))
        except BercailError:
            return False
        return True

    def _wrong(self, headers: dict[str, str], kind: str) -> Callable[[str], Answer]:
        def ask(name: str) -> Answer:
            if self._done(name, lambda blob: blob.upload_blob(_BODY, headers=headers)):
                return "ignored", f"a body with a wrong {kind} was taken"
            with suppress(Missing):
                self._store.head(name)
                return "ignored", "the wrong body was refused, and stands there all the same"
            return HELD

        return ask

    def _wrong_block(self, headers: dict[str, str], kind: str) -> Callable[[str], Answer]:
        def ask(name: str) -> Answer:
            if self._done(name, lambda blob: blob.stage_block(_BLOCK, _BODY, headers=headers)):
                return "ignored", f"a block with a wrong {kind} was taken"
            return HELD

        return ask

    def _range_crc64(self, name: str) -> Answer:
        self._store.put(name, _BODY)
        if not tells_ranges(self._store, name):
            return "absent", "the host tells no checksum of a range"
        if checked_range(self._store, name)(0, len(_BODY), None).content != _BODY:
            return "ignored", "a range is not what its checksum says"
        return HELD

    def _if_none_match(self, name: str) -> Answer:
        self._store.put(name, b"one")
        missing = MatchConditions.IfMissing
        options = {"overwrite": True, "match_condition": missing}
        if self._done(name, lambda blob: blob.upload_blob(b"two", **options)):
            return "ignored", "a blob was overwritten although it was to be absent"
        return HELD

    def _if_match_put(self, name: str) -> Answer:
        condition = self._of_a_former_version(name)
        if self._done(name, lambda blob: blob.upload_blob(_BODY, overwrite=True, **condition)):
            return "ignored", "a blob was overwritten although it was another version"
        return HELD

    def _if_match_delete(self, name: str) -> Answer:
        condition = self._of_a_former_version(name)
        if self._done(name, lambda blob: blob.delete_blob(**condition)):
            return "ignored", "a blob was deleted although it was another version"
        return HELD

    def _of_a_former_version(self, name: str) -> dict[str, Any]:
        old = self._store.put(name, b"one").etag
        self._store.put(name, b"two")
        return {"etag": old, "match_condition": MatchConditions.IfNotModified}

    def _lease(self, name: str) -> Answer:
        self._store.put(name, b"leased")
        with self._control.translated(f"leasing `{name}`", name):
            lease = self._blob(name).acquire_lease(_LEASE_SECONDS)
        try:
            if self._done(name, lambda blob: blob.upload_blob(_BODY, overwrite=True)):
                return "ignored", "a blob under a lease was overwritten by somebody else"
            if self._done(name, lambda blob: blob.delete_blob()):
                return "ignored", "a blob under a lease was deleted by somebody else"
            if not self._done(
                name, lambda blob: blob.upload_blob(b"x", overwrite=True, lease=lease)
            ):
                return "absent", "the holder of a lease cannot write"
        finally:
            self._done(name, lambda _: lease.release())
        return HELD

    def _wrong_block_list(self, name: str) -> Answer:
        self._staged(name)
        other = BlobBlock(base64.b64encode(b"1" * 16).decode())
        if self._done(name, lambda blob: blob.commit_block_list([other])):
            return "ignored", "a blob was made of a block that nobody sent"
        return HELD

    def _staged(self, name: str) -> None:
        with self._control.translated(f"sending a block of `{name}`", name):
            self._blob(name).stage_block(_BLOCK, _BODY)

    def _invisible(self, name: str) -> Answer:
        self._staged(name)
        if [info.name for info in self._store.list(name)]:
            return "ignored", "a block is listed as a blob"
        with suppress(Missing):
            self._store.head(name)
            return "ignored", "a blob is seen before its blocks are committed"
        return HELD

    def _orphans(self, name: str) -> list[str]:
        return [one.name for one in self._store.leftovers() if one.name.startswith(name)]

    def _visible_orphan(self, name: str) -> Answer:
        self._staged(name)
        if self._orphans(name) != [name]:
            return "ignored", "a blob that was never committed is not listed as such"
        return HELD

    def _removed_orphan(self, name: str) -> Answer:
        self._staged(name)
        for one in self._store.leftovers():
            if one.name == name:
                self._store.discard(one)
        if self._orphans(name) or [info.name for info in self._store.list(name)]:
            return "ignored", "a blob that was never committed cannot be removed"
        return HELD

    def _anonymous(self, name: str) -> Answer:
        self._store.put(name, _BODY)
        if status_of(self._store.location, self._blob(name).url.partition("?")[0]) == 200:
            return "ignored", "anyone may read, without credentials"
        return HELD

    def _tampered(self, name: str) -> Answer:
        self._store.put(name, _BODY)
        wrong = Credentials(secret=Secret(base64.b64encode(token_bytes(64))))
        stranger = AzureControl(self._store.location, wrong)
        try:
            stranger.head(name)
        except BercailError:
            return HELD
        finally:
            stranger.service.close()
        return "ignored", "a wrong signature was served"

    def _versions(self, name: str) -> Answer:
        """Versions, where the account keeps them; its setting is not changed."""
        for body in (b"one", b"two"):
            self._store.put(name, body)
        container, blob = split_name(name)
        client: Any = self._control.service.get_container_client(container)
        with self._control.translated("listing versions", ""):
            found = [
                each.version_id
                for each in client.list_blobs(name_starts_with=blob, include=["versions"])
                if each.name == blob and each.version_id
            ]
        if not found:
            return "absent", "versions are not switched on, or not known"
        return HELD if len(found) == 2 else ("ignored", f"{len(found)} versions of 2 are listed")

    def _clock(self, _: str) -> Answer:
        return clock_answer(self._headers().get("date", ""))

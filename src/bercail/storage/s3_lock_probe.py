"""Questions of the S3 probe about versions and locks, asked in a bucket made for them.

A bucket can only be given locks when it is made, so a home without them cannot be asked
what the host would do. The bucket is removed afterwards with everything in it.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from secrets import token_hex
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from bercail.storage import failures
from bercail.storage.probe_questions import HELD, Answer, Question
from bercail.storage.s3 import S3Store
from bercail.storage.s3_control import new_bucket_options

_KEPT_SECONDS = 6  # long enough for a slow host to be asked, short enough to wait for
_PATIENCE = 10.0  # seconds after the end of a retention
_NO_BUCKET: Answer = ("absent", "no bucket could be made to ask in")
_NO_LOCKS: Answer = ("absent", "the bucket made to ask in has no locks")


class LockQuestions:
    """The questions, and the bucket that they share; it is made when the first is asked."""

    def __init__(self, store: S3Store) -> None:
        self._location = store.location
        self._client: Any = store.control.client
        self._options = new_bucket_options(store.location)
        self._bucket = f"bercail-probe-{token_hex(8)}"
        self._made = self._has_locks = False

    def questions(self) -> list[Question]:
        """All of them, in the order in which they are asked; the last one cleans up."""
        return [
            Question(name="lock-offered", ask=self._offered),
            Question(name="versions-offered", ask=self._in_bucket(self._versions)),
            Question(name="lock-legal-hold", ask=self._with_locks(self._legal_hold)),
            Question(name="lock-governance", ask=self._with_locks(self._governance)),
            Question(name="lock-governance-bypass", ask=self._with_locks(self._bypass)),
            Question(name="lock-compliance", ask=self._with_locks(self._compliance)),
            Question(name="scratch-bucket-removed", ask=self._removed),
        ]

    def _in_bucket(self, ask: Callable[[], Answer]) -> Callable[[str], Answer]:
        return lambda _: ask() if self._made else _NO_BUCKET

    def _with_locks(self, ask: Callable[[], Answer]) -> Callable[[str], Answer]:
        return self._in_bucket(lambda: ask() if self._has_locks else _NO_LOCKS)

    def _offered(self, _: str) -> Answer:
        """A bucket asked for with locks has them."""
        made = self._asked("create_bucket", ObjectLockEnabledForBucket=True, **self._options)
        if made is None:
            return "absent", "no bucket with locks could be made"
        self._made = True
        told = self._asked("get_object_lock_configuration") or {}
        self._has_locks = (
            told.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled"
        )
        return HELD if self._has_locks else ("ignored", "a bucket asked for with locks has none")

    def _versions(self) -> Answer:
        """Two writes are two versions; a deletion hides both, and loses neither."""
        if not self._has_locks:
            enabled = {"Status": "Enabled"}
            if self._asked("put_bucket_versioning", VersioningConfiguration=enabled) is None:
                return "absent", "the host did not switch versions on"
        first, _ = self._put("versions", b"one"), self._put("versions", b"two")
        if first is None or len(self._versions_of("versions")) != 2:
            return "ignored", "two writes are not listed as two versions"
        marked = self._asked("delete_object", Key="versions") or {}
        if not marked.get("DeleteMarker") or self._asked("head_object", Key="versions"):
            return "ignored", "a deleted object is still there, or leaves no marker"
        former = self._asked("get_object", Key="versions", VersionId=first)
        if former is None or former["Body"].read() != b"one":
            return "ignored", "a version behind a deletion is not served"
        return HELD

    def _legal_hold(self) -> Answer:
        version = self._put("hold", b"held", ObjectLockLegalHoldStatus="ON")
        if version is None:
            return "absent", "the host takes no legal hold"
        if self._deleted("hold", version):
            return "ignored", "a version under a legal hold was deleted"
        self._asked(
            "put_object_legal_hold", Key="hold", VersionId=version, LegalHold={"Status": "OFF"}
        )
        if not self._deleted("hold", version):
            return "absent", "a version cannot be deleted after its legal hold was lifted"
        return HELD

    def _governance(self) -> Answer:
        version = self._retained("governance", "GOVERNANCE")
        if version is None:
            return "absent", "the host takes no retention"
        if self._deleted("governance", version):
            return "ignored", "a version under governance was deleted before its time"
        return HELD

    def _bypass(self) -> Answer:
        """Whether these credentials lift a governance: no fault, but good to know."""
        version = self._retained("bypass", "GOVERNANCE")
        if version is None:
            return "absent", "the host takes no retention"
        if self._deleted("bypass", version, BypassGovernanceRetention=True):
            return "held", "these credentials may lift a governance"
        return "absent", "these credentials may not lift a governance"

    def _compliance(self) -> Answer:
        """Nobody deletes it or shortens its time; afterwards it can be deleted."""
        version = self._retained("compliance", "COMPLIANCE")
        if version is None:
            return "absent", "the host takes no retention"
        if self._deleted("compliance", version, BypassGovernanceRetention=True):
            return "ignored", "a version under compliance was deleted before its time"
        sooner = {"Mode": "COMPLIANCE", "RetainUntilDate": self._until(1)}
        shortened = self._asked(
            "put_object_retention", Key="compliance", VersionId=version, Retention=sooner
        )
        if shortened is not None:
            return "ignored", "the time of a compliance was shortened"
        return (
            HELD
            if self._gone_in_time("compliance", version)
            else (
                "absent",
                "a version cannot be deleted after its time",
            )
        )

    def _removed(self, _: str) -> Answer:
        if not self._made:
            return "held", "none was made"
        for key, version in list(self._everything()):
            if not self._deleted(key, version, BypassGovernanceRetention=True):
                self._gone_in_time(key, version)
        if self._asked("delete_bucket") is None:
            return "absent", f"the bucket `{self._bucket}` could not be removed: remove it"
        return HELD

    def _put(self, key: str, body: bytes, **options: Any) -> str | None:
        """The version written, or None where the host refuses, or tells no version."""
        # S3 asks for one of its checksums with every object that is to be locked.
        md5 = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        told = self._asked("put_object", Key=key, Body=body, ContentMD5=md5, **options) or {}
        version: str | None = told.get("VersionId")
        return version

    def _retained(self, key: str, mode: str) -> str | None:
        return self._put(
            key,
            b"retained",
            ObjectLockMode=mode,
            ObjectLockRetainUntilDate=self._until(_KEPT_SECONDS),
        )

    def _until(self, seconds: int) -> datetime:
        """So many seconds from now, by the clock of the host."""
        told = self._asked("list_object_versions", MaxKeys=1) or {}
        headers = told.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        try:
            now = parsedate_to_datetime(headers.get("date", ""))
        except ValueError:
            now = datetime.now(UTC)
        return now + timedelta(seconds=seconds)

    def _deleted(self, key: str, version: str, **options: Any) -> bool:
        """Whether a version is gone: some hosts answer that it is, and keep it."""
        if self._asked("delete_object", Key=key, VersionId=version, **options) is None:
            return False
        return version not in self._versions_of(key)

    def _gone_in_time(self, key: str, version: str) -> bool:
        last = time.monotonic() + _KEPT_SECONDS + _PATIENCE
        while not self._deleted(key, version):
            if time.monotonic() > last:
                return False
            time.sleep(0.5)
        return True

    def _versions_of(self, key: str) -> list[str]:
        return [version for found, version in self._everything() if found == key]

    def _everything(self) -> Iterator[tuple[str, str]]:
        told = self._asked("list_object_versions") or {}
        for one in [*told.get("Versions", []), *told.get("DeleteMarkers", [])]:
            yield str(one["Key"]), str(one["VersionId"])

    def _asked(self, method: str, **options: Any) -> Any:
        """The answer of one call of the vendor's client, or None when the host refuses it."""
        try:
            return getattr(self._client, method)(Bucket=self._bucket, **options)
        except ClientError:
            return None
        except BotoCoreError:
            raise failures.no_answer(self._location, method) from None

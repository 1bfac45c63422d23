"""Steps of the S3 probe that need more than one call: signatures, policies, versions, locks."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from bercail.foundation import BercailError
from bercail.storage import failures
from bercail.storage.probe_questions import HELD, Answer
from bercail.storage.s3 import S3Store

_URL_SECONDS = 120


class S3Scratch:
    """Scratch work on one bucket, under the names it is given."""

    def __init__(self, store: S3Store) -> None:
        self._store = store
        self._client: Any = store.control.client
        self._bucket = store.location.name

    def signed_url(self, method: str, name: str) -> str:
        """A URL that lets `method` be done for two minutes."""
        parameters = {"Bucket": self._bucket, "Key": self._store.prefix + name}
        url: str = self._client.generate_presigned_url(method, parameters, ExpiresIn=_URL_SECONDS)
        return url

    def put_exchanged(self, name: str, body: bytes) -> None:
        """Put a body, and send another of the same length under the same signature."""

        def exchange(request: Any, **_: Any) -> None:
            request.body = body

        # A client of its own: the signature must cover the body here, whatever the location says.
        client = self._store.control.signing_client()
        client.meta.events.register("before-send.s3.PutObject", exchange)
        with self._store.control.translated(f"asking with `{name}`", name):
            client.put_object(
                Bucket=self._bucket, Key=self._store.prefix + name, Body=b"-" * len(body)
            )

    def policy(self, name: str) -> Answer:
        """A policy that denies reading the scratch prefix. A bucket that has one is left alone."""
        if (self._asked("get_bucket_policy") or {}).get("Policy"):
            return "absent", "the bucket has a policy of its own: not asked"
        self._store.put(name, b"denied")
        resource = f"arn:aws:s3:::{self._bucket}/{self._store.prefix + name}"
        rule = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": resource}
        text = json.dumps({"Version": "2012-10-17", "Statement": [rule]})
        if self._asked("put_bucket_policy", Policy=text) is None:
            return "absent", "the host takes no policy"
        try:
            self._store.get(name)
        except BercailError:
            return HELD
        finally:
            self._asked("delete_bucket_policy")
        return "ignored", "a policy that denies reading was taken, and the object was served"

    def versions(self, name: str) -> Answer:
        """Versions, where they are switched on; the bucket's setting is not changed."""
        told = self._asked("get_bucket_versioning")
        if told is None:
            return "absent", "the host knows no versions"
        if told.get("Status") != "Enabled":
            return "absent", "versions are not switched on"
        for body in (b"one", b"two"):
            self._store.put(name, body)
        found = self._versions_of(name)
        for version in found:
            self._asked("delete_object", Key=self._store.prefix + name, VersionId=version)
        return HELD if len(found) == 2 else ("ignored", f"{len(found)} versions of 2 are listed")

    def object_lock(self, name: str) -> Answer:
        """A legal hold, on and off again, where the bucket has locks."""
        told = self._asked("get_object_lock_configuration") or {}
        if told.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") != "Enabled":
            return "absent", "locks are not switched on"
        self._store.put(name, b"held")
        key, versions = self._store.prefix + name, self._versions_of(name)
        for version in versions:
            one = {"Key": key, "VersionId": version}
            if self._asked("put_object_legal_hold", **one, LegalHold={"Status": "ON"}) is None:
                return "absent", "the host takes no legal hold"
            refused = self._asked("delete_object", **one) is None
            self._asked("put_object_legal_hold", **one, LegalHold={"Status": "OFF"})
            self._asked("delete_object", **one)
            if not refused:
                return "ignored", "an object under a legal hold was deleted"
        return HELD if versions else ("absent", "locks need versions, and none are listed")

    def _versions_of(self, name: str) -> list[str]:
        key = self._store.prefix + name
        told = self._asked("list_object_versions", Prefix=key) or {}
        return [str(one["VersionId"]) for one in told.get("Versions", []) if one["Key"] == key]

    def _asked(self, method: str, **options: Any) -> Any:
        """The answer of one call of the vendor's client, or None when the host refuses it."""
        try:
            return getattr(self._client, method)(Bucket=self._bucket, **options)
        except ClientError:
            return None
        except BotoCoreError:
            raise failures.no_answer(self._store.location, method) from None

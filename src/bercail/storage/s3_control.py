"""What S3 needs beyond obstore, through boto3."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bercail.foundation import BercailError, Invalid, Secret
from bercail.storage import failures
from bercail.storage.location import Credentials, Location
from bercail.storage.port import ObjectInfo
from bercail.storage.reading import Piece, ReadRange
from bercail.storage.request_signing import S3Signer
from bercail.storage.s3_asking import meaning
from bercail.storage.transport import (
    ATTEMPTS_AGAIN,
    CONNECT_SECONDS,
    SILENCE_SECONDS,
    authority_file,
    proxy_url,
    require_transport,
)

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_s3 import S3Client

DEFAULT_REGION = "us-east-1"


def require_endpoint(location: Location) -> str:
    """The endpoint of an S3 location; there is no default host here.

    Raises:
        Invalid: when the location names none.
    """
    if location.endpoint is None:
        raise Invalid(
            f"The location `{location}` names no endpoint.",
            remedy="Add `?endpoint=https://...`: no host is assumed.",
        )
    return location.endpoint


def require_credentials(location: Location, credentials: Credentials) -> tuple[str, str]:
    """The access key and the secret key.

    Raises:
        Invalid: when one of them is absent; the environment is never searched.
    """
    if credentials.access_key is None or credentials.secret is None:
        raise Invalid(
            f"The store `{location}` needs an access key and a secret key.",
            remedy="Set them in the variables that its configuration names.",
        )
    return credentials.access_key, credentials.secret.reveal().decode()


def sends_crc(location: Location) -> bool:
    """Whether bodies carry their CRC-64/NVME, and are then left out of the signature."""
    return location.options.get("checksum", "crc64nvme") == "crc64nvme"


def signer(location: Location, credentials: Credentials) -> S3Signer:
    """What signs single requests to the bucket of a location."""
    access_key, secret = require_credentials(location, credentials)
    region = location.options.get("region", DEFAULT_REGION)
    kept = Secret(secret.encode())
    return S3Signer(location, require_endpoint(location), region, access_key, kept)


def new_bucket_options(location: Location) -> dict[str, Any]:
    """What to say when a bucket is made at a location: its region, where it is not the default."""
    region = location.options.get("region", DEFAULT_REGION)
    if region == DEFAULT_REGION:
        return {}
    return {"CreateBucketConfiguration": {"LocationConstraint": region}}


class S3Control:
    """The operations that obstore lacks, on one bucket."""

    def __init__(self, location: Location, credentials: Credentials) -> None:
        self.location = location
        self._credentials = credentials
        require_credentials(location, credentials)
        require_transport(location)
        require_endpoint(location)
        authority_file(location)
        proxy_url(location)

    @cached_property
    def client(self) -> S3Client:
        """The vendor's client, made when first needed: that takes a quarter of a second."""
        return _client(self.location, self._credentials, signs=not sends_crc(self.location))

    def signing_client(self) -> S3Client:
        """A client of its own whose signatures cover the body, whatever the location says."""
        return _client(self.location, self._credentials, signs=True)

    def busy_headers(self) -> Mapping[str, str]:
        """The headers of an error to a small question, in lower case; none if the host serves."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self.client.head_bucket(Bucket=self.location.name)
        except ClientError as error:
            return error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        except BotoCoreError:
            return {}
        return {}

    def make_bucket(self) -> None:
        """Create the bucket; if it is ours already, nothing happens."""
        from botocore.exceptions import ClientError

        with self.translated("creating the bucket", ""):
            try:
                self.client.head_bucket(Bucket=self.location.name)
                return
            except ClientError as error:
                if _status(error) != 404:
                    raise
            try:
                self.client.create_bucket(
                    Bucket=self.location.name, **new_bucket_options(self.location)
                )
            except ClientError as error:
                if _code(error) != "BucketAlreadyOwnedByYou":
                    raise

    def head(self, key: str, name: str) -> ObjectInfo:
        """What the host says about the object stored under `key`."""
        with self.translated(f"asking about `{name}`", name):
            found = self.client.head_object(Bucket=self.location.name, Key=key)
        return ObjectInfo(
            name=name,
            size=found["ContentLength"],
            etag=found["ETag"],
            modified=found["LastModified"],
            version=found.get("VersionId"),
            metadata=found["Metadata"],
            tier=found.get("StorageClass"),
        )

    def reader(self, key: str, name: str) -> ReadRange:
        """A reader of the object stored under `key`."""

        def read(offset: int, length: int, if_match: str | None) -> Piece:
            info = self.head(key, name)
            if offset >= info.size:
                return Piece(content=b"", size=info.size, etag=info.etag)
            with self.translated(f"reading `{name}`", name):
                answer = self.client.get_object(
                    Bucket=self.location.name,
                    Key=key,
                    Range=f"bytes={offset}-{offset + length - 1}",
                    IfMatch=if_match or info.etag,
                )
                content = answer["Body"].read()
            return Piece(content=content, size=info.size, etag=answer["ETag"])

        return read

    def delete(self, key: str, name: str) -> None:
        """Remove the object stored under `key`."""
        with self.translated(f"deleting `{name}`", name):
            self.client.delete_object(Bucket=self.location.name, Key=key)

    def checksum(self, key: str, name: str) -> bytes | None:
        """CRC-64/NVME of the whole object as the host computed it, if it tells one."""
        with self.translated(f"asking about `{name}`", name):
            found = self.client.head_object(
                Bucket=self.location.name, Key=key, ChecksumMode="ENABLED"
            )
        told = found.get("ChecksumCRC64NVME")
        try:
            return base64.b64decode(told, validate=True) if told else None
        except ValueError:
            # A checksum of parts, `...-3`, is not one of the whole.
            return None

    @contextmanager
    def translated(self, act: str, name: str) -> Iterator[None]:
        """Raise the house's errors in place of boto3's."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            raise self._meaning(error, act, name) from None
        except BotoCoreError:
            raise failures.no_answer(self.location, act) from None

    def _meaning(self, error: ClientError, act: str, name: str) -> BercailError:
        return meaning(self.location, act, name, _status(error), _code(error))


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


_NO_FILES = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


def _client(location: Location, credentials: Credentials, *, signs: bool) -> S3Client:
    """A client that reads neither the profile nor the files of the account that runs it."""
    # Imported when a client is made: a copy of small objects never needs one.
    import boto3.session
    import botocore.session
    from botocore.config import Config

    access_key, secret = require_credentials(location, credentials)
    require_transport(location)
    session = botocore.session.Session(session_vars=_NO_FILES)
    authority = authority_file(location)
    virtual = location.options.get("style") == "virtual"
    proxy = proxy_url(location)
    return boto3.session.Session(botocore_session=session).client(
        "s3",
        endpoint_url=require_endpoint(location),
        region_name=location.options.get("region", DEFAULT_REGION),
        aws_access_key_id=access_key,
        aws_secret_access_key=secret,
        verify=str(authority) if authority else None,
        config=Config(
            signature_version="s3v4",
            s3={
                "addressing_style": "virtual" if virtual else "path",
                "payload_signing_enabled": signs,
            },
            connect_timeout=CONNECT_SECONDS,
            read_timeout=SILENCE_SECONDS,
            retries={"total_max_attempts": ATTEMPTS_AGAIN + 1, "mode": "standard"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            user_agent="bercail",
            # An empty mapping would mean the environment's proxies.
            proxies={"http": proxy, "https": proxy} if proxy else {"none": ""},
        ),
    )

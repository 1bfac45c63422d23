"""The inventory of a bucket: versions, delete markers and, when asked, what HEAD tells.

A listing of S3 has no metadata, no tags and no lock; two more requests an object do.
Each page is asked for by the signed URL of `S3Listing`, so a page that fails is asked
for again and nothing else is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus
from xml.etree.ElementTree import Element

from attrs import evolve
from botocore.exceptions import ClientError

from bercail.foundation import Missing
from bercail.storage import failures
from bercail.storage.inventory import Asked, InventoryItem, ItemKind, item_of, patiently
from bercail.storage.past import PastKind, PastState
from bercail.storage.port import ObjectInfo
from bercail.storage.s3 import S3Store
from bercail.storage.s3_listing import OBJECTS, VERSIONS

# Requests of `details` in flight at once, and objects waiting for their answers.
_THREADS, _AHEAD = 8, 32
_HEADERS = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
)
_COLD = frozenset({"GLACIER", "DEEP_ARCHIVE"})
_Sleep = Callable[[float], None]


def s3_inventory(store: S3Store, asked: Asked, sleep: _Sleep) -> Iterator[InventoryItem]:
    """See `bercail.storage.inventory.inventory`."""
    versioned = asked.former and _versioned(store)
    found = _versions(store, asked, sleep) if versioned else _current(store, asked, sleep)
    return _detailed(store, found) if asked.details else found


def _versioned(store: S3Store) -> bool:
    """Whether this bucket keeps, or has kept, versions; where one may not ask, it may have."""
    with store.control.translated("asking about versions", ""):
        try:
            answer = store.control.client.get_bucket_versioning(Bucket=store.location.name)
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in {403, 501}:
                return error.response["ResponseMetadata"]["HTTPStatusCode"] == 403
            raise
    return bool(answer.get("Status"))


def _current(store: S3Store, asked: Asked, sleep: _Sleep) -> Iterator[InventoryItem]:
    start: dict[str, str] = {}
    former = None
    while True:
        page = _page(store, {**OBJECTS, **start}, asked, sleep)
        for entry in page.iterfind("{*}Contents"):
            yield evolve(item_of(_info(store, entry)), metadata_told=False)
        if page.findtext("{*}IsTruncated") != "true":
            return
        token = page.findtext("{*}NextContinuationToken") or ""
        former = _moved_on(store, former, (token,))
        start = {"continuation-token": token}


def _versions(store: S3Store, asked: Asked, sleep: _Sleep) -> Iterator[InventoryItem]:
    start: dict[str, str] = {}
    former = None
    while True:
        page = _page(store, {**VERSIONS, **start}, asked, sleep)
        for entry in page:
            kind = entry.tag.rpartition("}")[2]
            if kind == "Version":
                yield _version(store, entry)
            elif kind == "DeleteMarker":
                name = _name(store, entry)
                info = ObjectInfo(
                    name=name,
                    size=0,
                    etag="",
                    modified=datetime.fromisoformat(entry.findtext("{*}LastModified") or ""),
                    version=entry.findtext("{*}VersionId"),
                )
                yield InventoryItem(kind=ItemKind.DELETE_MARKER, info=info, logical=name)
        if page.findtext("{*}IsTruncated") != "true":
            return
        key = unquote_plus(page.findtext("{*}NextKeyMarker") or "")
        version = page.findtext("{*}NextVersionIdMarker") or ""
        former = _moved_on(store, former, (key, version))
        start = {"key-marker": key} | ({"version-id-marker": version} if version else {})


def _version(store: S3Store, entry: Element) -> InventoryItem:
    info = evolve(_info(store, entry), version=entry.findtext("{*}VersionId"))
    if entry.findtext("{*}IsLatest") == "true":
        return evolve(item_of(info), metadata_told=False)
    state = PastState(kind=PastKind.VERSION, id=info.version or "null", name=info.name)
    return InventoryItem(
        kind=ItemKind.VERSION,
        info=evolve(info, name=state.as_name),
        logical=info.name,
        metadata_told=False,
    )


def _page(store: S3Store, query: Mapping[str, str], asked: Asked, sleep: _Sleep) -> Element:
    whole = {
        **query,
        "prefix": store.prefix + asked.prefix,
        "encoding-type": "url",
        "max-keys": str(min(asked.page, 1000)),
    }
    return patiently(lambda: store.listed.page(whole), sleep)


def _moved_on(
    store: S3Store, former: tuple[str, ...] | None, now: tuple[str, ...]
) -> tuple[str, ...]:
    """`now`, when the listing got further; one that stands still would never end."""
    if now == former or not any(now):
        raise failures.not_understood(store.location, "listing", 200, "RepeatedToken")
    return now


def _name(store: S3Store, entry: Element) -> str:
    return unquote_plus(entry.findtext("{*}Key") or "").removeprefix(store.prefix)


def _info(store: S3Store, entry: Element) -> ObjectInfo:
    return ObjectInfo(
        name=_name(store, entry),
        size=int(entry.findtext("{*}Size") or 0),
        etag=entry.findtext("{*}ETag") or "",
        modified=datetime.fromisoformat(entry.findtext("{*}LastModified") or ""),
        tier=entry.findtext("{*}StorageClass"),
    )


def _detailed(store: S3Store, found: Iterator[InventoryItem]) -> Iterator[InventoryItem]:
    """`found` in its order, each object asked about by a few threads ahead of the reader."""
    waiting: deque[Future[InventoryItem]] = deque()
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="inventory") as pool:
        try:
            for item in found:
                waiting.append(pool.submit(_asked_about, store, item))
                if len(waiting) == _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _asked_about(store: S3Store, item: InventoryItem) -> InventoryItem:
    if item.kind not in {ItemKind.CURRENT, ItemKind.VERSION}:
        return item
    which: dict[str, Any] = {"Bucket": store.location.name, "Key": store.prefix + item.logical}
    if item.kind is ItemKind.VERSION:
        which["VersionId"] = item.info.version or "null"
    try:
        with store.control.translated(f"asking about `{item.logical}`", item.logical):
            try:
                told: dict[str, Any] = dict(store.control.client.head_object(**which))
            except ClientError as error:
                # S3 answers 400 to a HEAD without the key that the object is sealed with.
                if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 400:
                    return evolve(item, customer_key=True)
                raise
            tags = _tags(store, which)
    except Missing:
        return item  # it went since it was listed: copying says so
    return _with_details(item, told, tags)


def _tags(store: S3Store, which: dict[str, Any]) -> dict[str, str] | None:
    try:
        answer = store.control.client.get_object_tagging(**which)
    except ClientError as error:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in {403, 501}:
            return None  # not told, which is not the same as none
        raise
    return {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}


def _with_details(
    item: InventoryItem, told: dict[str, Any], tags: dict[str, str] | None
) -> InventoryItem:
    restore = told.get("Restore") or ""
    rehydration = None
    if (item.info.tier or "").upper() in _COLD and restore:
        rehydration = "restored" if 'ongoing-request="false"' in restore else "restoring"
    return evolve(
        item,
        info=evolve(item.info, metadata=told.get("Metadata", {})),
        tags=tags,
        metadata_told=True,
        locked_until=told.get("ObjectLockRetainUntilDate"),
        legal_hold=told.get("ObjectLockLegalHoldStatus") == "ON",
        rehydration=rehydration,
        customer_key=bool(told.get("SSECustomerAlgorithm")),
        headers={name: str(told[name]) for name in _HEADERS if told.get(name)},
    )

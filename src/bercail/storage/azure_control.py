"""What Azure needs beyond obstore, through the vendor's client."""

from __future__ import annotations

import base64
import logging
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from secrets import token_hex
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.storage.blob import BlobBlock, BlobClient, BlobServiceClient, LinearRetry

from bercail.foundation import BercailError
from bercail.storage import failures
from bercail.storage.azure_account import require_credentials, require_endpoint
from bercail.storage.location import Credentials, Location
from bercail.storage.parts import PARTS_IN_FLIGHT, in_parts
from bercail.storage.port import ObjectInfo
from bercail.storage.reading import Piece, ReadRange
from bercail.storage.transport import (
    ATTEMPTS_AGAIN,
    CONNECT_SECONDS,
    SILENCE_SECONDS,
    authority_file,
    proxy_url,
    require_transport,
)

_NO_HOME = {"ContainerNotFound", "ContainerBeingDeleted", "AccountNotFound"}


def _tells_no_signature(record: logging.LogRecord) -> bool:
    return "sig=" not in record.getMessage()


# The HTTP library below the vendor's writes whole addresses to its log, signature and all.
logging.getLogger("urllib3.connectionpool").addFilter(_tells_no_signature)


class AzureControl:
    """The operations that obstore lacks, on one account."""

    def __init__(self, location: Location, credentials: Credentials) -> None:
        require_transport(location)
        self.location = location
        authority = authority_file(location)
        proxy = proxy_url(location)
        options: dict[str, Any] = {"connection_verify": str(authority)} if authority else {}
        if proxy:
            options["proxies"] = {"http": proxy, "https": proxy}
        self.service = BlobServiceClient(
            require_endpoint(location),
            credential=require_credentials(location, credentials),
            retry_policy=LinearRetry(backoff=1, retry_total=ATTEMPTS_AGAIN, random_jitter_range=0),
            connection_timeout=CONNECT_SECONDS,
            read_timeout=SILENCE_SECONDS,
            user_agent="bercail",
            use_env_settings=False,
            permit_redirects=False,
            **options,
        )

    def busy_headers(self) -> Mapping[str, str]:
        """The headers of an error to a small question, in lower case; none if the host serves."""
        asked: Any = self.service.list_containers(results_per_page=1, retry_total=0)
        try:
            next(asked.by_page(), None)
        except HttpResponseError as error:
            headers: Any = getattr(error.response, "headers", None) or {}
            return {name.lower(): value for name, value in headers.items()}
        except AzureError:
            return {}
        return {}

    def make_container(self, container: str) -> None:
        """Create the container; if it exists, nothing happens.

        A signature may allow writing but not creating: the write itself then tells.
        """
        with self.translated(f"creating `{container}`", ""):
            try:
                self.service.create_container(container)
            except ResourceExistsError:
                return
            except HttpResponseError as error:
                if error.status_code != 403:
                    raise

    def head(self, name: str) -> ObjectInfo:
        """What the host says about one blob."""
        with self.translated(f"asking about `{name}`", name):
            return info_of(name, self.blob(name).get_blob_properties())

    def reader(self, name: str) -> ReadRange:
        """A reader of a blob whose name obstore cannot carry."""
        blob = self.blob(name)

        def read(offset: int, length: int, if_match: str | None) -> Piece:
            info = self.head(name)
            if if_match is not None and if_match != info.etag:
                raise failures.changed(self.location, name)
            if offset >= info.size:
                return Piece(content=b"", size=info.size, etag=info.etag)
            with self.translated(f"reading `{name}`", name):
                answer = blob.download_blob(
                    offset=offset,
                    length=length,
                    etag=info.etag,
                    match_condition=MatchConditions.IfNotModified,
                )
                return Piece(content=answer.readall(), size=info.size, etag=info.etag)

        return read

    def delete(self, name: str) -> None:
        """Remove a blob; an absent one is no error."""
        with self.translated(f"deleting `{name}`", name):
            try:
                self.blob(name).delete_blob()
            except HttpResponseError as error:
                if error.status_code != 404:
                    raise

    def put_blocks_if_absent(
        self, name: str, pieces: Iterable[bytes], metadata: Mapping[str, str]
    ) -> str:
        """Upload in blocks, and let the host decide at the end that nothing stood there.

        Returns the etag. Blocks never committed are discarded by the host.

        Raises:
            Refused: when the blob exists (rule `object-exists`).
        """
        blob, writer = self.blob(name), token_hex(8)

        def send(number: int, block: bytes) -> BlobBlock:
            # Blocks that are not committed belong to the blob, not to who sent them: two
            # writers with the same names would mix their blocks. All have one length.
            block_id = base64.b64encode(f"{writer}{number:08d}".encode()).decode()
            with self.translated(f"writing `{name}`", name):
                blob.stage_block(block_id, block)
            return BlobBlock(block_id)

        blocks: list[BlobBlock] = []
        waiting: deque[Future[BlobBlock]] = deque()
        with ThreadPoolExecutor(PARTS_IN_FLIGHT, thread_name_prefix="upload") as pool:
            for number, block in enumerate(in_parts(pieces)):
                if len(waiting) == PARTS_IN_FLIGHT:
                    blocks.append(waiting.popleft().result())
                waiting.append(pool.submit(send, number, block))
            blocks.extend(future.result() for future in waiting)
        with self.translated(f"writing `{name}`", name):
            done = blob.commit_block_list(
                blocks, metadata=dict(metadata), match_condition=MatchConditions.IfMissing
            )
        return str(done["etag"])

    def blob(self, name: str) -> BlobClient:
        """The vendor's client of one blob."""
        container, _, blob = name.partition("/")
        return self.service.get_blob_client(container, blob)

    @contextmanager
    def translated(self, act: str, name: str) -> Iterator[None]:
        """Raise the house's errors in place of the vendor's."""
        try:
            yield
        except (ServiceRequestError, ServiceResponseError):
            raise failures.no_answer(self.location, act) from None
        except HttpResponseError as error:
            raise self._meaning(error, act, name) from None
        except (AzureError, AttributeError, ValueError, TypeError) as error:
            # What the vendor's client meets in an answer that is not Azure's: it fails over an
            # error code that it does not know, too.
            if isinstance(refusal := error.__context__, AttributeError):
                refusal = refusal.__context__
            if isinstance(refusal, HttpResponseError):
                raise self._meaning(refusal, act, name) from None
            raise failures.not_understood(self.location, act, None, "UnreadableAnswer") from None

    def _meaning(self, error: HttpResponseError, act: str, name: str) -> BercailError:
        status = error.status_code or 0
        told = getattr(error, "error_code", None)
        headers: Any = getattr(error.response, "headers", None) or {}
        code = str(getattr(told, "value", told or headers.get("x-ms-error-code", "")))
        if code in _NO_HOME or (status == 404 and not name):
            return failures.no_home(self.location)
        if status == 404:
            return failures.no_object(self.location, name)
        if code in {"BlobAlreadyExists", "TargetConditionNotMet"} or (
            status in {409, 412} and act.startswith("writing")
        ):
            return failures.exists_already(self.location, name)
        if status == 412:
            return failures.changed(self.location, name)
        return failures.from_status(self.location, act, status, code[:80])


def info_of(name: str, found: Any) -> ObjectInfo:
    """One blob as the vendor's client describes it."""
    md5 = found.content_settings.content_md5
    etag, kind = str(found.etag), found.blob_type
    return ObjectInfo(
        name=name,
        size=int(found.size),
        etag=etag,
        modified=found.last_modified,
        content_md5=bytes(md5) if md5 else None,
        version=found.version_id,
        metadata=found.metadata or {},
        tier=str(found.blob_tier) if found.blob_tier else None,
        blob_type=str(getattr(kind, "value", kind)) if kind else None,
    )

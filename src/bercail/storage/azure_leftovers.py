"""What interrupted writes leave on Azure: blobs of which only uncommitted blocks stand."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bercail.storage.leftovers import Leftover

if TYPE_CHECKING:
    from bercail.storage.azure_control import AzureControl
    from bercail.storage.azure_listing import AzureListing

_ABSENT, _EXISTS = 404, {409, 412}


class AzureLeftovers(ABC):
    """The part of an Azure store that finds and removes them; see `KeepsLeftovers`.

    Blocks sent for a blob that stands, and never committed, are not found: no listing of
    Azure tells them. The host forgets them after a week, or when the blob is written again.
    """

    listed: AzureListing

    @property
    @abstractmethod
    def control(self) -> AzureControl:
        """The vendor's client of the store."""

    def leftovers(self) -> Iterator[Leftover]:
        """Blobs never committed, in all containers; `begun` where the host tells it."""
        for one in self.listed.containers(""):
            container = one.name
            client: Any = self.control.service.get_container_client(container)
            with self.control.translated("listing", ""):
                for found in client.list_blobs(include=["uncommittedblobs"]):
                    if found.size == 0 and self._is_uncommitted(container, found.name):
                        yield Leftover(
                            name=f"{container}/{found.name}",
                            token="",
                            begun=found.creation_time or found.last_modified,
                        )

    def discard(self, leftover: Leftover) -> None:
        """Commit nothing, which discards the blocks, and delete the empty blob that this makes.

        Azure deletes no blob that was never committed. Both steps are conditional, so that
        one committed meanwhile stays. Between them an empty blob stands for a moment.
        """
        from azure.core import MatchConditions
        from azure.core.exceptions import HttpResponseError

        container, _, name = leftover.name.partition("/")
        blob: Any = self.control.service.get_blob_client(container, name)
        with self.control.translated(f"removing what is left of `{leftover.name}`", leftover.name):
            try:
                done = blob.commit_block_list([], match_condition=MatchConditions.IfMissing)
                blob.delete_blob(etag=done["etag"], match_condition=MatchConditions.IfNotModified)
            except HttpResponseError as error:
                if error.status_code != _ABSENT and error.status_code not in _EXISTS:
                    raise

    def _is_uncommitted(self, container: str, name: str) -> bool:
        """Whether nothing but blocks stands there: an empty blob is listed alike."""
        from azure.core.exceptions import HttpResponseError

        blob: Any = self.control.service.get_blob_client(container, name)
        try:
            blob.get_blob_properties()
        except HttpResponseError as error:
            if error.status_code == _ABSENT:
                return True
            raise
        return False

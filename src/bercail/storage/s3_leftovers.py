"""What interrupted writes leave on an S3 host: uploads in parts that nobody ended."""

from __future__ import annotations

from collections.abc import Iterator

from bercail.storage.leftovers import Leftover
from bercail.storage.s3_parts import S3Parts


class S3Leftovers:
    """The part of an S3 store that finds and removes them; see `KeepsLeftovers`."""

    prefix: str
    parts: S3Parts

    def leftovers(self) -> Iterator[Leftover]:
        """Uploads in parts still open below this location."""
        for opened in self.parts.open_uploads(self.prefix):
            yield Leftover(
                name=opened.key.removeprefix(self.prefix),
                token=opened.upload,
                begun=opened.begun,
            )

    def discard(self, leftover: Leftover) -> None:
        """The upload is aborted, its parts go."""
        self.parts.abort(self.prefix + leftover.name, leftover.name, leftover.token)

"""Watches a log from outside: keeps what was seen, and tells when the log contradicts it.

A watcher needs the address (or a folder) of the log and its keys file, nothing else. It keeps each
checkpoint that it has seen, and what contradicts them as evidence.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

from attrs import frozen

from bercail.foundation import Unavailable, Unproven
from bercail.ledger.checkpoint import Checkpoint, parse_checkpoint
from bercail.ledger.folder import FULL, tile_name, write_whole
from bercail.ledger.http_ask import http_ask, require_address
from bercail.ledger.merkle import root_of_hashes, subtree_root
from bercail.ledger.verify import Keys, NotVerifiedError, read_head, read_keys
from bercail.vault import VerifierKey, read_cosignatures

Fetch = Callable[[str], bytes | None]
"""Gives the content of a file of the log by its path; None when it is absent."""

_LATEST = "latest"


def fetcher(source: str) -> Fetch:
    """Reads a log at an address, or in a folder of this machine.

    Raises:
        Invalid: `source` begins like an address and is none.
    """
    if not re.match(r"[a-z]+://", source):
        return lambda name: _read(Path(source) / name)
    address = require_address(source)

    def fetch(name: str) -> bytes | None:
        try:
            status, content = http_ask("GET", f"{address}/{name}")
        except OSError as problem:
            raise _silent(source) from problem
        if status == HTTPStatus.NOT_FOUND:
            return None
        if status != HTTPStatus.OK:
            raise _silent(source)
        return content

    return fetch


@frozen(kw_only=True)
class Watcher:
    """Watches the log that `fetch` reads; `kept` is the folder of what was seen."""

    fetch: Fetch
    keys: Path
    kept: Path

    def look(self) -> dict[str, Any]:
        """Look once: what the log says now, and how far it grew since the last look.

        1. The checkpoint is of this log, signed twice, and cosigned by the quorum.
        2. It is not smaller than the last one seen, nor another of the same size.
        3. The tiles give both roots: what was seen is the beginning of what is.
        4. It is kept.

        Raises:
            Unavailable: the log or the folder cannot be read; nothing is known then.
            Unproven: the log contradicts itself; its checkpoint is kept as evidence.
        """
        trusted = self._trusted()
        fresh = self._head(trusted)
        last = self._last()
        if last is not None:
            self._require_continued(last, fresh)
        nodes = _Tiles(self.fetch, fresh.size)
        for head in (fresh, last):
            if head is not None and subtree_root(nodes, 0, head.size) != head.root:
                raise self._contradiction(
                    fresh,
                    f"the tiles do not give the root of {head.size}",
                    f"les tuiles ne donnent pas la racine de {head.size}",
                )
        self._keep(f"{fresh.size}", fresh)
        self._keep(_LATEST, fresh)
        grown = fresh.size - (last.size if last else 0)
        cosigned = sorted(_cosigners(fresh, trusted))
        return {**fresh.as_dict(), "grown": grown, "cosigned_by": cosigned}

    def _trusted(self) -> Keys:
        try:
            return read_keys(self.keys)
        except NotVerifiedError as refusal:
            raise Unproven(
                f"`{self.keys}` is not the keys file of a log. / "
                f"`{self.keys}` n'est pas le fichier de clés d'un journal.",
                remedy="Ask the operator for it, by another way than the log. / "
                "Demandez-le à l'opérateur, par une autre voie que le journal.",
            ) from refusal

    def _head(self, trusted: Keys) -> Checkpoint:
        note = self.fetch("checkpoint")
        if note is None:
            raise Unavailable(
                "The log has no checkpoint. / Le journal n'a pas de point de contrôle.",
                remedy="Check its address; it may be new. / "
                "Vérifiez son adresse ; il est peut-être nouveau.",
            )
        try:
            read_head(note, trusted, "checkpoint")
        except NotVerifiedError as refusal:
            raise Unproven(
                f"The checkpoint of the log does not hold: {refusal.reason}. / "
                "Le point de contrôle du journal ne tient pas.",
                remedy="Keep it, ask its operator, tell the auditor. / "
                "Gardez-le, interrogez son opérateur, prévenez l'auditeur.",
                rule="LOG-03",
            ) from refusal
        return parse_checkpoint(note.decode("utf-8"))

    def _last(self) -> Checkpoint | None:
        note = _read(self.kept / _LATEST)
        return None if note is None else parse_checkpoint(note.decode("utf-8"))

    def _require_continued(self, last: Checkpoint, fresh: Checkpoint) -> None:
        if fresh.size < last.size:
            raise self._contradiction(
                fresh,
                f"it has {fresh.size} events, it had {last.size}: rolled back",
                f"il a {fresh.size} événements, il en avait {last.size} : retour en arrière",
            )
        if fresh.size == last.size and fresh.root != last.root:
            trusted = self._trusted()
            both = sorted(_cosigners(fresh, trusted) & _cosigners(last, trusted))
            named = "".join(f"; `{name}` cosigned both" for name in both)
            named_fr = "".join(f" ; `{name}` a contresigné les deux" for name in both)
            raise self._contradiction(
                fresh,
                f"another tree of {fresh.size} events was signed: a split view{named}",
                f"un autre arbre de {fresh.size} événements a été signé : deux vues du même "
                f"journal{named_fr}",
            )

    def _contradiction(self, fresh: Checkpoint, what: str, what_fr: str) -> Unproven:
        name = f"evidence-{fresh.size}-{fresh.root.hex()[:16]}"
        self._keep(name, fresh)
        return Unproven(
            f"The log contradicts what was seen before: {what}. / "
            f"Le journal contredit ce qui a été vu avant : {what_fr}.",
            remedy=f"Both checkpoints are in `{self.kept}` (`{_LATEST}` and `{name}`), signed by "
            "the log: tell the auditor and other watchers. / Les deux points de contrôle sont dans "
            f"`{self.kept}` (`{_LATEST}` et `{name}`), signés par le journal : prévenez l'auditeur "
            "et les autres observateurs.",
            rule="LOG-03",
        )

    def _keep(self, name: str, checkpoint: Checkpoint) -> None:
        try:
            self.kept.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise Unavailable(
                f"The folder `{self.kept}` cannot be written. / "
                f"Impossible d'écrire dans le dossier `{self.kept}`.",
                remedy="Choose a folder that this account may write. / "
                "Choisissez un dossier où ce compte peut écrire.",
            ) from problem
        write_whole(self.kept / name, [checkpoint.note.encode()])


class _Tiles:
    """The nodes of a tree (a `merkle.Nodes`) from its tiles, each fetched once."""

    def __init__(self, fetch: Fetch, size: int) -> None:
        self._fetch = fetch
        self._size = size
        self._held: dict[tuple[int, int], list[bytes]] = {}

    def __call__(self, height: int, index: int) -> bytes:
        level, inside = divmod(height, 8)
        first = index << inside
        rows = self._rows(level, first // FULL)
        start = first % FULL
        return root_of_hashes(rows[start : start + (1 << inside)])

    def _rows(self, level: int, index: int) -> list[bytes]:
        if (level, index) not in self._held:
            width = min(FULL, (self._size >> (8 * level)) - index * FULL)
            self._held[level, index] = self._tile(level, index, width)
        return self._held[level, index]

    def _tile(self, level: int, index: int, width: int) -> list[bytes]:
        for held in dict.fromkeys((width, FULL)):
            data = self._fetch(tile_name(level, index, held))
            if data is not None and len(data) == held * 32:
                return [data[i : i + 32] for i in range(0, width * 32, 32)]
        raise Unproven(
            f"`{tile_name(level, index, width)}` of the log is absent or has not its length. / "
            f"`{tile_name(level, index, width)}` du journal est absent ou n'a pas sa longueur.",
            remedy="Look again; when it lasts, tell the operator and the auditor. / "
            "Regardez de nouveau ; si cela dure, prévenez l'opérateur et l'auditeur.",
            rule="LOG-03",
        )


def _cosigners(checkpoint: Checkpoint, trusted: Keys) -> set[str]:
    """The names of the witnesses of the keys file whose cosignatures are on a checkpoint."""
    lines = [line for line, _, _ in trusted.known.values()]
    keys = [key for key in map(VerifierKey.parse, lines) if key.name != trusted.origin]
    return {found.key.name for found in read_cosignatures(checkpoint.note, keys)}


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise _silent(str(path)) from problem


def _silent(source: str) -> Unavailable:
    return Unavailable(
        f"The log at `{source}` cannot be read. / Le journal à `{source}` ne peut être lu.",
        remedy="Check the address, then look again. / Vérifiez l'adresse, puis regardez de "
        "nouveau.",
    )

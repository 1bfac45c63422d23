"""The public face of the log: a folder of plain files that any web server can serve.

    index.html, index.fr.html       for people: what the log says now, and how to check it
    checkpoint, tile/               the log itself (C2SP tlog-tiles)
    checkpoints/<size>              each checkpoint that was ever put here
    stamps/<size>.tsr               RFC 3161 stamps, where there are any
    keys.json                       to be compared with the keys obtained another way

Files are written before what names them: index pages and the checkpoint come last.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from bercail.foundation import Missing, Unavailable, canonical_json
from bercail.ledger.checkpoint import Checkpoint, parse_checkpoint
from bercail.ledger.folder import write_whole
from bercail.ledger.http_door import HttpDoor, Reply

_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;"
    "color:#1a1a1a;background:#fff}code,td{overflow-wrap:anywhere}th{text-align:left;"
    "vertical-align:top;padding-right:1rem}a{color:#00459e}"
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"

_WORDS = {
    "en": {
        "title": "The public log of",
        "lead": "Every act of this platform is an event of this log. The log shows how many there "
        "are and that none was changed, moved or taken away; it does not show what they say.",
        "size": "Events",
        "root": "Root of the tree",
        "signers": "Signed or cosigned by",
        "how": "Check it yourself",
        "steps": "Keep each checkpoint that you receive. Take the keys by another way than this "
        "page, then run <code>bercail ledger watch</code> on this address, or "
        "<code>verify.py</code> on a copy of these files.",
        "files": "Files",
        "earlier": "Checkpoints published here",
        "other": '<a href="index.fr.html" lang="fr" hreflang="fr">En français</a>',
        "empty": "None yet.",
    },
    "fr": {
        "title": "Le journal public de",
        "lead": "Chaque acte de cette plateforme est un événement de ce journal. Le journal montre "
        "combien il y en a et qu'aucun n'a été changé, déplacé ou retiré ; il ne montre pas "
        "ce qu'ils disent.",
        "size": "Événements",
        "root": "Racine de l'arbre",
        "signers": "Signé ou cosigné par",
        "how": "Vérifiez vous-même",
        "steps": "Gardez chaque point de contrôle que vous recevez. Prenez les clés par un autre "
        "chemin que cette page, puis lancez <code>bercail ledger watch</code> sur cette adresse, "
        "ou <code>verify.py</code> sur une copie de ces fichiers.",
        "files": "Fichiers",
        "earlier": "Points de contrôle publiés ici",
        "other": '<a href="index.html" lang="en" hreflang="en">In English</a>',
        "empty": "Aucun pour l'instant.",
    },
}


def build_site(log_dir: Path, keys: Mapping[str, Any], target: Path) -> dict[str, Any]:
    """Bring the site in `target` up to the log in `log_dir`; returns what it shows.

    Raises:
        Missing: the log has no checkpoint yet.
        Unavailable: a file cannot be read or written.
    """
    try:
        if not (log_dir / "checkpoint").exists():
            raise Missing(
                "The log has no checkpoint to show yet.",
                remedy="Run `bercail ledger publish` first.",
            )
        note = (log_dir / "checkpoint").read_text("utf-8")
        head = parse_checkpoint(note)
        copied = sum(_copy(log_dir, target, path) for path in _published(log_dir))
        (target / "checkpoints").mkdir(parents=True, exist_ok=True)
        write_whole(target / "checkpoints" / str(head.size), [note.encode()])
        write_whole(target / "keys.json", [canonical_json(dict(keys)) + b"\n"])
        write_whole(target / "checkpoint", [note.encode()])
        sizes = sorted((int(path.name) for path in _sizes(target)), reverse=True)
        for name, language in (("index.html", "en"), ("index.fr.html", "fr")):
            write_whole(target / name, [page(head, sizes, language).encode()])
    except OSError as problem:
        raise Unavailable(
            f"The site in `{target}` cannot be written from the log `{log_dir}`.",
            remedy="Check that this account may use both folders and that the disk has room.",
        ) from problem
    return {**head.as_dict(), "files_copied": copied, "site": str(target)}


def page(head: Checkpoint, sizes: list[int], language: str) -> str:
    """The page for people, in English (`en`) or French (`fr`): no script, all in one file."""
    words = _WORDS[language]
    signers = sorted(set(re.findall(r"^\N{EM DASH} (\S+) ", head.note, re.MULTILINE)))
    earlier = "".join(f'<li><a href="checkpoints/{size}">{size}</a></li>' for size in sizes)
    rows = (
        (words["size"], str(head.size)),
        (words["root"], f"<code>{head.root.hex()}</code>"),
        (words["signers"], ", ".join(escape(name) for name in signers)),
    )
    table = "".join(f'<tr><th scope="row">{name}</th><td>{cell}</td></tr>' for name, cell in rows)
    title = f"{words['title']} {escape(head.origin)}"
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n"
        f"<body><main><p>{words['other']}</p><h1>{title}</h1><p>{words['lead']}</p>\n"
        f"<table>{table}</table>\n<h2>{words['how']}</h2><p>{words['steps']}</p>\n"
        f'<h2>{words["files"]}</h2><ul><li><a href="checkpoint">checkpoint</a></li>'
        '<li><a href="keys.json">keys.json</a></li></ul>\n'
        f"<h2>{words['earlier']}</h2><ul>{earlier or words['empty']}</ul></main></body>\n</html>\n"
    )


def site_door(folder: Path, host: str, port: int) -> HttpDoor:
    """A server of a site, or of a log folder as it is; read only. Raises Unavailable."""

    def respond(method: str, path: str, _: bytes) -> Reply:
        if method not in ("GET", "HEAD"):
            return Reply(status=405, headers={"Allow": "GET, HEAD"})
        name = "index.html" if path == "/" else path.removeprefix("/")
        kind = _kind(name)
        if kind is None:
            return Reply(status=404, body=b"not a file of the log\n")
        try:
            body = (folder / name).read_bytes()
        except OSError:
            return Reply(status=404, body=b"not there\n")
        immutable = name.startswith("tile/")
        caching = "public, max-age=31536000, immutable" if immutable else "no-cache"
        headers = {"Cache-Control": caching, "Content-Security-Policy": _POLICY}
        return Reply(status=200, body=body, kind=kind, headers=headers)

    return HttpDoor((host, port), respond)


_TILE = r"tile/(entries|[0-9]|[1-5][0-9]|6[0-3])/(x[0-9]{3}/)*[0-9]{3}(\.p/[1-9][0-9]{0,2})?"
_KINDS = (
    (r"checkpoint|checkpoints/[0-9]{1,19}", "text/plain; charset=utf-8"),
    (_TILE, "application/octet-stream"),
    (r"index\.html|index\.fr\.html", "text/html; charset=utf-8"),
    (r"keys\.json", "application/json"),
    (r"stamps/[0-9]{1,19}\.tsr", "application/timestamp-reply"),
)


def _kind(name: str) -> str | None:
    """The content type of a public file; None for every other name, whatever is in the folder."""
    return next((kind for form, kind in _KINDS if re.fullmatch(form, name, re.ASCII)), None)


def _published(log_dir: Path) -> list[str]:
    names = sorted(str(p.relative_to(log_dir)) for p in log_dir.rglob("*") if p.is_file())
    return [name for name in names if name.startswith(("tile/", "stamps/")) and _kind(name)]


def _copy(log_dir: Path, target: Path, name: str) -> bool:
    """Copy a file that never changes, unless it is there whole; whether it was copied."""
    source, copy = log_dir / name, target / name
    if copy.exists() and copy.stat().st_size == source.stat().st_size:
        return False
    copy.parent.mkdir(parents=True, exist_ok=True)
    write_whole(copy, [source.read_bytes()])
    return True


def _sizes(target: Path) -> list[Path]:
    return [path for path in (target / "checkpoints").iterdir() if path.name.isdigit()]

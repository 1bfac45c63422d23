"""Commands on object stores: look at what a host holds, and search it for canaries."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from bercail.cli.door import JsonFlag, emit, house, progress

if TYPE_CHECKING:
    from bercail.storage import ObjectStore

app = typer.Typer(help="Object stores: what a host holds.", no_args_is_help=True)

LocationArgument = Annotated[
    str, typer.Argument(help="For example file:///srv/objects or s3://bucket?endpoint=https://...")
]
CredentialsOption = Annotated[
    str,
    typer.Option(
        help="Prefix of the variables that hold the credentials: PREFIX_ACCESS_KEY, "
        "PREFIX_SECRET_KEY, PREFIX_SAS, or the same with _FILE or _KEYRING."
    ),
]


def _opened(location: str, credentials: str) -> ObjectStore:
    from bercail.storage import Credentials, Location, open_store

    return open_store(
        Location.parse(location), Credentials.from_environment(credentials, os.environ)
    )


@app.command(name="list")
def list_objects(
    location: LocationArgument,
    prefix: Annotated[str, typer.Option(help="Only names that start so.")] = "",
    credentials: CredentialsOption = "BERCAIL_STORE",
    as_json: JsonFlag = False,
) -> None:
    """List the objects of a store, with their sizes."""
    from bercail.storage import ReadOnly, listing

    found = listing(ReadOnly(_opened(location, credentials)), prefix)
    emit(found.as_dict(), as_json, lines=found.lines())


@app.command()
def head(
    location: LocationArgument,
    name: Annotated[str, typer.Argument(help="The object's name.")],
    credentials: CredentialsOption = "BERCAIL_STORE",
    as_json: JsonFlag = False,
) -> None:
    """Show what the host says about one object."""
    emit(_opened(location, credentials).head(name).as_dict(), as_json, title="Object")


@app.command(name="scan")
def scan_store(
    location: LocationArgument,
    canary: Annotated[
        list[str], typer.Option(help="A text that the store must not hold; may be repeated.")
    ],
    credentials: CredentialsOption = "BERCAIL_STORE",
    as_json: JsonFlag = False,
) -> None:
    """Read every name and every byte of a store, and report each canary found."""
    from bercail.storage import ReadOnly, scan

    with progress(as_json) as report:
        store = ReadOnly(_opened(location, credentials))
        found = scan(store, [text.encode("utf-8") for text in canary], report)
    emit(found.as_dict(), as_json, title="Scan")
    found.require_clean()


@app.command(name="probe")
def probe_store(
    location: LocationArgument,
    credentials: CredentialsOption = "BERCAIL_STORE",
    keep: Annotated[
        bool, typer.Option(help="Keep the result in the store, as bercail-probe/result.json.")
    ] = True,
    home: Annotated[
        bool, typer.Option("--home", help="Leave with an error when it cannot be a home.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Ask a host what it really does, by writing and deleting under a scratch prefix."""
    from bercail.storage import keep_probe, probe, require_fit_for_home

    store = _opened(location, credentials)
    report = probe(store)
    if keep:
        keep_probe(store, report)
    emit(report.as_dict(), as_json, lines=report.lines())
    if home:
        require_fit_for_home(report)


@app.command(name="probe-home")
def probe_the_home(as_json: JsonFlag = False) -> None:
    """Probe the home of the configuration, and keep the result there and on the trust side.

    Data go to a home only after this, unless it is a folder, or an emulator on this machine
    for synthetic data. Once after each change of the host or its programs is enough.
    """
    from bercail.storage import require_fit_for_home

    report = house().probe_home()
    emit(report.as_dict(), as_json, lines=report.lines())
    require_fit_for_home(report)


@app.command(name="clean")
def clean_store(
    location: LocationArgument,
    older_than: Annotated[int, typer.Option(help="Hours since the write began.")] = 24,
    apply: Annotated[
        bool, typer.Option("--apply", help="Remove them; without it they are only shown.")
    ] = False,
    credentials: CredentialsOption = "BERCAIL_STORE",
    as_json: JsonFlag = False,
) -> None:
    """Show what interrupted writes left on a host, and remove it."""
    from bercail.storage import clean

    found = clean(_opened(location, credentials), older_than_hours=older_than, apply=apply)
    emit(found.as_dict(), as_json, lines=found.lines())


@app.command(name="audit-host")
def audit_store(
    location: LocationArgument,
    canary: Annotated[
        list[str] | None,
        typer.Option(help="A text that the host must not see; may be repeated."),
    ] = None,
    credentials: CredentialsOption = "BERCAIL_STORE",
    as_json: JsonFlag = False,
) -> None:
    """Read every byte as an enemy would, and report whatever is not sealed."""
    from bercail.storage import ReadOnly, audit_host

    with progress(as_json) as report:
        store = ReadOnly(_opened(location, credentials))
        found = audit_host(store, [text.encode("utf-8") for text in canary or ()], report)
    emit(found.as_dict(), as_json, lines=found.lines())
    found.require_clean()

"""Pseudonym secrets change: what this room keeps of persons changes with them, and is proven.

Never does: keep a correspondence of old and new, leave a table of a project half under one
secret and half under another, or destroy a secret before nothing needs it.
Hands out: `ChainedObjections`, the registry across epochs; `ProjectTables`, the extracts and
other sealed tables of projects.
"""

from bercail.access.rotation.desk import ProjectTables, RenewedProject, TurnedProject
from bercail.access.rotation.dossiers import ProjectDossiers
from bercail.access.rotation.events import ObjectionsTurned, ProjectSecretRenewed
from bercail.access.rotation.objections import ChainedObjections
from bercail.access.rotation.shelves import EmptyShelf, KeepsProjectTables
from bercail.access.rotation.tables import ProjectTable
from bercail.access.rotation.turning import ProjectDesk

__all__ = [
    "ChainedObjections",
    "EmptyShelf",
    "KeepsProjectTables",
    "ObjectionsTurned",
    "ProjectDesk",
    "ProjectDossiers",
    "ProjectSecretRenewed",
    "ProjectTable",
    "ProjectTables",
    "RenewedProject",
    "TurnedProject",
]

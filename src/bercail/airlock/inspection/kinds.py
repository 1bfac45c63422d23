"""The kinds of files that the airlock knows, and who decides on each."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import PurePosixPath

from attrs import frozen


class Disposition(StrEnum):
    """Who decides on a kind of file: the engine and people, people alone, or nobody ever."""

    ENGINE = "engine"
    PEOPLE = "people"
    NEVER = "never"


class Kind(StrEnum):
    """What a file is, by its content."""

    COUNT_TABLE = "count table"
    DELIMITED = "delimited text"
    SPREADSHEET = "spreadsheet"
    OFFICE = "office document"
    OLD_OFFICE = "old office document"
    PDF = "PDF document"
    HTML = "HTML page"
    MARKUP = "XML document"
    LATEX = "LaTeX text"
    TEXT = "plain text"
    LOG = "log"
    CODE = "program"
    NOTEBOOK = "notebook"
    CHART = "chart specification"
    JSON = "JSON document"
    SVG = "SVG drawing"
    PNG = "PNG picture"
    JPEG = "JPEG picture"
    PICTURE = "other picture"
    MODEL = "model"
    CONFIDENCES = "model confidences"
    PARQUET = "Parquet file"
    PICKLE = "serialised object"
    ARRAY = "array file"
    DATASET = "data file of a statistics program"
    DATABASE = "database"
    EXECUTABLE = "executable"
    ARCHIVE = "archive"
    UNKNOWN = "unknown"


KINDS_FR: Mapping[Kind, str] = {
    Kind.COUNT_TABLE: "tableau d'effectifs",
    Kind.DELIMITED: "texte délimité",
    Kind.SPREADSHEET: "classeur",
    Kind.OFFICE: "document de bureautique",
    Kind.OLD_OFFICE: "ancien document de bureautique",
    Kind.PDF: "document PDF",
    Kind.HTML: "page HTML",
    Kind.MARKUP: "document XML",
    Kind.LATEX: "texte LaTeX",
    Kind.TEXT: "texte brut",
    Kind.LOG: "journal",
    Kind.CODE: "programme",
    Kind.NOTEBOOK: "notebook",
    Kind.CHART: "description de graphique",
    Kind.JSON: "document JSON",
    Kind.SVG: "dessin SVG",
    Kind.PNG: "image PNG",
    Kind.JPEG: "image JPEG",
    Kind.PICTURE: "autre image",
    Kind.MODEL: "modèle",
    Kind.CONFIDENCES: "confiances d'un modèle",
    Kind.PARQUET: "fichier Parquet",
    Kind.PICKLE: "objet sérialisé",
    Kind.ARRAY: "fichier de tableaux numériques",
    Kind.DATASET: "fichier de données d'un logiciel statistique",
    Kind.DATABASE: "base de données",
    Kind.EXECUTABLE: "exécutable",
    Kind.ARCHIVE: "archive",
    Kind.UNKNOWN: "inconnu",
}
"""Each kind in French; a test holds the table against the kinds."""


@frozen
class Custom:
    """What the house does with a kind: who decides, suffixes it goes by, its media type."""

    disposition: Disposition
    suffixes: tuple[str, ...] = ()
    media: str = "application/octet-stream"


_ENGINE, _PEOPLE, _NEVER = Disposition.ENGINE, Disposition.PEOPLE, Disposition.NEVER
_CODE = (
    ".py", ".r", ".sql", ".do", ".sas", ".jl", ".sh", ".toml", ".yaml", ".yml", ".ini", ".cfg",
    ".js", ".java", ".scala", ".c", ".cpp", ".h", ".rs", ".go", ".rmd", ".qmd",
)  # fmt: skip
_WORDS = (".txt", ".md", ".rst", ".log", ".tex", ".out", ".lst", ".csv", ".tsv", *_CODE)

CUSTOMS: Mapping[Kind, Custom] = {
    Kind.COUNT_TABLE: Custom(_ENGINE, (".json",), "application/json"),
    Kind.DELIMITED: Custom(_PEOPLE, _WORDS, "text/csv"),
    Kind.SPREADSHEET: Custom(
        _PEOPLE,
        (".xlsx", ".xlsm"),
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    Kind.OFFICE: Custom(_PEOPLE, (".docx", ".pptx", ".odt", ".ods", ".odp")),
    Kind.OLD_OFFICE: Custom(_NEVER, (".xls", ".doc", ".ppt", ".msg")),
    Kind.PDF: Custom(_PEOPLE, (".pdf",), "application/pdf"),
    Kind.HTML: Custom(_PEOPLE, (".html", ".htm"), "text/html"),
    Kind.MARKUP: Custom(_PEOPLE, (".xml", ".pmml"), "application/xml"),
    Kind.LATEX: Custom(_PEOPLE, _WORDS, "application/x-tex"),
    Kind.TEXT: Custom(_PEOPLE, _WORDS, "text/plain"),
    Kind.LOG: Custom(_PEOPLE, _WORDS, "text/plain"),
    Kind.CODE: Custom(_PEOPLE, _WORDS, "text/plain"),
    Kind.NOTEBOOK: Custom(_PEOPLE, (".ipynb", ".json"), "application/x-ipynb+json"),
    Kind.CHART: Custom(_PEOPLE, (".json", ".vl", ".vg"), "application/json"),
    Kind.JSON: Custom(_PEOPLE, (".json", ".geojson", *_WORDS), "application/json"),
    Kind.SVG: Custom(_PEOPLE, (".svg",), "image/svg+xml"),
    Kind.PNG: Custom(_PEOPLE, (".png",), "image/png"),
    Kind.JPEG: Custom(_PEOPLE, (".jpg", ".jpeg"), "image/jpeg"),
    Kind.PICTURE: Custom(_NEVER, (".gif", ".webp", ".tif", ".tiff", ".bmp")),
    Kind.MODEL: Custom(_PEOPLE, (".json", ".pmml", ".xml"), "application/json"),
    Kind.CONFIDENCES: Custom(_PEOPLE, (".json",), "application/json"),
    Kind.PARQUET: Custom(_NEVER, (".parquet",)),
    Kind.PICKLE: Custom(_NEVER, (".pkl", ".pickle", ".joblib", ".p")),
    Kind.ARRAY: Custom(_NEVER, (".npy", ".npz", ".h5", ".hdf5", ".arrow", ".feather")),
    Kind.DATASET: Custom(_NEVER, (".rds", ".rda", ".rdata", ".dta", ".sas7bdat", ".sav")),
    Kind.DATABASE: Custom(_NEVER, (".db", ".sqlite", ".duckdb")),
    Kind.EXECUTABLE: Custom(_NEVER, (".exe", ".so", ".dll", ".class", ".wasm", ".bin")),
    Kind.ARCHIVE: Custom(_NEVER, (".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".7z", ".zst")),
    Kind.UNKNOWN: Custom(_NEVER),
}
"""Total over the kinds. A suffix is only ever used to find a name that lies."""

_KNOWN = {suffix for custom in CUSTOMS.values() for suffix in custom.suffixes}


def disposition_of(kind: Kind) -> Disposition:
    """Who decides on files of `kind`."""
    return CUSTOMS[kind].disposition


def is_disguised(name: str, kind: Kind) -> bool:
    """Whether the suffix of `name` is one of another kind than its content."""
    suffix = PurePosixPath(name.lower()).suffix
    own = CUSTOMS[kind].suffixes
    return kind is not Kind.UNKNOWN and suffix in _KNOWN and suffix not in own

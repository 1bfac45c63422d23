"""What every test may ask for: real servers, and the record of evidence."""

pytest_plugins = [
    "bercail.testing.fixtures",
    "bercail.testing.evidence",
    "bercail.testing.postgresql",
    "bercail.testing.vault_fixtures",
]

"""What every test may ask for: real servers, and the record of evidence.

Generative tests draw the same cases on every machine, so that a failure is seen again by whoever
looks for it. `pytest --hypothesis-profile=default` searches anew.
"""

from hypothesis import settings

pytest_plugins = [
    "bercail.testing.fixtures",
    "bercail.testing.evidence",
    "bercail.testing.postgresql",
    "bercail.testing.spark_fixtures",
    "bercail.testing.vault_fixtures",
]

settings.register_profile("steady", derandomize=True, deadline=None, database=None)
settings.load_profile("steady")

"""What tests and the demo need beside the house: contract suites and real servers.

Never does: stand in for a host with an imitation. The servers are the vendor's
emulator for Azure Blob and a real S3 server, on this machine's loopback only.
Hands out: `bercail.testing.object_store_contract`, `bercail.testing.servers`, and
`bercail.testing.fixtures`, which pytest loads as a plugin.
"""

#!/usr/bin/env bash
# Compile the lock files: versions and hashes, never an address.
set -euo pipefail
cd "$(dirname "$0")/.."
export UV_PYTHON_DOWNLOADS=never
compile() {
  .tools/bin/uv pip compile -q "$1" ${3:+--extra "$3"} --generate-hashes --universal \
    --python-version 3.11 --no-emit-index-url --no-header -o "$2"
}
compile pyproject.toml requirements.lock
compile pyproject.toml requirements-demo.lock demo
compile pyproject.toml requirements-dev.lock dev
compile pyproject.toml requirements-compat.lock compat
compile requirements-peers.in requirements-peers.lock
echo "uv==$(.tools/bin/uv --version | cut -d' ' -f2)" | .tools/bin/uv pip compile -q - \
  --generate-hashes --no-emit-index-url --no-header --no-annotate -o requirements-tools.lock
if grep -nE '^--|://' requirements*.lock; then
  echo "a lock file holds an address or an option" >&2
  exit 1
fi

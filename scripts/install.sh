#!/usr/bin/env bash
# Install what a target needs, inside the checkout: uv in .tools, Python packages in .venv,
# the Azure emulator in servers/node_modules, programs to be tested with in .peers. Does
# nothing when all of it is there already.
# Usage: scripts/install.sh tools|demo|dev|compat|peers
set -euo pipefail
cd "$(dirname "$0")/.."
profile="${1:?tools, demo, dev, compat or peers}"
export UV_PYTHON_DOWNLOADS=never UV_LINK_MODE="${UV_LINK_MODE:-copy}"

say() { printf 'install: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
digest() { cat "$@" | sha256sum | cut -d' ' -f1; }

# Debian packages are asked for by name; without root the person is told what to install.
# A new machine is often still updating itself: its lock is waited for.
debian() {
  local apt=(apt-get -o DPkg::Lock::Timeout=600)
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing Debian packages: $*"
    "${apt[@]}" install -y -q "$@" >/dev/null 2>&1 ||
      { "${apt[@]}" update -q >/dev/null && "${apt[@]}" install -y -q "$@" >/dev/null; }
  else
    return 1
  fi
}

find_python() {
  for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null &&
      "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  fail "Python 3.11 or newer is needed; on Debian: apt-get install python3 python3-venv"
}

install_uv() {
  [ -x .tools/bin/uv ] && [ "$(cat .tools/stamp 2>/dev/null)" = "$(digest requirements-tools.lock)" ] && return
  local python
  python="$(find_python)"
  if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    debian python3-venv || fail "python3-venv is missing; ask for: apt-get install python3-venv"
  fi
  say "installing uv into .tools"
  rm -rf .tools
  "$python" -m venv .tools
  .tools/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-tools.lock
  digest requirements-tools.lock >.tools/stamp
}

# The dev set contains the demo set, so a dev environment serves both.
install_python() {
  local lock="requirements-$profile.lock" want
  want="$(digest "$lock")"
  [ "$(cat ".venv/stamp-$profile" 2>/dev/null)" = "$want" ] && return
  if [ "$profile" = demo ] &&
    [ "$(cat .venv/stamp-dev 2>/dev/null)" = "$(digest requirements-dev.lock)" ]; then
    return
  fi
  say "installing Python packages ($lock)"
  [ -x .venv/bin/python ] || .tools/bin/uv venv -q --python "$(find_python)" .venv
  rm -f .venv/stamp-*
  .tools/bin/uv pip sync -q --python .venv/bin/python --require-hashes --compile-bytecode "$lock"
  .tools/bin/uv pip install -q --python .venv/bin/python --no-deps --no-build-isolation -e .
  echo "$want" >".venv/stamp-$profile"
}

# Azurite is the one Node part; Node.js itself comes with the Python packages.
install_servers() {
  local want
  want="$(digest servers/package-lock.json)"
  [ "$(cat servers/node_modules/.stamp 2>/dev/null)" = "$want" ] && return
  say "installing the Azure Blob emulator (npm, scripts off)"
  (
    PATH="$PWD/.venv/bin:$PATH"
    cd servers
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
  )
  echo "$want" >servers/node_modules/.stamp
}

# The tests drive a real PKCS#11 library; Debian packages it, PyPI does not.
install_debian() {
  [ -e /usr/lib/softhsm/libsofthsm2.so ] && return
  debian softhsm2 || fail "SoftHSM is missing; ask for: apt-get install softhsm2"
}

# Spark comes as an archive without code to compile; setuptools goes in first and builds it.
install_peers() {
  local want
  want="$(digest requirements-peers.lock)"
  [ "$(cat .peers/stamp 2>/dev/null)" = "$want" ] && return
  say "installing the peers (requirements-peers.lock)"
  rm -rf .peers
  .tools/bin/uv venv -q --python "$(find_python)" .peers
  .tools/bin/uv pip install -q --python .peers/bin/python --require-hashes --no-deps \
    -r <(awk '/^[^ ]/ { mine = /^setuptools==/ } mine' requirements-peers.lock)
  .tools/bin/uv pip sync -q --python .peers/bin/python --require-hashes --no-build-isolation \
    requirements-peers.lock
  echo "$want" >.peers/stamp
}

# Spark 4 runs on Java 17 or newer.
install_java() {
  command -v java >/dev/null && return
  debian default-jre-headless || fail "Java is missing; ask for: apt-get install default-jre-headless"
}

[ -f requirements-tools.lock ] || fail "requirements-tools.lock is missing from the checkout"
install_uv
case "$profile" in
  tools) ;;
  demo) install_python; install_servers ;;
  dev) install_debian; install_java; install_python; install_servers; install_peers ;;
  compat)
    install_debian
    debian radosgw ceph-mon ceph-osd ceph-mgr ceph-common memcached ||
      fail "the other S3 servers are missing; ask for: apt-get install radosgw ceph-mon ceph-osd ceph-mgr ceph-common memcached"
    install_java
    install_python
    install_servers
    install_peers
    ;;
  peers) install_java; install_peers ;;
  *) fail "unknown profile $profile" ;;
esac

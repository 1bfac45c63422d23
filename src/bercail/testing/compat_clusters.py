"""Two servers of `make compat` made of several programs: OpenStack Swift and Ceph's gateway.

Each is one shell script in its folder, at the head of the process group, that prepares
what is absent, starts the programs and waits for them. All on one disk, one copy, no
secret but the S3 keys: good for asking how they speak S3, and for nothing else.
"""

from __future__ import annotations

import getpass
import uuid
from collections.abc import Mapping
from pathlib import Path

from bercail.foundation import Secret
from bercail.storage import Credentials
from bercail.testing import processes
from bercail.testing.compat_servers import by_script, started, write_script
from bercail.testing.processes import LOOPBACK
from bercail.testing.servers import RunningServer, kept_secret, private_home, write_private

_SWIFT_PORTS = ("s3", "memcached", "account", "container", "object")
_CEPH_PORTS = ("s3", "mon")
_SWIFT_REMEDY = "`make compat` installs it (extra `compat`); Debian has `memcached`."
_CEPH_REMEDY = "Install Debian's `radosgw`, `ceph-mon`, `ceph-osd`, `ceph-mgr` and `ceph-common`."
_DISK = 6 << 30  # bytes of a sparse file


def start_swift(directory: Path) -> RunningServer:
    """Swift with its s3api: proxy, account, container and object server, and memcached.

    Raises:
        Missing: when one of its programs is not installed.
        Unavailable: when it does not come up.
    """
    home = private_home(directory / "swift")
    builder = processes.find_program("swift-ring-builder", (), _SWIFT_REMEDY)
    memcached = processes.find_program("memcached", (), _SWIFT_REMEDY)
    credentials = Credentials(
        access_key="compat:bercail", secret=Secret(kept_secret(home / "secret.key", 30))
    )
    (home / "nodes" / "d1").mkdir(parents=True, exist_ok=True)
    write_private(home / "secret.txt", credentials.secret.reveal() if credentials.secret else b"")
    lines = [
        f"cd '{home}'",
        "s3=$1 memcached=$2 account=$3 container=$4 object=$5",
        # Swift's programs leave the group of their starter: it must end them itself.
        "pids=; trap 'kill $pids; exit 0' TERM",
        _swift_settings(home),
        'sed -i "s|SECRET|$(cat secret.txt)|" proxy-server.conf',
        "rm -f *.builder *.ring.gz",
        *(_ring(builder, kind) for kind in ("account", "container", "object")),
        f"'{memcached}' -l {LOOPBACK} -p \"$memcached\" -u '{getpass.getuser()}' & pids=$!",
        *(
            f"'{builder.parent}/swift-{kind}-server' {kind}-server.conf & pids=\"$pids $!\""
            for kind in ("account", "container", "object", "proxy")
        ),
        "wait",
    ]
    script = home / "run.sh"
    write_script(script, lines)
    return started(home, "swift", _SWIFT_PORTS, by_script(script), credentials, {})


def _ring(builder: Path, kind: str) -> str:
    file = f"{kind}.builder"
    return (
        f"'{builder}' {file} create 4 1 0 >/dev/null\n"
        f"'{builder}' {file} add r1z1-{LOOPBACK}:${kind}/d1 1 >/dev/null\n"
        f"'{builder}' {file} rebalance >/dev/null"
    )


def _swift_settings(home: Path) -> str:
    """The shell lines that write Swift's files, whose ports the shell knows."""
    shared = f"swift_dir = {home}\nuser = {getpass.getuser()}\nbind_ip = {LOOPBACK}\nworkers = 0"
    pipeline = "catch_errors cache s3api tempauth bulk slo proxy-server"
    proxy = f"""[DEFAULT]
{shared}
bind_port = $s3
[pipeline:main]
pipeline = {pipeline}
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:tempauth]
use = egg:swift#tempauth
user_compat_bercail = SECRET .admin
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:cache]
use = egg:swift#memcache
memcache_servers = {LOOPBACK}:$memcached
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo"""
    files = {
        "swift.conf": "[swift-hash]\nswift_hash_path_suffix = compat\n"
        "[storage-policy:0]\nname = only\ndefault = yes",
        "proxy-server.conf": proxy,
    }
    for kind in ("account", "container", "object"):
        files[f"{kind}-server.conf"] = (
            f"[DEFAULT]\n{shared}\nbind_port = ${kind}\ndevices = {home}/nodes\n"
            f"mount_check = false\nfallocate_reserve = 0\n[pipeline:main]\n"
            f"pipeline = {kind}-server\n[app:{kind}-server]\nuse = egg:swift#{kind}"
        )
    return "\n".join(f"cat >{name} <<END\n{text}\nEND" for name, text in files.items())


def start_ceph(directory: Path) -> RunningServer:
    """Ceph's RADOS gateway over one monitor, one manager and one OSD in a sparse file.

    Raises:
        Missing: when one of its programs is not installed.
        Unavailable: when it does not come up; it takes some 20 seconds.
    """
    for program in ("radosgw", "radosgw-admin", "ceph-mon", "ceph-mgr", "ceph-osd", "ceph"):
        processes.find_program(program, (), _CEPH_REMEDY)
    home = private_home(directory / "ceph")
    secret = kept_secret(home / "secret.key", 30)
    credentials = Credentials(access_key="bercail", secret=Secret(secret))
    write_private(home / "ceph.template", _ceph_settings(home).encode())
    script = home / "run.sh"
    write_script(script, [_CEPH_SCRIPT.format(home=home, disk=_DISK, host=LOOPBACK)])
    return started(home, "ceph", _CEPH_PORTS, by_script(script), credentials, _ceph_environ(home))


def _ceph_environ(home: Path) -> Mapping[str, str]:
    return {"CEPH_CONF": str(home / "ceph.conf"), "CEPH_ARGS": f"--conf {home}/ceph.conf"}


def _ceph_settings(home: Path) -> str:
    """One copy of everything, no authentication inside, small memory."""
    known = home / "fsid"
    if not known.exists():
        write_private(known, str(uuid.uuid4()).encode())
    return f"""[global]
fsid = {known.read_text()}
mon_initial_members = a
mon_host = v2:{LOOPBACK}:MON
public_addr = {LOOPBACK}
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
ms_mon_client_mode = crc secure
run_dir = {home}
log_file = {home}/$name.log
admin_socket = {home}/$name.asok
pid_file = {home}/$name.pid
keyring = {home}/keyring
mon_data = {home}/mon
mgr_data = {home}/mgr
osd_data = {home}/osd
osd_objectstore = bluestore
bluestore_block_size = {_DISK}
osd_memory_target = 939524096
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_osd_full_ratio = 0.99
mon_data_avail_warn = 1
mon_data_avail_crit = 1
rgw_data = {home}/rgw
"""


_CEPH_SCRIPT = """cd '{home}'
s3=$1 mon=$2
sed "s/MON/$mon/" ceph.template >ceph.conf
touch keyring
mkdir -p mgr osd rgw
if [ ! -d mon ]; then
  mkdir mon
  monmaptool --create --clobber --addv a "[v2:{host}:$mon]" --fsid "$(cat fsid)" monmap
  ceph-mon --mkfs -i a --monmap monmap
fi
ceph-mon -f -i a &
ceph-mgr -f -i a &
if [ ! -e osd/ready ]; then
  [ -e osd/uuid ] || cat /proc/sys/kernel/random/uuid >osd/uuid
  ceph osd new "$(cat osd/uuid)"
  truncate -s {disk} osd/block
  ceph-osd --mkfs -i 0 --osd-uuid "$(cat osd/uuid)"
  touch osd/ready
fi
ceph-osd -f -i 0 &
radosgw-admin user info --uid bercail >/dev/null 2>&1 || radosgw-admin user create \\
  --uid bercail --display-name bercail \\
  --access-key bercail --secret-key "$(cat secret.key)" >user.json
radosgw -f -n client.rgw --rgw_frontends "beast endpoint={host}:$s3" &
wait"""

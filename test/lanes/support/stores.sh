# Shared by the lanes that need object stores which npm does not bring: Ceph's RADOS gateway from
# Debian, versitygw and fake-gcs-server from Go's module proxy. Sourced after lane.sh by a run.sh,
# which then calls `install_stores`: each of them is a check, and on the PATH afterwards.
STORES=${XDG_CACHE_HOME:-$HOME/.cache}/stratalog-lanes/stores
export STORES PATH="$root/node_modules/.bin:$STORES/bin:$PATH"

VERSITYGW=github.com/versity/versitygw/cmd/versitygw@v1.8.0
FAKE_GCS=github.com/fsouza/fake-gcs-server@v1.56.1

install_ceph() {
  if command -v radosgw && command -v ceph-mon && command -v ceph-osd; then return; fi
  as_root=
  if [ "$(id -u)" != 0 ]; then as_root='sudo -n'; fi
  export DEBIAN_FRONTEND=noninteractive
  $as_root apt-get update
  $as_root apt-get install --yes --no-install-recommends radosgw ceph-mon ceph-osd
}

# One build for each version that is asked for; a cache that was made for another does not count.
install_go() {
  local name=$1 package=$2
  if [ "$(cat "$STORES/bin/$name.version" 2>/dev/null)" = "$package" ]; then return; fi
  GOBIN=$STORES/bin go install "$package"
  echo "$package" >"$STORES/bin/$name.version"
}

install_stores() {
  mkdir -p "$STORES/bin"
  export -f install_ceph install_go
  check 'Ceph is installed' bash -euc install_ceph
  check 'versitygw is built' bash -euc "install_go versitygw $VERSITYGW"
  check 'fake-gcs-server is built' bash -euc "install_go fake-gcs-server $FAKE_GCS"
}

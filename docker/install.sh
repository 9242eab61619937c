#!/bin/sh
# The steps of our images, apart because libraries change seldom and the program often: each becomes a layer of its own.
#   install.sh requirements EXTRA…  which libraries the lock file says, into requirements.txt
#   install.sh libraries EXTRA…     the locked libraries into /opt/tidegate, with Helm (and kubectl for the harness) beside them
#   install.sh program NAME         tidegate itself into /out, to be copied over /opt/tidegate
# Where the context has a folder `offline`, everything comes from it; otherwise from PyPI and the projects' sites.
set -eu
target=/opt/tidegate
pip() { /opt/tools/bin/pip --python "$target/bin/python" --quiet --disable-pip-version-check "$@"; }

requirements() {
  [ ! -f requirements.txt ] || return 0
  python3 -m venv /opt/tools
  /opt/tools/bin/pip install --quiet uv
  options=$(for extra in "$@"; do printf -- '--extra %s ' "$extra"; done)
  # shellcheck disable=SC2086  # the options are words
  /opt/tools/bin/uv export --quiet --frozen --no-dev --no-emit-project $options -o requirements.txt
}

tool() { # the given program, or its project's
  if [ -f "bin/$1" ]; then cp "bin/$1" "$target/bin/$1"; else "$target/bin/python" bin/fetch.py "$1"; fi
  chmod 755 "$target/bin/$1"
}

libraries() {
  python3 -m venv /opt/tools
  python3 -m venv --without-pip "$target"
  if ls libraries/*.whl > /dev/null 2>&1; then
    pip install --no-index --find-links libraries -r requirements.txt
  else
    pip install --only-binary=:all: -r requirements.txt
  fi
  # The client's asynchronous twin is half of its size, and nothing of ours imports it.
  rm -rf "$target"/lib/python3*/site-packages/kubernetes/aio
  tool helm
  case " $* " in *" harness "*) tool kubectl ;; esac
}

program() {
  ls program/*.whl > /dev/null 2>&1 || /opt/tools/bin/pip wheel --quiet --no-deps --wheel-dir program .
  pip install --no-deps --no-index --root /out program/*.whl
  if [ "$1" = agent ]; then
    rm -rf /out"$target"/lib/python3*/site-packages/control_plane /out"$target"/lib/python3*/site-packages/test_harness
    rm -f /out"$target"/bin/tidegate
  fi
}

"$@"

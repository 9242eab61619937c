#!/bin/sh
# Installs tidegate with the given extras into /opt/tidegate, with Helm (and kubectl for the harness) beside it.
# Everything comes from the context's `wheelhouse` and `bin` where they are there; otherwise from PyPI and the projects' sites.
set -eu
extras=$(echo "$*" | tr ' ' ',')
python3 -m venv /opt/tidegate
if [ -d wheelhouse ]; then
  /opt/tidegate/bin/pip install --quiet --no-index --find-links wheelhouse "tidegate[$extras]"
else
  python3 -m venv /opt/uv
  /opt/uv/bin/pip install --quiet uv
  options=$(for extra in "$@"; do printf -- '--extra %s ' "$extra"; done)
  # shellcheck disable=SC2086  # the options are words
  UV_PROJECT_ENVIRONMENT=/opt/tidegate /opt/uv/bin/uv sync --frozen --no-dev --no-editable $options
fi
[ "$extras" != agent ] || rm -rf /opt/tidegate/lib/python3*/site-packages/control_plane /opt/tidegate/lib/python3*/site-packages/test_harness
/opt/tidegate/bin/python -m compileall -q -j 0 /opt/tidegate/lib || true
rm -rf /opt/tidegate/lib/python3*/site-packages/pip /opt/tidegate/lib/python3*/site-packages/pip-* \
  /opt/tidegate/lib/python3*/site-packages/setuptools*

if [ -f bin/helm ]; then
  cp bin/helm /opt/tidegate/bin/helm
else
  /opt/tidegate/bin/python docker/fetch.py helm
fi
case " $* " in *" harness "*)
  if [ -f bin/kubectl ]; then cp bin/kubectl /opt/tidegate/bin/kubectl; else /opt/tidegate/bin/python docker/fetch.py kubectl; fi ;;
esac
chmod 755 /opt/tidegate/bin/*

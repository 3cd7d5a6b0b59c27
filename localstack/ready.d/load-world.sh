#!/bin/sh
# LocalStack runs this script when it is ready, in its container and outside of one.
set -eu
exec python3 "$(dirname "$0")/../world.py" "http://127.0.0.1:${GATEWAY_LISTEN##*:}"

#!/bin/sh
# LocalStack runs this when it answers: in its container and outside of one alike.
set -eu
exec python3 "$(dirname "$0")/../world.py" "http://127.0.0.1:${GATEWAY_LISTEN##*:}"

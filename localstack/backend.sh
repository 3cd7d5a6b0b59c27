# shellcheck shell=sh
# How LocalStack runs on this machine, for the scripts beside this file, which source it; $here is their folder.
#
#   up        starts it, waits until the world is loaded, prints its endpoint
#   endpoint  prints the endpoint of the one that runs, or fails
#   linger    waits until it ends
#   down      stops it

root=$(dirname "$here")
project=rolecall-localstack                # what Docker knows it by
home=${LOCALSTACK_HOME:-$root/.localstack} # where the Python way writes
leash=                                     # a FIFO: the Python way ends when nobody holds it open
export LOCALSTACK_PORT="${LOCALSTACK_PORT:-4566}"

case $LOCALSTACK_PORT in
*[!0-9]* | ??????*) port=99999 ;;
*) port=$LOCALSTACK_PORT ;;
esac
if [ "${port:-99999}" -gt 65535 ]; then
    echo "LOCALSTACK_PORT is '$LOCALSTACK_PORT'; a port is a number up to 65535" >&2
    exit 2
fi

if docker compose version >/dev/null 2>&1 && docker version >/dev/null 2>&1; then
    compose() {
        docker compose --project-name "$project" --file "$here/compose.yaml" "$@"
    }
    up() {
        if ! compose up --detach --wait --quiet-pull >&2; then
            compose logs --tail 20 >&2
            down
            echo "localstack: it did not start, see above; where the port is in use: LOCALSTACK_PORT=4567" >&2
            return 1
        fi
        endpoint
    }
    endpoint() {
        address=$(compose port localstack 4566 2>/dev/null) && [ -n "$address" ] && echo "http://$address"
    }
    down() {
        compose down --volumes --timeout 1 >&2
    }
    linger() {
        docker wait "$(compose ps --quiet localstack)" >/dev/null
    }
elif "$root/tools/python3.13" >/dev/null 2>&1; then
    venv=$("$root/tools/venv" localstack)
    emulators() {
        "$venv/bin/python" "$here/emulators.py" "$@"
    }
    up() {
        emulators up "$home" "$LOCALSTACK_PORT" ${leash:+"$leash"}
    }
    endpoint() {
        emulators endpoint "$home"
    }
    down() {
        emulators down "$home"
    }
    linger() {
        emulators linger "$home"
    }
else
    echo "LocalStack needs a Docker engine with Compose, or Python 3.13 (uv python install 3.13); neither is here" >&2
    exit 1
fi

# From here on LocalStack ends with the script, on every way out; even where no trap runs, the leash is let go then.
# What another script started goes on: `up` says so with 3.
end_with_me() {
    trap '[ $? = 3 ] || down || true; rm -f "$leash"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    mkdir -p "$home"
    leash=$home/leash.$$
    rm -f "$leash"
    mkfifo "$leash"
    exec 9<>"$leash"
}

# In a subshell: it does not hold the leash. (Not `up 9>&-`: around a function a shell keeps a copy, to restore it.)
let_go() {
    exec 9>&-
}

# The settings under which a scan is one of LocalStack's account B, as they are typed before a command.
settings() {
    echo "AWS_ENDPOINT_URL=$1 AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=222222222222 AWS_SECRET_ACCESS_KEY=test"
}

# shellcheck shell=sh
# How LocalStack runs on this machine: in Docker, or as a Python process. The scripts in this folder source it; $here is
# their folder.
#
#   up        starts it, waits until the world is loaded, prints its endpoint
#   endpoint  prints the endpoint if it runs, otherwise fails
#   linger    waits until it stops
#   down      stops it

root=$(dirname "$here")
project=rolecall-localstack                # the name of the Docker Compose project
home=${LOCALSTACK_HOME:-$root/.localstack} # the folder of the Python process
leash=                                     # a FIFO: the Python process stops when no process holds it open
export LOCALSTACK_PORT="${LOCALSTACK_PORT:-4566}"

case $LOCALSTACK_PORT in
*[!0-9]* | ??????*) port=99999 ;;
*) port=$LOCALSTACK_PORT ;;
esac
if [ "${port:-99999}" -gt 65535 ]; then
    echo "LOCALSTACK_PORT is '$LOCALSTACK_PORT'; set it to a port number from 0 to 65535" >&2
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
            echo "localstack: it did not start, see above; if the port is in use, set LOCALSTACK_PORT=4567" >&2
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
    echo "LocalStack needs a Docker engine with Compose, or Python 3.13 (uv python install 3.13); found neither" >&2
    exit 1
fi

# From here on LocalStack stops when the script exits, however it exits: even if no trap runs, the leash is closed then.
# A LocalStack that another script started keeps running: `up` exits with code 3 then.
stop_on_exit() {
    trap '[ $? = 3 ] || down || true; rm -f "$leash"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    mkdir -p "$home"
    leash=$home/leash.$$
    rm -f "$leash"
    mkfifo "$leash"
    exec 9<>"$leash"
}

# For a subshell, so that it does not hold the leash. (`up 9>&-` does not work: around a function, a shell keeps a copy
# of the descriptor to restore it.)
close_leash() {
    exec 9>&-
}

# Prints the variables to put before a command so that it calls LocalStack as the hub account.
settings() {
    echo "AWS_ENDPOINT_URL=$1 AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=222222222222 AWS_SECRET_ACCESS_KEY=test"
}

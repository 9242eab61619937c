#!/bin/sh
# The part of the published image's entrypoint that charts rely on: the first start makes the database that
# POSTGRES_USER, POSTGRES_PASSWORD (or POSTGRES_PASSWORD_FILE) and POSTGRES_DB describe in PGDATA, every start then runs the server.
set -eu

new=$PGDATA/.new # everything is made here first, so that a container killed half way can go on

make_database() {
    user=${POSTGRES_USER:-postgres}
    database=${POSTGRES_DB:-$user}
    secret=$(mktemp)
    printf '%s\n' "$POSTGRES_PASSWORD" > "$secret"
    rm -rf "$new"
    initdb --pgdata="$new" --username="$user" --pwfile="$secret" --no-sync \
        --auth-local=trust --auth-host=scram-sha-256 > /dev/null
    rm -f "$secret"
    echo 'host all all all scram-sha-256' >> "$new/pg_hba.conf"
    if [ "$database" != postgres ]; then
        printf 'CREATE DATABASE "%s"\n' "$database" | postgres --single -D "$new" postgres > /dev/null
    fi
    sync -f "$new"
    touch "$new/made"
}

set_up() {
    [ -z "${POSTGRES_PASSWORD_FILE:-}" ] || POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
    : "${POSTGRES_PASSWORD:?set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE: no database is made without a password}"
    mkdir -p "$PGDATA"
    chmod 700 "$PGDATA" 2> /dev/null || true
    [ -e "$new/made" ] || make_database
    # PG_VERSION goes last: where it is, the directory is whole.
    find "$new" -mindepth 1 -maxdepth 1 ! -name PG_VERSION ! -name made -exec mv -t "$PGDATA" {} +
    mv "$new/PG_VERSION" "$PGDATA/"
}

if [ "$1" = postgres ]; then
    [ -e "$PGDATA/PG_VERSION" ] || set_up
    rm -rf "$new"
    shift
    exec postgres -c listen_addresses='*' "$@"
fi
exec "$@"

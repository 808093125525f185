#!/bin/sh
# Run once by the postgres image, on an empty volume: the service's login, and the group that migrations grant to.
# The service may read the log and append to it; whoever owns the database migrates and begins epochs.
set -eu
psql --set=ON_ERROR_STOP=1 --set=password="$(cat /run/secrets/postgres_service_password)" \
    --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE ROLE casebook_service NOLOGIN;
CREATE ROLE casebook LOGIN PASSWORD :'password' IN ROLE casebook_service;
SQL

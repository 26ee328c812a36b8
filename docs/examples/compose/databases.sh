#!/bin/sh
# Run once by the image of PostgreSQL: the legacy database and the one of events.
set -eu
for name in legacy events; do
  createdb -U postgres "$name"
  psql -v ON_ERROR_STOP=1 -U postgres -d "$name" -f "/schema/$name.sql"
done

#!/bin/sh
# Checks that commit messages are conventional commits. Fetched when it is used: most clones never commit.
exec npx --yes -p @commitlint/cli@20.4.4 -p @commitlint/config-conventional@20.4.4 \
  commitlint --config commitlint.config.mjs "$@"

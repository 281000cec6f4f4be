#!/bin/sh
# Regenerates src/proto/*.generated.ts. Needs protoc (Debian: protobuf-compiler).
set -e
cd "$(dirname "$0")/.."
out=$(mktemp -d)
npm install --prefix "$out" --silent --no-audit --no-fund @bufbuild/protoc-gen-es@2.9.0
for name in wandb tensorboard; do
  protoc -I proto --plugin="$out/node_modules/.bin/protoc-gen-es" --es_out="$out" --es_opt=target=ts "proto/$name.proto"
  mv "$out/${name}_pb.ts" "src/proto/$name.generated.ts"
done
rm -r "$out"

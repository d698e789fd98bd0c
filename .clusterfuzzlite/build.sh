#!/bin/bash -eu
# Builds the fuzz targets for ClusterFuzzLite and OSS-Fuzz, with the project's files as first inputs.
cd "$SRC/cranelift-gc-verifier"
cargo xtask bootstrap
cargo fuzz build -O --debug-assertions
for target in fuzz/fuzz_targets/*.rs; do
  name=$(basename "$target" .rs)
  cp "fuzz/target/x86_64-unknown-linux-gnu/release/$name" "$OUT/"
done
zip -qj "$OUT/clif_facts_seed_corpus.zip" filetests/gc-verify/*.clif

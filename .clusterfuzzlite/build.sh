#!/bin/bash -eu
# Builds the fuzz targets for ClusterFuzzLite and OSS-Fuzz, with the project's files as first inputs.
cd "$SRC/cranelift-gc-verifier"
# The flags of the environment are those of the targets: with them, xtask and its build scripts would be instrumented.
env -u RUSTFLAGS -u CFLAGS -u CXXFLAGS cargo xtask bootstrap
cargo fuzz build -O --debug-assertions --sanitizer "${SANITIZER:-address}"
for target in fuzz/fuzz_targets/*.rs; do
  name=$(basename "$target" .rs)
  cp "fuzz/target/x86_64-unknown-linux-gnu/release/$name" "$OUT/"
  printf '[libfuzzer]\nmax_len = 65536\nentropic = 0\n' > "$OUT/$name.options"
done
cp fuzz/clif.dict "$OUT/clif_facts.dict"
cp fuzz/clif.dict "$OUT/facts_text.dict"
# With their directories, because names occur in several.
(cd filetests/gc-verify && zip -qr "$OUT/clif_facts_seed_corpus.zip" . -i '*.clif')
(cd filetests/wasm && zip -qr "$OUT/wasm_front_seed_corpus.zip" . -i '*.wat')

#!/bin/sh
# Checks that the crate builds for the browser. Takes the first of: the installed wasm32 target, `rustup target add`, and
# Debian's rustc-web with the sources of its standard library.
set -eu
cd "$(dirname "$0")/.."

target=wasm32-unknown-unknown
system_rustc="${SYSTEM_RUSTC:-/usr/bin/rustc}"
CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/wasm"
export CARGO_TARGET_DIR

installed() {
    test -d "$(rustc --print target-libdir --target "$target" 2>/dev/null)"
}

system_sources() {
    test -x "$system_rustc" && test -d "$("$system_rustc" --print sysroot)/lib/rustlib/src/rust/library"
}

if ! installed && command -v rustup >/dev/null; then
    echo "adding the $target target to the toolchain"
    rustup target add "$target" >/dev/null 2>&1 || true
fi
if installed; then
    exec cargo check -p codesync-crdt --target "$target"
fi

if ! system_sources && test "$(id -u)" = 0 && command -v apt-get >/dev/null; then
    echo "installing Debian's rustc-web and rust-web-src"
    { apt-get update -qq && apt-get install -y -q --no-install-recommends rustc-web rust-web-src; } >/dev/null 2>&1 || true
fi
if system_sources; then
    echo "building the standard library for $target with $("$system_rustc" --version)"
    # Only a compiler that takes unstable options builds its own standard library.
    RUSTC="$system_rustc" RUSTC_BOOTSTRAP=1 exec cargo check -Zbuild-std=std,panic_abort -p codesync-crdt --target "$target"
fi

echo "check-wasm: needs \`rustup target add $target\`, or Debian's rustc-web and rust-web-src (1.95 or later)" >&2
exit 1

# The same steps that the build server runs. `just` alone lists them.

default:
    @just --list

# Everything: what a change must pass.
ready:
    cargo xtask test

fmt:
    cargo fmt --all

clippy:
    cargo clippy --workspace --all-targets -- -D warnings

tidy:
    cargo xtask tidy

# One crate alone, as it is built without the others' features.
check crate:
    cargo test -p {{crate}}
    cargo clippy -p {{crate}} --all-targets -- -D warnings

test:
    cargo test --workspace

# The configuration reference page, made anew.
codegen:
    cargo xtask codegen

docs:
    cargo xtask docs

licenses:
    cargo xtask licenses

# Also knows security advisories; needs cargo-deny.
deny:
    cargo deny check

# The demo, as in the README.
demo *arguments:
    cargo run --release -- demo {{arguments}}

# Feeds each decoder with made-up bytes; `just fuzz --seconds 600 influx`.
fuzz *arguments:
    cargo xtask fuzz {{arguments}}

# Ingestion over every protocol, with a Kafka, and beside other programs.
bench-ingest *arguments:
    cargo xtask bench {{arguments}}

bench *arguments:
    cargo run --release -- bench {{arguments}}

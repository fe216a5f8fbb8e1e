# The two commands of the README, and what CI adds to them.

.PHONY: test playground lint

test:
	./scripts/prepare-tests
	cargo nextest run --workspace --locked

playground:
	cargo run --locked --example playground

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked

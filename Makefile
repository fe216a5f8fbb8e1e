# The two commands of the README, and what CI adds to them.

.PHONY: test playground bench soak lint

test:
	./scripts/prepare-tests
	cargo nextest run --workspace --locked

playground:
	cargo run --locked --example playground

# ec2ssh beside ssh. ARGS names parts: time start throughput forward memory typing load interrupt.
bench:
	./scripts/prepare-tests bench
	cargo build --release --locked --bin ec2ssh --example bench
	cargo run --release --locked --quiet --example bench -- $(ARGS)

# Tries to break ec2ssh, for about 15 minutes. ARGS names parts: load sessions kills hostile readers.
soak:
	./scripts/prepare-tests
	cargo build --release --locked --bin ec2ssh --example soak
	cargo run --release --locked --quiet --example soak -- $(ARGS)

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked

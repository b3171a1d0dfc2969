# make run          build, make sample media, serve it on 127.0.0.1:8080
# make test         everything that CI runs
# make bench-peers  this service beside its peers on this machine; PARTS="cold hits" for some of it
# make soak         everything at once for SECONDS, with faults: nothing may grow
.DEFAULT_GOAL := run
.PHONY: run test bench-peers soak fmt media clean-media

LISTEN ?= 127.0.0.1:8080
MEDIA ?= testdata/library
SECONDS ?= 300
CARGO ?= cargo

run:
	@scripts/setup.sh build media
	@$(CARGO) build --release --bin vedette
	@test "$(MEDIA)" != testdata/library || testdata/make.sh
	@scripts/welcome.sh "$(LISTEN)" "$(MEDIA)"
	@exec target/release/vedette serve --media "$(MEDIA)" --listen "$(LISTEN)"

# Clippy and rustdoc look at what is built for the tests: the dependencies are built once.
test: export RUSTC_WORKSPACE_WRAPPER = clippy-driver
test: export CLIPPY_ARGS = -Dwarnings__CLIPPY_HACKERY__
test:
	@scripts/setup.sh build media
	@{ scripts/setup.sh players && tests/browser/install.sh; } || \
	  echo "the tests with players, parsers and GStreamer are LEFT OUT: what they need is not installed" >&2
	@{ scripts/setup.sh clouds && tests/clouds/install.sh; } || \
	  echo "the tests with the stores of Azure and Google are LEFT OUT: what they need is not installed" >&2
	@testdata/make.sh
	$(CARGO) fmt --check
	$(CARGO) build --locked --workspace --all-targets
	RUSTDOC=$(CURDIR)/scripts/rustdoc.sh $(CARGO) test --locked --workspace --doc
	@if $(CARGO) nextest --version >/dev/null 2>&1; then set -x; $(CARGO) nextest run --locked --workspace; \
	else set -x; $(CARGO) test --locked --workspace --lib --bins --tests; fi
	@if $(CARGO) deny --version >/dev/null 2>&1; then set -x; $(CARGO) deny check bans licenses sources; \
	else echo "cargo deny is not installed: licences and sources are not checked here"; fi

bench-peers:
	@scripts/setup.sh build media bench >&2
	@bench/run.sh $(PARTS)

soak:
	@scripts/setup.sh build media
	@testdata/make.sh
	@$(CARGO) build --release --bin vedette
	@bench/soak.py $(SECONDS)

media:
	@scripts/setup.sh media
	@testdata/make.sh

fmt:
	$(CARGO) fmt

clean-media:
	rm -rf testdata/library testdata/.making testdata/.stamp bench/data bench/peers

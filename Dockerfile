# A small image of the service: one binary and the libraries it links, for a user without rights on a root that may be read-only.
#   docker build -t vedette .
#   docker run --read-only -p 8080:8080 -v /srv/media:/media:ro vedette
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY scripts/setup.sh scripts/setup.sh
RUN scripts/setup.sh build && rm -rf /var/lib/apt/lists/*
COPY . .
RUN cargo build --locked --release --bin vedette && strip target/release/vedette

FROM debian:bookworm-slim
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends ca-certificates libavcodec59 libavformat59 libavutil57 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin vedette
COPY --from=build /src/target/release/vedette /usr/local/bin/vedette
# Threads of decoders come and go: without this, glibc keeps an arena for each.
ENV MALLOC_ARENA_MAX=2 \
    VEDETTE_MEDIA=/media \
    VEDETTE_LISTEN=0.0.0.0:8080 \
    VEDETTE_ADMIN_LISTEN=0.0.0.0:9090
USER 10001:10001
EXPOSE 8080 9090
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["vedette", "health"]
ENTRYPOINT ["vedette"]
CMD ["serve"]

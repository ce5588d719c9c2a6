# drover in a container: one process tree with its own Redis and SQLite on the volume /data.
#
#   docker build -t drover .
#   docker run -d -p 3000:3000 -v drover:/data --shm-size 512m --init=false --stop-timeout 20 drover
#
# drover reaps its children itself, also as PID 1: no tini. It runs as the user drover (uid 10001), never as root. The sandbox of
# Chromium needs user namespaces; where the host forbids them, drover says so at its start and goes on without.

FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends build-essential mold \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
# The dependencies alone, so that a change of drover's code does not build them again.
COPY Cargo.toml Cargo.lock ./
COPY simulator/Cargo.toml simulator/
RUN mkdir -p src simulator/src \
 && echo 'fn main() {}' | tee src/main.rs simulator/src/main.rs \
 && touch src/lib.rs simulator/src/lib.rs \
 && mold -run cargo build --locked --release --bin drover \
 && rm -r src simulator/src
COPY . .
RUN find src simulator -name '*.rs' -exec touch {} + \
 && mold -run cargo build --locked --release --bin drover

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates chromium-headless-shell fonts-liberation redis-server \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --create-home --shell /usr/sbin/nologin drover \
 && install -d -o drover -g drover -m 0700 /data
COPY --from=build /build/target/release/drover /usr/local/bin/drover
COPY deploy/entrypoint.sh /usr/local/bin/drover-entrypoint

ENV DROVER_HTTP__BIND=0.0.0.0 \
    DROVER_DATA_DIR=/data \
    PORT=3000
USER drover
WORKDIR /home/drover
VOLUME /data
EXPOSE 3000
# Ten seconds for sends in flight and closing browsers, and some more to be sure.
STOPSIGNAL SIGTERM
ENTRYPOINT ["drover-entrypoint"]
CMD ["serve"]

# drover in a container: one process tree with its own Redis and SQLite on the volume /data.
#
#   docker build -t drover .
#   docker run -d -p 3000:3000 -v drover:/data --shm-size 512m --stop-timeout 20 drover
#
# The entry point starts as root only to hand the volume over, and drops root before drover starts: drover and its browsers run as
# the user drover (uid 10001). Started as another user (--user, runAsUser), it changes nothing and needs a volume which that one may
# write to. As PID 1 drover reaps orphans by itself: no tini, no --init. Chromium's sandbox needs user namespaces, which Docker's
# default seccomp profile forbids; drover says at its start whether it could be used, and goes on without it.
#
# There is no VOLUME: some platforms refuse it, and a volume that nobody named is lost with its container.

FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends build-essential mold \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
# The dependencies alone, so that a change of drover's code does not build them again.
COPY Cargo.toml Cargo.lock ./
COPY simulator/Cargo.toml simulator/
RUN mkdir -p src benches/accept benches/queue simulator/src \
 && echo 'fn main() {}' | tee src/main.rs benches/accept/main.rs benches/queue/main.rs simulator/src/main.rs \
 && touch src/lib.rs simulator/src/lib.rs \
 && mold -run cargo build --locked --release --bin drover \
 && rm -r src benches simulator/src
COPY . .
RUN find src simulator -name '*.rs' -exec touch {} + \
 && mold -run cargo build --locked --release --bin drover

FROM debian:bookworm-slim
# Fonts for all scripts: Noto, emoji, and WenQuanYi Micro Hei for Chinese, Japanese and Korean in 5 MB instead of Noto's 91.
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      ca-certificates chromium-headless-shell redis-server \
      fonts-noto-core fonts-noto-color-emoji fonts-wqy-microhei \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --create-home --shell /usr/sbin/nologin drover \
 && install -d -o drover -g drover -m 0700 /data \
 && ln -s /data /home/drover/sessions
COPY --from=build /build/target/release/drover /usr/local/bin/drover
COPY --chmod=0755 deploy/entrypoint.sh /usr/local/bin/drover-entrypoint

# The data folder is not set: it is ./sessions, which leads to /data, or the volume that RAILWAY_VOLUME_MOUNT_PATH names.
ENV DROVER_HTTP__BIND=0.0.0.0 \
    PORT=3000
WORKDIR /home/drover
EXPOSE 3000
# Ready, or waiting for the container that it replaces. A first start loads database, Redis and sessions before that.
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s --retries=3 CMD ["drover", "health"]
# Ten seconds for sends in flight and closing browsers, and five more to be sure.
STOPSIGNAL SIGTERM
ENTRYPOINT ["drover-entrypoint"]
CMD ["serve"]

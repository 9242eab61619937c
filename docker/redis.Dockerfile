# Redis from Debian's package, for machines that cannot pull docker.io/library/redis. It keeps nothing: messages are nudges.
ARG BASE=docker.io/library/debian:bookworm-slim
FROM ${BASE} AS installed
RUN groupadd --system --gid 999 redis && useradd --system --uid 999 --gid redis --home-dir /data --shell /bin/sh redis \
 && apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends redis-server \
 && install -d -o redis -g redis /data
RUN rm -rf /usr/lib/python3* /usr/local/lib/python3* /usr/local/bin/* /usr/share/perl /usr/lib/*/perl \
    /usr/share/doc /usr/share/locale /usr/share/man /usr/share/i18n /var/cache/apt /var/lib/apt/lists

FROM scratch
COPY --from=installed / /
ENV PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8
USER redis
WORKDIR /data
EXPOSE 6379
CMD ["redis-server"]

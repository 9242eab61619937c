# Everything that a cluster runs in containers of its own: one layer for all of them, so that it is unpacked once.
ARG ROOT
FROM $ROOT AS tools
RUN for file in /usr/sbin/nft $(ldd /usr/sbin/nft | grep -o '/[^ ]*'); do \
      mkdir -p "/tools$(dirname "$file")" && cp -L "$file" "/tools$file"; done \
 && mkdir -p /tools/bin && cp /bin/busybox /tools/bin/ && for name in sh mkdir rm; do ln /tools/bin/busybox /tools/bin/$name; done

FROM scratch
ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin:/bin
COPY --from=tools /tools /
COPY bin/ /usr/local/bin/

# The node: Debian with systemd and containerd, kind's own files, and the programs. After kind's images/base/Dockerfile.
ARG ROOT
FROM $ROOT
ENV container=docker PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
COPY files/ /
COPY bin/ /usr/bin/
COPY kind/ /kind/
COPY pods.conflist /etc/cni/net.d/10-pods.conflist
RUN chmod 755 /kind /kind/bin /kind/bin/* /usr/local/bin/* \
 && find /lib/systemd/system/sysinit.target.wants/ -name systemd-tmpfiles-setup.service -delete \
 && rm -f /lib/systemd/system/multi-user.target.wants/* /etc/systemd/system/*.wants/* \
      /lib/systemd/system/local-fs.target.wants/* /lib/systemd/system/sockets.target.wants/*udev* \
      /lib/systemd/system/sockets.target.wants/*initctl* /lib/systemd/system/basic.target.wants/* \
 && echo ReadKMsg=no >> /etc/systemd/journald.conf && ln -sf /usr/lib/systemd/systemd /sbin/init \
 && mkdir -p /opt/cni /usr/local/sbin /etc/kubernetes/manifests && ln -sfn /usr/lib/cni /opt/cni/bin \
 && ln -sf /usr/sbin/runc /usr/local/sbin/runc \
 && for name in containerd ctr crictl; do ln -sf /usr/bin/$name /usr/local/bin/$name; done \
 && systemctl enable kubelet.service containerd.service undo-mount-hacks.service \
 && systemctl mask systemd-binfmt.service \
 && ctr oci spec \
    | jq '.hooks.createContainer += [{"path": "/kind/bin/mount-product-files.sh"}] | del(.process.rlimits)' \
    > /etc/containerd/cri-base.json
# `docker commit` leaves out what lies in a declared volume, so there is no `VOLUME /var`.
STOPSIGNAL SIGRTMIN+3
ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]

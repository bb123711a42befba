#!/bin/bash
# A real systemd on BASE, with every change in memory; run by real_systemd.py in new namespaces.
#   real_systemd.sh BASE SHARED    SHARED appears as /srv
set -e
base=$1 shared=$2 R=/mnt
mount --make-rprivate /
mount -t tmpfs tmpfs "$R" && mkdir "$R/upper" "$R/work" "$R/root"
mount -t overlay -o "lowerdir=$base,upperdir=$R/upper,workdir=$R/work" overlay "$R/root"
R=$R/root
cd "$R"
mount --bind "$shared" "$R/srv"
mount -t proc proc "$R/proc"
mount --bind "$R/proc/sys" "$R/proc/sys" && mount -o remount,bind,ro "$R/proc/sys" # it is the host's kernel
# The kernel lets a cell mount a /proc of its own only where a whole one is in sight.
mkdir -p "$R/var/lib/whole-proc" && mount -t proc proc "$R/var/lib/whole-proc"
mount -t sysfs -o ro sysfs "$R/sys"
mount -t tmpfs tmpfs "$R/run"
mount -t tmpfs tmpfs "$R/tmp"
mount -t tmpfs -o mode=755,nosuid tmpfs "$R/dev"
for name in null zero full random urandom tty; do
    touch "$R/dev/$name" && mount --bind "/dev/$name" "$R/dev/$name"
done
mkdir "$R/dev/pts" "$R/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$R/dev/pts"
mount -t tmpfs shm "$R/dev/shm"
ln -s pts/ptmx "$R/dev/ptmx"
ln -s /proc/self/fd "$R/dev/fd"
ln -s fd/0 "$R/dev/stdin" && ln -s fd/1 "$R/dev/stdout" && ln -s fd/2 "$R/dev/stderr"
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    mount -t cgroup2 cgroup2 "$R/sys/fs/cgroup"
else
    mount -t tmpfs -o mode=755 cg "$R/sys/fs/cgroup"
    for name in memory pids cpu; do
        mkdir "$R/sys/fs/cgroup/$name" && mount -t cgroup -o "$name" cgroup "$R/sys/fs/cgroup/$name"
    done
    mkdir "$R/sys/fs/cgroup/systemd" "$R/sys/fs/cgroup/unified"
    mount -t cgroup -o none,name=systemd cgroup "$R/sys/fs/cgroup/systemd"
    mount -t cgroup2 cgroup2 "$R/sys/fs/cgroup/unified"
fi
mkdir -p "$R/old" && pivot_root . old && cd / && umount -l /old
mount --make-rshared / # as on a booted machine: credentials reach a unit this way
ip link set lo up 2>/dev/null || true
exec env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb \
    /usr/lib/systemd/systemd --log-target=journal --show-status=no

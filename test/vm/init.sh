#!/busybox sh
# First process of the virtual machine: the host's files, read-only below a layer in memory; one command; power off.
B=/busybox
$B mount -t proc proc /proc
$B mount -t sysfs sysfs /sys
$B mount -t devtmpfs dev /dev
while read -r module; do $B insmod "/m/$module" || echo "module $module is not loaded"; done </list

fail() { echo "VM-EXIT:125 $1"; $B poweroff -f; }
$B mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro host /host || fail "no host files"
$B mount -t tmpfs -o size=60% scratch /scratch
$B mkdir /scratch/upper /scratch/work
$B mount -t overlay -o lowerdir=/host,upperdir=/scratch/upper,workdir=/scratch/work root /root || fail "no overlay"
for folder in proc sys dev; do
  $B mkdir -p "/root/$folder"
  $B mount -o move "/$folder" "/root/$folder"
done
$B mkdir -p /root/run /root/tmp /root/dev/pts /root/dev/shm
for folder in run dev/shm; do $B mount -t tmpfs tmpfs "/root/$folder"; done
$B mount -t devpts pts /root/dev/pts
$B mount -t cgroup2 cgroup /root/sys/fs/cgroup 2>/dev/null
$B ip link set lo up

echo "ready after $($B cut -d' ' -f1 /root/proc/uptime) s"
command=$($B sed -n 's/.*portico\.run=\([^ ]*\).*/\1/p' /root/proc/cmdline | $B base64 -d)
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb \
  $B chroot /root /bin/sh -c "$command"
echo "VM-EXIT:$?"
$B poweroff -f

#!/usr/bin/env bash
# org's machine under VirtualBox, on its host-only network 192.168.56.0/24.
#   vm/recipes/virtualbox.sh [--dry-run] DEBIAN.vdi SEED.iso ORG.iso
# DEBIAN.vdi: a Debian cloud image (VBoxManage clonemedium genericcloud.qcow2 --format VDI).
# SEED.iso:   cloud-init's: genisoimage -V cidata -J -r -o SEED.iso user-data meta-data network-config
#             with the two files beside this one, and an empty meta-data.
# ORG.iso:    genisoimage -V org -J -r -o ORG.iso DIR, where DIR holds the checkout as org/ and,
#             from `ops/boot.py ops.wheelhouse DIR/wheels`, its wheels.
set -euo pipefail
run=''
[ "${1:-}" = --dry-run ] && { run=echo; shift; }
[ $# = 3 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
disk=$1 seed=$2 org=$3 name=org
vbox() { $run VBoxManage "$@"; }

vbox hostonlyif create
vbox hostonlyif ipconfig vboxnet0 --ip 192.168.56.1 --netmask 255.255.255.0
vbox dhcpserver modify --ifname vboxnet0 --disable
vbox createvm --name "$name" --ostype Debian_64 --register
vbox modifyvm "$name" --memory 2048 --cpus 2 --rtcuseutc on --graphicscontroller none
vbox modifyvm "$name" --nic1 hostonly --hostonlyadapter1 vboxnet0 --nictype1 virtio
vbox modifyvm "$name" --nic2 none --nic3 none --nic4 none --clipboard-mode disabled
vbox storagectl "$name" --name disks --add virtio-scsi --bootable on
vbox createmedium disk --filename "$name-state.vdi" --size 16384
vbox storageattach "$name" --storagectl disks --port 0 --type hdd --medium "$disk"
vbox storageattach "$name" --storagectl disks --port 1 --type hdd --medium "$name-state.vdi"
vbox storageattach "$name" --storagectl disks --port 2 --type dvddrive --medium "$seed"
vbox storageattach "$name" --storagectl disks --port 3 --type dvddrive --medium "$org"
vbox startvm "$name" --type headless

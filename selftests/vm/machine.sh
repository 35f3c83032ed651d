# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What the virtual machine is made of: each function adds to the array `qemu` (options)
# or to the string `append` (kernel command line). To be sourced by run.sh.

# A stock kernel, no firmware menus, no network but what is asked for. The time to boot
# is what the rig is about, so nothing is there that is not used.
# machine_base ACCEL KERNEL_DIR INITRD MEMORY CPUS SOCKETS
machine_base() {
	qemu+=(-no-user-config -nodefaults -nic none -display none -no-reboot
		-kernel "$2/vmlinuz" -initrd "$3" -m "$4")
	# panic=-1 with -no-reboot: a panic ends QEMU at once.
	append+=" console=ttyS0 panic=-1 mitigations=off random.trust_cpu=on no_timer_check"
	# Emulated time jumps when the host is busy; without this the kernel would find
	# its clock unstable and patch its own code for that while processors run it.
	append+=" tsc=reliable"
	append+=" ignore_loglevel printk.devkmsg=on log_buf_len=4M"
	# Processors of one socket share a cache: the kernel warns if their nodes differ.
	qemu+=(-smp "cpus=$5,sockets=$6")
	case $1 in
	kvm)	qemu+=(-accel kvm -cpu host) ;;
	# Code is translated for the address that it is at: once more for each process, were its
	# addresses at random. `rep movsb` takes a turn for each byte; who sees no erms copies and
	# clears in other ways. And all levels of page tables are walked, of which four will do.
	tcg)	qemu+=(-accel 'tcg,thread=multi' -cpu 'max,-erms,la57=off')
		append+=" norandmaps" ;;
	# The guest's clock counts instructions: one is one nanosecond.
	icount)	qemu+=(-accel 'tcg,thread=single' -cpu max -icount 'shift=0,sleep=off') ;;
	esac
}

# machine_type IOMMU INTREMAP: the IOMMU must come before the devices behind it.
machine_type() {
	if [[ $1 ]]; then
		# The interrupt controller must be QEMU's own for interrupt remapping.
		qemu+=(-machine 'q35,kernel-irqchip=off' -device "intel-iommu,intremap=$2")
		append+=" intel_iommu=on"
	else
		qemu+=(-machine q35)
	fi
}

# machine_ports DIR: the three ways out of the guest. They are apart so that no command
# can print what looks like a verdict.
machine_ports() {
	qemu+=(-chardev "file,id=console,path=$1/console.log" -serial chardev:console
		-device 'virtio-serial-pci,id=ports'
		-chardev "file,id=verdict,path=$1/verdict" -device 'virtserialport,chardev=verdict,name=verdict'
		-chardev "file,id=output,path=$1/output.pipe" -device 'virtserialport,chardev=output,name=output')
}

# machine_share TAG DIR MODE: a directory of the host, as the user who runs QEMU sees it.
machine_share() {
	local mode=
	[[ $3 == rw ]] || mode=,readonly=on
	# In QEMU's options a comma within a value is written twice.
	qemu+=(-fsdev "local,id=$1,path=${2//,/,,},security_model=none,multidevs=remap$mode"
		-device "virtio-9p-pci,fsdev=$1,mount_tag=$1")
}

# Two cards on one wire. Addresses are fixed so that a test can name them.
machine_wire() {
	qemu+=(-netdev 'hubport,id=wire0,hubid=7' -netdev 'hubport,id=wire1,hubid=7'
		-device 'e1000e,netdev=wire0,mac=52:54:00:6e:64:01,addr=0x10,romfile='
		-device 'e1000e,netdev=wire1,mac=52:54:00:6e:64:02,addr=0x11,romfile=')
}

machine_edu() { qemu+=(-device 'edu,addr=0x12'); }

# machine_numa NODES MEMORY CPUS: memory and processors in equal parts. CPUS is a multiple
# of NODES.
machine_numa() {
	local nodes=$1 megabytes=$2 each=$(($3 / $1)) node row
	[[ $megabytes == *G ]] && megabytes=$((${megabytes%G} * 1024))
	megabytes=$((${megabytes%M} / nodes))
	for ((node = 0; node < nodes; node++)); do
		row=node,nodeid=$node,memdev=node$node,cpus=$((node * each))-$((node * each + each - 1))
		qemu+=(-object "memory-backend-ram,id=node$node,size=${megabytes}M" -numa "$row")
	done
}

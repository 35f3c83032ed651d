# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# Components of the virtual machine: each function adds to the array `qemu` (options)
# or to the string `append` (kernel command line). To be sourced by run.sh, which sets $arch to the
# architecture of the guest if it is not the machine's.

# machine_hide FEATURE...: print what hides these features of the CPU from the guest, as far as
# $emulator knows them.
machine_hide() {
	local name
	# shellcheck disable=SC2154
	"$emulator" -cpu help | tr -s ' ' '\n' | grep -xF -f <(printf '%s\n' "$@") | while read -r name; do
		printf ',%s=off' "$name"
	done
}

# A stock kernel without firmware menus, and without network unless requested. Boot
# time matters most, so there are no unused devices.
# machine_base ACCEL KERNEL_DIR INITRD MEMORY CPUS SOCKETS
machine_base() {
	qemu+=(-no-user-config -nodefaults -nic none -display none -no-reboot
		-kernel "$2/vmlinuz" -initrd "$3" -m "$4")
	# With panic=-1 and -no-reboot a panic ends QEMU at once.
	append+=" panic=-1 mitigations=off random.trust_cpu=on"
	append+=" ignore_loglevel printk.devkmsg=on log_buf_len=4M"
	# The kernel warns if CPUs of one socket, which share a cache, are on different
	# nodes.
	qemu+=(-smp "cpus=$5,sockets=$6")
	# shellcheck disable=SC2154
	if [[ $arch == arm64 ]]; then
		append+=" console=ttyAMA0"
	else
		# Emulated time jumps when the host is busy; otherwise the kernel would mark
		# the TSC unstable and patch its code for that while CPUs run it.
		append+=" console=ttyS0 no_timer_check tsc=reliable"
	fi
	case $arch$1 in
	# Emulated authentication of pointers takes a tenth of the time, with the usual algorithm most.
	arm64tcg)	qemu+=(-accel 'tcg,thread=multi' -cpu 'max,pauth=off')
		append+=" norandmaps" ;;
	arm64icount)	qemu+=(-accel 'tcg,thread=single' -cpu 'max,pauth=off' -icount 'shift=0,sleep=off') ;;
	kvm)	qemu+=(-accel kvm -cpu host) ;;
	# TCG translates code per address: with randomised addresses, once more for each process.
	# It executes `rep movsb` byte by byte, so hide what advertises it as fast. It walks all
	# levels of page tables, so use four.
	tcg)	qemu+=(-accel 'tcg,thread=multi' -cpu "max$(machine_hide erms fsrm fsrs fzrm fsrc la57)")
		append+=" norandmaps" ;;
	# The guest's clock counts instructions: one instruction is one
	# nanosecond. What newer versions of QEMU advertise is hidden, so that figures compare.
	icount)	qemu+=(-accel 'tcg,thread=single' -cpu "max$(machine_hide fsrm fsrs fzrm fsrc)" -icount 'shift=0,sleep=off') ;;
	esac
}

# Can $emulator emulate an x2APIC behind a remapping IOMMU? QEMU before 9.0 refuses it.
machine_has_x2apic() {
	local version
	version=$("$emulator" --version | sed -nE '1s/.* version ([0-9.]+).*/\1/p')
	dpkg --compare-versions "$version" ge 9.0
}

# machine_type IOMMU INTREMAP ACCEL: the IOMMU must be created before the devices behind it.
#
# QEMU 10 can deliver a CPU's write to the registers of a device to those of another one, while
# the map of the address space changes, as when a BAR comes or goes. A lost end of interrupt leaves
# a CPU without its timer for good. An x2APIC is written by MSR instead. With --icount, whose
# figures are compared, nothing runs at the same time.
machine_type() {
	local eim=auto
	if [[ $arch == arm64 ]]; then
		qemu+=(-machine "virt,gic-version=3${1:+,iommu=smmuv3}")
	elif [[ $1 ]]; then
		[[ $2 != on || $3 != tcg ]] || ! machine_has_x2apic || eim=on
		# Interrupt remapping requires QEMU's own interrupt controller.
		qemu+=(-machine 'q35,kernel-irqchip=off' -device "intel-iommu,intremap=$2,eim=$eim")
		append+=" intel_iommu=on"
	else
		qemu+=(-machine q35)
	fi
}

# machine_rmrr DIR FUNCTION INTREMAP: share 1 MiB of reserved memory with a PCI function, in a table
# of the firmware (RMRR), and add the table to $initrd. The kernel uses it in place of QEMU's, which
# has the same names and a lower revision, and is the same but for this row.
machine_rmrr() {
	local start=0x30000000 length=0x100000
	[[ ! $arch ]] || { say '--rmrr: not for arm64'; return 1; }
	mkdir -p -- "$1/tables/kernel/firmware/acpi" &&
	perl -e '
		my ($remap, $start, $length, @path) = map { hex } @ARGV;
		my $ioapic = pack("CCxxCCCC", 3, 8, 0, 0xff, 0, 0);
		my $unit = pack("vvCxvQ<", 0, 16 + length($ioapic), 1, 0, 0xfed90000) . $ioapic;
		my $scope = pack("CCxxCCC*", 1, 6 + @path, 0, 0, @path);
		my $memory = pack("vvxxvQ<Q<", 1, 24 + length($scope), 0, $start, $start + $length - 1) . $scope;
		my $rows = pack("CCx10", 38, $remap) . $unit . $memory;
		my $table = pack("a4VCxa6a8Va4V", "DMAR", 36 + length($rows), 1, "BOCHS ", "BXPC    ", 2, "BXPC", 1) . $rows;
		substr($table, 9, 1) = pack("C", -unpack("%8C*", $table) & 0xff);
		print $table;' "$([[ $3 == on ]] && echo 1 || echo 0)" "$start" "$length" ${2//[.\/]/ } \
		>"$1/tables/kernel/firmware/acpi/DMAR" &&
	(cd -- "$1/tables" && find kernel | cpio --quiet -o -H newc -R 0:0) >"$1/initrd" &&
	cat -- "$initrd" >>"$1/initrd" || return 1
	initrd=$1/initrd
	append+=" memmap=1M\$$start"
}

# machine_ports DIR: the three outputs of the guest. They are separate so that a
# command cannot print text that looks like a verdict.
machine_ports() {
	qemu+=(-chardev "file,id=console,path=$1/console.log" -serial chardev:console
		-device 'virtio-serial-pci,id=ports'
		-chardev "file,id=verdict,path=$1/verdict" -device 'virtserialport,chardev=verdict,name=verdict'
		-chardev "file,id=output,path=$1/output.pipe" -device 'virtserialport,chardev=output,name=output')
}

# machine_monitor DIR: a monitor that run.sh asks why a guest hangs.
machine_monitor() {
	mkfifo -- "$1/monitor.in" "$1/monitor.out"
	qemu+=(-chardev "pipe,id=monitor,path=$1/monitor" -mon 'chardev=monitor,mode=readline')
}

# machine_share TAG DIR MODE: share a directory of the host with the permissions of the
# user running QEMU. A legacy device is notified by an I/O port, which is not lost as a write to
# memory may be: see machine_type.
machine_share() {
	local mode='' device=virtio-9p-pci,disable-modern=on,disable-legacy=off
	[[ $arch != arm64 ]] || device=virtio-9p-pci
	[[ $3 == rw ]] || mode=,readonly=on
	# A comma in the value of a QEMU option is doubled.
	qemu+=(-fsdev "local,id=$1,path=${2//,/,,},security_model=none,multidevs=remap$mode"
		-device "$device,fsdev=$1,mount_tag=$1")
}

# machine_device_tree DIR NOT_COHERENT PLATFORM: change the device tree of the machine. To be called
# with all other options in place.
#
# NOT_COHERENT: it promises no coherence: devices do not see the caches. The IOMMU stays coherent: its
# driver would sync each page table that it writes, which tests could not tell from what they count.
# PLATFORM: see machine_platform().
machine_device_tree() {
	local coherence='' platform=true
	[[ $arch == arm64 ]] || { say '--not-coherent, --platform: for arm64 only'; return 1; }
	[[ ! $2 ]] || coherence='/smmuv3@.*{$/,/};/!{/^[[:space:]]*dma-coherent;$/d}'
	[[ ! $3 ]] || platform=machine_platform
	# shellcheck disable=SC2154
	"$vm_dir/packages.sh" arm64 &&
	"$emulator" "${qemu[@]}" -machine "dumpdtb=$1/coherent.dtb" </dev/null >"$1/dtb.log" 2>&1 &&
	dtc -q -I dtb -O dts "$1/coherent.dtb" >"$1/machine.dts" &&
	{ sed "$coherence" "$1/machine.dts" && $platform "$2"; } >"$1/changed.dts" &&
		dtc -q -I dts -O dtb -o "$1/machine.dtb" "$1/changed.dts" || { cat -- "$1/dtb.log" >&2; return 1; }
	qemu+=(-dtb "$1/machine.dtb")
}

# machine_platform NOT_COHERENT: print an addition to the device tree. All slots of virtio-mmio
# become the registers of one device with an interrupt for each slot. The registers are 64 KiB,
# although the slots are 16 KiB: whole pages, whatever the page size of the kernel. Two nodes
# describe the device; one of them at a time can be an adapter, since an adapter requests its
# registers:
# bare: two regions are reserved for it; the second is in the kernel's direct mapping, which only
#	devices that see the caches can use.
# supplied: has a reset line and a clock.
# With an IOMMU there are two further nodes, whose registers do not exist:
# mapped: the firmware maps a region for it at its physical address.
# reserved: the same, but the region has other addresses: the kernel reserves these and maps
#	nothing.
machine_platform() {
	local regions='<&ndshm_unmapped &ndshm_mapped>' coherent='dma-coherent;' page slot
	[[ ! $1 ]] || regions='<&ndshm_unmapped>' coherent=
	cat <<-END
	/ {
	reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges;
	ndshm_unmapped: ndshm@50000000 { reg = <0 0x50000000 0 0x400000>; no-map; };
	ndshm_mapped: ndshm@50800000 { reg = <0 0x50800000 0 0x200000>; }; };
	ndshm_clock: ndshm-clock { compatible = "fixed-clock"; #clock-cells = <0>; clock-frequency = <1000000>; };
	ndshm_reset: ndshm-reset@a000000 { compatible = "ndshm,test-reset"; reg = <0 0xa000000 0 0x10000>; #reset-cells = <1>; };
	END
	for page in 0 1 2 3; do
		for slot in 0 2 4 6 8 a c e; do echo "/delete-node/ virtio_mmio@a00$page${slot}00;"; done
	done
	machine_virtio_slots bare "memory-region = $regions; $coherent"
	machine_virtio_slots supplied "resets = <&ndshm_reset 0>; clocks = <&ndshm_clock>; $coherent"
	# shellcheck disable=SC2154
	if [[ $iommu ]]; then
		machine_firmware_region mapped b000000 0xff00 50c00000 50c00000 "$coherent"
		machine_firmware_region reserved b010000 0xff01 50d00000 60000000 "$coherent"
	fi
	echo '};'
}

# machine_virtio_slots NAME PROPERTIES: print a node of the device made of the slots.
machine_virtio_slots() {
	local line
	echo "$1@a000000 { compatible = \"ndshm,adapter\"; reg = <0 0xa000000 0 0x10000>;"
	printf 'interrupts = <'
	for ((line = 16; line < 48; line++)); do printf '0 %d 1 ' "$line"; done
	echo ">; $2 };"
}

# machine_firmware_region NAME REGISTERS STREAM START ADDRESS COHERENT: print the node of an adapter
# behind the IOMMU, and a region of memory at START with ADDRESS as its DMA address.
machine_firmware_region() {
	echo "ndshm_$1_device: $1@$2 { compatible = \"ndshm,adapter\"; reg = <0 0x$2 0 0x10000>;
		memory-region = <&ndshm_$1_region>; iommus = <&{/smmuv3@9050000} $3>;
		msi-parent = <&{/intc@8000000/its@8080000} $3>; $6 };
		reserved-memory { ndshm_$1_region: ndshm@$4 { reg = <0 0x$4 0 0x10000>;
		iommu-addresses = <&ndshm_$1_device 0 0x$5 0 0x10000>; }; };"
}

# Two cards on one link, at fixed addresses, which tests refer to.
machine_wire() {
	qemu+=(-netdev 'hubport,id=wire0,hubid=7' -netdev 'hubport,id=wire1,hubid=7'
		-device 'e1000e,netdev=wire0,mac=52:54:00:6e:64:01,addr=0x10,romfile='
		-device 'e1000e,netdev=wire1,mac=52:54:00:6e:64:02,addr=0x11,romfile=')
}

machine_edu() { qemu+=(-device 'edu,addr=0x12'); }

# machine_numa NODES MEMORY CPUS: divide memory and CPUs equally. CPUS is a multiple of
# NODES.
machine_numa() {
	local nodes=$1 megabytes=$2 each=$(($3 / $1)) node row
	[[ $megabytes == *G ]] && megabytes=$((${megabytes%G} * 1024))
	megabytes=$((${megabytes%M} / nodes))
	for ((node = 0; node < nodes; node++)); do
		row=node,nodeid=$node,memdev=node$node,cpus=$((node * each))-$((node * each + each - 1))
		qemu+=(-object "memory-backend-ram,id=node$node,size=${megabytes}M" -numa "$row")
	done
}

# machine_options NAME[,NAME]...: print the options of run.sh, one per line, that add these parts
# to the machine of a test. `all` has every device that the kselftest programs can use, two
# functions in one IOMMU group, and two devices in hot-plug slots.
machine_options() {
	local name slot
	local -a names
	IFS=, read -ra names <<<"$1"
	for name in "${names[@]}"; do
		case $name in
		none)		;;
		iommu|wire|edu)	echo "--$name" ;;
		numa)		printf '%s\n' --numa 2 ;;
		all)
			machine_options iommu,wire,edu,numa
			printf -- '--device\n%s\n' 'edu,addr=0x13.0,multifunction=on' 'edu,addr=0x13.1'
			for slot in 2 3; do
				printf -- '--device\n%s\n' "pcie-root-port,id=slot$slot,chassis=$slot,addr=0x1$((slot + 2))" "edu,bus=slot$slot"
			done ;;
		# Two further cards on the link, in slots.
		slots)
			for slot in 2 3; do
				printf '%s\n' --netdev "hubport,id=wire$slot,hubid=7" \
					--device "pcie-root-port,id=slot$slot,chassis=$slot,addr=0x1$((slot + 2))" \
					--device "e1000e,bus=slot$slot,netdev=wire$slot,mac=52:54:00:6e:64:02,romfile="
			done ;;
		# A third card on the link, which shares the interrupt line of the second.
		third)
			printf '%s\n' --netdev 'hubport,id=wire2,hubid=7' \
				--device 'e1000e,netdev=wire2,mac=52:54:00:6e:64:03,addr=0x15,romfile=' ;;
		group)		printf -- '--device\n%s\n' 'edu,addr=0x11.0,multifunction=on' 'edu,addr=0x11.1' ;;
		notcoherent)	echo --not-coherent ;;
		platform)	echo --platform ;;
		nointremap)	printf '%s\n' --intremap off ;;
		# Memory that the firmware shares with the second card on the link.
		rmrr)		printf '%s\n' --rmrr 11.0 ;;
		# The same with a USB controller, which needs the memory only until a driver takes over.
		usb)		printf '%s\n' --device 'qemu-xhci,addr=0x11' --rmrr 11.0 ;;
		# Two devices behind a bridge, so in one group. The firmware shares memory with the second.
		bridge)
			printf '%s\n' --device 'pcie-pci-bridge,id=bridge,addr=0x14' --rmrr 14.0/02.0 \
				--device 'edu,bus=bridge,addr=0x1' --device 'edu,bus=bridge,addr=0x2' ;;
		strict)		printf '%s\n' --append iommu.strict=1 ;;
		lazy)		printf '%s\n' --append iommu.strict=0 ;;
		pt)		printf '%s\n' --append iommu=pt ;;
		high)		printf '%s\n' --memory 6G ;;
		swiotlb)	printf '%s\n' --append swiotlb=force ;;
		# Ranges for a provider of reserved memory.
		reserved)	printf '%s\n' --append 'memmap=128M$0x40000000 memmap=16M$0x30000000' ;;
		# The IOMMU must report a fault.
		faults)		printf '%s\n' --expect-splat 'DMAR:.*fault' ;;
		# A per-CPU list of free objects may keep the address of an object that was allocated
		# from it later, which kmemleak takes for a reference. Caches with consistency checks
		# have no such lists.
		kmemleak)	printf '%s\n' --append slab_debug=F ;;
		# Recording the allocator of each object and page takes more than half of the time.
		lean)		printf -- '--append\n%s\n' kmemleak=off page_owner=off ;;
		*)		say "no such part of a machine: $name"; return 1 ;;
		esac
	done
}

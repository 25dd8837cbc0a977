/**
 * Slot of an AMD machine's southbridge. QEMU's IVRS says that the I/O APIC is part of one at 00:14.0, where QEMU has
 * nothing. Kernels that look there (7.3 does) turn interrupt remapping off unless they find an SMBus controller.
 * [kernel: check_sb_ioapic; QEMU: AMDVI_IOAPIC_SB_DEVID; seen on guests of 7.3.4]
 */
export const SOUTHBRIDGE_SLOT = 0x14;

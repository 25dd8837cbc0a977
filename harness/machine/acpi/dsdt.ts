/**
 * QEMU's DSDT with host bridges whose devices must stay where firmware has put them. Kernels ignore reserved memory
 * ranges of PCI devices otherwise; QEMU's own bridges say so with an accelerated SMMU only.
 * [PCI Firmware specification 3.3, §4.6.5; Arm DEN 0049E.d, §3.1.1.5; kernel: iort_rmr_has_dev, acpi_pci_root_create;
 * QEMU: hw/pci-host/gpex-acpi.c]
 */
import { renewed, requireSound, TableError } from "./table.ts";

/** `If (Arg0 == ToUUID (…)) { If (Arg2 == 0) { Return (Buffer (1) { which functions there are }) } }` */
const WHEN_ASKED = "d037c9e5" + "5335" + "7a4d" + "9117" + "ea4d19c3434d" + "a009936a00" + "a4110301";
const RETURN_BUFFER = "a411030100";
/** `Return (Zero)`, and nothing three times: what stands behind must stay where it is. */
const RETURN_ZERO = "a400a3a3a3";
const OWN_ANSWERS = new RegExp(`(?<=${WHEN_ASKED})0[01]${RETURN_BUFFER}`, "g");
/** The answer itself, and whether the configuration is to be preserved. */
const FUNCTIONS = "21";

/**
 * The table with host bridges that answer 0, which is "preserve", instead of an empty buffer.
 * @throws TableError for what is no such table, or has no host bridge with QEMU's method
 */
export function preservingConfiguration(table: Uint8Array): Uint8Array<ArrayBuffer> {
  requireSound(table, "DSDT");
  const before = table.toHex();
  const after = before.replaceAll(OWN_ANSWERS, FUNCTIONS + RETURN_ZERO);
  if (after === before) {
    throw new TableError(
      "no host bridge of the DSDT table has the _DSM method that QEMU is known to give it",
    );
  }
  return renewed(Uint8Array.fromHex(after));
}

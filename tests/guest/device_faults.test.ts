/** Logs of real guests: 5.10, 6.12 and 7.3, on QEMU 7.2 to 11.1, whose devices were refused something. */
import t from "#tap";
import { join } from "node:path";
import { deviceFaults } from "../../harness/guest/device_faults.ts";

const RECORDED = join(import.meta.dirname ?? ".", "../recorded/console");
const linesOf = (name: string): string[] => Deno.readTextFileSync(join(RECORDED, name)).trimEnd().split("\n");

/** Four bytes at a time, as lsi53c895a moves them. */
const words = (start: bigint): bigint[] => [0n, 4n, 8n, 12n].map((offset) => start + offset);

const ADDRESSES: Readonly<Record<string, readonly bigint[]>> = {
  "refused-vt-d-5.10.log": [0x41000n],
  "refused-vt-d.log": [0x60000n, 0x600000n],
  "refused-virtio-iommu.log": [...words(0x60000n), ...words(0x600000n)],
  "refused-smmuv3.log": [...words(0x60000n), ...words(0x600000n)],
  "refused-smmuv3-7.3.log": words(0x40000n),
  "oops.log": [],
  "warning.log": [],
};

for (const [name, addresses] of Object.entries(ADDRESSES)) {
  t.test(name, async (t) => t.same(deviceFaults(linesOf(name)).map(({ address }) => address), addresses));
}

t.test("a fault belongs to the line that tells of it", async (t) => {
  const lines = linesOf("refused-vt-d.log");
  const [first] = deviceFaults(lines);
  t.match(lines[first?.line ?? -1], /fault addr 0x60000 /);
});

t.test("lines that tell no address", async (t) => {
  const lines = [
    "<3>[2.3] DMAR: DRHD: handling fault status reg 2",
    "<3>[2.3] DMAR: [INTR-REMAP] Request device [00:03.0] fault index 0x10 [fault reason 0x22] Present field in the IRTE entry is clear",
    "<3>[2.3] vfio-pci 0000:00:04.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0000 address=0x0 flags=0x000a]",
    "<14>[2.3] dma/one step 1 dma: {group: A, write: 0x1000, size: 4KiB}",
  ];
  t.same(deviceFaults(lines), []);
});

t.test("an event of which words are missing tells nothing, nor does one after it lend it its own", async (t) => {
  const lines = linesOf("refused-smmuv3-7.3.log");
  const header = lines.findIndex((line) => line.includes("event 0x10 received:"));
  t.same(deviceFaults(lines.slice(0, header + 4)), []);
  const torn = lines.filter((_, index) => index !== header + 2);
  t.same(deviceFaults(torn).map(({ address }) => address), words(0x40000n).slice(1));
});

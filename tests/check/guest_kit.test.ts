import t from "#tap";
import { missingOption } from "../../harness/check/guest_kit.ts";
import { machineWith } from "../machine/machines.ts";

const config = (...options: string[]) => new Map(options.map((option) => [option, "y"]));

t.test("a kernel needs a driver, and for tables of our own the way to get them", async (t) => {
  const plain = machineWith("{ kind: amd }");
  const own = machineWith("{ kind: amd, reserved: [0x40000000..0x40000fff unity] }");
  t.equal(missingOption(config("CONFIG_AMD_IOMMU"), plain), undefined);
  t.equal(missingOption(config("CONFIG_AMD_IOMMU", "CONFIG_ACPI_TABLE_UPGRADE"), own), undefined);
  t.equal(missingOption(config("CONFIG_ACPI_TABLE_UPGRADE"), own), "CONFIG_AMD_IOMMU");
  t.equal(missingOption(config("CONFIG_AMD_IOMMU"), own), "CONFIG_ACPI_TABLE_UPGRADE");
});

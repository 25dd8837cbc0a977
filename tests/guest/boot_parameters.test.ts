import t from "#tap";
import { bootParameters } from "../../harness/guest/boot_parameters.ts";

const GUESTS = [["amd64", "tcg"], ["amd64", "kvm"], ["arm64", "tcg"]] as const;
const CONSOLE = { amd64: "console=ttyS0", arm64: "console=ttyAMA0" };

for (const [arch, accelerator] of GUESTS) {
  t.test(`the console talks, a crash ends the guest: ${arch}, ${accelerator}`, async (t) => {
    const parameters = bootParameters(arch, accelerator);
    for (const needed of [CONSOLE[arch], "loglevel=5", "panic=-1", "oops=panic"]) {
      t.ok(parameters.includes(needed), needed);
    }
    t.notOk(parameters.some((one) => /\s/.test(one)), "no parameter would come apart");
    const names = parameters.map((one) => one.split("=")[0]);
    t.equal(new Set(names).size, names.length, "no name twice");
  });

  t.test(`nothing touches what is tested: ${arch}, ${accelerator}`, async (t) => {
    const forbidden = /^(intel_iommu|amd_iommu|iommu|iommu\..*|intremap|vfio.*|mem|memmap)(=|$)/;
    t.same(bootParameters(arch, accelerator).filter((one) => forbidden.test(one)), []);
  });
}

t.test("emulation gets its delays told; KVM measures them", async (t) => {
  const only = (of: "tcg" | "kvm", not: "tcg" | "kvm") =>
    bootParameters("amd64", of).filter((one) => !bootParameters("amd64", not).includes(one));
  t.same(only("tcg", "kvm"), ["noreplace-smp", "nolapic_timer", "lpj=2600000"]);
  t.same(only("kvm", "tcg"), []);
});

t.test("the blacklist is one list without blanks or doubles", async (t) => {
  const list =
    bootParameters("amd64", "kvm").find((one) => one.startsWith("initcall_blacklist="))?.split("=")[1] ??
      "";
  t.match(list, /^\w+(,\w+)*$/);
  t.equal(new Set(list.split(",")).size, list.split(",").length);
});

import { InvalidArgumentError } from "commander";
import type { WantedAccelerator } from "../guest/accelerator.ts";

/** @throws InvalidArgumentError, which Commander tells the user */
export function accelerator(text: string): WantedAccelerator {
  if (text === "auto" || text === "kvm" || text === "tcg") return text;
  throw new InvalidArgumentError("write auto, kvm or tcg");
}

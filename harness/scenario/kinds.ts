/** Every kind of step, under the name that scenarios use. */
import type { StepKind } from "./step.ts";
import { attachStep, detachStep } from "./steps/attach.ts";
import { checkExtensionStep, closeStep, openStep, setIommuStep } from "./steps/container.ts";
import { deviceCloseStep, deviceOpenMisnamedStep, deviceOpenStep } from "./steps/device.ts";
import { dmaStep, engineStep } from "./steps/dma.ts";
import { dirtyGetStep, dirtyStep } from "./steps/dirty.ts";
import { driverStep, removeStep, rescanStep } from "./steps/driver.ts";
import {
  groupCloseStep,
  groupOpenStep,
  groupStatusStep,
  setContainerStep,
  setContainerToStep,
  unsetContainerStep,
} from "./steps/group.ts";
import { plugStep, unplugStep } from "./steps/hotplug.ts";
import { infoStep } from "./steps/info.ts";
import { failCollectionStep, injectStep } from "./steps/injection.ts";
import { mapStep } from "./steps/map.ts";
import { containerIoctlStep, groupIoctlStep, pokeStep } from "./steps/misuse.ts";
import { parameterStep } from "./steps/parameter.ts";
import { execStep, exitStep, forkStep, memlockStep } from "./steps/process.ts";
import { unmapStep } from "./steps/unmap.ts";
import { walkStep } from "./steps/walk.ts";

export const STEP_KINDS: Readonly<Record<string, StepKind>> = {
  attach: attachStep,
  detach: detachStep,
  map: mapStep,
  unmap: unmapStep,
  info: infoStep,
  walk: walkStep,
  open: openStep,
  close: closeStep,
  "set-iommu": setIommuStep,
  "check-extension": checkExtensionStep,
  "group-open": groupOpenStep,
  "group-close": groupCloseStep,
  "group-status": groupStatusStep,
  "set-container": setContainerStep,
  "set-container-to": setContainerToStep,
  "unset-container": unsetContainerStep,
  "device-open": deviceOpenStep,
  "device-close": deviceCloseStep,
  "device-open-misnamed": deviceOpenMisnamedStep,
  dirty: dirtyStep,
  "dirty-get": dirtyGetStep,
  engine: engineStep,
  dma: dmaStep,
  fork: forkStep,
  exec: execStep,
  exit: exitStep,
  memlock: memlockStep,
  "container-ioctl": containerIoctlStep,
  "group-ioctl": groupIoctlStep,
  poke: pokeStep,
  driver: driverStep,
  remove: removeStep,
  rescan: rescanStep,
  unplug: unplugStep,
  plug: plugStep,
  parameter: parameterStep,
  inject: injectStep,
  "fail-collection": failCollectionStep,
};

/** Every kind of step, under the name that scenarios use. */
import type { StepKind } from "./step.ts";
import { attachStep, detachStep } from "./steps/attach.ts";
import { checkExtensionStep, closeStep, openStep, setIommuStep } from "./steps/container.ts";
import { deviceCloseStep, deviceOpenStep } from "./steps/device.ts";
import {
  groupCloseStep,
  groupOpenStep,
  groupStatusStep,
  setContainerStep,
  unsetContainerStep,
} from "./steps/group.ts";
import { infoStep } from "./steps/info.ts";
import { failCollectionStep } from "./steps/injection.ts";
import { mapStep } from "./steps/map.ts";
import { parameterStep } from "./steps/parameter.ts";
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
  "unset-container": unsetContainerStep,
  "device-open": deviceOpenStep,
  "device-close": deviceCloseStep,
  parameter: parameterStep,
  "fail-collection": failCollectionStep,
};

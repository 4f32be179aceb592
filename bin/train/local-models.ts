// Local models: models of the Hub and of buckets that a training's flags name, as folders of this machine.

import type { OptionValue } from "../../trainer/core/option-kinds.js";
import { isTeacherAddress } from "../../trainer/teacher-address.js";
import { localModelPath, refuseBareHubName } from "../hub-model.js";

/** Models of the Hub become folders of its cache: a run that is resumed finds the commit that it started with. */
export async function withLocalModels(given: Map<string, OptionValue>): Promise<Map<string, OptionValue>> {
  for (const [flag, value] of given) {
    if (typeof value !== "string" || isTeacherAddress(value)) continue;
    // --model is an architecture: there a published name is right.
    if (flag === "--init" || flag === "--teacher") refuseBareHubName(value);
    given.set(flag, await localModelPath(value));
  }
  return given;
}

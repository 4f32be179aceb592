// tfjs:cpu: graphs, losses, gradients and optimizer steps agree with the wasm executor's, and no tensor leaks.

import { test } from "uvu";
import { createRuntime } from "../../runtime/create-runtime.js";
import { createWasmExecutor } from "../../runtime/executors/wasm/executor.js";
import { nodeHost } from "../../runtime/host/node.js";
import { convolutionClaims } from "./convolution-claims.js";
import { claimsAgainstWasm } from "./executor-claims.js";
import { regnetyTrainingClaims } from "./regnety-training-claims.js";
import { geluClaims, memoryClaims } from "./tfjs-claims.js";

const { executor } = await createRuntime({ host: nodeHost(), device: "tfjs:cpu" });
claimsAgainstWasm(executor, await createWasmExecutor(nodeHost()), { values: 3e-6, state: 1e-4 });
convolutionClaims(executor);
regnetyTrainingClaims(executor, 3e-6);
geluClaims(executor);
memoryClaims(executor);
test.after(() => executor.dispose());
test.run();

// vitrine/runtime under Node: everything of index.ts, and the host and the model folders that Node gives.

export { nodeHost, nodeModelSource } from "./host/node.js";
export * from "./index.js";

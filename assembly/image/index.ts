// Image module: what the host may call. Each line is one entry point or one group of them.

export { regionLength, regionStart, reserve, resetArena, setMemoryLimit } from "./memory";
export { statusAllowed, statusFound, statusOffset } from "./outcome";

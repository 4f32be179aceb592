// protobuf.js with 64-bit integers as plain numbers: exact below 2⁵³, and every field of ours stays below. With the
// package `long`, which its own dependencies install, it would return Long objects. Generated code imports this.

import protobuf from "protobufjs/minimal.js";

Reflect.set(protobuf.util, "Long", null);
protobuf.configure();

export default protobuf;
export type * from "protobufjs/minimal.js";

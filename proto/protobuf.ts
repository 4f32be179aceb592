// protobuf.js with 64-bit integers as plain numbers: exact below 2⁵³, which every field of ours stays under. With the
// package `long` installed, as its own dependencies see to, it would give Long objects. Generated code imports this.

import protobuf from "protobufjs/minimal.js";

Reflect.set(protobuf.util, "Long", null);
protobuf.configure();

export default protobuf;
export type * from "protobufjs/minimal.js";

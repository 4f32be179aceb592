// Caller: who makes a call, as far as a server can tell: the holder of a token, or an address. It is found where access
// is checked, and asked for where places are shared.

const callers = new WeakMap<object, string>();

/** `call`: the object that handlers get, of gRPC or of HTTP. */
export function nameCaller(call: object, name: string): void {
  callers.set(call, name);
}

/** Empty where nobody found out. */
export function callerOf(call: object): string {
  return callers.get(call) ?? "";
}

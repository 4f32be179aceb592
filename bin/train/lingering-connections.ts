// Lingering connections: what is left of a rank's connections to a machine that cannot be reached any more.

/** Output is written by then. */
const LINGER_MS = 2_000;

/**
 * The process ends, with the status that it has, also where connections are open. Those to a machine that is cut off stay
 * for a quarter of an hour, until TCP gives up sending what they still have, and Node waits for them.
 */
export function endDespiteConnections(): void {
  setTimeout(() => process.exit(), LINGER_MS).unref();
}

// Connect: connections to the data servers that answer, checked to have the same data set.

import type { DataDescription } from "../../runtime/batches/batch-source.js";
import { isVitrineError, quote, VitrineError } from "../../runtime/errors.js";
import { type ConnectionSecurity, openCredentials } from "./credentials.js";
import { DataConnection, isListingOn, isServerAway } from "./data-connection.js";
import type { DataServers } from "./data-servers.js";
import { RetryBudget } from "./retry-budget.js";

const DEFAULT_QUIET_SECONDS = 10;

/** How long servers may be away. */
export const DEFAULT_TIMEOUT_SECONDS = 60;

/** What a connection must know of the batches that will come. */
interface ConnectOptions extends ConnectionSecurity {
  /** A bound on their messages. */
  messageBytes: number;
  quietSeconds?: number;
  onNotice?: (text: string) => void;
}

/** Deadline of one Describe: even a client that does not retry gives it a fair chance. */
export const DESCRIBE_MS = { min: 2_000, max: 10_000 };

/** The start of a fingerprint, enough to tell two apart. */
const short = (fingerprint: string): string => `${quote(fingerprint.slice(0, 12))}…`;

function checkFingerprint(expected: string | undefined, found: string, address: string): void {
  if (!expected || expected === found) return;
  throw new VitrineError(
    "data/fingerprint-changed",
    `${address} serves the data set ${short(found)}, expected ${short(expected)}: ` +
      "serve the data set that the run started with, or start a new run",
    { details: { expected, found, server: address } },
  );
}

/** A connection on which the server has answered, with its description of the data set. */
export async function connect(
  servers: DataServers,
  address: string,
  { messageBytes, quietSeconds = DEFAULT_QUIET_SECONDS, onNotice, ...security }: ConnectOptions,
  fingerprint: string | undefined,
  deadlineMs: number,
): Promise<{ connection: DataConnection; description: DataDescription }> {
  const connection = new DataConnection(address, {
    batchBytes: messageBytes,
    quietMs: 1000 * quietSeconds,
    onNotice,
    credentials: openCredentials(address, security, servers.nameOf(address)),
  });
  try {
    const description = await connection.describe(
      Math.max(DESCRIBE_MS.min, Math.min(DESCRIBE_MS.max, deadlineMs)),
    );
    checkFingerprint(fingerprint, description.fingerprint, address);
    return { connection, description };
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** A server that has answered. */
export interface Connected {
  address: string;
  connection: DataConnection;
  description: DataDescription;
}

export function closeAll(connected: readonly Connected[]): void {
  for (const { connection } of connected) connection.close();
}

/**
 * Connections to all servers that answer, at least one, in the order of their addresses. Throws where none
 * does, and at once an error that no waiting mends, such as another data set.
 */
export async function connectAll(
  servers: DataServers,
  options: ConnectOptions,
  fingerprint: string | undefined,
  deadlineMs: number,
): Promise<Connected[]> {
  const all = await servers.addresses();
  const available = servers.available(all);
  const addresses = available.length > 0 ? available : all;
  // Of several servers one that does not answer holds up the others.
  const patience = addresses.length > 1 ? DESCRIBE_MS.min : deadlineMs;
  const tries = await Promise.allSettled(
    addresses.map(async (address) => ({
      address,
      ...(await connect(servers, address, options, fingerprint, patience)),
    })),
  );
  const connected: Connected[] = [];
  const errors: unknown[] = [];
  tries.forEach((outcome, index) => {
    if (outcome.status === "fulfilled") {
      connected.push(outcome.value);
      servers.answered(addresses[index]);
    } else {
      errors.push(outcome.reason);
      servers.failed(addresses[index]);
    }
  });
  const final = errors.find((error) => !isServerAway(error));
  if (final === undefined && connected.length > 0) return connected;
  closeAll(connected);
  // A server that is listing its files will come, so its answer tells more than the silence of another.
  const opening = errors.find((error) => isVitrineError(error) && error.code === "data/opening");
  throw final ?? opening ?? errors[0] ?? new VitrineError("network/unavailable", `${servers} has no address`);
}

interface FirstOptions extends ConnectOptions {
  /** Default 60. */
  timeoutSeconds?: number;
  fingerprint?: string;
  /** The flag that named the servers, for messages. */
  flag: string;
}

/**
 * As `connectAll`, but servers that are away, or list their files, are waited for. Throws `network/no-data-server` after
 * `timeoutSeconds`.
 */
export async function firstAnswers(servers: DataServers, options: FirstOptions): Promise<Connected[]> {
  const { timeoutSeconds = DEFAULT_TIMEOUT_SECONDS, onNotice = () => {} } = options;
  const budget = new RetryBudget({
    seconds: timeoutSeconds,
    isTransient: isServerAway,
    isProgress: isListingOn,
    giveUp: (reason) =>
      new VitrineError(
        "network/no-data-server",
        `no data server answers at ${servers} (${reason}): ` +
          `start one with "vitrine data-server --data PATH --listen ${servers}", or correct ${options.flag}`,
        { details: { server: `${servers}` } },
      ),
    onNotice,
  });
  for (;;) {
    try {
      const connected = await connectAll(servers, options, options.fingerprint, budget.leftMs);
      budget.reset();
      return connected;
    } catch (error) {
      await budget.wait(error);
    }
  }
}

/** Throws `data/fingerprint-changed` where two servers have different data sets. */
export function commonDescription(connected: readonly Connected[]): DataDescription {
  const [{ address, description }] = connected;
  for (const other of connected) {
    if (other.description.fingerprint === description.fingerprint) continue;
    throw new VitrineError(
      "data/fingerprint-changed",
      `${address} serves the data set ${short(description.fingerprint)}, ${other.address} ` +
        `${short(other.description.fingerprint)}: several servers must have the same`,
      { details: { servers: `${address}, ${other.address}` } },
    );
  }
  return description;
}

// Credentials: how a client proves who it is and whom it trusts, and in words what a refused handshake means.

import { connect as connectTcp, isIP } from "node:net";
import { checkServerIdentity, connect as connectTls, createSecureContext } from "node:tls";
import { type ChannelCredentials, type ChannelOptions, credentials, Metadata } from "@grpc/grpc-js";
import { hostOf, isLocalAddress, portOf, UNIX_ADDRESS } from "../../proto/address.js";
import { isToken, TOKEN_HEADER, tokenHeader, tokenLines } from "../../proto/bearer-token.js";
import { quote, VitrineError } from "../../runtime/errors.js";
import { LARGEST_TEXT, readWholeFileSync } from "../../runtime/host/node-files.js";

/** Files are read again for each connection, so that renewed certificates and tokens are used. */
export interface ConnectionSecurity {
  /** Connect by TLS. Implied by the other options of TLS. Default false. */
  tls?: boolean | undefined;
  /** PEM file of the CAs that the server's certificate may be of. Default: those that Node trusts. */
  tlsCa?: string | undefined;
  /** PEM files of this client's certificate and key, for a server that asks for one. */
  tlsCert?: string | undefined;
  tlsKey?: string | undefined;
  /** File whose first line is the token that the server asks for. */
  tokenFile?: string | undefined;
}

export interface ClientCredentials {
  channel: ChannelCredentials;
  /** Goes with every call. */
  metadata: Metadata;
  options: ChannelOptions;
  tls: TlsMaterial | null;
}

interface TlsMaterial {
  ca: Buffer | null;
  cert: Buffer | null;
  key: Buffer | null;
}

/** An IP address is no name that a handshake may ask for (RFC 6066); grpc-js would send it, and Node warn of it. */
const NO_NAME = "data-server.invalid";

const readFile = (file: string | undefined): Buffer | null =>
  file === undefined ? null : Buffer.from(readWholeFileSync(file, LARGEST_TEXT));

function refuse(text: string): never {
  throw new VitrineError("usage/tls", text);
}

function readToken(file: string): string {
  const [token] = tokenLines(readWholeFileSync(file, LARGEST_TEXT));
  if (isToken(token)) return token;
  return refuse(`${quote(file)}: the first line must be a token of printable ASCII characters`);
}

/**
 * For one connection to `address`; `serverName` is the name that its certificate must be for, by default the host of
 * the address. Throws `usage/tls`, `file/not-found`, `file/unreadable`.
 */
export function openCredentials(
  address: string,
  { tls, tlsCa, tlsCert, tlsKey, tokenFile }: ConnectionSecurity,
  serverName?: string,
): ClientCredentials {
  const isTls = tls === true || tlsCa !== undefined || tlsCert !== undefined || tlsKey !== undefined;
  const metadata = new Metadata();
  if (tokenFile !== undefined) {
    // Anyone who reads the packets could call the server from then on.
    if (!isTls && !isLocalAddress(address))
      refuse(
        `the token of ${quote(tokenFile)} is not sent to ${quote(address)} without TLS: connect with --tls`,
      );
    metadata.set(TOKEN_HEADER, tokenHeader(readToken(tokenFile)));
  }
  if (!isTls) return { channel: credentials.createInsecure(), metadata, options: {}, tls: null };
  if (UNIX_ADDRESS.test(address)) refuse(`${quote(address)}: TLS is for HOST:PORT; a unix socket needs none`);
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    refuse("--tls-cert and --tls-key are the two halves of a client's certificate: give both or none");
  const [ca, cert, key] = [readFile(tlsCa), readFile(tlsCert), readFile(tlsKey)];
  try {
    createSecureContext({ ...(ca && { ca }), ...(cert && key && { cert, key }) });
    const name = serverName ?? hostOf(address);
    const channel = credentials.createSsl(ca, key, cert, {
      checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
    });
    const options = { "grpc.ssl_target_name_override": isIP(name) ? NO_NAME : name };
    return { channel, metadata, options, tls: { ca, cert, key } };
  } catch (cause) {
    const files = [tlsCa, tlsCert, tlsKey].filter((file) => file !== undefined).map(quote);
    throw new VitrineError(
      "usage/tls",
      `${files.join(", ")}: not usable PEM files (${quote(String(cause))})`,
      {
        cause,
      },
    );
  }
}

const REFUSES_CERTIFICATE =
  "does not accept this client's certificate (--tls-cert): it must be valid, and of the CA of the server's --tls-client-ca";

/** OpenSSL's and Node's words → ours. */
const HANDSHAKE_FAILURES: readonly [RegExp, string][] = [
  [/certificate has expired/i, "its certificate has expired: renew it where the server runs"],
  [/not yet valid/i, "its certificate is not valid yet: compare the clocks"],
  [
    /altname|Hostname\/IP does not match/i,
    "its certificate is for other names than the one in the address: connect by a name that it has, or issue one for this",
  ],
  [
    /self.signed|unable to (?:verify|get)|unable_to/i,
    "its certificate is not from a CA that this client trusts: give the CA's certificate with --tls-ca",
  ],
  [/alert certificate required/i, "the server asks for a client certificate: give --tls-cert and --tls-key"],
  [
    /alert (?:unknown ca|bad certificate|certificate (?:expired|unknown|revoked))/i,
    `the server ${REFUSES_CERTIFICATE}`,
  ],
  [
    /wrong version number|packet length too long|unknown protocol|http request/i,
    "the server does not speak TLS: start it with --tls-cert and --tls-key, or leave TLS out here",
  ],
];

/** The error of a TLS handshake whose failure has this text; null for any other text. */
export function handshakeError(address: string, text: string): VitrineError | null {
  const known = HANDSHAKE_FAILURES.find(([pattern]) => pattern.test(text));
  if (!known) return null;
  const names = /altnames: (.*)$/s.exec(text)?.[1];
  const found = names && known[1].includes("other names") ? ` (${quote(names.trim())})` : "";
  return new VitrineError("network/tls", `${address}: the TLS handshake failed: ${known[1]}${found}`, {
    details: { server: address },
  });
}

/** A handshake takes two round trips; a server that refuses a client's certificate says so one later. */
const PROBE_MS = 2_000;
const REFUSAL_MS = 300;

/**
 * A server in Node.js closes the connection of a client whose certificate it does not accept without saying so, and a
 * server or proxy that is stopping does the same to every client: only more tries tell.
 */
function closedAfterHandshake(address: string, hasCertificate: boolean): VitrineError {
  const hint = hasCertificate
    ? REFUSES_CERTIFICATE
    : "may ask for a client certificate: give --tls-cert and --tls-key";
  return new VitrineError(
    "network/unavailable",
    `${address} closed the connection right after the TLS handshake; a server that goes on doing so ${hint}`,
    { details: { server: address } },
  );
}

/**
 * grpc-js says "Failed to connect" both where a server that speaks TLS was called without, and where it refused a
 * client's certificate. A handshake of our own tells; null where it tells nothing.
 */
export function probeHandshake(address: string, tls: TlsMaterial | null): Promise<VitrineError | null> {
  if (UNIX_ADDRESS.test(address)) return Promise.resolve(null);
  return new Promise((resolve) => {
    const tcp = connectTcp({ host: hostOf(address), port: portOf(address) });
    const { ca = null, cert = null, key = null } = tls ?? {};
    const socket = connectTls({
      socket: tcp,
      ...(ca && { ca }),
      ...(cert && key && { cert, key }),
      ALPNProtocols: ["h2"],
      // Nothing is sent over it.
      rejectUnauthorized: false,
    });
    let shook = false;
    const limit = setTimeout(() => settle(null), PROBE_MS);
    const settle = (error: VitrineError | null): void => {
      clearTimeout(limit);
      socket.destroy();
      tcp.destroy();
      resolve(error);
    };
    const refused = (text: string) => {
      if (tls === null) return settle(null);
      settle(handshakeError(address, text) ?? (shook ? closedAfterHandshake(address, cert !== null) : null));
    };
    socket.once("secureConnect", () => {
      shook = true;
      if (tls === null)
        return settle(
          new VitrineError(
            "network/tls",
            `${address} speaks TLS: connect with --tls, or with --tls-ca FILE for its CA`,
            {
              details: { server: address },
            },
          ),
        );
      setTimeout(() => settle(null), REFUSAL_MS);
    });
    socket.once("error", ({ message }) => refused(message));
    socket.once("close", () => refused("closed"));
    tcp.once("error", () => settle(null));
  });
}

// TLS of a gRPC server: its certificate and key, and the CA of client certificates, from files that are read again when
// they change. What a server must trust to start is checked; a later change that cannot be used keeps what was there.

import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { experimental, type ServerCredentials } from "@grpc/grpc-js";
import { quote, VitrineError } from "../runtime/errors.js";
import { LARGEST_TEXT, readWholeFileSync } from "../runtime/host/node-files.js";
import { fileStamp } from "./file-stamp.js";

export interface TlsFiles {
  /** PEM: the server's certificate, and those of its CAs up to the root. */
  cert: string;
  /** PEM: its private key. */
  key: string;
  /** PEM: CAs of which clients must have a certificate. */
  clientCa?: string | undefined;
}

/** For a server of node:https. */
export interface HttpsMaterial {
  options(): { cert: Buffer; key: Buffer; ca?: Buffer; requestCert: boolean };
  /** The options have changed: new connections should have them. */
  onChange(listener: () => void): void;
}

export interface ServerTls {
  credentials: ServerCredentials;
  https: HttpsMaterial;
  /** The files are not looked at any more. */
  close(): void;
}

type CertificateProvider = Parameters<typeof experimental.createCertificateProviderServerCredentials>[0];

/** How often the files are looked at. */
const LOOK_MS = 10_000;

/** The contents of the files, which fit each other. */
interface Material {
  certificate: Buffer;
  privateKey: Buffer;
  ca: Buffer | null;
}

function unusable(file: string, text: string, cause?: unknown): VitrineError {
  return new VitrineError("usage/tls", `${quote(file)}: ${text}`, { details: { file }, cause });
}

const readFile = (file: string): Buffer => Buffer.from(readWholeFileSync(file, LARGEST_TEXT));

/** The first certificate of a PEM file. Throws `usage/tls`. */
function certificateOf(file: string, pem: Buffer): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw unusable(file, 'not a certificate in PEM form ("-----BEGIN CERTIFICATE-----")', cause);
  }
}

/** Throws `usage/tls`, `file/…`. */
function readMaterial({ cert, key, clientCa }: TlsFiles): Material {
  const certificate = readFile(cert);
  const privateKey = readFile(key);
  const ca = clientCa === undefined ? null : readFile(clientCa);
  const parsed = certificateOf(cert, certificate);
  const end = new Date(parsed.validTo);
  if (end.getTime() < Date.now()) throw unusable(cert, `the certificate expired on ${end.toISOString()}`);
  let parsedKey: ReturnType<typeof createPrivateKey>;
  try {
    parsedKey = createPrivateKey(privateKey);
  } catch (cause) {
    throw unusable(key, "not a private key in PEM form without a passphrase", cause);
  }
  if (!parsed.checkPrivateKey(parsedKey))
    throw unusable(key, `not the key of the certificate in ${quote(cert)}`);
  if (ca !== null && clientCa !== undefined) certificateOf(clientCa, ca);
  try {
    createSecureContext({ cert: certificate, key: privateKey, ...(ca && { ca }) });
  } catch (cause) {
    throw unusable(cert, `cannot be used for TLS: ${quote(String(cause))}`, cause);
  }
  return { certificate, privateKey, ca };
}

/**
 * With `clientCa`, clients without a certificate of it are refused in the handshake. `say` gets a line that a changed
 * certificate is used, or why it is not. Throws `usage/tls`, `file/not-found`, `file/unreadable`.
 */
export function openServerTls(files: TlsFiles, say: (text: string) => void, lookMs = LOOK_MS): ServerTls {
  const { cert, key, clientCa } = files;
  const stampNow = () => fileStamp(cert, key, ...(clientCa === undefined ? [] : [clientCa]));
  let stamp = stampNow();
  let material = readMaterial(files);
  const identityListeners = new Set<(update: Material) => void>();
  const httpsListeners = new Set<() => void>();
  const caListeners = new Set<(update: { caCertificate: Buffer }) => void>();
  const provider: CertificateProvider = {
    addIdentityCertificateListener(listener) {
      identityListeners.add(listener);
      // grpc-js adds its server after the listener, and passes on only what comes then.
      process.nextTick(() => listener(material));
    },
    removeIdentityCertificateListener: (listener) => void identityListeners.delete(listener),
    addCaCertificateListener(listener) {
      caListeners.add(listener);
      process.nextTick(() => material.ca && listener({ caCertificate: material.ca }));
    },
    removeCaCertificateListener: (listener) => void caListeners.delete(listener),
  };
  const look = (): void => {
    const current = stampNow();
    if (current === stamp) return;
    stamp = current;
    try {
      material = readMaterial(files);
    } catch (error) {
      say(`the changed certificate is not used: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    for (const listener of caListeners) if (material.ca) listener({ caCertificate: material.ca });
    for (const listener of identityListeners) listener(material);
    for (const listener of httpsListeners) listener();
    say(`the changed certificate ${quote(files.cert)} is used for new connections`);
  };
  const timer = setInterval(look, lookMs);
  timer.unref();
  const credentials = experimental.createCertificateProviderServerCredentials(
    provider,
    material.ca ? provider : null,
    material.ca !== null,
  );
  const https: HttpsMaterial = {
    options: () => {
      const { certificate: cert, privateKey, ca } = material;
      return { cert, key: privateKey, ...(ca && { ca }), requestCert: ca !== null };
    },
    onChange: (listener) => void httpsListeners.add(listener),
  };
  return { credentials, https, close: () => clearInterval(timer) };
}

// Certificates for tests: CAs, and certificates of theirs, good and bad, as PEM files of a folder.

import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";

x509.cryptoProvider.set(webcrypto as Crypto);

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;

interface Authority {
  certificate: x509.X509Certificate;
  keys: CryptoKeyPair;
}

export interface Certificates {
  folder: string;
  /** Path of NAME.pem or NAME.key. */
  file(name: string): string;
  createAuthority(name: string): Promise<Authority>;
  /** `names`: DNS names or IP addresses. `days`: how long it is valid from now on; negative: it expired. */
  issue(name: string, authority: Authority, names: readonly string[], days?: number): Promise<void>;
  remove(): void;
}

async function keyPem({ privateKey }: CryptoKeyPair): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", privateKey), "PRIVATE KEY");
}

const createKeys = (): Promise<CryptoKeyPair> =>
  webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]) as Promise<CryptoKeyPair>;

let serial = 0;

export function createCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), "vitrine-tls-"));
  const file = (name: string): string => join(folder, name);
  const write = async (name: string, certificate: x509.X509Certificate, keys: CryptoKeyPair) => {
    writeFileSync(file(`${name}.pem`), certificate.toString("pem"));
    writeFileSync(file(`${name}.key`), await keyPem(keys));
  };
  return {
    folder,
    file,
    async createAuthority(name) {
      const keys = await createKeys();
      const certificate = await x509.X509CertificateGenerator.createSelfSigned({
        serialNumber: `0${++serial}`,
        name: `CN=${name}`,
        notBefore: new Date(Date.now() - 3 * DAY_MS),
        notAfter: new Date(Date.now() + 3 * DAY_MS),
        signingAlgorithm: ALGORITHM,
        keys,
        extensions: [new x509.BasicConstraintsExtension(true, 1, true)],
      });
      await write(name, certificate, keys);
      return { certificate, keys };
    },
    async issue(name, authority, names, days = 1) {
      const keys = await createKeys();
      const certificate = await x509.X509CertificateGenerator.create({
        serialNumber: `0${++serial}`,
        subject: `CN=${name}`,
        issuer: authority.certificate.subject,
        notBefore: new Date(Date.now() - 2 * DAY_MS),
        notAfter: new Date(Date.now() + days * DAY_MS),
        signingKey: authority.keys.privateKey,
        publicKey: keys.publicKey,
        signingAlgorithm: ALGORITHM,
        extensions: [
          new x509.SubjectAlternativeNameExtension(
            names.map((value) => ({ type: /^[\d.]+$/.test(value) ? "ip" : "dns", value }) as const),
          ),
        ],
      });
      await write(name, certificate, keys);
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

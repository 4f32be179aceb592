// S3 client: the AWS SDK, which is an optional package and loaded on first use, and its client for a kind of bucket:
// Amazon's, Google's by its S3-compatible endpoint, or another store's. Credentials are what the SDK's chain finds.

import { createRequire } from "node:module";
import type { S3Client } from "@aws-sdk/client-s3";
import { displayUrl } from "../../../runtime/batches/data-path.js";
import { quote, VitrineError } from "../../../runtime/errors.js";
import { type StoreSettings, TRANSFER_LIMITS } from "./contract.js";
import type { BucketLocation } from "./remote-url.js";

export type Sdk = typeof import("@aws-sdk/client-s3");

const PACKAGE = "@aws-sdk/client-s3";
const VERSION = "3.1175.0";
const GOOGLE_ENDPOINT = "https://storage.googleapis.com";

/** The version of the package that is installed; null without one. */
export function s3PackageVersion(): string | null {
  try {
    return (createRequire(import.meta.url)(`${PACKAGE}/package.json`) as { version: string }).version;
  } catch {
    return null;
  }
}

export async function loadSdk(): Promise<Sdk> {
  // On Node 20 the package warns of its own future versions, which concern no user of this one.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";
  try {
    return (await import(PACKAGE)) as Sdk;
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND";
    const reason = missing ? "is not installed" : `does not load here (${quote(String(cause))})`;
    throw new VitrineError(
      "network/s3-package",
      `s3:// and gs:// need the optional package ${PACKAGE}, which ${reason}: npm install ${PACKAGE}@${VERSION}`,
      { cause },
    );
  }
}

/** The endpoint that was given, by the flag or as the SDK's own environment variables; undefined for Amazon's. */
function endpointOf({ s3Endpoint }: StoreSettings, scheme: BucketLocation["scheme"]): string | undefined {
  if (scheme === "gs") return GOOGLE_ENDPOINT;
  const { AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL } = process.env;
  const endpoint = s3Endpoint || AWS_ENDPOINT_URL_S3 || AWS_ENDPOINT_URL || undefined;
  if (endpoint !== undefined && !/^https?:$/.test(URL.canParse(endpoint) ? new URL(endpoint).protocol : ""))
    throw new VitrineError(
      "usage/data-url",
      `the S3 endpoint is "${quote(displayUrl(endpoint))}"; allowed: a URL such as https://minio.example:9000`,
    );
  return endpoint;
}

/** Amazon's stores name the right region in an answer, which the client follows; others have one for all. */
const ANY_REGION = "us-east-1";

export async function createClient(
  settings: StoreSettings,
  scheme: BucketLocation["scheme"],
): Promise<S3Client> {
  const { S3Client } = await loadSdk();
  const endpoint = endpointOf(settings, scheme);
  const { connectMs, idleMs } = settings.limits ?? TRANSFER_LIMITS;
  const { AWS_REGION, AWS_DEFAULT_REGION } = process.env;
  const region = scheme === "gs" ? "auto" : AWS_REGION || AWS_DEFAULT_REGION;
  const create = (chosen: string | undefined) =>
    new S3Client({
      ...(chosen && { region: chosen }),
      // Stores at an endpoint of their own know neither buckets as host names nor Amazon's newer checksums.
      ...(endpoint !== undefined && {
        endpoint,
        forcePathStyle: true,
        requestChecksumCalculation: "WHEN_REQUIRED" as const,
        responseChecksumValidation: "WHEN_REQUIRED" as const,
      }),
      followRegionRedirects: endpoint === undefined,
      // Retries are our own: the same for all stores.
      maxAttempts: 1,
      requestHandler: {
        connectionTimeout: connectMs,
        requestTimeout: idleMs,
        throwOnRequestTimeout: true,
        httpAgent: { keepAlive: true, maxSockets: MOST_SOCKETS },
        httpsAgent: { keepAlive: true, maxSockets: MOST_SOCKETS },
      },
    });
  const client = create(region);
  try {
    await client.config.region();
    return client;
  } catch {
    client.destroy();
    return create(ANY_REGION);
  }
}

/** How many requests there are at a time, the reader limits. */
const MOST_SOCKETS = 1024;

// Picture address: a picture of another site, fetched by this browser as a file. Only a site that lets other pages read
// its pictures can be used; nothing is sent there but the request.

import type { Failure } from "../design/notice.js";

/** Larger pictures than this are not taken from an address. */
const MOST_BYTES = 200e6;
const PATIENCE_MS = 30_000;

/** Why an address gave no picture. */
export class AddressError extends Error {
  override readonly name = "AddressError";

  constructor(
    readonly failure: Failure,
    cause?: unknown,
  ) {
    super(`${failure.line} ${failure.advice}`, { cause });
  }
}

const SAVE_IT = "Save the picture on this computer, then drop the file here.";

function describe(line: string, advice: string, cause?: unknown): AddressError {
  return new AddressError({ line, advice }, cause);
}

/** Name of the file that an address ends in; the host's where the path has none. */
function nameOf(address: URL): string {
  if (address.protocol === "data:") return "Picture from an address";
  const last = address.pathname.split("/").filter(Boolean).at(-1);
  if (last === undefined) return address.host;
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}

function parse(text: string): URL {
  const address = text.includes(":") ? text.trim() : `https://${text.trim()}`;
  if (URL.canParse(address) && /^(https?|data):$/.test(new URL(address).protocol)) return new URL(address);
  throw describe(
    "That is no address of a picture.",
    "An address starts with https:// and ends in a picture's name.",
  );
}

async function readBody(response: Response): Promise<Blob> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  for (const reader = response.body?.getReader(); reader; ) {
    const { done, value } = await reader.read();
    if (done) break;
    bytes += value.length;
    if (bytes > MOST_BYTES) {
      await reader.cancel();
      throw describe(
        "That picture is too large to fetch.",
        `It has more than ${MOST_BYTES / 1e6} MB. ${SAVE_IT}`,
      );
    }
    parts.push(value);
  }
  return new Blob(parts, { type: response.headers.get("Content-Type") ?? "" });
}

/** Throws AddressError, or what `signal` was aborted with. */
export async function fetchPicture(text: string, signal: AbortSignal): Promise<File> {
  const address = parse(text);
  const host = address.host || "the address";
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
    const response = await fetch(address, {
      signal: limit,
      credentials: "omit",
      referrerPolicy: "no-referrer",
    });
    if (!response.ok)
      throw describe(`${host} has no picture there.`, `It answered ${response.status}. Check the address.`);
    if (/^text\/html/i.test(response.headers.get("Content-Type") ?? ""))
      throw describe(
        "That address leads to a page, not to a picture.",
        "Copy the address of the picture itself.",
      );
    const body = await readBody(response);
    return new File([body], nameOf(address), { type: body.type });
  } catch (error) {
    if (error instanceof AddressError || signal.aborted) throw error;
    if ((error as Error).name === "TimeoutError")
      throw describe(`${host} did not answer in time.`, "Try again later.", error);
    throw describe(
      `${host} could not be reached, or does not let other pages read its pictures.`,
      SAVE_IT,
      error,
    );
  }
}

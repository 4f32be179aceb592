// Fetch picture: a URL or data URL → the bytes of the picture file, with a limit on size and on waiting.

import { quote, VitrineError } from "../../runtime/errors.js";
import type { PictureSource } from "./messages.js";

/** Files beyond this are refused before they are read: pictures within the pixel limit have a fraction of it. */
const MAX_FILE_BYTES = 2 ** 29;
/** A server that sends nothing for so long is given up. */
const STALL_MS = 30_000;

/** Throws `image/too-large`. */
export function checkFileSize(bytes: number, name: string | undefined): void {
  if (bytes <= MAX_FILE_BYTES) return;
  const subject = name === undefined ? "the file" : quote(name);
  const text = `${subject} has ${bytes.toLocaleString("en")} bytes, allowed are ${MAX_FILE_BYTES.toLocaleString("en")}`;
  throw new VitrineError("image/too-large", text, { details: { subject: name, bytes } });
}

/** `data:[TYPE][;base64],DATA`: not fetched, since a page's policy may forbid its connections to fetch them. */
function readDataUrl(url: string): PictureSource {
  const comma = url.indexOf(",");
  const head = url.slice(0, comma);
  try {
    if (comma < 0) throw new Error("no comma");
    checkFileSize(url.length - comma, undefined);
    const data = url.slice(comma + 1);
    const text = /;\s*base64$/i.test(head) ? atob(decodeURIComponent(data)) : latin1(data);
    return { kind: "file", bytes: Uint8Array.from(text, (character) => character.charCodeAt(0)) };
  } catch (cause) {
    if (cause instanceof VitrineError) throw cause;
    throw new VitrineError("usage/picture", `the data URL "${quote(url.slice(0, 60))}…" is not valid`, {
      cause,
    });
  }
}

/** %XX → the character of that byte; any other character is its own byte. */
const latin1 = (data: string) =>
  data.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

async function fetchFile(url: string, signal: AbortSignal | undefined): Promise<Uint8Array<ArrayBuffer>> {
  const control = new AbortController();
  const stop = () => control.abort(signal?.reason);
  signal?.addEventListener("abort", stop);
  let timer: ReturnType<typeof setTimeout>;
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(() => control.abort(stalled(url)), STALL_MS);
  };
  wait();
  try {
    const response = await fetch(url, { signal: control.signal });
    checkResponse(response, url);
    return await readBody(response, url, wait);
  } catch (cause) {
    control.signal.throwIfAborted();
    if (cause instanceof VitrineError) throw cause;
    const text = `${quote(url)}: no answer, or its server does not allow this page to read it (CORS)`;
    throw new VitrineError("network/unreachable", text, { details: { url }, cause });
  } finally {
    clearTimeout(timer!);
    signal?.removeEventListener("abort", stop);
  }
}

function stalled(url: string): VitrineError {
  const text = `${quote(url)}: the server has sent nothing for ${STALL_MS / 1000} s`;
  return new VitrineError("network/unreachable", text, { details: { url } });
}

function checkResponse(response: Response, url: string): void {
  const { status } = response;
  if (!response.ok) {
    const text = `${quote(url)}: the server answered ${status}`;
    throw new VitrineError("network/http", text, { details: { url, status } });
  }
  const type = response.headers.get("content-type") ?? "";
  if (/^text\/html\b/i.test(type)) {
    const text = `${quote(url)}: the server answered with a page (${quote(type)}), not with a picture`;
    throw new VitrineError("image/unknown-format", text, { details: { url, subject: url } });
  }
  checkFileSize(Number(response.headers.get("content-length") ?? 0), url);
}

async function readBody(response: Response, url: string, arrived: () => void) {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  // Not `for await`: Safari's streams are not iterable.
  const reader = response.body?.getReader();
  for (let piece = await reader?.read(); piece?.value; piece = await reader?.read()) {
    arrived();
    bytes += piece.value.length;
    checkFileSize(bytes, url);
    pieces.push(piece.value);
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

/**
 * A URL, relative to the page, or a data URL → the file. Throws `usage/picture` for what is no URL, `network/unreachable`,
 * `network/http`, `image/too-large`, `image/unknown-format` for an HTML page, and the signal's reason.
 */
export async function fetchPicture(text: string, signal: AbortSignal | undefined): Promise<PictureSource> {
  if (/^data:/i.test(text)) return readDataUrl(text);
  let url: string;
  try {
    url = new URL(text, globalThis.document?.baseURI ?? globalThis.location?.href).href;
  } catch (cause) {
    const what = `"${quote(text)}" is no URL; a string is the URL of a picture, or a data URL`;
    throw new VitrineError("usage/picture", what, { cause });
  }
  return { kind: "file", bytes: await fetchFile(url, signal), name: url };
}

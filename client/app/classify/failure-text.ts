// Failure text: what went wrong, in the words of someone who has a picture and no flags, and what helps. The error
// itself goes to the console.

import { isVitrineError } from "../../../runtime/errors.js";
import type { Failure } from "../design/notice.js";

const FORMATS = "JPEG, PNG, WebP, GIF, AVIF, TIFF and BMP can be read.";

/** What a phone's or a scanner's file is called, by its name or type. */
const UNREAD: readonly (readonly [pattern: RegExp, failure: Failure])[] = [
  [
    /\.(heic|heif)$|image\/hei[cf]/i,
    {
      line: "This is a HEIC photograph, which this browser cannot read.",
      advice:
        "Safari can. Or share it from the phone as JPEG: on an iPhone, Settings → Camera → Formats → Most Compatible.",
    },
  ],
  [
    /\.(cr2|cr3|nef|arw|dng|raf|orf|rw2)$/i,
    {
      line: "This is a camera's raw file.",
      advice: "Export it as JPEG in your photo program, then bring that.",
    },
  ],
  [
    /\.pdf$|application\/pdf/i,
    { line: "This is a PDF file, not a picture.", advice: "Save its page as a picture." },
  ],
  [
    /^(video)\/|\.(mp4|mov|webm|mkv)$/i,
    { line: "This is a video.", advice: "Bring a single frame of it as a picture." },
  ],
];

/** What went wrong with a picture. */
export function pictureFailure(error: unknown, file: File): Failure {
  const code = isVitrineError(error) ? error.code : "";
  const text = error instanceof Error ? error.message : String(error);
  if (/^image\/(unreadable|unknown-format|unsupported)$/.test(code)) {
    const known = UNREAD.find(([pattern]) => pattern.test(file.name) || pattern.test(file.type));
    const failure = known?.[1] ?? { line: "This file cannot be read as a picture.", advice: FORMATS };
    return { ...failure, permanent: true };
  }
  if (/^(jpeg|image)\/(truncated|corrupt)$/.test(code))
    return {
      line: "This file is damaged.",
      advice: `${sentence(text)} Bring the original file, or another copy of it.`,
      permanent: true,
    };
  if (/^(jpeg|image)\/(too-large|out-of-memory)$/.test(code))
    return {
      line: "This picture is too large.",
      advice: `${sentence(text)} A smaller copy will do as well.`,
    };
  if (code === "file/unreadable")
    return { line: "The file could not be read.", advice: "Was it moved or deleted? Choose it again." };
  if (code === "internal/worker")
    return { line: "The model has stopped.", advice: "Try again; if it stops again, reload the page." };
  return { line: "The picture could not be classified.", advice: sentence(text) };
}

/** Why the model could not be loaded. */
export function modelFailure(error: unknown): Failure {
  const text = error instanceof Error ? error.message : String(error);
  const code = isVitrineError(error) ? error.code : "";
  const line = "The model could not be loaded.";
  if (!navigator.onLine) return { line, advice: "This device is offline. Try again when it is connected." };
  if (code === "network/unreachable")
    return { line, advice: `${sentence(text)} Check the connection, then try again.` };
  if (code === "network/unauthenticated")
    return {
      line: "This server asks for a token.",
      advice: "Enter it under “Model and device”. It is kept in this page alone, until the page is closed.",
    };
  if (code === "model/no-model")
    return { line: "There is no model at this address.", advice: "Check it, or choose another model." };
  // What exactly is wrong with the files helps only those who put them there: the console has it.
  if (/^(weights|model)\//.test(code))
    return {
      line: "The model's files are damaged or incomplete.",
      advice: "Try again, or choose another model.",
    };
  return { line, advice: sentence(text) };
}

/**
 * An error text as a sentence. Error texts start in lower case, have no full stop, and may end in advice for
 * programmers, in parentheses or with a flag: a visitor has neither options nor flags. An address keeps its letters.
 */
function sentence(text: string): string {
  const plain = text.replace(/ \([^)]*\)$/, "").replace(/[:;,] [^:;,]*(--[a-z]|\buse device)[^:;,]*$/, "");
  const whole = /[.?!]$/.test(plain) ? plain : `${plain}.`;
  return /^[a-z]+:\/\//.test(whole) ? whole : whole.charAt(0).toUpperCase() + whole.slice(1);
}

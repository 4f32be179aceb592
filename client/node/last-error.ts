// Last error: the operating system's words for why a server could not be reached, out of grpc-js's sentences around them.

const LAST_ERROR = /Last error: (?:Error: )?(.*?)(?: \(\d{4}-[^)]*\))?\. Resolution note/s;

/** `details`: of an error of grpc-js; where they are not in its sentences, all of it. */
export function lastErrorOf({ details }: { details: string }): string {
  return LAST_ERROR.exec(details)?.[1] ?? details;
}

// Bearer token: how a token is written in a file and in the header of a call, for both sides.

/** The header that has it, as gRPC's metadata names headers. */
export const TOKEN_HEADER = "authorization";

/** Value of the header. */
export function tokenHeader(token: string): string {
  return `Bearer ${token}`;
}

/** Token of the header's value, undefined where there is none. */
export function tokenOfHeader(header: string): string | undefined {
  return /^Bearer +(\S+)$/i.exec(header)?.[1];
}

/** Printable ASCII characters without spaces: what a header can carry. */
export function isToken(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text);
}

/** Lines of a file of tokens, without the spaces around them. Bytes that are not ASCII stay such, and are no token. */
export function tokenLines(file: Uint8Array): string[] {
  const lines = new TextDecoder("latin1").decode(file).split(/\r?\n/);
  return lines.map((line) => line.trim());
}

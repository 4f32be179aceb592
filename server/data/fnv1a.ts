// FNV-1a: a fast hash of text, for tables and for dividing work. Not for what an attacker may choose, unless the basis is
// secret.

/** 32 bits over the text's UTF-16 units. */
export function fnv1a(text: string, basis = 0x811c9dc5): number {
  let hash = basis;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/* The bytes of an act that are hashed: keys sorted, no spaces, every number as it was written.
   A number of the API may have more digits than a number here holds, so its text is kept. */

/** A number by its text. */
export class Figure {
  constructor(readonly text: string) {}
}
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gu;
const MARK = "\u0000";

/** Parses without losing a digit. A text that pretends to be a number only gives another hash. */
export function exact(text: string): unknown {
  const marked = text.replace(TOKENS, (token) => (token.startsWith('"') ? token : JSON.stringify(MARK + token)));
  return JSON.parse(marked, (_key, value: unknown) => (typeof value === "string" && value.startsWith(MARK) ? new Figure(value.slice(1)) : value));
}
export function canonical(value: unknown): string {
  if (value instanceof Figure) return value.text;
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value && typeof value === "object") {
    return `{${Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, each]) => `${JSON.stringify(name)}:${canonical(each)}`).join(",")}}`;
  }
  return JSON.stringify(value);
}
export async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((each) => each.toString(16).padStart(2, "0")).join("");
}

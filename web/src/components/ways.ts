/* The ways in which a person proves who they are, in words. */
import type { Way } from "~/api/stepUp";

export interface WayWords { name: string; label: string; hint: string; numeric?: boolean; command?: string }
export const wayWords = {
  passkey: { name: "Passkey", label: "Passkey", hint: "The browser asks for it: fingerprint, face, PIN or a key." },
  totp: { name: "App code", label: "Code of your authenticator app", hint: "Six digits. A code is taken once: after a refusal wait for the next one.", numeric: true },
  recovery: { name: "Recovery code", label: "Recovery code", hint: "One of those that you kept. Each works once." },
  host: { name: "Host code", label: "One-time code of the host", hint: "It works once, for ten minutes.", command: "tradedeck token step-up" },
} satisfies Record<Way, WayWords>;

const order: Way[] = ["passkey", "totp", "recovery", "host"];
/** The strongest and quickest first; what a browser cannot do is left out. */
export const offered = (ways: readonly Way[], can: { passkey: boolean }): Way[] => order.filter((way) => ways.includes(way) && (way !== "passkey" || can.passkey));

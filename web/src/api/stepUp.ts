/* Proving more before a dangerous act. The page asks only when the API says STEP_UP_REQUIRED, so
   never before what stops. Either the session steps up (`ways`), or the act itself takes a code. */
import { useSyncExternalStore } from "react";
import { problemOf } from "./http";
import type { Schemas } from "./types";

export type Way = Schemas["Way"];
export interface StepUpQuestion {
  label: string; detail: string;
  /** How this person may step up; empty where the act takes a code of the host itself. */
  ways: Way[];
  again: boolean;
  /** The code that the act takes, "" once the session has stepped up, null to leave it. */
  answer: (given: string | null) => void;
}
let question: StepUpQuestion | null = null;
const listeners = new Set<() => void>();
function ask(next: StepUpQuestion | null) {
  question = next;
  listeners.forEach((listener) => listener());
}
const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => void listeners.delete(listener);
};
export const useStepUp = (): StepUpQuestion | null => useSyncExternalStore(subscribe, () => question);

const known: Record<Way, true> = { passkey: true, totp: true, recovery: true, host: true };
const isWay = (way: string): way is Way => way in known;

/** Runs the act, and once more after each proof, until it is done, refused otherwise, or left. */
export async function withStepUp<T>(label: string, run: (code?: string) => Promise<T>): Promise<T> {
  let code: string | undefined;
  let again = false;
  for (;;) {
    try {
      return await run(code);
    } catch (error) {
      const problem = problemOf(error);
      // A token cannot step up: then nobody can answer, and the refusal stands.
      if (problem.code !== "STEP_UP_REQUIRED" || question) throw error;
      const ways = (problem.ways ?? []).filter(isWay);
      const given = await new Promise<string | null>((resolve) => ask({ label, detail: problem.detail ?? "", ways, again, answer: resolve }));
      ask(null);
      if (given === null) throw error;
      code = given || undefined;
      again = code !== undefined;
    }
  }
}

/** Asks for a proof without an act: what was refused to be read is read again afterwards. */
export async function proveNow(label: string, detail: string, ways: readonly string[]): Promise<boolean> {
  if (question) return false;
  const given = await new Promise<string | null>((resolve) => ask({ label, detail, ways: ways.filter(isWay), again: false, answer: resolve }));
  ask(null);
  return given !== null;
}

/* One call of a form: busy, refused with a reason, or done; a proof is asked for where the API demands it. */
import { useState } from "react";
import { useQueryClient } from "@tanstack/react-query";
import { perform } from "~/api/acts";
import { problemOf } from "~/api/http";
import { withStepUp } from "~/api/stepUp";
import type { Problem } from "~/api/types";

export function useAttempt() {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  /** What the call gave; undefined where it was refused, which `problem` then says. */
  const attempt = async <T>(label: string, run: () => Promise<T>): Promise<T | undefined> => {
    setBusy(true);
    setProblem(null);
    try {
      return await withStepUp(label, run);
    } catch (error) {
      setProblem(problemOf(error));
      return undefined;
    } finally {
      setBusy(false);
    }
  };
  return { busy, problem, attempt, forget: () => setProblem(null) };
}

/** An act on a row: the tray says how it ends, and the lists are read again. */
export function useRowAct(...keys: string[]) {
  const client = useQueryClient();
  return async (label: string, run: () => Promise<unknown>) => {
    await perform({ label, confirmedBy: "api", run: async () => { await run(); return {}; } });
    await Promise.all(keys.map((key) => client.invalidateQueries({ queryKey: [key] })));
  };
}

/* A draft of a trader, asked about at the API while it is being written. */
import { useQuery } from "@tanstack/react-query";
import { problemOf } from "~/api/http";
import { queries } from "~/api/queries";
import type { Problem, TraderPreview, TraderSpec } from "~/api/types";
import { useDebounced } from "~/lib/debounce";

const DELAY_MS = 350;
export interface Draft { preview: TraderPreview | undefined; problem: Problem | null; waiting: boolean; asked: boolean; faults: DraftFaults; retry: () => void }
export interface DraftFaults { params: Record<string, string>; fields: Record<string, string>; whole: string[] }

/** The faults of an answer, each where it can be put right: at a parameter, a field, or the whole. */
export function faultsOf(preview: Pick<TraderPreview, "errors"> | undefined, names: string[]): DraftFaults {
  const found: DraftFaults = { params: {}, fields: {}, whole: [] };
  for (const { path, reason } of preview?.errors ?? []) {
    const name = path.startsWith("params.") ? path.slice(7) : path === "params" ? /^\w+/u.exec(reason)?.[0] : undefined;
    if (name && names.includes(name)) found.params[name] ??= reason;
    else if (/^(id|account|feed|instrument|strategy|sizing)(\.|$)/u.test(path)) found.fields[path.split(".")[0] ?? path] ??= reason;
    else found.whole.push(path === "(trader)" ? reason : `${path}: ${reason}`);
  }
  return found;
}

/** Null while the form itself knows that the draft is not possible: then nothing is asked. */
export function useDraft(draft: TraderSpec | null, names: string[]): Draft {
  const text = draft ? JSON.stringify(draft) : "";
  const settled = useDebounced(text, DELAY_MS);
  const query = useQuery({ ...queries.draftPreview(settled), enabled: settled !== "" });
  const current = text === settled;
  return {
    preview: settled ? query.data : undefined,
    problem: query.isError ? problemOf(query.error) : null,
    waiting: !current || query.isFetching,
    asked: text !== "",
    // What was wrong with an earlier draft says nothing about this one.
    faults: faultsOf(current && settled && !query.isPlaceholderData ? query.data : undefined, names),
    retry: () => void query.refetch(),
  };
}

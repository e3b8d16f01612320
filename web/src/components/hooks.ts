/* What most pages ask: the snapshot, who is signed in, what the role allows, how old a thing is. */
import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { queries } from "~/api/queries";
import { useConnection } from "~/api/live";
import { lacks } from "~/api/states";
import { useNow } from "~/lib/clock";
import type { Role, Status } from "~/api/types";

export const useStatus = (): UseQueryResult<Status> => useQuery(queries.status());
export function useStatusPart<T>(select: (status: Status) => T): T | undefined {
  return useQuery({ ...queries.status(), select }).data;
}
export const useSession = () => useQuery(queries.session()).data;
/** Null when the signed-in role may, else the reason. */
export function useMay(needed: Role): string | null {
  return lacks(useSession()?.role, needed);
}

/** Whether this session may now: what it may not is not asked for behind its back. */
export const useHolds = (permission: string): boolean => useSession()?.permissions?.includes(permission) ?? false;

export interface Freshness { ageMs: number | null; stale: boolean; since: number | null }
/** As long as the stream is open and nothing invalidated the data, it is as true as the last status. */
export function useFreshness(query: Pick<UseQueryResult, "dataUpdatedAt" | "isStale" | "isError">, deadlineMs = 10_000): Freshness {
  const now = useNow();
  const connection = useConnection();
  const status = useQuery({ ...queries.status(), notifyOnChangeProps: ["dataUpdatedAt"] });
  if (!query.dataUpdatedAt) return { ageMs: null, stale: false, since: null };
  const asOf = connection.state === "open" && !query.isError ? Math.max(query.dataUpdatedAt, status.dataUpdatedAt) : query.dataUpdatedAt;
  const ageMs = Math.max(0, now - asOf);
  return { ageMs, stale: ageMs > deadlineMs, since: asOf };
}

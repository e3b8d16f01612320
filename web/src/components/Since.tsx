import { useNow } from "~/lib/clock";
import { usePrefs } from "~/lib/prefs";
import { moment } from "~/lib/time";

/** A time of today, or a date. */
export function Since({ at }: { at: string | null | undefined }) {
  const { zone } = usePrefs();
  return <>{moment(at, zone, useNow())}</>;
}

/* Acts that take two people, in words. Pure. */
import type { Approval } from "~/api/approvals";
import { plural, show } from "~/lib/format";
import type { StateLook } from "~/lib/look";

export const approvalLook = {
  open: { word: "Waiting", shape: "ring", tone: "warn" },
  approved: { word: "Approved", shape: "dot", tone: "accent", meaning: "Agreed on, not done yet." },
  used: { word: "Done", shape: "dot", tone: "ok", meaning: "Agreed on and done, once." },
  refused: { word: "Refused", shape: "diamond", tone: "warn" },
  expired: { word: "Expired", shape: "hollow", tone: "muted", meaning: "Nobody said yes within the hour." },
  revoked: { word: "Revoked", shape: "cross", tone: "muted", meaning: "What it was about changed." },
} satisfies Record<Approval["status"], StateLook>;

const text = (value: unknown): string => (typeof value === "string" ? value : value == null ? "–" : show(value));
type Act = Approval["act"];
const said = {
  "halt.lift": (act: Act) => `Lift the halt of ${text(act.scope)}`,
  "config.loosen": (act: Act) => `Loosen ${Array.isArray(act.changes) ? plural(act.changes.length, "limit") : "limits"}`,
  "role.grant": (act: Act) => `Make ${text(act.name)} ${text(act.role)}, now ${text(act.from)}${act.disabled ? " and disabled" : ""}`,
  "profile.solo": (act: Act) => `Let one person suffice for ${text(act.right)}`,
  "live.switch": () => "Switch to live trading",
} satisfies Record<Approval["kind"], (act: Act) => string>;
export const approvalWords = ({ kind, act }: Pick<Approval, "kind" | "act">): string => said[kind](act);

/** What is done after the yes, and by whom. */
export const effectOf = {
  "halt.lift": "With a yes it may be lifted; the guard then waits its time, and anybody who may halt can keep it.",
  "config.loosen": "With a yes it is in force.",
  "role.grant": "With a yes it is in force, also in open sessions.",
  "profile.solo": "With a yes one person alone may do it again.",
  "live.switch": "With a yes real money trades.",
} satisfies Record<Approval["kind"], string>;

export interface Sorted { forMe: Approval[]; forOthers: Approval[]; agreed: Approval[]; past: Approval[] }
/** What waits for whom. */
export function sorted(all: Approval[]): Sorted {
  const open = all.filter((each) => each.status === "open");
  return {
    forMe: open.filter((each) => each.may_approve), forOthers: open.filter((each) => !each.may_approve),
    agreed: all.filter((each) => each.status === "approved"), past: all.filter((each) => each.status !== "open" && each.status !== "approved"),
  };
}

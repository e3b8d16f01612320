import type { ReactNode } from "react";
import type { MarkShape, StateLook, StateTone } from "~/lib/look";
import { cx } from "~/lib/cx";

export const toneText = {
  ok: "text-ok", warn: "text-warn", bad: "text-bad", unknown: "text-unknown", muted: "text-muted", accent: "text-accent",
  signals: "text-signals", paper: "text-paper", live: "text-live",
} satisfies Record<StateTone, string>;

const shapes = {
  dot: <circle cx="6" cy="6" r="4" fill="currentColor" />,
  ring: <circle cx="6" cy="6" r="3.4" fill="none" stroke="currentColor" strokeWidth="1.6" />,
  bars: <path d="M4 2.5v7M8 2.5v7" stroke="currentColor" strokeWidth="2" />,
  square: <rect x="2" y="2" width="8" height="8" rx="1" fill="currentColor" />,
  hollow: <rect x="2" y="2" width="8" height="8" rx="1.4" fill="none" stroke="currentColor" strokeWidth="1.5" />,
  triangle: <path d="M6 1.4 11 10.4H1Z" fill="currentColor" />,
  diamond: <path d="M6 1 11 6 6 11 1 6Z" fill="currentColor" />,
  dash: <path d="M2 6h8" stroke="currentColor" strokeWidth="2" />,
  cross: <path d="M2.5 2.5l7 7m0-7l-7 7" stroke="currentColor" strokeWidth="2" />,
  dashed: <rect x="1.6" y="1.6" width="8.8" height="8.8" rx="2" fill="none" stroke="currentColor" strokeWidth="1.5" strokeDasharray="2.2 1.6" />,
  question: <path d="M3.6 4.2a2.4 2.4 0 1 1 3.5 2.1c-.7.4-1.1.8-1.1 1.6M6 10.2v.6" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" />,
} satisfies Record<MarkShape, ReactNode>;

/** Shape and colour of a state; always stands beside its word. */
export function Mark({ shape, tone, size = 10, className }: { shape: MarkShape; tone: StateTone; size?: number; className?: string }) {
  return (
    <svg className={cx("flex-none", toneText[tone], className)} width={size} height={size} viewBox="0 0 12 12" aria-hidden="true">
      {shapes[shape]}
    </svg>
  );
}
export function StateText({ look, children, title }: { look: StateLook; children?: ReactNode; title?: string }) {
  return (
    <span className="state" title={title ?? look.meaning}>
      <Mark shape={look.shape} tone={look.tone} />
      <span>{children ?? look.word}</span>
    </span>
  );
}

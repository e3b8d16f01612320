/* Small parts without a home of their own: figures, meters, keys, empty and waiting states. */
import type { ReactNode } from "react";
import { cx } from "~/lib/cx";
import { Mark } from "./Mark";

export const Kbd = ({ keys }: { keys: string }) => (
  <span className="inline-flex gap-0.5">{keys.split(" ").map((key, index) => <kbd key={index} className="kbd">{key}</kbd>)}</span>
);

export function Figure({ label, value, tone, lead, title }: { label: ReactNode; value: ReactNode; tone?: string; lead?: boolean; title?: string }) {
  return (
    <div className={cx("fig", lead && "fig-lead")} title={title}>
      <small>{label}</small>
      <b className={tone}>{value}</b>
    </div>
  );
}

/** How much of a bound is used. Amber from 80 %, red when reached. */
export function Meter({ ratio, label }: { ratio: number | null; label: string }) {
  const used = ratio == null ? 0 : Math.max(0, Math.min(1, ratio));
  const color = ratio == null ? undefined : ratio >= 1 ? "var(--bad)" : ratio >= 0.8 ? "var(--warn)" : undefined;
  return (
    <div className="meter" role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(used * 100)}>
      <i style={{ width: `${used * 100}%`, ...(color ? { background: color } : {}) }} />
    </div>
  );
}

export const Skeleton = ({ className }: { className?: string }) => <div className={cx("skeleton", className)} aria-hidden="true" />;
export function SkeletonRows({ rows = 5 }: { rows?: number }) {
  return (
    <div role="status" aria-label="Loading" className="flex flex-col gap-px pt-2">
      {Array.from({ length: rows }, (_, index) => (
        <div key={index} className="flex h-8 items-center gap-6 border-b border-line">
          <Skeleton className="h-3 w-24" />
          <Skeleton className="h-3 w-16" />
          <Skeleton className="ml-auto h-3 w-40" />
        </div>
      ))}
    </div>
  );
}

/** Says what would fill this place, and how. */
export function Empty({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="flex flex-col items-start gap-1 py-5">
      <b className="text-13">{title}</b>
      {children && <p className="max-w-[64ch] text-12 text-muted">{children}</p>}
      {action && <div className="pt-2">{action}</div>}
    </div>
  );
}

export function Failure({ title, detail, hint, code, onRetry, children }: { title: string; detail?: string; hint?: string; code?: string; onRetry?: () => void; children?: ReactNode }) {
  return (
    <div role="alert" className="flex flex-col items-start gap-1 py-4">
      <b className="state text-13"><Mark shape="triangle" tone="bad" />{title}</b>
      {detail && detail !== title && <p className="max-w-[72ch] text-12 text-muted">{detail}</p>}
      {hint && <p className="max-w-[72ch] text-12 text-muted">{hint}</p>}
      {children}
      <div className="flex items-center gap-3 pt-1">
        {onRetry && <button type="button" className="btn btn-sm" onClick={onRetry}>Try again</button>}
        {code && <span className="code text-faint">{code}</span>}
      </div>
    </div>
  );
}

export function Segmented<T extends string>({ value, options, onChange, label }: { value: T; options: { value: T; label: string }[]; onChange: (value: T) => void; label: string }) {
  return (
    <div className="segmented" role="group" aria-label={label}>
      {options.map((option) => (
        <button key={option.value} type="button" aria-pressed={option.value === value} onClick={() => onChange(option.value)}>{option.label}</button>
      ))}
    </div>
  );
}

export function Sparkline({ values, width = 84, height = 18, label }: { values: number[]; width?: number; height?: number; label: string }) {
  if (values.length < 2) return <span className="text-faint">–</span>;
  const top = Math.max(...values);
  const bottom = Math.min(...values);
  const span = top - bottom || 1;
  const step = (width - 2) / (values.length - 1);
  const path = values.map((value, index) => `${index ? "L" : "M"}${(1 + index * step).toFixed(1)},${(2 + ((top - value) / span) * (height - 4)).toFixed(1)}`).join("");
  return (
    <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label} className="inline-block align-middle text-muted">
      <path d={path} fill="none" stroke="currentColor" strokeWidth="1.2" strokeLinejoin="round" />
    </svg>
  );
}

export function Field({ label, note, hint, error, children, htmlFor }: { label: ReactNode; note?: ReactNode; hint?: ReactNode; error?: string | null; children: ReactNode; htmlFor?: string }) {
  return (
    <div className="field">
      <label className="label" htmlFor={htmlFor}><span>{label}</span>{note && <small>{note}</small>}</label>
      {children}
      {error ? <span className="error" role="alert">{error}</span> : hint ? <span className="hint">{hint}</span> : null}
    </div>
  );
}
